//! The terminal program without a terminal: screens as snapshots, journeys as keys.
//!
//! A snapshot is the text of the screen and its style runs, so that a highlight that moves shows.

mod admin;
mod desk;
mod editor;
mod fake;
mod grid;
mod real;
mod states;

use aresadb::bus::{Command, EventBody};
use aresadb::model::{Error, Value};

use desk::{Behind, Desk, options};

const SIZES: [(u16, u16); 2] = [(80, 24), (120, 40)];

const QUERY: &str = "SELECT p.name, count(*) AS dependants\nFROM depends d JOIN package p ON p.id = d.to_id\nGROUP BY 1 ORDER BY 2 DESC;";

fn debian(size: (u16, u16)) -> Desk {
    Desk::new(size, options(), Behind::Script(Box::new(fake::debian)))
}

/// With the first query run from the editor.
fn with_query(size: (u16, u16)) -> Desk {
    let mut options = options();
    options.exec = Some(QUERY.to_owned());
    Desk::new(size, options, Behind::Script(Box::new(fake::debian)))
}

pub fn snapshot(name: &str, mut screen: impl FnMut((u16, u16)) -> Desk) {
    for size in SIZES {
        insta::assert_snapshot!(format!("{name}_{}x{}", size.0, size.1), screen(size).picture());
    }
}

#[test]
fn the_first_frame_stands_before_the_database_is_open() {
    snapshot("first_frame", |size| {
        Desk::new(size, options(), Behind::Script(Box::new(|_: &Command| Vec::new())))
    });
}

#[test]
fn an_open_database_shows_its_types() {
    snapshot("types", |size| {
        let mut desk = debian(size);
        desk.press("l");
        desk
    });
}

#[test]
fn a_query_shows_its_rows() {
    snapshot("results", with_query);
    snapshot("editor", |size| {
        let mut desk = with_query(size);
        desk.press("2");
        desk
    });
}

#[test]
fn a_type_is_browsed_with_every_kind_of_cell() {
    snapshot("browse", |size| {
        let mut desk = debian(size);
        desk.press("Enter j l");
        desk
    });
}

#[test]
fn a_whole_cell_is_shown_wrapped_and_json_indented() {
    snapshot("cell", |size| {
        let mut desk = debian(size);
        desk.press("Enter $ Enter");
        desk
    });
}

#[test]
fn a_record_is_inspected_down_to_its_edges() {
    snapshot("inspector", |size| {
        let mut desk = debian(size);
        desk.press("Enter i");
        // To the incoming `depends`, and into them.
        desk.press("G k k Enter j j");
        desk
    });
}

#[test]
fn the_graph_around_a_record_is_shown() {
    snapshot("graph", |size| {
        let mut desk = debian(size);
        desk.press("Enter g n");
        desk
    });
}

#[test]
fn help_lists_the_keys_of_the_pane() {
    snapshot("help", |size| {
        let mut desk = with_query(size);
        desk.press("?");
        desk
    });
}

#[test]
fn the_palette_finds_types_and_commands() {
    snapshot("palette", |size| {
        let mut desk = with_query(size);
        desk.press("Ctrl-P");
        desk.type_text("re");
        desk
    });
}

#[test]
fn the_line_offers_what_fits() {
    snapshot("line", |size| {
        let mut desk = with_query(size);
        desk.press(":");
        desk.type_text("co");
        desk
    });
}

#[test]
fn a_row_is_shown_with_one_column_a_line() {
    snapshot("record", |size| {
        let mut desk = debian(size);
        desk.press("Enter j j K");
        desk
    });
}

#[test]
fn a_statement_that_writes_is_not_analyzed() {
    let mut desk = debian((80, 24));
    desk.press("2");
    desk.type_text("DELETE FROM package;");
    desk.press("F8");
    desk.shows("only a query can be analyzed");
    assert!(!desk.sent.iter().any(|c| matches!(c, Command::Run { .. })));
}

#[test]
fn a_plan_has_its_own_tab() {
    snapshot("plan", |size| {
        let mut desk = with_query(size);
        desk.press("F7 3 ] ]");
        desk
    });
    snapshot("plan_text", |size| {
        let mut options = options();
        options.exec = Some(format!("EXPLAIN {QUERY}"));
        Desk::new(size, options, Behind::Script(Box::new(fake::debian)))
    });
}

#[test]
fn an_analyzed_plan_shows_times_and_the_slowest_path() {
    let analyzed = |size| {
        let mut desk = with_query(size);
        desk.press("F8 3 ] ]");
        desk
    };
    snapshot("plan_analyzed", |size| {
        let mut desk = analyzed(size);
        desk.press("j j");
        desk
    });
    snapshot("plan_icicle", |size| {
        let mut desk = analyzed(size);
        desk.press("v j j j");
        desk
    });
    let mut desk = analyzed((120, 40));
    desk.press("j Enter");
    desk.shows("aggregation time");
    desk.press("Esc h");
    desk.shows("▸ Aggregate");
}

#[test]
fn an_error_names_its_place_and_the_way_out() {
    snapshot("error", |size| {
        let mut desk = debian(size);
        desk.press("2");
        desk.type_text("SELECT nme FROM package;");
        desk.press("F5");
        desk
    });
}

#[test]
fn a_missing_database_is_offered_to_be_made() {
    let missing = |command: &Command| match command {
        Command::Open { create: false, .. } => {
            let error = Error::not_found("there is no database in mydb");
            vec![EventBody::Failed { error, statement: None }]
        }
        other => fake::debian(other),
    };
    snapshot("missing", |size| Desk::new(size, options(), Behind::Script(Box::new(missing))));
    let mut desk = Desk::new((80, 24), options(), Behind::Script(Box::new(missing)));
    desk.press("y");
    desk.shows("63,666");
    let mut desk = Desk::new((80, 24), options(), Behind::Script(Box::new(missing)));
    desk.press("n");
    assert!(desk.quit);
}

#[test]
fn a_locked_database_says_who_holds_it() {
    let locked = |_: &Command| {
        let error = Error::locked("mydb is open in process 4711").with_hint("close it there, or wait");
        vec![EventBody::Failed { error, statement: None }]
    };
    snapshot("locked", |size| Desk::new(size, options(), Behind::Script(Box::new(locked))));
}

#[test]
fn a_screen_too_small_says_so_and_keeps_everything() {
    let mut desk = with_query((80, 24));
    desk.press("j j");
    let before = desk.picture();
    desk.resize(30, 8);
    insta::assert_snapshot!("too_small_30x8", desk.picture());
    desk.resize(80, 24);
    assert_eq!(desk.picture(), before);
}

#[test]
fn the_light_theme_has_its_own_colours() {
    let mut desk = with_query((80, 24));
    desk.press(":");
    desk.type_text("theme paper\n");
    insta::assert_snapshot!("light_80x24", desk.picture());
    desk.press(":");
    desk.type_text("theme nope\n");
    desk.shows("there is no theme 'nope'; themes are: dusk, paper");
}

#[test]
fn without_colour_the_cursor_still_shows() {
    let mut options = options();
    options.theme = aresadb::tui::theme::Theme::load("dusk", aresadb::tui::theme::ColorDepth::Mono).unwrap();
    options.exec = Some(QUERY.to_owned());
    let mut desk = Desk::new((80, 24), options, Behind::Script(Box::new(fake::debian)));
    insta::assert_snapshot!("mono_80x24", desk.picture());
}

#[test]
fn rows_are_paged_and_counted() {
    let mut desk = with_query((80, 24));
    desk.shows("row 1 of 9,114");
    desk.press("Ctrl-D Ctrl-D G");
    desk.shows("row 9,114 of 9,114");
    desk.shows("lib-09113");
    desk.press(":");
    desk.type_text("5000\n");
    desk.shows("row 5,000 of 9,114");
    desk.press("g g");
    desk.shows("row 1 of 9,114");
    desk.press("' 1 0 j");
    desk.shows("row 11 of 9,114");
    let fetched = desk.sent.iter().filter(|c| matches!(c, Command::FetchPage { .. })).count();
    assert!((4..20).contains(&fetched), "{fetched} pages for four jumps");
}

#[test]
fn a_row_without_id_is_found_by_its_name() {
    let mut desk = with_query((120, 40));
    desk.press("i");
    desk.shows("package  libc6");
    desk.shows("21,815");
    let looked_up = desk.sent.iter().any(|c| {
        matches!(c, Command::Run { sql, params, .. }
            if sql == "SELECT id FROM package WHERE name = $1" && *params == [Value::from("libc6")])
    });
    assert!(looked_up, "{:?}", desk.sent);
    desk.press("3 g n");
    assert!(desk.sent.iter().any(|c| matches!(c, Command::Neighbourhood { .. })));
}

#[test]
fn a_row_without_id_or_name_says_how_to_inspect() {
    let unnamed = |command: &Command| match command {
        Command::Catalog => vec![EventBody::Catalog(Default::default()), fake::done("", 0, 0)],
        other => fake::debian(other),
    };
    let mut options = options();
    options.exec = Some(QUERY.to_owned());
    let mut desk = Desk::new((120, 40), options, Behind::Script(Box::new(unnamed)));
    desk.press("i");
    desk.shows("no id in this row: select the id column too");
    assert!(!desk.sent.iter().any(|c| matches!(c, Command::Inspect { .. })));
}

#[test]
fn hostile_names_are_shown_not_obeyed_and_wide_ones_keep_the_grid_aligned() {
    let mut desk = debian((120, 40));
    desk.press("Enter");
    desk.shows("evil\\u{1b}]0;owned");
    let text = desk.text();
    assert!(!text.chars().any(|c| c.is_control() && c != '\n'));
    // Every row's second separator stands in the same column.
    let column = |line: &str| {
        let at = line.match_indices('│').nth(3).unwrap().0;
        unicode_width::UnicodeWidthStr::width(&line[..at])
    };
    let rows: Vec<&str> = text.lines().filter(|l| l.contains("0198c5f2")).collect();
    assert!(rows.len() > 5);
    assert!(rows.iter().all(|row| column(row) == column(rows[0])), "{text}");
}

#[test]
fn two_thousand_columns_and_a_megabyte_in_a_cell_are_browsed() {
    let wide = |command: &Command| match command {
        Command::Run { .. } => fake::wide(2_000),
        other => fake::debian(other),
    };
    let mut desk = Desk::new((120, 40), options(), Behind::Script(Box::new(wide)));
    desk.press("Enter");
    desk.shows("c0000");
    desk.press("$");
    desk.shows("c1999");
    desk.shows("column 2,000 of 2,000");
    desk.press("b");
    desk.shows("column 1,999 of 2,000");
    desk.press("0 Enter");
    desk.shows("lines 1-");
    desk.press("G y");
    assert_eq!(desk.copied.last().unwrap().len(), 1_000_000);
}

#[test]
fn twenty_thousand_edges_scroll_by_pages() {
    let mut desk = debian((120, 40));
    desk.press("Enter i G k k Enter");
    let pages = |desk: &Desk| desk.sent.iter().filter(|c| matches!(c, Command::Edges { .. })).count();
    assert_eq!(pages(&desk), 1, "only the first page is asked for");
    desk.press("j");
    desk.shows("depends edge 1 of 21,815");
    desk.press("G");
    desk.press("k k");
    desk.shows("depends edge 21,815 of 21,815");
    desk.shows("package-21824");
    assert!(pages(&desk) <= 4, "{}", pages(&desk));
    // The other end, and back to the very line.
    desk.press("Enter");
    desk.shows("package-21824");
    desk.hides("edge 21,815");
    desk.press("Backspace");
    desk.shows("depends edge 21,815 of 21,815");
}

#[test]
fn a_running_statement_is_cancelled_and_the_next_one_runs() {
    let mut desk = debian((80, 24));
    desk.hold(|c| matches!(c, Command::Run { .. }));
    desk.press("Enter");
    desk.shows("RUNNING");
    desk.press("1 Enter");
    desk.shows("a statement is running");
    desk.press("Ctrl-C");
    desk.shows("cancelled after");
    desk.hides("RUNNING");
    desk.release();
    desk.press("1 Enter");
    desk.shows("of 63,666");
    desk.press("Ctrl-C");
    desk.shows("nothing is running; q or :q quits");
    assert!(!desk.quit);
}

#[test]
fn a_result_that_was_stopped_says_so() {
    // As much as `most` events of a result come, then nothing.
    for (most, said) in [(1, "stopped before the first row"), (2, "row 1 of 256, then stopped")] {
        let stuck = move |command: &Command| match command {
            Command::Run { .. } => fake::debian(command).into_iter().take(most).collect(),
            other => fake::debian(other),
        };
        let mut desk = Desk::new((80, 24), options(), Behind::Script(Box::new(stuck)));
        desk.press("Enter");
        desk.shows("RUNNING");
        desk.press("Ctrl-C");
        desk.shows(said);
    }
}

#[test]
fn a_stale_answer_is_dropped() {
    let mut desk = debian((120, 40));
    desk.press("Enter");
    desk.hold(|c| matches!(c, Command::Inspect { .. }));
    desk.press("j i k i");
    desk.release();
    // Both answers came; the one asked for last counts.
    desk.shows("package  libc6");
    desk.press("Backspace");
    desk.shows("this is where the inspector began");
}

#[test]
fn a_replaced_result_is_let_go() {
    let mut desk = with_query((80, 24));
    desk.press("1 Enter");
    assert!(desk.sent.iter().any(|c| matches!(c, Command::CloseCursor { cursor } if cursor.0 == 1)));
}

#[test]
fn a_change_is_told_and_counts_are_read_again() {
    let mut desk = debian((80, 24));
    let catalogs = |desk: &Desk| desk.sent.iter().filter(|c| **c == Command::Catalog).count();
    let before = catalogs(&desk);
    desk.press("2");
    desk.type_text("DELETE FROM package WHERE name = 'x';");
    desk.press("F5");
    desk.shows("DELETE: 3 rows in 4 ms");
    assert_eq!(catalogs(&desk), before + 1);
    desk.press("Esc [");
    desk.shows("12 edges deleted with them");
}

#[test]
fn cells_and_rows_are_copied_whole() {
    let mut desk = with_query((80, 24));
    desk.press("y Y");
    assert_eq!(desk.copied, ["libc6", "libc6\t21815"]);
    desk.shows("copied row");
}

#[test]
fn help_runs_what_is_picked() {
    let mut desk = with_query((80, 24));
    desk.press("?");
    desk.type_text("zoom");
    desk.press("Enter");
    desk.hides("nodes");
    desk.press("Esc");
    desk.shows("nodes");
}

#[test]
fn the_mouse_focuses_selects_and_scrolls() {
    let mut desk = with_query((120, 40));
    desk.click(3, 3);
    assert!(desk.status().contains("TYPES"));
    let row = desk.text().lines().position(|l| l.contains("python3")).unwrap();
    desk.click(40, row as u16);
    desk.shows("row 3 of 9,114");
    for _ in 0..20 {
        desk.wheel(40, 25);
    }
    desk.shows("lib-00070");
    let tabs = desk.text().lines().position(|l| l.contains("Messages")).unwrap();
    let column = desk.line(tabs).chars().take_while(|c| *c != 'M').count();
    desk.click(column as u16 + 2, tabs as u16);
    assert!(desk.status().contains("MESSAGES"));
}

#[test]
fn every_pane_is_reached_by_its_number_and_left_by_tab() {
    let mut desk = with_query((120, 40));
    for (key, mode) in [("1", "TYPES"), ("3", "RESULTS"), ("4", "INSPECT"), ("5", "GRAPH"), ("2", "EDIT")] {
        desk.press(key);
        assert!(desk.status().contains(mode), "{key}: {}", desk.status());
    }
    desk.press("Esc");
    assert!(desk.status().contains("GRAPH"));
    desk.press("S-Tab S-Tab Tab");
    assert!(desk.status().contains("EDIT"));
}

#[test]
fn pasted_text_is_sql_never_keys() {
    let mut desk = debian((80, 24));
    desk.take(aresadb::tui::Event::Paste("qq:q\nSELECT 1".into()));
    assert!(!desk.quit);
    desk.shows("SELECT 1");
    desk.shows("EDIT");
}

#[test]
fn help_where_text_is_typed_lists_no_text() {
    let mut desk = with_query((80, 24));
    desk.press("2");
    assert!(desk.status().contains("F1 help"), "{}", desk.status());
    desk.press("F1");
    desk.shows("Help");
    desk.shows("leave");
    desk.type_text("zoom");
    desk.shows("nothing matches");
}

#[test]
fn q_and_the_line_quit() {
    for keys in ["q", ": q Enter"] {
        let mut desk = debian((80, 24));
        desk.press(keys);
        assert!(desk.quit, "{keys}");
    }
    let mut desk = debian((80, 24));
    desk.press("Enter z q");
    assert!(!desk.quit, "q gives the screen back first");
    desk.press("q");
    assert!(desk.quit);
}

/// The commands of the screen as README.md lists them: with their keys, and where those hold.
fn commands_with_keys() -> String {
    use aresadb::bus::registry::{KEYS, SCREEN};

    let mut table = "| group | command | keys | |\n|---|---|---|---|\n".to_owned();
    for spec in SCREEN.iter().filter(|spec| spec.group != "move") {
        let mut keys: Vec<(&str, Vec<&str>)> = Vec::new();
        for key in KEYS.iter().filter(|key| key.command == spec.name) {
            match keys.iter_mut().find(|(own, _)| *own == key.keys) {
                Some((_, contexts)) => contexts.push(key.context),
                None => keys.push((key.keys, vec![key.context])),
            }
        }
        let shown = keys.iter().map(|(keys, contexts)| match contexts.contains(&"anywhere") {
            true => format!("`{keys}`"),
            false => format!("`{keys}` ({})", contexts.join(", ")),
        });
        let keys = shown.collect::<Vec<_>>().join(", ");
        let usage = format!("{} {}", spec.name, spec.syntax);
        let row = format!("| {} | `:{}` | {keys} | {} |\n", spec.group, usage.trim(), spec.help);
        // A bar is a column's end, but for those written here.
        table.push_str(&row.replace("[row|marked|all]", "[row\\|marked\\|all]"));
    }
    table
}

#[test]
fn the_readme_lists_the_commands_with_their_keys() {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(&file).unwrap();
    let (_, rest) = readme.split_once("<!-- screen -->\n").unwrap();
    let (listed, _) = rest.split_once("<!-- /screen -->").unwrap();
    assert_eq!(listed, commands_with_keys(), "README.md is to list the commands as on the right");
}
