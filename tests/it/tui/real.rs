//! Journeys against the real engine, through the bus.

use std::collections::HashMap;

use aresadb::bus::{Bus, BusOptions};
use aresadb::tui::Options;

use super::desk::{Behind, Desk, options};

/// A screen over a bus of its own. The bus is kept until the screen is gone.
pub struct Real {
    pub desk: Desk,
    bus: Option<Bus>,
    _folder: tempfile::TempDir,
}

impl Real {
    pub fn start(size: (u16, u16), options: impl FnOnce(&std::path::Path) -> Options) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bus = Bus::start(BusOptions::new(folder.path())).unwrap();
        let (client, events) = bus.connect();
        let behind = Behind::Bus { client, events, requests: HashMap::new() };
        let mut desk = Desk::new(size, options(folder.path()), behind);
        desk.settle();
        Self { desk, bus: Some(bus), _folder: folder }
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        if let Some(bus) = self.bus.take() {
            bus.shutdown();
        }
    }
}

pub fn demo(size: (u16, u16)) -> Real {
    Real::start(size, |_| Options { path: ":memory:".into(), demo: true, ..options() })
}

/// Empties the editor and types a statement.
pub fn write(desk: &mut Desk, sql: &str) {
    desk.press("2 Ctrl-A Backspace");
    desk.type_text(sql);
}

#[test]
fn the_example_is_browsed_inspected_and_walked() {
    for size in [(80, 24), (120, 40)] {
        let mut real = demo(size);
        let desk = &mut real.desk;
        desk.shows("depends_on");
        desk.press("Enter");
        desk.shows("row 1 of");
        desk.press("G");
        desk.hides("≥");
        // This program itself: found, inspected, its dependencies unfolded.
        write(desk, "SELECT * FROM package WHERE name = 'aresadb';");
        desk.press("F5 Esc");
        desk.shows("row 1 of 1");
        desk.press("i");
        desk.shows("package  aresadb");
        desk.shows("▾ out edges");
        desk.press("G k k Enter j");
        desk.shows("depends_on edge 1 of");
        desk.press("Enter");
        desk.hides("package  aresadb");
        desk.press("Backspace");
        desk.shows("depends_on edge 1 of");
        desk.press("g g g n");
        desk.shows("GRAPH");
        desk.shows("aresadb");
        desk.shows("depth 1");
        desk.press("+");
        desk.shows("depth 2");
        desk.press(": q Enter");
        assert!(desk.quit);
    }
}

#[test]
fn a_query_is_written_run_paged_explained_and_corrected() {
    let mut real = demo((120, 40));
    let desk = &mut real.desk;
    write(
        desk,
        "SELECT p.name, count(*) AS dependants FROM depends_on d JOIN package p ON p.id = d.to_id \
         GROUP BY 1 ORDER BY 2 DESC, 1;",
    );
    desk.press("F5");
    desk.shows("dependants");
    desk.press("Esc g g i");
    // No id in the row: found by its name.
    desk.shows("▾ in edges");
    desk.press("2 F7");
    desk.shows("TableScan");
    write(desk, "SELECT nme FROM package;");
    desk.press("F5");
    desk.shows("nme");
    desk.shows("hint:");
    desk.shows("line 1, column 8");
}

#[test]
fn a_change_is_seen_in_counts_rows_and_record() {
    let mut real = demo((120, 40));
    let desk = &mut real.desk;
    write(desk, "INSERT INTO person (name, age) VALUES ('Ada', 36), ('Grace', NULL);");
    desk.press("F5");
    desk.shows("INSERT: 2 rows");
    desk.shows("person");
    write(desk, "SELECT * FROM person ORDER BY name;");
    desk.press("F5 Esc");
    desk.shows("Ada");
    desk.shows("NULL");
    desk.press("i");
    desk.shows("person  Ada");
    desk.press("3");
    write(desk, "DELETE FROM person WHERE name = 'Ada';");
    desk.press("F5");
    desk.shows("DELETE: 1 row");
}

#[test]
fn a_long_statement_is_cancelled_by_a_key() {
    let mut real = demo((80, 24));
    let desk = &mut real.desk;
    write(desk, "SELECT count(*) FROM package a, package b, package c, package d WHERE a.name <> b.version;");
    desk.press_only("F5");
    desk.shows("RUNNING");
    desk.press("Ctrl-C");
    desk.shows("cancelled after");
    // The session goes on.
    write(desk, "SELECT 41 + 1 AS answer;");
    desk.press("F5");
    desk.shows("42");
}

#[test]
fn a_read_only_database_refuses_changes_and_says_so() {
    let mut real = Real::start((100, 30), |folder| {
        let path = folder.join("db");
        let bus = Bus::start(BusOptions::new(folder)).unwrap();
        let (client, events) = bus.connect();
        let behind = Behind::Bus { client, events, requests: HashMap::new() };
        let mut maker = Desk::new((80, 24), Options { path: path.clone(), ..options() }, behind);
        maker.settle();
        maker.press("y");
        maker.shows("none yet");
        drop(maker);
        bus.shutdown();
        Options { path, read_only: true, ..options() }
    });
    let desk = &mut real.desk;
    desk.shows("ro");
    write(desk, "INSERT INTO person (name) VALUES ('Ada');");
    desk.press("F5");
    desk.shows("read-only");
}

#[test]
fn the_graph_that_is_drawn_goes_to_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut real = demo((120, 40));
    let desk = &mut real.desk;
    write(desk, "SELECT * FROM package WHERE name = 'aresadb';");
    desk.press("F5 Esc");
    desk.shows("row 1 of 1");
    desk.press("g n");
    desk.shows("GRAPH");
    desk.press("X Ctrl-U");
    let file = folder.path().join("near.jgf.gz");
    desk.type_text(&format!("{}\n", file.display()));
    desk.shows("nodes and edges are in");
    assert!(std::fs::metadata(&file).unwrap().len() > 100);
    desk.press("X Ctrl-U");
    desk.type_text(&format!("{}\n", file.display()));
    desk.shows("The file exists");
    desk.press("n X Ctrl-U");
    desk.type_text("near.csv\n");
    desk.shows("a graph goes to .dot");
}
