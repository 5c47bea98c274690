//! A client's end of the bus: commands go out, events come back.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::mpsc;

use crate::model::{Error, Result};

use super::{Command, Envelope, Event, PROTOCOL_VERSION, RequestId, SessionId};

/// Sends commands. Cheap to clone; clones share the session.
#[derive(Debug, Clone)]
pub struct Client {
    session: SessionId,
    next_request: Arc<AtomicU64>,
    commands: mpsc::Sender<Envelope>,
}

impl Client {
    /// A client of a session whose commands go into `commands`. The bus makes these; a test may
    /// too, to stand in for the bus.
    #[must_use]
    pub fn new(session: SessionId, commands: mpsc::Sender<Envelope>) -> Self {
        Self { session, next_request: Arc::new(AtomicU64::new(1)), commands }
    }

    /// Which session its commands belong to.
    #[must_use]
    pub fn session(&self) -> SessionId {
        self.session
    }

    /// Sends a command without waiting. Its events carry the request id returned.
    ///
    /// # Errors
    /// `Conflict` when the queue is full (try again), `Io` when the bus has ended.
    pub fn send(&self, command: Command) -> Result<RequestId> {
        let request = RequestId(self.next_request.fetch_add(1, Ordering::Relaxed));
        let envelope = Envelope { protocol: PROTOCOL_VERSION, session: self.session, request, command };
        self.commands.try_send(envelope).map(|()| request).map_err(|e| match e {
            mpsc::error::TrySendError::Full(_) => {
                Error::conflict("too many commands are waiting").with_hint("try again in a moment")
            }
            mpsc::error::TrySendError::Closed(_) => {
                Error::new(crate::model::ErrorKind::Io, "the engine has ended")
            }
        })
    }
}

/// The events of a session, in order.
#[derive(Debug)]
pub struct Events {
    receiver: mpsc::Receiver<Event>,
}

impl Events {
    /// The events that arrive in `receiver`. The bus makes these; a test may too.
    #[must_use]
    pub fn new(receiver: mpsc::Receiver<Event>) -> Self {
        Self { receiver }
    }

    /// The next event; `None` once the bus has ended.
    pub async fn recv(&mut self) -> Option<Event> {
        self.receiver.recv().await
    }

    /// The next event, waiting on this thread; `None` once the bus has ended. Not for async code.
    pub fn blocking_recv(&mut self) -> Option<Event> {
        self.receiver.blocking_recv()
    }

    /// The next event if one has arrived.
    pub fn try_recv(&mut self) -> Option<Event> {
        self.receiver.try_recv().ok()
    }
}
