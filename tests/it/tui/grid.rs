//! The rows of a result: find, filter, sort, columns, the whole cell, copy, export, staged edits.
//!
//! What the screen says stands in snapshots over a scripted bus; what it does, in journeys over the
//! real engine.

use aresadb::bus::{Command, CursorId, EventBody, Found, IndexInfo};
use aresadb::model::Error;

use super::desk::{Behind, Desk, options};
use super::fake;
use super::real::{Real, demo, write};
use super::snapshot;

/// The Debian graph's screen, whose bus also filters, finds and commits.
fn scripted(size: (u16, u16)) -> Desk {
    let answer = |command: &Command| match command {
        Command::Shape { .. } => {
            let cursor = CursorId(9);
            let columns = Vec::new();
            vec![
                EventBody::Cursor { statement: 0, cursor, columns },
                EventBody::Counted { cursor, rows: 1_204, complete: true },
                fake::done("SHAPE", 1_204, 3),
            ]
        }
        Command::Find { .. } => {
            let found = Found { row: 3, column: 1, wrapped: true };
            vec![EventBody::Found(Some(found)), fake::done("FIND", 1, 1)]
        }
        Command::Indexes => {
            let index = IndexInfo {
                name: "package_by_name".into(),
                type_name: "package".into(),
                properties: vec!["name".into()],
                unique: true,
                constraint: None,
            };
            vec![EventBody::Indexes(vec![index]), fake::done("INDEX", 1, 0)]
        }
        Command::ApplyEdits { .. } => {
            let error = Error::constraint("package_by_name: name 'libc6' exists already")
                .with_hint("another row has it");
            vec![EventBody::Failed { error, statement: Some(0) }]
        }
        other => fake::debian(other),
    };
    Desk::new(size, options(), Behind::Script(Box::new(answer)))
}

#[test]
fn what_is_asked_of_the_rows_stands_above_them() {
    snapshot("shaped", |size| {
        let mut desk = scripted(size);
        desk.press("Enter l s f & ");
        desk.type_text("installed_size > 100\n");
        desk.press("Space Space");
        desk
    });
}

#[test]
fn lines_that_are_typed_say_what_they_take() {
    snapshot("filter_line", |size| {
        let mut desk = scripted(size);
        desk.press("Enter &");
        desk.type_text("name ~ lib");
        desk
    });
    snapshot("find_line", |size| {
        let mut desk = scripted(size);
        desk.press("Enter /");
        desk.type_text("pack");
        desk
    });
    snapshot("export_line", |size| {
        let mut desk = scripted(size);
        desk.press("Enter X");
        desk
    });
}

#[test]
fn rows_are_copied_in_many_forms() {
    snapshot("copy_as", |size| {
        let mut desk = scripted(size);
        desk.press("Enter Space g Y");
        desk
    });
}

#[test]
fn staged_edits_are_marked_and_reviewed() {
    let staged = |size| {
        let mut desk = scripted(size);
        desk.press("Enter l c");
        desk.type_text("-renamed");
        desk.press("Enter l l c Ctrl-N Enter j j d d o");
        desk.press("c");
        desk.type_text("brand new");
        desk.press("Enter g g");
        desk
    };
    snapshot("staged", staged);
    snapshot("edit_cell", |size| {
        let mut desk = staged(size);
        desk.press("l l j c Ctrl-U");
        desk.type_text("many");
        desk.press("Enter");
        desk
    });
    snapshot("review", |size| {
        let mut desk = staged(size);
        desk.press("Ctrl-S");
        desk
    });
    snapshot("review_failed", |size| {
        let mut desk = staged(size);
        desk.press("Ctrl-S Enter");
        desk
    });
}

#[test]
fn a_json_cell_is_a_tree_and_any_text_is_bytes_too() {
    snapshot("cell_hex", |size| {
        let mut desk = scripted(size);
        desk.press("Enter j l Enter v");
        desk
    });
    snapshot("cell_find", |size| {
        let mut desk = scripted(size);
        desk.press("Enter $ Enter /");
        desk.type_text("a");
        desk
    });
}

#[test]
fn staged_edits_survive_a_failure_a_new_result_and_a_hasty_quit() {
    let mut desk = scripted((120, 40));
    desk.press("Enter l c");
    desk.type_text("x");
    desk.press("Enter Ctrl-S Enter");
    desk.shows("not committed: package_by_name");
    desk.press("Esc");
    desk.shows("libc6x");
    // Another result comes beside it.
    desk.press("1 j Enter");
    desk.shows("Results 2/2");
    desk.press("[");
    desk.shows("libc6x");
    desk.press(": q Enter");
    assert!(!desk.quit);
    desk.shows("1 edit is staged and not committed");
    desk.press("n");
    assert!(!desk.quit);
    desk.press("U : q Enter");
    assert!(desk.quit, "nothing is staged any more");
}

#[test]
fn the_mouse_sorts_resizes_and_scrolls_sideways() {
    let mut desk = scripted((120, 40));
    desk.press("Enter");
    let header = desk.text().lines().position(|l| l.contains("│ version")).unwrap();
    let at = |desk: &mut Desk, what: &str| {
        let line = desk.line(header);
        let byte = line.find(what).unwrap();
        unicode_width::UnicodeWidthStr::width(&line[..byte]) as u16
    };
    let version = at(&mut desk, "│ version");
    // The line before `version` is the edge of `name`.
    desk.drag((version, header as u16), (version - 24, header as u16));
    assert_eq!(at(&mut desk, "│ version"), version - 23);
    desk.shows("package…");
    let name = at(&mut desk, " name");
    desk.click(name + 2, header as u16);
    let sorted = desk.sent.iter().any(|c| matches!(c, Command::Shape { shape, .. } if shape.sort.len() == 1));
    assert!(sorted, "{:?}", desk.sent.last());
    desk.shows("name ▲");
}

#[test]
fn two_thousand_columns_are_filtered_frozen_and_hidden() {
    let wide = |command: &Command| match command {
        Command::Run { .. } => fake::wide(2_000),
        other => fake::debian(other),
    };
    let mut desk = Desk::new((120, 40), options(), Behind::Script(Box::new(wide)));
    desk.press("Enter l l f $");
    desk.shows("c0002");
    desk.shows("c1999");
    desk.press("-");
    desk.hides("│ c1999");
    desk.shows("1 hidden");
    desk.press("*");
    desk.type_text("c19\n");
    desk.shows("column 99 of 99");
    desk.press("g -");
    desk.shows("of 100");
    desk.press("Esc");
    desk.shows("of 2,000");
}

/// Rows of every kind of value, three of which are alike in one column.
const ITEMS: &str = "INSERT INTO item (name, size, note) VALUES ('libc6', 10, NULL), ('Libx', 9, ''), \
     ('zlib', 100, 'x'), ('zlib', -5, 'y'), (NULL, NULL, 'NULL');";

fn items(size: (u16, u16)) -> Real {
    let mut real = Real::start(size, |_| aresadb::tui::Options { path: ":memory:".into(), ..options() });
    write(&mut real.desk, ITEMS);
    real.desk.press("F5");
    write(&mut real.desk, "SELECT * FROM item ORDER BY name, size;");
    real.desk.press("F5 Esc");
    real.desk.shows("row 1 of 5");
    real
}

/// The cells of a column, from top to bottom, as the screen has them.
fn column(desk: &mut Desk, name: &str) -> Vec<String> {
    let text = desk.text();
    let lines: Vec<&str> = text.lines().collect();
    let header = lines.iter().position(|l| l.contains("──┼──")).unwrap() - 1;
    let cells = |line: &str| -> Vec<String> {
        line.split(['│', '┃']).map(|cell| cell.trim().to_owned()).collect()
    };
    let at = cells(lines[header]).iter().position(|c| c.trim_end_matches([' ', '▲', '▼', '1', '2']) == name);
    let at = at.unwrap_or_else(|| panic!("no column {name}:\n{text}"));
    (lines[header + 2..].iter())
        .take_while(|line| !line.contains("──"))
        .map(|line| cells(line).get(at).cloned().unwrap_or_default())
        .filter(|cell| !cell.is_empty())
        .collect()
}

#[test]
fn rows_are_sorted_as_what_they_are_with_null_last() {
    let mut real = items((120, 40));
    let desk = &mut real.desk;
    desk.press(":");
    desk.type_text("sort size\n");
    assert_eq!(column(desk, "size"), ["-5", "9", "10", "100", "NULL"]);
    desk.press("s");
    assert_eq!(column(desk, "size"), ["100", "10", "9", "-5", "NULL"]);
    desk.shows("sort size ▼");
    desk.press(":");
    desk.type_text("sort name\n");
    desk.press(":");
    desk.type_text("sort-add size\n");
    assert_eq!(column(desk, "size"), ["9", "10", "-5", "100", "NULL"]);
    desk.shows("sort name ▲, size ▲");
    desk.press("Esc");
    desk.hides("▲");
    assert_eq!(column(desk, "name").len(), 5);
}

#[test]
fn rows_are_filtered_step_by_step_and_back() {
    let mut real = items((120, 40));
    let desk = &mut real.desk;
    desk.press("&");
    desk.type_text("lib\n");
    desk.shows("4 of 5 rows");
    desk.press("&");
    desk.type_text("size >= 10\n");
    desk.shows("filter 'lib' and size >= 10");
    assert_eq!(column(desk, "size"), ["10", "100"]);
    desk.press("Esc");
    desk.shows("4 of 5 rows");
    desk.press("Esc");
    desk.hides("'lib'");
    // NULL is a value to filter by too, and not the text.
    desk.press(":");
    desk.type_text("filter note is null\n");
    assert_eq!(column(desk, "name"), ["libc6"]);
    desk.press("Esc");
    desk.press(":");
    desk.type_text("filter nothing like it\n");
    desk.shows("no row passes the filter: Esc takes it off");
    desk.press("Esc g g");
    desk.press("l l l @");
    desk.hides("row 1 of 5");
}

#[test]
fn a_text_is_found_in_every_row_and_the_search_goes_round() {
    let mut real = demo((120, 40));
    let desk = &mut real.desk;
    write(desk, "SELECT i, 'row ' || i AS word FROM generate_series(1, 100000) AS g(i);");
    desk.press("F5 Esc");
    desk.press("/");
    desk.type_text("ROW 77777");
    desk.shows("is in no row");
    desk.press("Ctrl-U");
    desk.type_text("row 77777");
    desk.shows("77,777");
    desk.press("Enter");
    desk.press("n");
    desk.shows("the search went on at the other end");
    desk.press("0");
    desk.shows("row 77,777 of 100,000");
    desk.press("/");
    desk.type_text("w 99999");
    desk.press("Enter");
    desk.press("N");
    desk.press("0");
    desk.shows("row 99,999 of 100,000");
    // Given up, the cursor is where it was.
    desk.press("g g /");
    desk.type_text("row 5000");
    desk.shows("  5,000 │  5,000 │ row 5000");
    desk.press("Esc");
    desk.shows("row 1 of 100,000");
}

#[test]
fn a_million_rows_are_sorted_filtered_and_left() {
    let mut real = demo((120, 40));
    let desk = &mut real.desk;
    write(desk, "SELECT i, (i * 7919) % 1000003 AS k FROM generate_series(1, 1000000) AS g(i);");
    desk.press("F5 Esc");
    desk.shows("row 1 of 1,000,000");
    // Cancelled at once: the rows are as they were.
    desk.press_only("l");
    desk.press_only("s");
    desk.shows("sorting …");
    desk.press("Ctrl-C");
    desk.hides("sorting");
    desk.hides("▲");
    desk.press("s");
    let keys: Vec<i64> = column(desk, "k").iter().map(|k| k.replace(',', "").parse().unwrap()).collect();
    assert!(keys.len() > 10 && keys.is_sorted(), "{keys:?}");
    desk.press("G");
    desk.shows("row 1,000,000 of 1,000,000");
    desk.press("&");
    desk.type_text("i <= 1000\n");
    desk.shows("1,000 of 1,000,000 rows");
    desk.press("Esc Esc");
    desk.shows("row 1 of 1,000,000");
}

#[test]
fn a_script_with_several_queries_shows_each() {
    let mut real = demo((120, 40));
    let desk = &mut real.desk;
    write(
        desk,
        "SELECT 1 AS one; CREATE TABLE t (n INT); INSERT INTO t (n) VALUES (5) RETURNING n; SELECT 3 AS three;",
    );
    desk.press("F6 Esc");
    desk.shows("Results 1/3");
    desk.shows("one");
    desk.press("]");
    // RETURNING gives rows; what was done stands in the messages.
    desk.shows("Results 2/3");
    assert_eq!(column(desk, "n"), ["5"]);
    desk.press("]");
    desk.shows("three");
    desk.press("[ [");
    desk.shows("Results 1/3");
    desk.press("] ] ] ] ]");
    desk.shows("INSERT: 1 row");
    desk.press("]");
    desk.shows("Results 1/3");
}

#[test]
fn rows_are_copied_as_they_are_shown() {
    let mut real = items((120, 40));
    let desk = &mut real.desk;
    desk.press("*");
    desk.type_text("name\n");
    desk.press("g Y Down Down Down Enter");
    assert_eq!(desk.copied.last().unwrap(), "INSERT INTO item (name) VALUES ('Libx');");
    desk.press("Esc *");
    desk.type_text("e\n");
    desk.press("j Space j Space :");
    desk.type_text("copy-as json marked\n");
    let json = desk.copied.last().unwrap();
    assert!(json.contains("\"size\":10") && json.contains("\"note\":null"), "{json}");
    desk.press("Esc :");
    desk.type_text("copy-as csv all\n");
    assert_eq!(desk.copied.last().unwrap().lines().count(), 6);
    write(desk, "SELECT i, repeat('x', 50) AS x FROM generate_series(1, 5000) AS g(i);");
    desk.press("F5 Esc :");
    let before = desk.copied.len();
    desk.type_text("copy-as markdown all\n");
    assert_eq!(desk.copied.len(), before);
    desk.shows("too long for the clipboard: 5,000 rows as markdown");
}

#[test]
fn the_rows_shown_are_exported_and_no_file_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let mut real = items((120, 40));
    let desk = &mut real.desk;
    let file = folder.path().join("out.jsonl");
    desk.press("&");
    desk.type_text("size > 0\n");
    desk.press("X Ctrl-U");
    desk.type_text(&format!("{}\n", file.display()));
    desk.shows("3 rows are in");
    assert_eq!(std::fs::read_to_string(&file).unwrap().lines().count(), 3);
    desk.press("Esc X Ctrl-U");
    desk.type_text(&format!("{}\n", file.display()));
    desk.shows("The file exists");
    desk.press("n");
    assert_eq!(std::fs::read_to_string(&file).unwrap().lines().count(), 3);
    desk.press("X Ctrl-U");
    desk.type_text(&format!("{}\n", file.display()));
    desk.press("y");
    assert_eq!(std::fs::read_to_string(&file).unwrap().lines().count(), 5);
    desk.press("X Ctrl-U");
    desk.type_text("out.what\n");
    desk.shows("does not name a format");
}

#[test]
fn rows_are_edited_reviewed_and_committed_at_once() {
    let mut real = items((120, 40));
    let desk = &mut real.desk;
    // Libx: another size; libc6 goes; a new row comes.
    desk.press(":");
    desk.type_text("sort size\n");
    desk.press("j c Ctrl-U");
    desk.type_text("ten");
    desk.press("Enter");
    desk.shows("'ten' is no INTEGER");
    desk.press("Ctrl-U");
    desk.type_text("77\n");
    desk.shows("1 staged");
    desk.press("j d d o c");
    desk.type_text("fresh\n");
    desk.press("Ctrl-S");
    desk.shows("1 row updated, 1 row deleted, 1 row inserted");
    desk.shows("AND size = 9;");
    desk.shows("INSERT INTO item");
    desk.press("Enter");
    desk.shows("3 rows changed in");
    desk.hides("staged");
    assert_eq!(column(desk, "size"), ["-5", "77", "100", "NULL", "NULL"]);
    desk.shows("sort size ▲");
    desk.shows("fresh");
}

#[test]
fn a_row_that_was_changed_meanwhile_is_not_written_over() {
    let mut real = items((120, 40));
    let desk = &mut real.desk;
    desk.press("g g");
    desk.press(":");
    desk.type_text("sort size\n");
    desk.press("c Ctrl-U");
    desk.type_text("1\n");
    desk.press("j c Ctrl-U");
    desk.type_text("2\n");
    // Behind the grid's back.
    write(desk, "UPDATE item SET size = 8 WHERE size = 9;");
    desk.press("F5 Esc");
    desk.press("Ctrl-S Enter");
    desk.shows("the row was changed or deleted since it was read");
    desk.press("Esc");
    desk.shows("2 staged");
    write(desk, "SELECT size FROM item ORDER BY size;");
    desk.press("F5 Esc");
    assert_eq!(column(desk, "size"), ["-5", "8", "10", "100", "NULL"], "nothing was committed");
    desk.press("[");
    desk.shows("2 staged");
    // The statement that fails is taken back; the rest is committed.
    desk.press("Ctrl-S Enter");
    desk.press("u Enter");
    desk.shows("1 row changed in");
}

#[test]
fn a_constraint_is_told_and_an_open_transaction_goes_on() {
    let mut real = Real::start((120, 40), |_| aresadb::tui::Options { path: ":memory:".into(), ..options() });
    let desk = &mut real.desk;
    write(
        desk,
        "CREATE TABLE city (name TEXT NOT NULL UNIQUE, people INT CHECK (people >= 0)); \
         INSERT INTO city (name, people) VALUES ('Bonn', 1), ('Ulm', 2);",
    );
    desk.press("F6 Esc");
    // Browsed, a declared type's rows have their ids.
    desk.press("1 g g j Enter");
    desk.shows("_id");
    desk.press(":");
    desk.type_text("sort name\n");
    desk.press("c Ctrl-U");
    desk.type_text("Ulm\n");
    desk.press("Ctrl-S");
    desk.shows("indexes city_name");
    desk.press("Enter");
    desk.shows("not committed:");
    desk.press("Esc U");
    write(desk, "BEGIN;");
    desk.press("F5 Esc");
    desk.press("c Ctrl-N");
    desk.press("Enter");
    desk.shows("it may not be NULL");
    desk.press("Esc l c Ctrl-U");
    desk.type_text("12345\n");
    desk.press("Ctrl-S Enter");
    desk.shows("they are part of the open transaction");
    desk.shows("12,345");
    desk.press("k");
    desk.shows("Tx: open");
    write(desk, "ROLLBACK;");
    desk.press("F5 Esc");
    desk.press("1 Enter");
    desk.hides("12,345");
}

#[test]
fn rows_that_are_no_records_are_refused_with_the_reason() {
    let mut real = items((120, 40));
    let desk = &mut real.desk;
    for (sql, why) in [
        ("SELECT name, count(*) FROM item GROUP BY name;", "grouped rows stand for several records"),
        ("SELECT a.id, a.name FROM item a JOIN item b ON a.id = b.id;", "the rows come from a join"),
        ("SELECT name FROM item;", "the rows have no id: select it too"),
        ("SELECT id, upper(name) AS loud FROM item;", "no property"),
    ] {
        write(desk, sql);
        desk.press("F5");
        desk.press("Esc $ c");
        desk.shows(why);
    }
    desk.press("0 c");
    desk.shows("no property");
}

#[test]
fn a_record_is_walked_column_by_column_and_row_by_row() {
    let mut real = items((120, 40));
    let desk = &mut real.desk;
    desk.press("K");
    desk.shows("row 1 of 5");
    desk.press("l l");
    desk.shows("row 3 of 5");
    desk.press("G Enter");
    desk.press("Esc j j G y");
    desk.press("Esc");
    assert_eq!(desk.copied.len(), 1);
}

#[test]
fn hostile_cells_stay_cells_wherever_they_are_shown() {
    let hostile = "evil\x1b]0;owned\x07\u{202e}\u{200f}שלום\u{301}漢字\t\r\n\u{9b}31m";
    let mut real = items((80, 24));
    let desk = &mut real.desk;
    desk.press("g g l c Ctrl-U");
    desk.take(aresadb::tui::Event::Paste(hostile.into()));
    let harmless = |desk: &mut Desk| {
        let text = desk.text();
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text}");
        assert!(!text.contains('\u{202e}'), "{text}");
    };
    harmless(desk);
    for keys in
        ["Enter", "K", "Enter", "v", "v", "Esc", "Esc", "Ctrl-S", "Enter", "@", "Esc", "/ e v i l", "Enter"]
    {
        desk.press(keys);
        harmless(desk);
    }
    assert!(desk.sent.iter().any(|c| matches!(c, Command::ApplyEdits { .. })));
}
