//! The loop: terminal and bus on one side, the pure state on the other.
//!
//! Whatever ends the program (a command, a signal, an error, a panic), the terminal gets back
//! what it had: the normal screen, cooked mode, its cursor, no mouse reports, no bracketed paste.

use std::collections::HashMap;
use std::io::{self, BufWriter, Stdout, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use crossterm::clipboard::CopyToClipboard;
use crossterm::event::{
    DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture, Event as Input,
    EventStream,
};
use crossterm::terminal::{
    BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
    disable_raw_mode, enable_raw_mode,
};
use crossterm::{cursor, execute, queue};
use futures::StreamExt;
use parking_lot::Mutex;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;

use crate::bus::{
    Client, Command, Event as BusEvent, EventBody, Events, Recorder, RequestId, panic_is_contained,
};
use crate::model::{Error, Result};

use super::{App, Effect, Event, Options, Ticket, outside, update, view};

/// The bus's events are drawn at most this often.
const FRAME: Duration = Duration::from_millis(10);
/// When colours that were missing are looked for again.
const COLOURS: Duration = Duration::from_millis(30);
/// How often the time of something that runs is drawn.
const TICK: Duration = Duration::from_millis(100);
/// What is kept at the end is waited for so long.
const FAREWELL: Duration = Duration::from_secs(2);
/// Inputs or events taken in before a draw, at most.
const BURST: usize = 256;
/// Longer text goes to a file: terminals drop longer clipboard sequences without a word.
const CLIPBOARD_BYTES: usize = 74_000;

/// How the program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The user quit.
    Quit,
    /// A signal of this number.
    Signal(i32),
}

/// Runs the terminal program until it ends. `connect` starts the bus; it is called once the first
/// frame stands.
///
/// # Errors
/// `Io` when the terminal cannot be used; what `connect` says.
pub fn run<C>(options: Options, connect: C) -> Result<Ended>
where
    C: FnOnce() -> Result<(Client, Events)>,
{
    let terminal_error = |e: io::Error| Error::io("use the terminal", &e);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Error::io("start the event loop", &e))?;
    let recorder = options.record.as_deref().map(Recorder::create).transpose()?;
    let size = crossterm::terminal::size().map_err(terminal_error)?;
    let guard = Guard::enter().map_err(terminal_error)?;
    let (app, effects) = App::start(options, size.0, size.1);
    let backend = CrosstermBackend::new(BufWriter::with_capacity(1 << 16, io::stdout()));
    let mut terminal = Terminal::new(backend).map_err(terminal_error)?;
    draw(&mut terminal, &app).map_err(terminal_error)?;
    let (client, events) = connect()?;
    let ended = runtime.block_on(async {
        let mut screen = Loop {
            app,
            terminal,
            client,
            start: Instant::now(),
            tickets: HashMap::new(),
            requests: HashMap::new(),
            outside: None,
            recorder,
            ended: None,
        };
        screen.perform(effects)?;
        screen.run(events).await
    });
    drop(guard);
    ended.map_err(terminal_error)
}

type Screen = Terminal<CrosstermBackend<BufWriter<Stdout>>>;

fn draw(terminal: &mut Screen, app: &App) -> io::Result<()> {
    queue!(terminal.backend_mut(), BeginSynchronizedUpdate)?;
    terminal.draw(|frame| view(app, frame))?;
    queue!(terminal.backend_mut(), EndSynchronizedUpdate)?;
    io::Write::flush(terminal.backend_mut())
}

struct Loop {
    app: App,
    terminal: Screen,
    client: Client,
    start: Instant,
    tickets: HashMap<RequestId, Ticket>,
    requests: HashMap<Ticket, RequestId>,
    /// A text for the user's own editor, until the inputs are let go.
    outside: Option<String>,
    recorder: Option<Recorder>,
    ended: Option<Ended>,
}

impl Loop {
    async fn run(&mut self, mut events: Events) -> io::Result<Ended> {
        let mut inputs = EventStream::new();
        let mut signals = Signals::new()?;
        let mut resized = signal(SignalKind::window_change())?;
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut last_draw = Instant::now();
        let mut draw_at = self.app.wants_draw().then(|| last_draw + COLOURS);
        let mut bus_alive = true;
        while self.ended.is_none() {
            if let Some(text) = self.outside.take() {
                // The stream's thread would take keys from the other program: it ends first.
                drop(inputs);
                self.edit_outside(&text)?;
                inputs = EventStream::new();
                self.draw()?;
                continue;
            }
            let due = async {
                match draw_at {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            let draw_now = tokio::select! {
                biased;
                input = inputs.next() => {
                    self.inputs(input, &mut inputs).await?;
                    true
                }
                // The inputs tell of it as well, but lose it where a key comes at the same time.
                _ = resized.recv() => true,
                number = signals.next() => {
                    self.ended = Some(Ended::Signal(number));
                    false
                }
                event = events.recv(), if bus_alive => {
                    bus_alive = event.is_some();
                    self.bus_events(event, &mut events)?;
                    let soon = last_draw + FRAME;
                    draw_at = Some(draw_at.map_or(soon, |at| at.min(soon)));
                    false
                }
                () = due => true,
                // Something is kept; nothing on the screen changes.
                () = Self::woken(&self.app, self.start) => {
                    self.take(Event::Tick)?;
                    false
                }
                _ = tick.tick(), if self.app.is_busy() => {
                    self.take(Event::Tick)?;
                    true
                }
            };
            if draw_now && self.ended.is_none() {
                self.draw()?;
                last_draw = Instant::now();
                draw_at = self.app.wants_draw().then(|| last_draw + COLOURS);
            }
        }
        self.say_farewell(&mut events).await?;
        Ok(self.ended.unwrap_or(Ended::Quit))
    }

    /// Does what is to be done before the end, and waits for it, though not for ever.
    async fn say_farewell(&mut self, events: &mut Events) -> io::Result<()> {
        let effects = self.app.farewell();
        let wanted: Vec<Ticket> = effects
            .iter()
            .filter_map(|effect| if let Effect::Send(ticket, _) = effect { Some(*ticket) } else { None })
            .collect();
        self.perform(effects)?;
        let end = Instant::now() + FAREWELL;
        while wanted.iter().any(|ticket| self.requests.contains_key(ticket)) {
            match tokio::time::timeout_at(end, events.recv()).await {
                Ok(Some(event)) => self.bus_events(Some(event), events)?,
                Ok(None) | Err(_) => break,
            }
        }
        Ok(())
    }

    /// Waits until the screen wants to be woken.
    async fn woken(app: &App, start: Instant) {
        match app.wakes_at() {
            Some(at) => tokio::time::sleep_until(start + at).await,
            None => std::future::pending().await,
        }
    }

    /// Takes an input in and those that wait behind it: a burst costs one frame.
    async fn inputs(&mut self, first: Option<io::Result<Input>>, inputs: &mut EventStream) -> io::Result<()> {
        let mut next = Some(first);
        for _ in 0..BURST {
            match next {
                Some(Some(input)) => self.input(input?)?,
                // The terminal is gone: nobody is there any more.
                Some(None) => self.ended = Some(Ended::Signal(1)),
                None => break,
            }
            if self.ended.is_some() {
                break;
            }
            // Polled with this task's own waker: the stream remembers the one it saw last.
            next = match futures::poll!(inputs.next()) {
                Poll::Ready(input) => Some(input),
                Poll::Pending => None,
            };
        }
        Ok(())
    }

    fn input(&mut self, input: Input) -> io::Result<()> {
        match input {
            Input::Key(key) => self.take(Event::Key(key)),
            Input::Paste(text) => self.take(Event::Paste(text)),
            Input::Mouse(mouse) => self.take(Event::Mouse(mouse)),
            Input::Resize(columns, rows) => self.take(Event::Resize(columns, rows)),
            Input::FocusGained | Input::FocusLost => Ok(()),
        }
    }

    fn bus_events(&mut self, first: Option<BusEvent>, events: &mut Events) -> io::Result<()> {
        let Some(first) = first else {
            let error = Error::internal("the engine has ended").with_hint("quit and start again");
            return self.take(Event::Note(Err(error)));
        };
        let mut next = Some(first);
        for _ in 0..BURST {
            let Some(event) = next else { break };
            self.record(|recorder| recorder.event(&event))?;
            if let Some(ticket) = self.tickets.get(&event.request).copied() {
                if event.body.is_last() {
                    self.tickets.remove(&event.request);
                    self.requests.remove(&ticket);
                }
                self.take(Event::Answer(ticket, event.body))?;
            }
            next = events.try_recv();
        }
        Ok(())
    }

    /// Tells the screen the terminal's size, where that is another one.
    fn fit(&mut self) -> io::Result<()> {
        let (columns, rows) = crossterm::terminal::size()?;
        if (columns, rows) == self.app.size { Ok(()) } else { self.take(Event::Resize(columns, rows)) }
    }

    fn draw(&mut self) -> io::Result<()> {
        self.fit()?;
        draw(&mut self.terminal, &self.app)
    }

    fn take(&mut self, event: Event) -> io::Result<()> {
        let effects = update(&mut self.app, event, self.start.elapsed());
        self.perform(effects)
    }

    fn perform(&mut self, effects: Vec<Effect>) -> io::Result<()> {
        for effect in effects {
            match effect {
                Effect::Send(ticket, command) => match self.client.send((*command).clone()) {
                    Ok(request) => {
                        self.record(|recorder| recorder.command(request, &command))?;
                        self.tickets.insert(request, ticket);
                        self.requests.insert(ticket, request);
                    }
                    Err(error) => {
                        self.take(Event::Answer(ticket, EventBody::Failed { error, statement: None }))?;
                    }
                },
                Effect::Cancel(ticket) => {
                    if let Some(request) = self.requests.get(&ticket).copied()
                        && let Err(error) = self.client.send(Command::Cancel { request })
                    {
                        self.take(Event::Note(Err(error)))?;
                    }
                }
                Effect::Copy(text) => self.copy(&text)?,
                Effect::Suspend => self.suspend()?,
                Effect::Edit(text) => self.outside = Some(text),
                Effect::Quit => self.ended = Some(Ended::Quit),
            }
        }
        Ok(())
    }

    /// Writes to the recording, if there is one; where that fails it ends.
    fn record(&mut self, write: impl FnOnce(&mut Recorder) -> Result<()>) -> io::Result<()> {
        let Some(Err(error)) = self.recorder.as_mut().map(write) else { return Ok(()) };
        self.recorder = None;
        let hint = "the recording ends here";
        self.take(Event::Note(Err(error.with_hint(hint))))
    }

    fn copy(&mut self, text: &str) -> io::Result<()> {
        if text.len() <= CLIPBOARD_BYTES {
            return execute!(self.terminal.backend_mut(), CopyToClipboard::to_clipboard_from(text));
        }
        let file = std::env::temp_dir().join(format!("aresadb-copy-{}.txt", std::process::id()));
        let note = write_private(&file, text)
            .map(|()| format!("too long for the clipboard: {} bytes are in {}", text.len(), file.display()))
            .map_err(|e| Error::io(format!("write {}", file.display()), &e));
        self.take(Event::Note(note))
    }

    /// Hands the terminal to the user's own editor, and takes what it wrote.
    fn edit_outside(&mut self, text: &str) -> io::Result<()> {
        restore();
        let edited = outside::edit(text);
        enter()?;
        self.terminal.clear()?;
        self.fit()?;
        self.take(Event::Edited(edited))
    }

    /// Hands the terminal back, stops this process, and takes the terminal again on `fg`.
    fn suspend(&mut self) -> io::Result<()> {
        restore();
        // The signal reaches this process before `kill` is waited for, so it stops right here.
        let status =
            std::process::Command::new("kill").args(["-TSTP", &std::process::id().to_string()]).status();
        enter()?;
        self.terminal.clear()?;
        self.fit()?;
        match status {
            Ok(_) => Ok(()),
            Err(e) => self.take(Event::Note(Err(Error::io("stop: `kill` is needed", &e)))),
        }
    }
}

/// Writes a new file that only the user can read: what is copied may be confidential.
fn write_private(file: &PathBuf, text: &str) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    // Never through a link that another user has put there.
    match std::fs::remove_file(file) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let mut out = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
    out.write_all(text.as_bytes())
}

struct Signals {
    terminate: Signal,
    hangup: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> i32 {
        tokio::select! {
            _ = self.terminate.recv() => SignalKind::terminate().as_raw_value(),
            _ = self.hangup.recv() => SignalKind::hangup().as_raw_value(),
            _ = self.interrupt.recv() => SignalKind::interrupt().as_raw_value(),
        }
    }
}

fn enter() -> io::Result<()> {
    enable_raw_mode()?;
    execute!(io::stdout(), EnterAlternateScreen, EnableMouseCapture, EnableBracketedPaste, cursor::Hide)
}

/// Gives the terminal back. Nothing is left to do where that fails.
fn restore() {
    let _ = execute!(
        io::stdout(),
        EndSynchronizedUpdate,
        DisableBracketedPaste,
        DisableMouseCapture,
        LeaveAlternateScreen,
        cursor::Show
    );
    let _ = disable_raw_mode();
}

/// Holds the terminal; gives it back when dropped and when this thread panics.
///
/// What other threads print when they panic would spoil the screen: it waits until the end.
struct Guard {
    panics: Arc<Mutex<Vec<String>>>,
}

impl Guard {
    fn enter() -> io::Result<Self> {
        let panics = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&panics);
        let own_thread = std::thread::current().id();
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if std::thread::current().id() == own_thread {
                restore();
                before(info);
                eprintln!("this is a defect of aresadb-tui; the database is safe: what was committed stays");
            } else if !panic_is_contained() {
                seen.lock().push(info.to_string());
            }
        }));
        let guard = Self { panics };
        enter()?;
        Ok(guard)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // The hook has done it already, and its message stands on the terminal.
        if std::thread::panicking() {
            return;
        }
        restore();
        drop(std::panic::take_hook());
        for panic in self.panics.lock().iter() {
            eprintln!("{}", crate::model::escape_control(panic));
        }
    }
}
