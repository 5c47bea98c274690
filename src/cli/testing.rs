//! Help for the tests beside the code: captured output, and an engine that answers from a list.

use tokio::sync::mpsc;

use crate::bus::{Client, Command, Envelope, Event, EventBody, Events, PROTOCOL_VERSION, SessionId};

use super::args::Format;
use super::io::{Io, Settings};

/// What a program wrote.
#[derive(Default)]
pub struct Captured {
    out: Vec<u8>,
    err: Vec<u8>,
}

impl Captured {
    pub fn io(&mut self) -> Io<'_> {
        Io {
            out: &mut self.out,
            err: &mut self.err,
            out_is_terminal: false,
            err_is_terminal: false,
            in_is_terminal: false,
            width: None,
            binary_results: 0,
        }
    }

    pub fn out(&self) -> String {
        String::from_utf8(self.out.clone()).unwrap()
    }

    pub fn err(&self) -> String {
        String::from_utf8(self.err.clone()).unwrap()
    }
}

pub fn settings(format: Format) -> Settings {
    Settings { format, no_header: false, limit: None, color: false, verbose: 0, timing: false }
}

/// A stand-in for the engine: `answer` gives the events of each command.
pub fn engine(mut answer: impl FnMut(&Command) -> Vec<EventBody> + Send + 'static) -> (Client, Events) {
    let (commands, mut inbox) = mpsc::channel::<Envelope>(64);
    let (outbox, events) = mpsc::channel(64);
    std::thread::spawn(move || {
        while let Some(envelope) = inbox.blocking_recv() {
            for body in answer(&envelope.command) {
                let event = Event {
                    protocol: PROTOCOL_VERSION,
                    session: envelope.session,
                    request: envelope.request,
                    body,
                };
                if outbox.blocking_send(event).is_err() {
                    return;
                }
            }
        }
    });
    (Client::new(SessionId(1), commands), Events::new(events))
}
