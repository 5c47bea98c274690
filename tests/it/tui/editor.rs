//! Journeys of the editor's desk against a real engine: tabs, completion, history, saved queries,
//! what is there again at the next start, and questions before something is lost.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aresadb::bus::{Bus, BusOptions};
use aresadb::model::FixedClock;
use aresadb::tui::editor::KeyPreset;
use aresadb::tui::{Event, Folders, Options};

use super::desk::{Behind, Desk, options};
use super::{SIZES, debian, fake};

/// A program on a database with a user's folders. What it leaves is found by the next one.
struct Program {
    desk: Desk,
    bus: Option<Bus>,
}

impl Program {
    fn start(folder: &Path, size: (u16, u16), change: impl FnOnce(&mut Options)) -> Self {
        let mut bus_options = BusOptions::new(folder);
        bus_options.clock = std::sync::Arc::new(FixedClock::new(1_790_000_000_000_000, 1_000_000));
        let bus = Bus::start(bus_options).unwrap();
        let (client, events) = bus.connect();
        let behind = Behind::Bus { client, events, requests: HashMap::new() };
        let mut options = options();
        options.path = folder.join("db");
        options.folders = Folders { state: Some(folder.join("state")), config: Some(folder.join("config")) };
        change(&mut options);
        let mut desk = Desk::new(size, options, behind);
        desk.settle();
        if desk.text().contains("Make an empty database") {
            desk.press("y");
        }
        Self { desk, bus: Some(bus) }
    }

    fn new(folder: &Path) -> Self {
        Self::start(folder, (120, 40), |_| {})
    }

    /// As the program ends: what is to be kept is kept.
    fn quit(mut self) {
        self.desk.end();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if let Some(bus) = self.bus.take() {
            bus.shutdown();
        }
    }
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// Types and edges to speak of.
fn people(program: &mut Program) {
    let sql = "CREATE TABLE person (name TEXT NOT NULL, born INTEGER); \
        CREATE TABLE city (name TEXT NOT NULL); \
        CREATE EDGE TABLE lives_in (FROM person TO city); \
        INSERT INTO person (name, born) VALUES ('Ada', 1815), ('Grace', 1906); \
        INSERT INTO city (name) VALUES ('London');";
    let desk = &mut program.desk;
    desk.press("2");
    desk.take(Event::Paste(sql.to_owned()));
    desk.press("F6");
    desk.shows("INSERT: 1 row");
    desk.press("2 Ctrl-A Backspace");
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

#[test]
fn tabs_keep_their_text_cursor_and_undo() {
    let folder = folder();
    let mut program = Program::new(folder.path());
    let desk = &mut program.desk;
    desk.press("2");
    desk.type_text("SELECT 1");
    desk.press("Ctrl-T");
    desk.shows("Query 1 │ Query 2");
    desk.hides("SELECT 1");
    desk.type_text("SELECT 2");
    desk.press("F3");
    desk.shows("SELECT 1");
    desk.press("Ctrl-Z Ctrl-Z");
    desk.hides("SELECT 1");
    desk.press("Ctrl-Y Ctrl-Y F4");
    desk.shows("SELECT 2");
    // The mouse goes to a tab.
    let line = desk.line(0);
    let column = line.chars().position(|c| c == 'Q').unwrap();
    desk.click(column as u16 + 2, 0);
    desk.shows("SELECT 1");
    // A name, and a question before text is gone.
    desk.press("F2 Ctrl-U");
    desk.type_text("mine\n");
    desk.shows("mine │ Query 2");
    desk.press("Ctrl-X Ctrl-K");
    desk.shows("Close this tab?");
    desk.press("n");
    desk.shows("mine │");
    desk.press("Ctrl-X Ctrl-K y");
    desk.hides("mine");
    desk.shows("SELECT 2");
}

#[test]
fn an_error_is_marked_in_the_tab_it_came_from() {
    let folder = folder();
    let mut program = Program::new(folder.path());
    people(&mut program);
    let desk = &mut program.desk;
    desk.type_text("SELECT nme FROM person");
    desk.press_only("F5");
    desk.press_only("Ctrl-T");
    desk.settle();
    desk.type_text("SELECT 7");
    desk.hides("✗");
    desk.press("F3");
    desk.shows("✗");
    desk.shows("◂");
    desk.type_text("a");
    desk.hides("✗");
}

#[test]
fn completion_follows_what_is_typed_and_takes_nothing_unasked() {
    let folder = folder();
    let mut program = Program::new(folder.path());
    people(&mut program);
    let desk = &mut program.desk;
    desk.type_text("SELECT p.bo");
    desk.hides("integer");
    desk.type_text(" FROM per");
    desk.shows("▤ person");
    // Enter is the editor's until an entry was chosen.
    desk.press("Enter");
    desk.hides("▤ person");
    desk.press("Backspace Ctrl-Space Tab");
    desk.type_text(" p");
    desk.press("Home Right Right Right Right Right Right Right Right Right Right Right");
    desk.press("Backspace");
    desk.press("Ctrl-Space");
    desk.shows("· born");
    desk.press("Enter");
    desk.shows("SELECT p.born FROM person p");
    desk.press("End");
    desk.type_text(" JOIN li");
    desk.shows("lives_in l ON p.id = l.from_id");
    desk.press("Tab");
    desk.type_text(" JOIN ci");
    desk.press("Down Enter");
    desk.shows("JOIN city c ON c.id = l.to_id");
    desk.press("F5");
    desk.hides("✗");
    desk.shows("born");
}

#[test]
fn completion_ends_with_a_whole_word_and_with_a_command() {
    let folder = folder();
    let mut program = Program::new(folder.path());
    people(&mut program);
    let desk = &mut program.desk;
    desk.type_text("CREATE TABLE t (description TEXT);");
    desk.press("F5 Ctrl-A Backspace");
    // A keyword is whole though a longer property begins with it.
    desk.type_text("SELECT description FROM t ORDER BY description DES");
    desk.shows("· description");
    desk.type_text("C");
    desk.hides("· description");
    desk.press("Ctrl-A Backspace");
    desk.type_text("SELECT * FROM per");
    desk.shows("▤ person");
    desk.press("F5");
    desk.hides("▤ person");
}

#[test]
fn completion_closes_with_escape_and_in_vim_ends_insert_mode() {
    for (keys, mode) in [(KeyPreset::Standard, "EDIT"), (KeyPreset::Vim, "NORMAL")] {
        let folder = folder();
        let mut program = Program::start(folder.path(), (100, 30), |options| options.keys = keys);
        let desk = &mut program.desk;
        desk.press("2");
        if keys == KeyPreset::Vim {
            desk.press("i");
        }
        desk.type_text("SELECT coal");
        desk.shows("coalesce(");
        desk.press("Esc");
        desk.hides("coalesce(");
        assert!(desk.status().contains(mode), "{}", desk.status());
    }
}

#[test]
fn statements_are_found_again_by_the_next_program() {
    let folder = folder();
    let mut program = Program::new(folder.path());
    people(&mut program);
    let desk = &mut program.desk;
    desk.type_text("SELECT name FROM person ORDER BY born");
    desk.press("F5 Ctrl-A");
    desk.type_text("SELECT nme FROM person");
    desk.press("F5");
    program.quit();
    let mut program = Program::new(folder.path());
    let desk = &mut program.desk;
    // The editor had the focus, and has it again.
    assert!(desk.status().contains("EDIT"));
    desk.press("Esc :");
    desk.type_text("history\n");
    desk.shows("time (UTC)");
    desk.shows("SELECT nme FROM person");
    desk.shows("error");
    desk.press("Tab Tab");
    desk.shows("failed · 1 of");
    desk.press("Esc 2 Ctrl-A Backspace Ctrl-O");
    desk.type_text("born");
    desk.press("Enter");
    desk.shows("SELECT name FROM person ORDER BY born;");
    desk.press("Ctrl-A Backspace Ctrl-O");
    desk.type_text("order by");
    desk.press("F5");
    desk.shows("Grace");
    let history = folder.path().join("state/history.jsonl");
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(std::fs::metadata(&history).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn queries_are_saved_listed_opened_renamed_and_deleted() {
    let folder = folder();
    let mut program = Program::new(folder.path());
    people(&mut program);
    let file = folder.path().join("db/queries/young people.sql");
    let desk = &mut program.desk;
    desk.type_text("SELECT * FROM person WHERE born > 1900");
    desk.press("Ctrl-S");
    desk.type_text("../evil\n");
    desk.shows("is no name for a query");
    desk.press("Ctrl-S");
    desk.type_text("young people\n");
    desk.shows("saved:");
    desk.shows("young people");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "SELECT * FROM person WHERE born > 1900\n");
    // Changed, and saved under its name without a question.
    desk.press("End");
    desk.type_text(" ;");
    desk.shows("young people •");
    desk.press("Ctrl-S");
    desk.hides("young people •");
    // Changed by another program meanwhile: asked first.
    std::fs::write(&file, "SELECT 'theirs'\n").unwrap();
    desk.type_text(" ");
    desk.press("Ctrl-S");
    desk.shows("changed by another program");
    desk.press("n");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "SELECT 'theirs'\n");
    desk.press("Ctrl-S");
    desk.press("y");
    assert!(std::fs::read_to_string(&file).unwrap().starts_with("SELECT * FROM person"));
    program.quit();
    let mut program = Program::new(folder.path());
    let desk = &mut program.desk;
    desk.shows("saved queries");
    desk.press("Ctrl-X Ctrl-K Ctrl-P");
    desk.type_text("young");
    desk.press("Enter");
    desk.shows("WHERE born > 1900");
    // In the tree: renamed, deleted.
    desk.press("Esc 1 G r Ctrl-U");
    desk.type_text("born late\n");
    desk.shows("born late");
    assert!(!file.exists());
    desk.press("d");
    desk.shows("born late.sql is deleted");
    desk.press("y");
    desk.hides("saved queries");
    assert!(files(&folder.path().join("db/queries")).is_empty());
}

#[test]
fn a_read_only_database_keeps_queries_with_the_user() {
    let folder = folder();
    drop(Program::new(folder.path()));
    let mut program = Program::start(folder.path(), (100, 30), |options| options.read_only = true);
    let desk = &mut program.desk;
    desk.press("2");
    desk.type_text("SELECT 1");
    desk.press("Ctrl-S");
    desk.type_text("one\n");
    assert!(folder.path().join("config/queries/one.sql").exists());
    assert!(!folder.path().join("db/queries").exists());
}

#[test]
fn unsaved_text_survives_a_crash_a_moment_after_typing() {
    let folder = folder();
    let mut program = Program::new(folder.path());
    let desk = &mut program.desk;
    desk.press("2");
    desk.type_text("SELECT 'not saved';");
    desk.press("Ctrl-T");
    desk.type_text("SELECT 'nor this'");
    desk.press("Esc : ");
    desk.type_text("theme paper\n");
    desk.wait(Duration::from_secs(1));
    // No farewell: the program was killed.
    drop(program);
    let mut program = Program::new(folder.path());
    let desk = &mut program.desk;
    desk.shows("SELECT 'nor this'");
    desk.shows("Query 1 │ Query 2");
    desk.press("2 F3");
    desk.shows("SELECT 'not saved';");
    // A paste with --exec stands beside what was there.
    drop(program);
    let mut program =
        Program::start(folder.path(), (120, 40), |options| options.exec = Some("SELECT 41 + 1".into()));
    program.desk.shows("42");
    program.desk.shows("Query 3");
    program.desk.press("2 F3 F3");
    program.desk.shows("SELECT 'not saved';");
    use std::os::unix::fs::PermissionsExt;
    for file in files(&folder.path().join("state")) {
        let mode = std::fs::metadata(&file).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", file.display());
    }
}

#[test]
fn the_cursor_the_pane_and_the_sizes_are_there_again() {
    let folder = folder();
    let mut program = Program::new(folder.path());
    people(&mut program);
    let desk = &mut program.desk;
    desk.type_text("SELECT 1;\nSELECT 22;");
    desk.press("Up Home");
    desk.press("Esc 1 l");
    desk.shows("name*");
    // The border beside the tree, and the one below the editor.
    desk.drag((23, 5), (39, 5));
    let before = desk.line(0).chars().position(|c| c == '2').unwrap();
    assert_eq!(before, 41);
    program.quit();
    let mut program = Program::new(folder.path());
    let desk = &mut program.desk;
    assert_eq!(desk.line(0).chars().position(|c| c == '2').unwrap(), before);
    desk.shows("name*");
    assert!(desk.status().contains("TYPES"));
    desk.press("2 F5");
    desk.shows("row 1 of 1");
    desk.hides("22 │");
}

#[test]
fn two_programs_on_one_database_do_not_touch_each_other_s_text() {
    let folder = folder();
    drop(Program::new(folder.path()));
    let mut one = Program::start(folder.path(), (100, 30), |options| options.read_only = true);
    let mut two = Program::start(folder.path(), (100, 30), |options| options.read_only = true);
    for (program, text) in [(&mut one, "SELECT 'one'"), (&mut two, "SELECT 'two'")] {
        program.desk.press("Esc Esc Esc Esc n 2");
        program.desk.type_text(text);
        program.desk.wait(Duration::from_secs(5));
    }
    one.quit();
    two.quit();
    let kept: Vec<String> = files(&folder.path().join("state/sessions"))
        .into_iter()
        .filter(|file| file.extension().is_some_and(|e| e == "json"))
        .map(|file| std::fs::read_to_string(file).unwrap())
        .collect();
    assert_eq!(kept.len(), 2, "{kept:?}");
    for text in ["'one'", "'two'"] {
        assert_eq!(kept.iter().filter(|state| state.contains(text)).count(), 1, "{kept:?}");
    }
}

#[test]
fn what_destroys_is_asked_about_by_how_much_it_destroys() {
    let folder = folder();
    let mut program = Program::new(folder.path());
    people(&mut program);
    let desk = &mut program.desk;
    let run = |desk: &mut Desk, sql: &str| {
        desk.press("2 Ctrl-A Backspace");
        desk.take(Event::Paste(sql.to_owned()));
        desk.press("F5");
    };
    run(desk, "DELETE FROM person");
    desk.shows("This cannot be taken back");
    desk.shows("every row, 2 rows");
    desk.type_text("persn\n");
    desk.shows("This cannot be taken back");
    desk.press("Ctrl-U");
    desk.type_text("person\n");
    desk.shows("DELETE: 2 rows");
    // Nothing is lost of an empty table; its declaration is worth an Enter.
    run(desk, "DELETE FROM person");
    desk.shows("DELETE: 0 rows");
    run(desk, "DROP TABLE lives_in");
    desk.shows("Are you sure?");
    desk.press("Esc");
    desk.shows("lives_in");
    run(desk, "UPDATE city SET name = 'x' WHERE name = 'London'");
    desk.shows("UPDATE: 1 row");
    run(desk, "DROP TABLE city");
    desk.shows("DROP TABLE city: 1 row");
    desk.press("Esc");
    desk.shows("▸ city             1");
}

#[test]
fn a_hundred_kilobytes_are_pasted_at_once_and_go_on_being_editable() {
    let mut desk = debian((120, 40));
    let text = "SELECT a, b FROM t WHERE c = 'd';\n".repeat(3_000);
    desk.press("2");
    desk.take(Event::Paste(text.clone()));
    desk.shows("3001");
    desk.type_text("SELECT coal");
    desk.shows("coalesce(");
    desk.press("Esc Ctrl-Z Ctrl-Z Ctrl-Z");
    desk.hides("3001");
}

#[test]
fn the_text_goes_to_the_user_s_editor_and_comes_back_as_one_edit() {
    let mut desk = debian((80, 24));
    desk.press("2");
    desk.type_text("SELECT 1");
    desk.press("Ctrl-X Ctrl-E");
    assert_eq!(desk.outside, ["SELECT 1"]);
    desk.take(Event::Edited(Ok("SELECT 2\n".to_owned())));
    desk.shows("SELECT 2");
    desk.press("Ctrl-Z");
    desk.shows("SELECT 1");
}

#[test]
fn text_is_found_commented_and_laid_out() {
    let mut desk = debian((100, 30));
    desk.press("2");
    desk.take(Event::Paste("select name from package where name = 'x'".into()));
    desk.press("Ctrl-F");
    desk.type_text("NAME");
    desk.shows("not found");
    desk.press("Ctrl-U");
    desk.type_text("name");
    desk.press("Enter Esc");
    desk.type_text("version");
    desk.shows("where version = 'x'");
    desk.press("Ctrl-/");
    desk.shows("-- select name");
    desk.press("Ctrl-/ Ctrl-X Ctrl-F");
    desk.shows("laid out anew");
    assert!(desk.line(3).contains("FROM") || desk.line(4).contains("FROM"), "{}", desk.text());
    desk.press("Ctrl-Z");
    desk.shows("select name from package");
}

fn snapshot(name: &str, mut screen: impl FnMut((u16, u16)) -> Desk) {
    for size in SIZES {
        insta::assert_snapshot!(format!("{name}_{}x{}", size.0, size.1), screen(size).picture());
    }
}

/// A desk whose statements were run, with several tabs.
fn busy(size: (u16, u16)) -> Desk {
    let mut desk = debian(size);
    desk.press("2");
    desk.type_text("SELECT nme FROM package;");
    desk.press("F5 Ctrl-T");
    desk.take(Event::Paste("SELECT p.name, count(*)\nFROM depends d\nGROUP BY 1;".into()));
    desk.press("F5");
    desk
}

#[test]
fn tabs_and_completions_are_drawn() {
    snapshot("editor_tabs", busy);
    snapshot("editor_completion", |size| {
        let mut desk = busy(size);
        desk.press("Up End");
        desk.type_text(" JOIN pa");
        desk.press("Down Down");
        desk
    });
}

#[test]
fn an_error_is_drawn_where_it_is() {
    snapshot("editor_mistake", |size| {
        let mut desk = busy(size);
        desk.press("F3");
        desk
    });
}

#[test]
fn the_history_is_drawn() {
    snapshot("history_list", |size| {
        let mut desk = busy(size);
        desk.press("Ctrl-O");
        desk
    });
    snapshot("history_screen", |size| {
        let mut desk = busy(size);
        desk.press("Esc :");
        desk.type_text("history\n");
        desk.press("Down");
        desk
    });
}

#[test]
fn questions_are_drawn() {
    snapshot("ask_name", |size| {
        let mut options = options();
        options.folders.config = Some("/nowhere".into());
        let mut desk = Desk::new(size, options, Behind::Script(Box::new(fake::debian)));
        desk.press("2");
        desk.type_text("SELECT 1");
        desk.press("Ctrl-S");
        desk.type_text("top ten");
        desk
    });
    snapshot("ask_sure", |size| {
        let mut desk = debian(size);
        desk.press("2");
        desk.type_text("DELETE FROM package");
        desk.press("F5");
        desk.type_text("pack");
        desk
    });
    snapshot("find", |size| {
        let mut desk = busy(size);
        desk.press("Ctrl-F");
        desk.type_text("FROM");
        desk
    });
}
