//! A screen without a terminal: keys go in, the drawn text comes out. Behind it stands a scripted
//! bus, or the real one.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt::Write as _;
use std::time::Duration;

use aresadb::bus::{Client, Command, EventBody, Events, RequestId};
use aresadb::tui::editor::KeyPreset;
use aresadb::tui::theme::{ColorDepth, Theme};
use aresadb::tui::{App, Effect, Event, Options, Ticket, update, view};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::Terminal;
use ratatui::backend::{Backend, TestBackend};
use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier};

/// Answers a command as a bus would.
pub type Script = Box<dyn FnMut(&Command) -> Vec<EventBody>>;

/// What stands behind the screen.
pub enum Behind {
    /// Answers each command at once, in order.
    Script(Script),
    Bus {
        client: Client,
        events: Events,
        requests: HashMap<RequestId, Ticket>,
    },
}

pub struct Desk {
    app: App,
    behind: Behind,
    terminal: Terminal<TestBackend>,
    now: Duration,
    pub sent: Vec<Command>,
    pub copied: Vec<String>,
    /// Texts for the user's own editor.
    pub outside: Vec<String>,
    pub quit: bool,
    /// Requests that were cancelled.
    pub cancelled: usize,
    /// Requests without a closing event.
    open: BTreeMap<Ticket, Command>,
    /// Answers to commands that match are held back until `release`.
    hold: Option<fn(&Command) -> bool>,
    held: VecDeque<(Ticket, Vec<EventBody>)>,
}

pub fn options() -> Options {
    Options {
        path: "mydb".into(),
        read_only: false,
        theme: Theme::load("dusk", ColorDepth::True).unwrap(),
        keys: KeyPreset::Standard,
        demo: false,
        exec: None,
        record: None,
        folders: aresadb::tui::Folders::default(),
        restores_theme: true,
    }
}

impl Desk {
    pub fn new(size: (u16, u16), options: Options, behind: Behind) -> Self {
        let (app, effects) = App::start(options, size.0, size.1);
        let terminal = Terminal::new(TestBackend::new(size.0, size.1)).unwrap();
        let mut desk = Self {
            app,
            behind,
            terminal,
            now: Duration::ZERO,
            sent: Vec::new(),
            copied: Vec::new(),
            outside: Vec::new(),
            quit: false,
            cancelled: 0,
            open: BTreeMap::new(),
            hold: None,
            held: VecDeque::new(),
        };
        desk.perform(effects);
        desk
    }

    /// Holds back the answers to commands that match.
    pub fn hold(&mut self, which: fn(&Command) -> bool) {
        self.hold = Some(which);
    }

    /// Lets the answers held back come.
    pub fn release(&mut self) {
        self.hold = None;
        while let Some((ticket, bodies)) = self.held.pop_front() {
            for body in bodies {
                self.take(Event::Answer(ticket, body));
            }
        }
    }

    pub fn take(&mut self, event: Event) {
        if let Event::Answer(ticket, body) = &event
            && body.is_last()
        {
            self.open.remove(ticket);
        }
        self.now += Duration::from_millis(1);
        let effects = update(&mut self.app, event, self.now);
        self.perform(effects);
    }

    fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Send(ticket, command) => self.send(ticket, *command),
                Effect::Cancel(ticket) => self.cancel(ticket),
                Effect::Copy(text) => self.copied.push(text),
                Effect::Suspend => {}
                Effect::Edit(text) => self.outside.push(text),
                Effect::Quit => self.quit = true,
            }
        }
    }

    fn send(&mut self, ticket: Ticket, command: Command) {
        self.sent.push(command.clone());
        // What follows has no end to wait for.
        if !matches!(command, Command::WalTail { follow: true, .. }) {
            self.open.insert(ticket, command.clone());
        }
        match &mut self.behind {
            Behind::Script(answer) => {
                let bodies = answer(&command);
                if self.hold.is_some_and(|hold| hold(&command)) {
                    self.held.push_back((ticket, bodies));
                } else {
                    for body in bodies {
                        self.take(Event::Answer(ticket, body));
                    }
                }
            }
            Behind::Bus { client, requests, .. } => {
                requests.insert(client.send(command).unwrap(), ticket);
            }
        }
    }

    fn cancel(&mut self, ticket: Ticket) {
        self.cancelled += 1;
        match &mut self.behind {
            Behind::Script(_) => {
                self.held.retain(|(held, _)| *held != ticket);
                let error = aresadb::model::Error::cancelled();
                self.take(Event::Answer(ticket, EventBody::Failed { error, statement: None }));
            }
            Behind::Bus { client, requests, .. } => {
                let request = *requests.iter().find(|(_, t)| **t == ticket).unwrap().0;
                client.send(Command::Cancel { request }).unwrap();
            }
        }
    }

    /// Waits for the real bus until every request has its closing event.
    pub fn settle(&mut self) {
        while !self.open.is_empty() {
            let Behind::Bus { events, requests, .. } = &mut self.behind else { return };
            let event = events.blocking_recv().expect("the bus has ended");
            if let Some(ticket) = requests.get(&event.request).copied() {
                self.take(Event::Answer(ticket, event.body));
            }
        }
    }

    /// Lets time pass.
    pub fn wait(&mut self, time: Duration) {
        self.now += time;
        self.take(Event::Tick);
        self.settle();
    }

    /// Ends the program as its loop does.
    pub fn end(&mut self) {
        let effects = self.app.farewell();
        self.perform(effects);
        self.settle();
    }

    /// Presses a key and does not wait for what it sets going.
    pub fn press_only(&mut self, key: &str) {
        self.take(Event::Key(key_event(key)));
    }

    /// Presses keys, written as in the registry and apart: `g g`, `Ctrl-D`, `Enter`.
    pub fn press(&mut self, keys: &str) {
        for key in keys.split(' ').filter(|k| !k.is_empty()) {
            self.take(Event::Key(key_event(key)));
        }
        self.settle();
    }

    /// Types text, character by character.
    pub fn type_text(&mut self, text: &str) {
        for c in text.chars() {
            let code = if c == '\n' { KeyCode::Enter } else { KeyCode::Char(c) };
            self.take(Event::Key(KeyEvent::new(code, KeyModifiers::NONE)));
        }
        self.settle();
    }

    pub fn click(&mut self, column: u16, row: u16) {
        let kind = MouseEventKind::Down(MouseButton::Left);
        self.take(Event::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE }));
        self.settle();
    }

    /// Presses the mouse at a place, moves it to another and lets go.
    pub fn drag(&mut self, from: (u16, u16), to: (u16, u16)) {
        let left = MouseButton::Left;
        let steps = [
            (MouseEventKind::Down(left), from),
            (MouseEventKind::Drag(left), to),
            (MouseEventKind::Up(left), to),
        ];
        for (kind, (column, row)) in steps {
            self.take(Event::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE }));
        }
        self.settle();
    }

    pub fn wheel(&mut self, column: u16, row: u16) {
        let kind = MouseEventKind::ScrollDown;
        self.take(Event::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE }));
        self.settle();
    }

    pub fn resize(&mut self, columns: u16, rows: u16) {
        self.terminal.backend_mut().resize(columns, rows);
        self.take(Event::Resize(columns, rows));
        self.settle();
    }

    /// Draws once on a terminal: for the benches.
    #[allow(dead_code)]
    pub fn draw_on<B: Backend>(&self, terminal: &mut Terminal<B>) -> Result<(), B::Error> {
        terminal.draw(|frame| view(&self.app, frame)).map(|_| ())
    }

    fn buffer(&mut self) -> Buffer {
        loop {
            self.terminal.draw(|frame| view(&self.app, frame)).unwrap();
            // The editor's colours come from a thread; a picture has them all.
            if !self.app.wants_draw() {
                break;
            }
            std::thread::yield_now();
        }
        self.terminal.backend().buffer().clone()
    }

    /// The text on the screen.
    pub fn text(&mut self) -> String {
        let buffer = self.buffer();
        text_of(&buffer)
    }

    pub fn line(&mut self, row: usize) -> String {
        self.text().lines().nth(row).unwrap_or_default().to_owned()
    }

    /// The lowest line: mode, database, hints.
    pub fn status(&mut self) -> String {
        self.text().lines().last().unwrap_or_default().to_owned()
    }

    pub fn shows(&mut self, what: &str) {
        let text = self.text();
        assert!(text.contains(what), "{what:?} is not on the screen:\n{text}");
    }

    pub fn hides(&mut self, what: &str) {
        let text = self.text();
        assert!(!text.contains(what), "{what:?} is on the screen:\n{text}");
    }

    /// Text and style runs, for a snapshot.
    pub fn picture(&mut self) -> String {
        let buffer = self.buffer();
        format!("{}\n{}", text_of(&buffer), styles_of(&buffer))
    }
}

fn key_event(key: &str) -> KeyEvent {
    if key == "Ctrl-Space" {
        return KeyEvent::new(KeyCode::Char(' '), KeyModifiers::CONTROL);
    }
    if let Some(c) = key.strip_prefix("Ctrl-") {
        let c = c.chars().next().unwrap().to_ascii_lowercase();
        return KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL);
    }
    let code = match key {
        "Enter" => KeyCode::Enter,
        "Esc" => KeyCode::Esc,
        "Tab" => KeyCode::Tab,
        "S-Tab" => KeyCode::BackTab,
        "Space" => KeyCode::Char(' '),
        "Backspace" => KeyCode::Backspace,
        "Delete" => KeyCode::Delete,
        "Up" => KeyCode::Up,
        "Down" => KeyCode::Down,
        "Left" => KeyCode::Left,
        "Right" => KeyCode::Right,
        "Home" => KeyCode::Home,
        "End" => KeyCode::End,
        "PageUp" => KeyCode::PageUp,
        "PageDown" => KeyCode::PageDown,
        _ if key.len() > 1 && key.starts_with('F') => KeyCode::F(key[1..].parse().unwrap()),
        _ => {
            assert_eq!(key.chars().count(), 1, "{key}");
            KeyCode::Char(key.chars().next().unwrap())
        }
    };
    KeyEvent::new(code, KeyModifiers::NONE)
}

fn text_of(buffer: &Buffer) -> String {
    let mut text = String::new();
    for y in 0..buffer.area.height {
        let mut line = String::new();
        let mut skip = 0;
        for x in 0..buffer.area.width {
            let symbol = buffer[(x, y)].symbol();
            if skip == 0 {
                line.push_str(symbol);
                skip = unicode_width::UnicodeWidthStr::width(symbol).saturating_sub(1);
            } else {
                skip -= 1;
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Each line's runs of one style as `letter×cells`, and what the letters mean.
fn styles_of(buffer: &Buffer) -> String {
    let mut legend: Vec<String> = Vec::new();
    let mut out = String::new();
    for y in 0..buffer.area.height {
        let mut runs: Vec<(usize, usize)> = Vec::new();
        for x in 0..buffer.area.width {
            let cell = &buffer[(x, y)];
            let style = style_text(cell.fg, cell.bg, cell.modifier);
            let at = legend.iter().position(|s| *s == style).unwrap_or_else(|| {
                legend.push(style);
                legend.len() - 1
            });
            match runs.last_mut() {
                Some((last, n)) if *last == at => *n += 1,
                _ => runs.push((at, 1)),
            }
        }
        let runs: Vec<String> = runs.iter().map(|(at, n)| format!("{}{n}", letter(*at))).collect();
        writeln!(out, "{y:>2} {}", runs.join(" ")).unwrap();
    }
    for (i, style) in legend.iter().enumerate() {
        writeln!(out, "{} = {style}", letter(i)).unwrap();
    }
    out
}

fn letter(n: usize) -> char {
    char::from(if n < 26 { b'a' + n as u8 } else { b'A' + (n - 26) as u8 })
}

fn style_text(fg: Color, bg: Color, modifier: Modifier) -> String {
    let color = |c: Color| match c {
        Color::Rgb(r, g, b) => format!("#{r:02x}{g:02x}{b:02x}"),
        other => other.to_string().to_lowercase(),
    };
    let modifiers = if modifier.is_empty() { String::new() } else { format!(" {modifier:?}").to_lowercase() };
    format!("{} on {}{modifiers}", color(fg), color(bg))
}
