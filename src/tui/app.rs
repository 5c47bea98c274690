//! The state of the screen, and what it asks for.
//!
//! Every request has a [`Ticket`] of its own; what it is for waits in `pending`. A request that
//! is superseded loses its place there, and its answers are dropped when they come.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crossterm::event::{KeyEvent, MouseEvent};
use ratatui::layout::Rect;
use uuid::Uuid;

use crate::bus::{Command, CursorId, Delivery, EventBody, RecordBody, TypeInfo};
use crate::model::{Direction, Error, NodeId, Value, escape_control};

use super::admin::{self, Admin};
use super::editor::{Editor, KeyPreset};
use super::grid::{Again, PAGE_ROWS, Results};
use super::inspector::{EDGE_PAGE, Inspector};
use super::keymap::{Key, Keymap};
use super::layout::{Pane, Screen, cell_box, inner, list_box, review_box, review_width};
use super::lens;
use super::lookup::Then;
use super::overlay::Overlay;
use super::plan::PlanPane;
use super::theme::Theme;
use super::tree::Tree;
use super::upkeep::Chore;
use super::viewer::Viewer;
use super::workspace::{self, Errand, Folders, Workspace};
use crate::tui::graph::{GraphOutcome, GraphPane};

/// How the program starts.
#[derive(Debug, Clone)]
pub struct Options {
    /// The database's folder, or `:memory:`.
    pub path: PathBuf,
    /// Refuse every write.
    pub read_only: bool,
    /// The colours.
    pub theme: Theme,
    /// The keys of the editor.
    pub keys: KeyPreset,
    /// Load the example graph once the database is open.
    pub demo: bool,
    /// SQL to fill the editor with and run.
    pub exec: Option<String>,
    /// The session's commands and events are written to this new file.
    pub record: Option<PathBuf>,
    /// Where the user's files are.
    pub folders: Folders,
    /// The theme of the session before is taken; otherwise `theme` was asked for.
    pub restores_theme: bool,
}

/// The name of a request; its answers carry it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// What the screen asks the loop to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Send a command; its events come back as [`Event::Answer`] with the ticket.
    Send(Ticket, Box<Command>),
    /// Stop the request of a ticket.
    Cancel(Ticket),
    /// Put text on the terminal's clipboard.
    Copy(String),
    /// Go back to the shell until `fg`.
    Suspend,
    /// Let the user's own editor change the text; it comes back as [`Event::Edited`].
    Edit(String),
    /// End the program.
    Quit,
}

/// What happens to the screen.
#[derive(Debug)]
pub enum Event {
    /// A key.
    Key(KeyEvent),
    /// Pasted text.
    Paste(String),
    /// The mouse.
    Mouse(MouseEvent),
    /// The terminal has another size: columns, rows.
    Resize(u16, u16),
    /// An event of the bus.
    Answer(Ticket, EventBody),
    /// The loop tells the user something.
    Note(Result<String, Error>),
    /// Time has passed while something runs, or until [`App::wakes_at`].
    Tick,
    /// The text comes back from the user's own editor.
    Edited(Result<String, Error>),
}

/// What a request is for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Purpose {
    Open { create: bool },
    Demo,
    Catalog,
    Run,
    Page { cursor: CursorId, page: u64 },
    Inspect,
    Lookup { then: Then, value: Value, found: Vec<Uuid> },
    Edges { record: Uuid, group: usize, page: u64 },
    Graph,
    Path,
    Admin,
    Shape { result: CursorId },
    Find { result: CursorId },
    Copy { what: String },
    Export,
    Apply { result: CursorId },
    Indexes,
    Close,
    Chore(Chore),
    Workspace(Errand),
}

/// What a statement was run for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RunKind {
    Script,
    Browse(String),
    Plan,
}

/// A statement that runs.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) ticket: Ticket,
    pub(super) kind: RunKind,
    pub(super) since: Duration,
    pub(super) sql: String,
    /// Where the SQL starts in the editor, if it came from there.
    pub(super) offset: Option<usize>,
    /// How much of it stands before the editor's text.
    pub(super) prefix: usize,
    /// The editor's tab it came from.
    pub(super) query_tab: u64,
    pub(super) cancelled: bool,
    /// A statement changed something: types and counts are read again at the end.
    pub(super) wrote: bool,
    /// Its rows are a plan.
    pub(super) explains: bool,
    /// It gave a result: the ones before it are gone.
    pub(super) gave_rows: bool,
    /// The result that it is run again for.
    pub(super) again: Option<Again>,
}

/// The lower pane's tabs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tab {
    Results,
    Graph,
    Plan,
    Messages,
}

impl Tab {
    pub(super) const ALL: [Tab; 4] = [Tab::Results, Tab::Graph, Tab::Plan, Tab::Messages];

    pub(super) fn name(self) -> &'static str {
        match self {
            Tab::Results => "Results",
            Tab::Graph => "Graph",
            Tab::Plan => "Plan",
            Tab::Messages => "Messages",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    Info,
    Ok,
    Error,
}

/// Safe lines that scroll.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pub(super) lines: Vec<(Option<Level>, String)>,
    pub(super) top: usize,
    pub(super) left: usize,
    pub(super) height: usize,
}

impl Lines {
    pub(super) fn move_by(&mut self, by: i64) {
        let last = self.lines.len().saturating_sub(self.height.max(1));
        let by = isize::try_from(by.clamp(-1_000_000_000, 1_000_000_000)).unwrap_or(0);
        self.top = self.top.saturating_add_signed(by).min(last);
    }

    pub(super) fn fit(&mut self, height: u16) {
        self.height = usize::from(height);
        self.move_by(0);
    }

    pub(super) fn text(&self) -> String {
        self.lines.iter().map(|(_, line)| line.as_str()).collect::<Vec<_>>().join("\n")
    }
}

/// The open database.
#[derive(Debug, Clone)]
pub(super) struct Database {
    pub(super) name: String,
    pub(super) read_only: bool,
}

/// Everything on the screen.
pub struct App {
    pub(super) options: Options,
    pub(super) theme: Theme,
    /// The theme to go back to when the one that is looked at is not chosen.
    pub(super) theme_before: Option<Theme>,
    pub(super) keymap: Keymap,
    pub(super) size: (u16, u16),
    pub(super) screen: Screen,
    pub(super) now: Duration,

    pub(super) database: Option<Database>,
    pub(super) in_transaction: bool,
    pub(super) focus: Pane,
    pub(super) tab: Tab,
    pub(super) zoom: bool,
    pub(super) inspector_open: bool,

    pub(super) tree: Tree,
    pub(super) editor: Editor,
    /// Tabs, completion, history, saved queries.
    pub(super) work: Workspace,
    pub(super) results: Results,
    /// A column whose edge is dragged, and where its cells begin on the screen.
    pub(super) dragged: Option<(usize, u16)>,
    /// The export that runs, or whose file is asked about.
    pub(super) export: Option<Command>,
    pub(super) graph: GraphPane,
    pub(super) plan: PlanPane,
    pub(super) messages: Lines,
    pub(super) inspector: Inspector,
    /// A screen that lies over all panes.
    pub(super) admin: Option<Admin>,
    pub(super) overlays: Vec<Overlay>,
    /// One line in place of the hints, until the next key.
    pub(super) notice: Option<(Level, String)>,

    /// Keys of a sequence that is not complete, and a number that repeats the next movement.
    pub(super) keys: Vec<Key>,
    pub(super) count: Option<u64>,

    pub(super) running: Option<Running>,
    pub(super) progress: Option<String>,
    pub(super) pending: BTreeMap<Ticket, Purpose>,
    next_ticket: u64,
    pub(super) outbox: Vec<Effect>,
}

impl App {
    /// The screen before anything is open, and what it asks for first.
    #[must_use]
    pub fn start(options: Options, columns: u16, rows: u16) -> (Self, Vec<Effect>) {
        let mut editor = Editor::new(options.keys);
        if let Some(sql) = &options.exec {
            editor.set_text(sql);
        }
        let mut app = Self {
            theme: options.theme.clone(),
            theme_before: None,
            keymap: Keymap::new(),
            size: (columns, rows),
            screen: Screen::default(),
            now: Duration::ZERO,
            database: None,
            in_transaction: false,
            focus: Pane::Tree,
            tab: Tab::Results,
            zoom: false,
            inspector_open: false,
            tree: Tree::default(),
            editor,
            work: Workspace::new(),
            results: Results::default(),
            dragged: None,
            export: None,
            graph: GraphPane::new(),
            plan: PlanPane::default(),
            messages: Lines::default(),
            inspector: Inspector::default(),
            admin: None,
            overlays: Vec::new(),
            notice: None,
            keys: Vec::new(),
            count: None,
            running: None,
            progress: None,
            pending: BTreeMap::new(),
            next_ticket: 1,
            outbox: Vec::new(),
            options,
        };
        app.open(false);
        workspace::open(&mut app);
        app.arrange();
        let effects = std::mem::take(&mut app.outbox);
        (app, effects)
    }

    /// Whether something runs whose time is shown.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.running.is_some() || self.progress.is_some()
    }

    /// Whether a draw a little later would show more: the editor's colours come in the background.
    #[must_use]
    pub fn wants_draw(&self) -> bool {
        self.screen.editor.is_some() && self.editor.wants_draw()
    }

    /// When a [`Event::Tick`] is due although nothing happens, since the start.
    #[must_use]
    pub fn wakes_at(&self) -> Option<Duration> {
        workspace::restore::wakes_at(self).into_iter().chain(admin::wakes_at(self)).min()
    }

    /// The program ends: what is to be done before, such as keeping the editor's text.
    pub fn farewell(&mut self) -> Vec<Effect> {
        workspace::restore::farewell(self)
    }

    /// Whether the database is being opened.
    pub(super) fn is_opening(&self) -> bool {
        self.pending.values().any(|p| matches!(p, Purpose::Open { .. }))
    }

    pub(super) fn send(&mut self, purpose: Purpose, command: Command) -> Ticket {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        self.pending.insert(ticket, purpose);
        self.outbox.push(Effect::Send(ticket, Box::new(command)));
        ticket
    }

    /// Whether an answer to such a request is still to come.
    pub(super) fn waits_for(&self, kind: impl Fn(&Purpose) -> bool) -> bool {
        self.pending.values().any(kind)
    }

    /// Drops the answers still due to requests of a kind.
    pub(super) fn supersede(&mut self, kind: impl Fn(&Purpose) -> bool) {
        self.pending.retain(|_, purpose| !kind(purpose));
    }

    pub(super) fn open(&mut self, create: bool) {
        let command = Command::Open {
            path: self.options.path.clone(),
            create: create || self.options.path.as_os_str() == ":memory:",
            name: self.options.demo.then(|| "example".to_owned()),
            read_only: self.options.read_only,
            salvage: false,
        };
        self.send(Purpose::Open { create }, command);
    }

    pub(super) fn refresh(&mut self) {
        self.supersede(|p| *p == Purpose::Catalog);
        self.send(Purpose::Catalog, Command::Catalog);
    }

    /// Runs SQL; `offset` is where it starts in the editor.
    pub(super) fn run(&mut self, sql: String, offset: Option<usize>, kind: RunKind) {
        if self.database.is_none() {
            self.note(Level::Error, "no database is open yet");
            return;
        }
        if sql.trim().is_empty() {
            self.note(Level::Info, "nothing to run: the statement under the cursor is empty");
            return;
        }
        if self.running.is_some() {
            self.note(Level::Error, "a statement is running: Ctrl-C cancels it");
            return;
        }
        self.editor.mark_error(None);
        self.work.popup = None;
        let delivery = match kind {
            RunKind::Plan => Delivery::Stream { limit: None },
            _ => Delivery::Cursor { page_rows: PAGE_ROWS },
        };
        if matches!(kind, RunKind::Browse(_)) {
            // At once: keys pressed meanwhile are for the rows.
            self.focus = Pane::Lower;
            self.tab = Tab::Results;
        }
        if kind == RunKind::Plan {
            self.plan.clear();
            self.tab = Tab::Plan;
        }
        let command = Command::Run { sql: sql.clone(), params: Vec::new(), delivery };
        let ticket = self.send(Purpose::Run, command);
        workspace::history::started(self, ticket, &sql, &kind);
        let explains = kind == RunKind::Plan;
        let query_tab = workspace::tabs::active_id(self);
        self.running = Some(Running {
            ticket,
            kind,
            sql,
            since: self.now,
            offset,
            prefix: 0,
            query_tab,
            cancelled: false,
            wrote: false,
            explains,
            gave_rows: false,
            again: None,
        });
    }

    /// Stops what runs; whether something did.
    pub(super) fn cancel(&mut self) -> bool {
        match &mut self.running {
            Some(running) => {
                running.cancelled = true;
                let ticket = running.ticket;
                self.outbox.push(Effect::Cancel(ticket));
                self.note(Level::Info, "cancelling …");
                true
            }
            None => {
                let works = |p: &Purpose| {
                    matches!(
                        p,
                        Purpose::Shape { .. }
                            | Purpose::Find { .. }
                            | Purpose::Copy { .. }
                            | Purpose::Export
                            | Purpose::Apply { .. }
                            | Purpose::Chore(Chore::Verify | Chore::Backup)
                    )
                };
                let tickets: Vec<Ticket> =
                    self.pending.iter().filter(|(_, p)| works(p)).map(|(ticket, _)| *ticket).collect();
                self.outbox.extend(tickets.iter().map(|ticket| Effect::Cancel(*ticket)));
                let checkpoint = self.waits_for(|p| *p == Purpose::Chore(Chore::Checkpoint));
                if !tickets.is_empty() {
                    self.note(Level::Info, "cancelling …");
                } else if checkpoint {
                    self.note(Level::Info, "a checkpoint cannot be stopped: it ends by itself");
                }
                checkpoint || !tickets.is_empty()
            }
        }
    }

    /// Stops a request whose answers nobody waits for any more.
    pub(super) fn cancel_request(&mut self, ticket: Ticket) {
        self.outbox.push(Effect::Cancel(ticket));
    }

    /// The type of the record in the inspector.
    pub(super) fn inspected_type(&self) -> Option<&TypeInfo> {
        let name = match &self.inspector.inspection()?.record {
            RecordBody::Node(node) => &node.node_type,
            RecordBody::Edge(edge) => &edge.edge_type,
        };
        self.tree.catalog.as_ref()?.types.iter().find(|info| info.name == *name)
    }

    pub(super) fn inspect(&mut self, id: Uuid) {
        self.supersede(|p| *p == Purpose::Inspect);
        self.send(Purpose::Inspect, Command::Inspect { id });
    }

    pub(super) fn show_graph(&mut self, node: NodeId) {
        self.focus = Pane::Lower;
        self.tab = Tab::Graph;
        let outcome = self.graph.show(node);
        self.graph_outcome(outcome);
    }

    pub(super) fn graph_outcome(&mut self, outcome: GraphOutcome) {
        match outcome {
            GraphOutcome::Nothing => {}
            GraphOutcome::Load(query) => {
                self.supersede(|p| *p == Purpose::Graph);
                self.send(
                    Purpose::Graph,
                    Command::Neighbourhood {
                        node: query.node,
                        direction: query.direction,
                        depth: query.depth,
                        edge_types: query.edge_types,
                        max_nodes: query.max_nodes,
                    },
                );
            }
            GraphOutcome::Inspect(node) => self.inspect(node.0),
            GraphOutcome::Path { from, to } => {
                self.supersede(|p| *p == Purpose::Path);
                // The edge types that are shown are those the path may take, in either direction.
                let edge_types = self.graph.query().map(|query| query.edge_types).unwrap_or_default();
                self.send(Purpose::Path, Command::Path { from, to, direction: Direction::Both, edge_types });
                self.note(Level::Info, "looking for the shortest path …");
            }
            GraphOutcome::Message(message) => self.note(Level::Info, &message),
        }
    }

    /// Shows a line in place of the hints until the next key.
    pub(super) fn note(&mut self, level: Level, text: &str) {
        self.notice = Some((level, escape_control(text).into_owned()));
    }

    /// Adds to the messages: the first line at the level, what explains it below.
    pub(super) fn message(&mut self, level: Level, text: &str, more: &[String]) {
        let safe = |line: &str| escape_control(line).into_owned();
        for (i, line) in text.lines().enumerate() {
            self.messages.lines.push((if i == 0 { Some(level) } else { None }, safe(line)));
        }
        for line in more {
            self.messages.lines.push((None, format!("  {}", safe(line))));
        }
        let kept = 2_000;
        let over = self.messages.lines.len().saturating_sub(kept);
        self.messages.lines.drain(..over);
        self.messages.move_by(i64::MAX);
    }

    /// An error on the status line and in the messages.
    pub(super) fn error(&mut self, what: &str, error: &Error) {
        let mut more = Vec::new();
        if let Some(place) = error.place() {
            more.push(format!("at {place}"));
        }
        if let Some(hint) = error.hint() {
            more.extend(
                hint.lines()
                    .enumerate()
                    .map(|(i, line)| if i == 0 { format!("hint: {line}") } else { format!("      {line}") }),
            );
        }
        let text = if what.is_empty() { error.to_string() } else { format!("{what}: {error}") };
        self.message(Level::Error, &text, &more);
        self.note(Level::Error, &text);
    }

    pub(super) fn view_value(&mut self, title: &str, value: &Value) {
        self.overlays.push(Overlay::Cell(Viewer::new(title, value)));
    }

    /// The contexts of the registry that hold, the nearest first.
    pub(super) fn contexts(&self) -> [&'static str; 2] {
        [self.context(), "anywhere"]
    }

    /// Whether printable keys are text now.
    pub(super) fn is_typing(&self) -> bool {
        self.admin.is_none() && self.focus == Pane::Editor && self.editor.takes_text()
    }

    /// The registry's name of the focused pane.
    pub(super) fn context(&self) -> &'static str {
        if self.admin.is_some() {
            return "admin";
        }
        match (self.focus, self.tab) {
            (Pane::Tree, _) => "tree",
            (Pane::Editor, _) => "editor",
            (Pane::Inspector, _) => "inspector",
            (Pane::Lower, Tab::Results) => "results",
            (Pane::Lower, Tab::Graph) => "graph",
            (Pane::Lower, Tab::Plan) => "plan",
            (Pane::Lower, Tab::Messages) => "messages",
        }
    }

    /// Works out where everything stands, and tells the parts how much fits.
    pub(super) fn arrange(&mut self) {
        self.screen = Screen::new(self.size, self.focus, self.zoom, self.inspector_open, &self.work.sizes);
        let inside = |rect: Option<Rect>| rect.map(inner);
        if let Some(rect) = inside(self.screen.tree) {
            self.tree.fit(rect.height);
        }
        if let Some(rect) = inside(self.screen.lower) {
            if let Some(grid) = self.results.active_mut() {
                grid.fit(rect.width, rect.height);
            }
            self.plan.fit(rect.height);
            self.messages.fit(rect.height);
        }
        if let Some(rect) = inside(self.screen.inspector) {
            self.inspector.fit(rect.height.saturating_sub(2));
            let lines = self.inspector.inspection().map_or(0, |inspection| {
                let columns = usize::from(rect.width);
                lens::count(self.inspector.lens, inspection, self.inspected_type(), columns)
            });
            self.inspector.fit_lens(lines);
        }
        if let Some(admin) = &mut self.admin {
            admin.fit(inner(super::view::admin_area(self.size)).height);
        }
        let list = inner(list_box(self.size));
        for overlay in &mut self.overlays {
            match overlay {
                Overlay::Cell(view) => {
                    // The width decides the lines, the lines the height.
                    for _ in 0..2 {
                        let cell = inner(cell_box(self.size, view.lines()));
                        view.fit(cell.width.saturating_sub(2), cell.height);
                    }
                }
                Overlay::List(picker) => picker.fit(list.height.saturating_sub(2)),
                Overlay::History(list) => list.fit(super::view::history_lines(self.size, list.full)),
                Overlay::Record(record) => {
                    let shown = self.results.active().map_or(0, |grid| grid.columns.shown().len());
                    record.fit(inner(cell_box(self.size, shown + 1)).height.saturating_sub(1), shown);
                }
                Overlay::Review(review) => {
                    let width = review_width(self.size).saturating_sub(2);
                    let lines = review.lines(width);
                    let rect = inner(review_box(self.size, lines.len()));
                    review.height = usize::from(rect.height.saturating_sub(4)).max(1);
                    let own = |(n, _): &(usize, String)| *n == review.selected;
                    let first = lines.iter().position(own).unwrap_or(0);
                    let behind = lines.iter().rposition(own).map_or(0, |at| at + 1);
                    review.top = review.top.min(first).max(behind.saturating_sub(review.height));
                }
                Overlay::Prompt(_) | Overlay::Question(_) | Overlay::Input(_) | Overlay::Ask(_) => {}
            }
        }
    }

    /// Asks for what is missing near the viewports.
    pub(super) fn fetch_missing(&mut self) {
        if self.focus != Pane::Lower || self.tab == Tab::Results {
            let wanted = self.results.active_mut().map(|grid| (grid.cursor(), grid.wanted()));
            if let Some((cursor, pages)) = wanted {
                for page in pages {
                    let first_row = page * u64::from(PAGE_ROWS);
                    self.send(
                        Purpose::Page { cursor, page },
                        Command::FetchPage { cursor, first_row, rows: PAGE_ROWS },
                    );
                }
            }
        }
        let Some(record) = self.inspector.id() else { return };
        for (group, page) in self.inspector.wanted() {
            let Some(edges) = self.inspector.group(group).cloned() else { continue };
            let direction = if edges.outgoing { Direction::Out } else { Direction::In };
            self.send(
                Purpose::Edges { record, group, page },
                Command::Edges {
                    node: NodeId(record),
                    direction,
                    edge_type: edges.edge_type,
                    offset: page * u64::from(EDGE_PAGE),
                    limit: EDGE_PAGE,
                },
            );
        }
    }
}
