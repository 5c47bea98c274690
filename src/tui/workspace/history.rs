//! The statements that were run: a list with a preview, or a screen of its own with columns.

use std::collections::HashSet;
use std::time::Duration;

use crate::bus::{EventBody, HistoryEntry, WorkspaceCommand};
use crate::tui::app::{App, Level, RunKind, Ticket};
use crate::tui::layout::Pane;
use crate::tui::overlay::Overlay;
use crate::tui::text;

use super::{Errand, guard, send};

/// Statements that are kept in memory.
const MOST: usize = 10_000;
/// What of a long statement is searched.
const SEARCHED_BYTES: usize = 2_000;

/// The statement that runs, as the history knows it.
#[derive(Debug, Default)]
pub(super) struct Running {
    next: u64,
    /// Its ticket and number.
    now: Option<(Ticket, u64)>,
}

/// Which statements are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::tui) enum Which {
    #[default]
    All,
    ThisDatabase,
    Failed,
}

impl Which {
    pub(in crate::tui) fn name(self) -> &'static str {
        match self {
            Which::All => "all",
            Which::ThisDatabase => "this database",
            Which::Failed => "failed",
        }
    }

    fn next(self) -> Self {
        match self {
            Which::All => Which::ThisDatabase,
            Which::ThisDatabase => Which::Failed,
            Which::Failed => Which::All,
        }
    }
}

/// The list on the screen.
#[derive(Debug, Default)]
pub(in crate::tui) struct HistoryList {
    /// It has the whole screen, and columns.
    pub(in crate::tui) full: bool,
    pub(in crate::tui) filter: String,
    pub(in crate::tui) which: Which,
    /// The statements in small letters, made once.
    lower: Vec<String>,
    /// Places in the history, the newest first.
    pub(in crate::tui) shown: Vec<usize>,
    pub(in crate::tui) selected: usize,
    pub(in crate::tui) top: usize,
    height: usize,
}

impl HistoryList {
    fn new(full: bool, history: &[HistoryEntry], database: &str) -> Self {
        let mut list = Self { full, height: 10, ..Self::default() };
        list.load(history, database);
        list
    }

    fn load(&mut self, history: &[HistoryEntry], database: &str) {
        self.lower = history.iter().map(|entry| start_of(&entry.sql).to_lowercase()).collect();
        self.apply(history, database);
    }

    /// Filters anew: every word typed must occur; where none fits, the letters in their order do.
    fn apply(&mut self, history: &[HistoryEntry], database: &str) {
        let filter = self.filter.to_lowercase();
        let words: Vec<&str> = filter.split_whitespace().collect();
        let mut seen = HashSet::new();
        let mut listed = Vec::new();
        for (at, (entry, lower)) in history.iter().zip(&self.lower).enumerate().rev() {
            let wanted = match self.which {
                Which::All => true,
                Which::ThisDatabase => entry.database == database,
                Which::Failed => entry.error.is_some(),
            };
            // The short list has each statement once.
            if wanted && (self.full || seen.insert(entry.sql.trim())) {
                listed.push((at, lower));
            }
        }
        let exact = |lower: &str| words.iter().all(|word| lower.contains(word));
        let mut shown: Vec<usize> =
            listed.iter().filter(|(_, lower)| exact(lower)).map(|(at, _)| *at).collect();
        if shown.is_empty() && !words.is_empty() {
            let letters: String = words.concat();
            let fuzzy = |lower: &str| text::fuzzy(lower, &letters);
            let mut found: Vec<(usize, usize)> =
                listed.iter().enumerate().filter_map(|(n, (_, lower))| Some((fuzzy(lower)?, n))).collect();
            found.sort_unstable();
            shown = found.into_iter().filter_map(|(_, n)| listed.get(n).map(|(at, _)| *at)).collect();
        }
        self.shown = shown;
        self.selected = 0;
        self.top = 0;
    }

    pub(in crate::tui) fn picked<'h>(&self, history: &'h [HistoryEntry]) -> Option<&'h HistoryEntry> {
        history.get(*self.shown.get(self.selected)?)
    }

    pub(in crate::tui) fn move_by(&mut self, by: i64) {
        let last = self.shown.len().saturating_sub(1);
        let by = isize::try_from(by.clamp(-1_000_000, 1_000_000)).unwrap_or(0);
        self.selected = self.selected.saturating_add_signed(by).min(last);
        self.scroll();
    }

    pub(in crate::tui) fn fit(&mut self, height: usize) {
        self.height = height.max(1);
        self.scroll();
    }

    pub(in crate::tui) fn height(&self) -> usize {
        self.height
    }

    fn scroll(&mut self) {
        self.top = self.top.min(self.selected).max((self.selected + 1).saturating_sub(self.height));
    }
}

fn start_of(sql: &str) -> &str {
    let end = (0..=SEARCHED_BYTES.min(sql.len())).rev().find(|at| sql.is_char_boundary(*at)).unwrap_or(0);
    sql.get(..end).unwrap_or_default()
}

/// The database as the history names it.
fn database(app: &App) -> String {
    app.work.keeper.database.clone().unwrap_or_else(|| app.options.path.display().to_string())
}

/// Opens the list, or the screen; what other programs have run meanwhile is asked for.
pub(super) fn open(app: &mut App, full: bool) {
    let list = HistoryList::new(full, &app.work.history, &database(app));
    app.overlays.push(Overlay::History(list));
    if app.options.folders.state.is_some() {
        send(app, Errand::History, WorkspaceCommand::History);
    }
}

/// Statements that were run have come, the oldest first.
pub(super) fn arrived(app: &mut App, entries: Vec<HistoryEntry>) {
    app.work.history = entries;
    let name = database(app);
    let history = std::mem::take(&mut app.work.history);
    for overlay in &mut app.overlays {
        if let Overlay::History(list) = overlay {
            let selected = list.selected;
            list.load(&history, &name);
            list.selected = selected.min(list.shown.len().saturating_sub(1));
            list.scroll();
        }
    }
    app.work.history = history;
}

/// Changes the list on top by its filter.
pub(in crate::tui) fn filter(app: &mut App, change: impl FnOnce(&mut String)) {
    let name = database(app);
    let history = std::mem::take(&mut app.work.history);
    if let Some(Overlay::History(list)) = app.overlays.last_mut() {
        change(&mut list.filter);
        list.apply(&history, &name);
    }
    app.work.history = history;
}

/// A command within the list on top.
pub(in crate::tui) fn command(app: &mut App, name: &str) {
    let Some(Overlay::History(list)) = app.overlays.last_mut() else { return };
    let height = i64::try_from(list.height()).unwrap_or(1);
    match name {
        "up" => list.move_by(-1),
        "down" => list.move_by(1),
        "page-up" => list.move_by(-height),
        "page-down" => list.move_by(height),
        "history-filter" => {
            list.which = list.which.next();
            filter(app, |_| {});
        }
        "open" | "run" => {
            let picked = list.picked(&app.work.history).map(|entry| entry.sql.clone());
            app.overlays.pop();
            let Some(sql) = picked else { return };
            recall(app, &sql);
            if name == "run"
                && let Some((sql, offset)) = app.editor.statement_at_cursor()
            {
                guard::run(app, sql, Some(offset), RunKind::Script);
            }
        }
        _ => {}
    }
}

/// Puts a statement into the editor, behind what is there, with the cursor on it.
pub(super) fn recall(app: &mut App, sql: &str) {
    app.focus = Pane::Editor;
    app.editor.append_statement(sql);
    app.note(Level::Ok, "from the history; F5 runs it");
}

/// A statement begins: it is in the history from now on.
pub(in crate::tui) fn started(app: &mut App, ticket: Ticket, sql: &str, kind: &RunKind) {
    if matches!(kind, RunKind::Browse(_)) {
        return;
    }
    app.work.running.next += 1;
    let entry = app.work.running.next;
    app.work.running.now = Some((ticket, entry));
    let database = database(app);
    app.work.history.push(HistoryEntry {
        at_micros: 0,
        database,
        sql: sql.to_owned(),
        elapsed: None,
        rows: None,
        error: None,
    });
    let over = app.work.history.len().saturating_sub(MOST);
    app.work.history.drain(..over);
    if app.options.folders.state.is_some() {
        send(app, Errand::History, WorkspaceCommand::Started { entry, sql: sql.to_owned() });
    }
}

/// What the bus says of the statement that runs: its end goes to the history.
pub(in crate::tui) fn watch(app: &mut App, ticket: Ticket, body: &EventBody) {
    let Some((_, entry)) = app.work.running.now.filter(|(own, _)| *own == ticket) else { return };
    let (elapsed, rows, error) = match body {
        EventBody::Done { summary, elapsed } => (*elapsed, Some(summary.rows), None),
        EventBody::Failed { error, .. } => (since(app), None, Some(error.to_string())),
        _ => return,
    };
    app.work.running.now = None;
    // The list may have been read anew meanwhile, without the end.
    if let Some(last) = app.work.history.last_mut().filter(|last| last.elapsed.is_none()) {
        (last.elapsed, last.rows, last.error) = (Some(elapsed), rows, error.clone());
    }
    if app.options.folders.state.is_some() {
        send(app, Errand::History, WorkspaceCommand::Ended { entry, elapsed, rows, error });
    }
}

fn since(app: &App) -> Duration {
    app.running.as_ref().map_or(Duration::ZERO, |running| app.now.saturating_sub(running.since))
}
