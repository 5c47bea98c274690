//! The command line: words in, words out. Knows the bus and the model, nothing else.
//!
//! ```text
//!  arguments ─▶ args ─▶ commands ─▶ session ─▶ bus
//!  --exec, --file, standard input ─▶ script ──┘  │ events
//!                     standard output ◀─ output ◀┘   standard error ◀─ io
//! ```
//!
//! Data goes to standard output, everything else to standard error. Exit codes: 0 ok, 1 a statement
//! failed, 2 usage, 3 busy or locked, 4 damaged data, 130 interrupted.
//!
//! Must never: leave rows out without saying so, panic when a pipe closes, or write stored control
//! characters to a terminal.

mod args;
mod commands;
mod completions;
mod data;
mod find;
mod graph;
mod graph_files;
mod io;
mod output;
mod program;
mod repl;
mod script;
mod session;
#[cfg(test)]
mod testing;
mod upkeep;
mod view;
mod wal;

pub use args::{Arguments, command, parse};
pub use io::Io;
pub use program::{main, run};
pub use session::Interrupt;
