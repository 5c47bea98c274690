//! The admin screens: figures, the live log, storage, schema. Each takes the whole screen.
//!
//! A screen is lines made from what the bus told; a line may lead to a record, a type or a text.
//! The figures are asked for once a second while they are looked at, the log is followed until the
//! screen is left; nothing runs behind a screen that is closed.
//!
//! Must never: hold text that is not safe for the terminal, or more lines of the log than [`KEPT`].

mod figures;
mod log;
mod schema;
mod storage;

use std::collections::VecDeque;
use std::time::Duration;

use uuid::Uuid;

use crate::bus::{Command, EventBody, IndexInfo, LogSegment, StatsInfo};
use crate::model::Error;

use super::app::{App, Level, Purpose, Ticket};

pub(super) use figures::Rate;

/// How often figures are read while they are looked at.
const EVERY: Duration = Duration::from_secs(1);
/// Lines of the log that are kept.
const KEPT: usize = 20_000;
/// Transactions of the log that are read at first.
const TRANSACTIONS: u64 = 100;

/// Which screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Stats,
    Wal,
    Storage,
    Schema,
}

impl Kind {
    pub(super) const ALL: [Kind; 4] = [Kind::Stats, Kind::Wal, Kind::Storage, Kind::Schema];

    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Stats => "Stats",
            Kind::Wal => "Log",
            Kind::Storage => "Storage",
            Kind::Schema => "Schema",
        }
    }

    /// What the status line calls it.
    pub(super) fn mode(self) -> &'static str {
        match self {
            Kind::Stats => "STATS",
            Kind::Wal => "LOG",
            Kind::Storage => "STORAGE",
            Kind::Schema => "SCHEMA",
        }
    }

    pub(super) fn of_command(name: &str) -> Option<Self> {
        Some(match name {
            "stats" => Kind::Stats,
            "wal" => Kind::Wal,
            "storage" => Kind::Storage,
            "schema" => Kind::Schema,
            _ => return None,
        })
    }
}

/// Where a line leads.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) enum Target {
    #[default]
    Nothing,
    Record(Uuid),
    Type(String),
    Text(String, String),
}

/// A safe line in pieces, each with the scope of its style.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Line {
    pub(super) pieces: Vec<(String, &'static str)>,
    pub(super) target: Target,
    /// It heads the lines below it.
    pub(super) heading: bool,
}

impl Line {
    fn new(pieces: Vec<(String, &'static str)>) -> Self {
        Self { pieces, ..Line::default() }
    }

    fn heading(text: &str) -> Self {
        Self { pieces: vec![(text.to_owned(), "ui.header")], heading: true, ..Line::default() }
    }

    fn to(self, target: Target) -> Self {
        Self { target, ..self }
    }

    /// What it says.
    pub(super) fn text(&self) -> String {
        self.pieces.iter().map(|(text, _)| text.as_str()).collect()
    }
}

/// An open admin screen.
#[derive(Debug)]
pub(super) struct Admin {
    pub(super) kind: Kind,
    pub(super) lines: VecDeque<Line>,
    pub(super) cursor: usize,
    pub(super) top: usize,
    height: usize,
    /// Stays at the last line as more come.
    follow: bool,
    pub(super) rates: Vec<Rate>,
    stats: Option<StatsInfo>,
    segments: Vec<LogSegment>,
    indexes: Vec<IndexInfo>,
    asked: Option<Duration>,
    /// The request that follows the log.
    following: Option<Ticket>,
    pub(super) transactions: u64,
    /// Why there is nothing.
    pub(super) failed: Option<String>,
}

impl Admin {
    fn new(kind: Kind) -> Self {
        Self {
            kind,
            lines: VecDeque::new(),
            cursor: 0,
            top: 0,
            height: 0,
            follow: kind == Kind::Wal,
            rates: figures::rates(),
            stats: None,
            segments: Vec::new(),
            indexes: Vec::new(),
            asked: None,
            following: None,
            transactions: 0,
            failed: None,
        }
    }

    /// Lines the graphs of the figures take at the top.
    pub(super) fn graphs(&self, height: u16) -> u16 {
        if self.kind == Kind::Stats && height >= 12 { 4 } else { 0 }
    }

    pub(super) fn follows(&self) -> bool {
        self.follow && self.kind == Kind::Wal
    }

    pub(super) fn fit(&mut self, height: u16) {
        self.height = usize::from(height.saturating_sub(self.graphs(height)));
        self.scroll();
    }

    pub(super) fn height(&self) -> usize {
        self.height
    }

    pub(super) fn move_by(&mut self, by: i64) {
        let by = isize::try_from(by.clamp(-1_000_000, 1_000_000)).unwrap_or(0);
        let last = self.lines.len().saturating_sub(1);
        self.cursor = self.cursor.saturating_add_signed(by).min(last);
        // Who goes to the end wants to see what comes.
        self.follow = self.kind == Kind::Wal && self.cursor == last;
        self.scroll();
    }

    pub(super) fn click(&mut self, line: usize) {
        let at = self.top + line;
        if at < self.lines.len() {
            self.cursor = at;
            self.follow = false;
        }
    }

    pub(super) fn selected(&self) -> Option<&Line> {
        self.lines.get(self.cursor)
    }

    fn scroll(&mut self) {
        let last = self.lines.len().saturating_sub(1);
        if self.follow {
            self.cursor = last;
        }
        self.cursor = self.cursor.min(last);
        let height = self.height.max(1);
        self.top = self.top.min(self.cursor).max((self.cursor + 1).saturating_sub(height));
        self.top = self.top.min(self.lines.len().saturating_sub(height));
    }

    fn set_lines(&mut self, lines: Vec<Line>) {
        self.lines = lines.into();
        self.scroll();
    }

    fn add_lines(&mut self, lines: Vec<Line>) {
        self.lines.extend(lines);
        let over = self.lines.len().saturating_sub(KEPT);
        self.lines.drain(..over);
        if !self.follow {
            self.cursor = self.cursor.saturating_sub(over);
            self.top = self.top.saturating_sub(over);
        }
        self.scroll();
    }
}

/// Shows a screen.
pub(super) fn open(app: &mut App, kind: Kind) {
    if app.database.is_none() {
        return app.note(Level::Error, "no database is open yet");
    }
    close(app);
    app.admin = Some(Admin::new(kind));
    ask(app);
}

/// Shows the next screen, or the one before.
pub(super) fn turn(app: &mut App, by: usize) {
    let Some(here) = app.admin.as_ref().map(|admin| admin.kind) else { return };
    let at = Kind::ALL.iter().position(|kind| *kind == here).unwrap_or(0);
    if let Some(next) = Kind::ALL.iter().cycle().nth(at + by) {
        open(app, *next);
    }
}

/// Leaves the screen: what it waits for is stopped.
pub(super) fn close(app: &mut App) {
    if let Some(admin) = app.admin.take() {
        app.supersede(|purpose| matches!(purpose, Purpose::Admin));
        if let Some(ticket) = admin.following {
            app.cancel_request(ticket);
        }
    }
}

/// Asks for what the screen shows.
pub(super) fn ask(app: &mut App) {
    let now = app.now;
    let path = app.options.path.clone();
    let Some(admin) = &mut app.admin else { return };
    admin.asked = Some(now);
    let in_memory = path.as_os_str() == ":memory:";
    match admin.kind {
        Kind::Stats => {
            app.send(Purpose::Admin, Command::Stats);
        }
        Kind::Wal if in_memory => admin.failed = Some("a database in memory has no log".to_owned()),
        Kind::Wal => {
            admin.lines.clear();
            admin.transactions = 0;
            let before = admin.following.take();
            if let Some(ticket) = before {
                app.supersede(|purpose| matches!(purpose, Purpose::Admin));
                app.cancel_request(ticket);
            }
            let command = Command::WalTail { path, from: None, transactions: TRANSACTIONS, follow: true };
            let ticket = app.send(Purpose::Admin, command);
            if let Some(admin) = &mut app.admin {
                admin.following = Some(ticket);
            }
        }
        Kind::Storage => {
            app.send(Purpose::Admin, Command::Stats);
            if !in_memory {
                app.send(Purpose::Admin, Command::WalList { path });
            }
        }
        Kind::Schema => {
            app.refresh();
            app.send(Purpose::Admin, Command::Indexes);
        }
    }
}

/// Asks again where it is time to.
pub(super) fn tick(app: &mut App) {
    if wakes_at(app).is_some_and(|at| at <= app.now) {
        ask(app);
    }
}

/// When the screen wants to be woken, in time since the start.
pub(super) fn wakes_at(app: &App) -> Option<Duration> {
    let admin = app.admin.as_ref().filter(|admin| admin.kind == Kind::Stats)?;
    Some(admin.asked? + EVERY)
}

/// Takes an answer in.
pub(super) fn answer(app: &mut App, body: EventBody) {
    let now = app.now;
    let Some(admin) = &mut app.admin else { return };
    match body {
        EventBody::Stats(stats) => {
            admin.rates.iter_mut().for_each(|rate| rate.add(&stats, now));
            admin.stats = Some(stats);
        }
        EventBody::Segments(segments) => admin.segments = segments,
        EventBody::Indexes(indexes) => admin.indexes = indexes,
        EventBody::Logged(transaction) => {
            admin.transactions += u64::from(!transaction.more);
            let lines = log::lines(&transaction);
            return admin.add_lines(lines);
        }
        EventBody::Failed { error, .. } => return failed(app, &error),
        _ => return,
    }
    rebuild(app);
}

fn failed(app: &mut App, error: &Error) {
    if let Some(admin) = &mut app.admin {
        admin.following = None;
        admin.failed = Some(crate::model::escape_control(&error.to_string()).into_owned());
    }
    app.error("", error);
}

/// Makes the lines anew from what is known.
pub(super) fn rebuild(app: &mut App) {
    let Some(admin) = &mut app.admin else { return };
    let lines = match (admin.kind, &admin.stats, &app.tree.catalog) {
        (Kind::Stats, Some(stats), _) => figures::lines(stats),
        (Kind::Storage, Some(stats), catalog) => storage::lines(stats, &admin.segments, catalog.as_ref()),
        (Kind::Schema, _, Some(catalog)) => schema::lines(catalog, &admin.indexes),
        _ => return,
    };
    admin.set_lines(lines);
}
