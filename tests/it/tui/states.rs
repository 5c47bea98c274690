//! What the screen shows in between: while something runs, with a transaction open, before it quits; and
//! the commands that say one thing to the engine.

use aresadb::bus::{Command, EventBody};

use super::desk::{Behind, Desk, options};
use super::fake;
use super::real::{Real, demo, write};
use super::snapshot;

fn debian(size: (u16, u16)) -> Desk {
    Desk::new(size, options(), Behind::Script(Box::new(fake::debian)))
}

/// With a transaction open from the first statement on.
fn in_transaction(size: (u16, u16)) -> Desk {
    let answer = |command: &Command| {
        let mut bodies = fake::debian(command);
        if matches!(command, Command::Run { .. }) {
            bodies.insert(0, EventBody::Transaction { open: true });
        }
        bodies
    };
    let mut desk = Desk::new(size, options(), Behind::Script(Box::new(answer)));
    desk.press("Enter");
    desk
}

#[test]
fn what_runs_waits_and_asks_is_drawn() {
    snapshot("running", |size| {
        let mut desk = debian(size);
        desk.hold(|c| matches!(c, Command::Run { .. }));
        desk.press_only("Enter");
        desk.wait(std::time::Duration::from_millis(2_300));
        desk
    });
    snapshot("result_tabs", |size| {
        let mut desk = debian(size);
        desk.press("2");
        desk.type_text("SELECT * FROM package");
        desk.press("F5 Esc 1 Enter");
        desk
    });
    snapshot("messages", |size| {
        let mut desk = debian(size);
        desk.press("2");
        desk.type_text("SELECT nme FROM package");
        desk.press("F5 Esc :");
        desk.type_text("messages\n");
        desk
    });
    snapshot("sorting", |size| {
        let mut desk = debian(size);
        desk.hold(|c| matches!(c, Command::Shape { .. }));
        desk.press("Enter l");
        desk.press_only("s");
        desk
    });
    snapshot("transaction", in_transaction);
    snapshot("quit_transaction", |size| {
        let mut desk = in_transaction(size);
        desk.press(": q Enter");
        desk
    });
    snapshot("quit_staged", |size| {
        let mut desk = debian(size);
        desk.press("Enter l c");
        desk.type_text("x");
        desk.press("Enter : q Enter");
        desk
    });
    snapshot("themes", |size| {
        let mut desk = debian(size);
        desk.press("Enter :");
        desk.type_text("theme\n");
        desk.press("Down Down");
        desk
    });
}

#[test]
fn the_graph_is_drawn_as_a_list_with_a_path_and_deeper() {
    let around = |size| {
        let mut desk = debian(size);
        desk.press("Enter g n");
        desk
    };
    snapshot("graph_list", |size| {
        let mut desk = around(size);
        desk.press("v");
        desk
    });
    snapshot("graph_path", |size| {
        let mut desk = around(size);
        desk.press("p j p");
        desk
    });
    snapshot("graph_zoomed", |size| {
        let mut desk = around(size);
        desk.press("z");
        desk
    });
}

fn line(desk: &mut Desk, text: &str) {
    desk.press(":");
    desk.type_text(text);
    desk.press("Enter");
}

#[test]
fn a_transaction_is_begun_rolled_back_in_part_and_committed_from_the_line() {
    let mut real = demo((120, 40));
    let desk = &mut real.desk;
    line(desk, "commit");
    desk.shows("no transaction is open");
    line(desk, "begin");
    desk.shows("Tx: open");
    write(desk, "CREATE TABLE kept (n INTEGER);");
    desk.press("F5 Esc");
    line(desk, "savepoint");
    desk.shows("give it a name");
    line(desk, "savepoint half way");
    write(desk, "CREATE TABLE dropped (n INTEGER);");
    desk.press("F5 Esc");
    line(desk, "rollback half way");
    desk.shows("Tx: open");
    line(desk, "commit");
    desk.press("1");
    desk.shows("Tx: auto");
    write(desk, "SELECT name FROM aresadb.types WHERE name IN ('kept', 'dropped');");
    desk.press("F5 Esc");
    desk.shows("row 1 of 1");
    desk.shows("kept");
    line(desk, "begin");
    line(desk, "rollback");
    desk.press("1");
    desk.shows("Tx: auto");
}

#[test]
fn a_database_is_checkpointed_verified_and_backed_up_from_the_line() {
    let mut real =
        Real::start((120, 40), |folder| aresadb::tui::Options { path: folder.join("db"), ..options() });
    let target = tempfile::tempdir().unwrap();
    let desk = &mut real.desk;
    desk.press("y");
    desk.shows("none yet");
    write(desk, "CREATE TABLE person (name TEXT); INSERT INTO person VALUES ('Ada'), ('Bo');");
    desk.press("F6 Esc");
    desk.shows("INSERT: 2 rows");
    line(desk, "checkpoint");
    desk.shows("is in the tables");
    line(desk, "verify");
    desk.shows("the database is whole");
    line(desk, "backup");
    desk.shows("name a folder");
    line(desk, &format!("backup {}", target.path().join("copy").display()));
    desk.shows("2 rows are copied");
    assert!(target.path().join("copy/.aresadb").is_dir());
    // Over what is there already nothing is written.
    line(desk, &format!("backup {}", target.path().join("copy").display()));
    desk.shows("the backup failed");
}
