//! A program on a pseudo-terminal: typed into, read from, resized, stopped. The tests' and the benches'.

use std::io::{Read, Write};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, SlavePty, native_pty_system};

/// Long enough for a debug build on a busy machine; no test waits for it when all is well.
const PATIENCE: Duration = Duration::from_secs(120);

struct Shared {
    parser: Mutex<vt100::Parser>,
    changed: Condvar,
    /// What came from the program, as it came.
    received: Mutex<Vec<u8>>,
}

/// A program and its terminal.
pub struct Pty {
    /// Where the program keeps what is its user's.
    pub home: tempfile::TempDir,
    shared: Arc<Shared>,
    master: Box<dyn MasterPty + Send>,
    // Kept open so that the terminal's modes can be read after the program has ended.
    _slave: Box<dyn SlavePty + Send>,
    writer: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    cooked: u32,
}

impl Pty {
    pub fn start(arguments: &[&str], columns: u16, rows: u16) -> Self {
        Self::start_program(env!("CARGO_BIN_EXE_aresadb-tui"), arguments, columns, rows)
    }

    pub fn start_program(program: &str, arguments: &[&str], columns: u16, rows: u16) -> Self {
        let size = PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        let cooked = pair.master.get_termios().unwrap().local_flags.bits();
        let home = tempfile::tempdir().unwrap();
        let mut command = CommandBuilder::new(program);
        command.env("XDG_DATA_HOME", home.path());
        command.env("XDG_STATE_HOME", home.path().join("state"));
        command.env("XDG_CONFIG_HOME", home.path().join("config"));
        command.args(arguments);
        command.env("TERM", "xterm-256color");
        command.env_remove("ARESADB_DATABASE");
        command.env_remove("NO_COLOR");
        // A backtrace would push what is looked for off the screen.
        command.env("RUST_BACKTRACE", "0");
        let child = pair.slave.spawn_command(command).unwrap();
        let shared = Arc::new(Shared {
            parser: Mutex::new(vt100::Parser::new(rows, columns, 0)),
            changed: Condvar::new(),
            received: Mutex::default(),
        });
        let mut reader = pair.master.try_clone_reader().unwrap();
        let sink = Arc::clone(&shared);
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(n) = reader.read(&mut bytes) {
                if n == 0 {
                    break;
                }
                sink.received.lock().unwrap().extend_from_slice(&bytes[..n]);
                sink.parser.lock().unwrap().process(&bytes[..n]);
                sink.changed.notify_all();
            }
        });
        let writer = pair.master.take_writer().unwrap();
        Self { home, shared, master: pair.master, _slave: pair.slave, writer, child, cooked }
    }

    pub fn keys(&mut self, keys: &str) {
        self.writer.write_all(keys.as_bytes()).unwrap();
        self.writer.flush().unwrap();
    }

    /// Types a line at a prompt until it is answered. What arrives in the moment in which the terminal is made ready
    /// may be lost: then it is typed again, as people do.
    pub fn line(&mut self, line: &str, answered: impl Fn(&vt100::Screen) -> bool) {
        for _ in 0..5 {
            self.keys(&format!("{line}\r"));
            let end = Instant::now() + Duration::from_secs(10);
            while Instant::now() < end {
                if answered(self.shared.parser.lock().unwrap().screen()) {
                    return;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            // What came of it is taken away.
            self.keys("\x15");
        }
        panic!("{line:?} was not answered:\n{}", self.text());
    }

    /// The text on the screen.
    pub fn text(&self) -> String {
        self.shared.parser.lock().unwrap().screen().contents()
    }

    pub fn wait(&self, what: &str, holds: impl Fn(&vt100::Screen) -> bool) {
        let end = Instant::now() + PATIENCE;
        let mut parser = self.shared.parser.lock().unwrap();
        while !holds(parser.screen()) {
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{what:?} did not come:\n{}", parser.screen().contents());
            parser = self.shared.changed.wait_timeout(parser, left).unwrap().0;
        }
    }

    pub fn shows(&self, what: &str) {
        self.wait(what, |screen| screen.contents().contains(what));
    }

    /// Presses Esc: apart from what follows, as the two together are a key with Alt.
    pub fn escape(&mut self) {
        self.keys("\x1b");
        std::thread::sleep(Duration::from_millis(100));
    }

    /// Pastes as a terminal does that marks pastes.
    pub fn paste(&mut self, text: &str) {
        self.keys(&format!("\x1b[200~{text}\x1b[201~"));
    }

    pub fn resize(&self, columns: u16, rows: u16) {
        self.shared.parser.lock().unwrap().screen_mut().set_size(rows, columns);
        self.resize_alone(columns, rows);
    }

    /// Tells the program of another size; what reads its output keeps the old one.
    pub fn resize_alone(&self, columns: u16, rows: u16) {
        self.master.resize(PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 }).unwrap();
    }

    /// The program's process.
    pub fn process(&self) -> u32 {
        self.child.process_id().unwrap()
    }

    /// What came from the program so far, as it came.
    pub fn received(&self) -> Vec<u8> {
        self.shared.received.lock().unwrap().clone()
    }

    pub fn signal(&self, name: &str) {
        let pid = self.process().to_string();
        assert!(std::process::Command::new("kill").args([name, &pid]).status().unwrap().success());
    }

    /// Waits for the end and checks that the terminal is as it was.
    pub fn ends(&mut self, code: u32) {
        let end = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < end, "the program did not end:\n{}", self.text());
            std::thread::sleep(Duration::from_millis(5));
        };
        self.wait("the normal screen", |screen| !screen.alternate_screen());
        self.wait("the cursor", |screen| !screen.hide_cursor());
        self.wait("no mouse reports", |s| s.mouse_protocol_mode() == vt100::MouseProtocolMode::None);
        self.wait("no bracketed paste", |screen| !screen.bracketed_paste());
        assert_eq!(self.master.get_termios().unwrap().local_flags.bits(), self.cooked, "cooked mode is back");
        assert_eq!(status.exit_code(), code);
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        // A test that failed leaves no program behind.
        let _ = self.child.kill();
    }
}
