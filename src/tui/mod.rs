//! The terminal program: screens.
//!
//! ```text
//!  keys, mouse, resize ─┐                          ┌─▶ view(&App, &mut Frame): draws, nothing else
//!                       ├─▶ update(&mut App, Event) ┤
//!  events of the bus ───┘   pure: no I/O, no clock └─▶ Effects: commands for the bus, copy, quit
//! ```
//!
//! The loop (`terminal`) draws an input at once and the bus's events at most every 10 ms; idle it
//! draws nothing. The first frame stands before the database is open: opening is a command like
//! any other. Keys and commands come from the bus's registry; handling, hints and help read it.
//!
//! Must never: wait for the engine, send text to the terminal that did not pass
//! `model::escape_control`, or leave the terminal in raw mode.

pub mod editor;
pub mod graph;
pub mod theme;

mod admin;
mod answers;
mod app;
mod commands;
mod export;
mod grid;
mod input;
mod inspector;
mod keymap;
mod layout;
mod lens;
mod lookup;
mod outside;
mod overlay;
mod plan;
mod preview;
mod record;
mod terminal;
mod text;
mod tree;
mod update;
mod upkeep;
mod view;
mod viewer;
mod workspace;

pub use app::{App, Effect, Event, Options, Ticket};
pub use terminal::{Ended, run};
pub use update::update;
pub use view::view;
pub use workspace::Folders;

#[cfg(test)]
mod tests {
    use super::theme::{ColorDepth, Theme};
    use super::{App, Options, editor};

    /// A screen before anything is open.
    pub(super) fn app(columns: u16, rows: u16) -> App {
        let options = Options {
            path: "mydb".into(),
            read_only: false,
            theme: Theme::load("dusk", ColorDepth::True).unwrap(),
            keys: editor::KeyPreset::Standard,
            demo: false,
            exec: None,
            record: None,
            folders: super::Folders::default(),
            restores_theme: true,
        };
        App::start(options, columns, rows).0
    }
}
