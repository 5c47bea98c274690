//! Questions of the desk: yes or no, a name, or a name typed to be sure.

use crossterm::event::{KeyCode, KeyEvent};

use crate::bus::{QueryName, QueryPlace};
use crate::model::escape_control;
use crate::tui::app::{App, RunKind};
use crate::tui::keymap::Key;
use crate::tui::overlay::Overlay;

use super::{guard, queries, tabs};

/// What is done when a question is answered.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::tui) enum Deed {
    /// Saves the text as a query of the name given.
    SaveAs,
    /// Saves over what is there.
    Replace {
        name: String,
        place: Option<QueryPlace>,
        sql: String,
    },
    /// Names the tab.
    NameTab,
    /// Gives a saved query another name.
    RenameQuery(QueryName),
    DeleteQuery(QueryName),
    CloseTab,
    /// Runs what was asked about.
    Run {
        sql: String,
        offset: Option<usize>,
        kind: RunKind,
    },
}

/// A question.
#[derive(Debug)]
pub(in crate::tui) struct Ask {
    pub(in crate::tui) title: String,
    pub(in crate::tui) lines: Vec<String>,
    /// What is typed; none where yes and no are the answers.
    pub(in crate::tui) input: Option<String>,
    /// What must be typed.
    pub(in crate::tui) wanted: Option<String>,
    pub(in crate::tui) yes: &'static str,
    deed: Deed,
}

impl Ask {
    /// Yes or no.
    pub(in crate::tui) fn question(title: &str, lines: Vec<String>, yes: &'static str, deed: Deed) -> Self {
        Self { title: title.to_owned(), lines: safe(lines), input: None, wanted: None, yes, deed }
    }

    /// A name; `given` is there already.
    pub(in crate::tui) fn name(title: &str, lines: Vec<String>, given: &str, deed: Deed) -> Self {
        let input = Some(given.to_owned());
        Self { title: title.to_owned(), lines: safe(lines), input, wanted: None, yes: "do it", deed }
    }

    /// A word that must be typed to be sure.
    pub(in crate::tui) fn sure(title: &str, lines: Vec<String>, wanted: &str, deed: Deed) -> Self {
        let wanted = Some(wanted.to_owned());
        let input = Some(String::new());
        Self { title: title.to_owned(), lines: safe(lines), input, wanted, yes: "do it", deed }
    }

    /// Whether Enter does it.
    pub(in crate::tui) fn is_ready(&self) -> bool {
        match (&self.input, &self.wanted) {
            (Some(input), Some(wanted)) => input.trim() == wanted,
            (Some(input), None) => !input.trim().is_empty(),
            (None, _) => true,
        }
    }

    /// Adds pasted text.
    pub(in crate::tui) fn paste(&mut self, text: &str) {
        if let Some(input) = &mut self.input {
            input.extend(text.chars().filter(|c| !c.is_control()));
        }
    }
}

fn safe(lines: Vec<String>) -> Vec<String> {
    lines.into_iter().map(|line| escape_control(&line).into_owned()).collect()
}

/// A key while a question is open.
pub(in crate::tui) fn key(app: &mut App, event: &KeyEvent) {
    let Some(Overlay::Ask(ask)) = app.overlays.last_mut() else { return };
    let Some(key) = Key::of(event) else { return };
    let is = |text: &str| Some(key) == Key::parse(text);
    if is("Esc") || is("Ctrl-C") {
        app.overlays.pop();
        return;
    }
    let confirmed = match (&mut ask.input, event.code) {
        (_, KeyCode::Enter) => ask.is_ready(),
        (Some(input), KeyCode::Char(c)) if key.is_text() => {
            input.push(c);
            false
        }
        (Some(input), KeyCode::Backspace) => {
            input.pop();
            false
        }
        (Some(input), _) if is("Ctrl-U") => {
            input.clear();
            false
        }
        (Some(_), _) => false,
        (None, KeyCode::Char('y' | 'Y')) => true,
        (None, KeyCode::Char('n' | 'N' | 'q')) => {
            app.overlays.pop();
            return;
        }
        (None, _) => false,
    };
    if confirmed && let Some(Overlay::Ask(ask)) = app.overlays.pop() {
        perform(app, ask.deed, ask.input.as_deref().unwrap_or_default().trim());
    }
}

fn perform(app: &mut App, deed: Deed, input: &str) {
    match deed {
        Deed::SaveAs => queries::save(app, input),
        Deed::Replace { name, place, sql } => queries::replace(app, name, place, sql),
        Deed::NameTab => {
            if let Some(tab) = app.work.tabs.active_mut() {
                tab.name = input.to_owned();
            }
        }
        Deed::RenameQuery(query) => queries::rename_to(app, query, input),
        Deed::DeleteQuery(query) => queries::delete(app, query),
        Deed::CloseTab => tabs::close(app),
        Deed::Run { sql, offset, kind } => guard::run_now(app, sql, offset, kind),
    }
}
