//! The admin screens: figures, log, storage, schema.

use aresadb::bus::Command;

use super::desk::Desk;
use super::{debian, snapshot};

fn screen(size: (u16, u16), name: &str) -> Desk {
    let mut desk = debian(size);
    desk.press(":");
    desk.type_text(name);
    desk.press("Enter");
    desk
}

#[test]
fn each_admin_screen_takes_the_whole_screen() {
    for name in ["stats", "wal", "storage", "schema"] {
        snapshot(name, |size| screen(size, name));
    }
}

#[test]
fn one_screen_leads_to_the_next_and_back_to_the_panes() {
    let mut desk = screen((120, 40), "stats");
    desk.press("]");
    desk.shows("following");
    assert!(desk.sent.iter().any(|c| matches!(c, Command::WalTail { follow: true, .. })));
    desk.press("] ]");
    desk.shows("CHECK package_size");
    desk.press("[");
    desk.shows("rows by type");
    desk.press("q");
    desk.shows("1 mydb");
}

#[test]
fn the_log_is_followed_until_it_is_left_and_leads_to_its_records() {
    let mut desk = screen((120, 40), "wal");
    desk.shows("delete");
    // The clear-screen sequence in a name is told, not sent.
    desk.shows("hostile");
    assert!(!desk.picture().contains('\u{1b}'));
    desk.press("g g");
    desk.shows("G follows");
    desk.press("Enter");
    desk.shows("durable before");
    desk.press("Esc j j Enter");
    desk.shows("▾ properties");
    assert!(desk.cancelled > 0, "the log is not followed any more");
}

#[test]
fn a_type_of_the_schema_leads_to_its_rows() {
    let mut desk = screen((120, 40), "schema");
    desk.press("g g Enter");
    desk.shows("1 of 63,666");
}

#[test]
fn a_theme_is_seen_before_it_is_chosen() {
    let mut desk = debian((80, 24));
    let own = desk.picture();
    desk.press(":");
    desk.type_text("theme\n");
    desk.press("Down Down");
    let seen = desk.picture();
    desk.press("Esc");
    assert_eq!(desk.picture(), own);
    desk.press(":");
    desk.type_text("theme\n");
    assert_ne!(seen, own);
    desk.type_text("paper");
    desk.press("Enter");
    assert_ne!(desk.picture(), own);
}

#[test]
fn a_record_is_seen_four_ways() {
    let inspected = |size| {
        let mut desk = debian(size);
        desk.press("Enter i v");
        desk
    };
    snapshot("lens_row", inspected);
    snapshot("lens_bytes", |size| {
        let mut desk = inspected(size);
        desk.press("v");
        desk
    });
    let mut desk = inspected((120, 40));
    desk.press("v v");
    desk.shows("no property is a vector");
    desk.press("v");
    desk.shows("▾ properties");
}
