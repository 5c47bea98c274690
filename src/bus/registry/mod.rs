//! The one registry of user-facing commands: names, aliases, argument syntax, help.
//!
//! Subcommands, REPL dot-commands, the terminal program's palette, `:` line, key hints and help,
//! shell completions and the README's table all read it, so none of them can drift. The commands
//! of the shell stand in `shell`, those of the REPL in `dot`, those of the screen with their keys in
//! `screen`; the words of SQL in `sql`.

mod dot;
mod screen;
mod shell;
mod sql;

/// A user-facing command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommandSpec {
    /// Its name: lower case, words joined by `-`.
    pub name: &'static str,
    /// Other names that mean the same.
    pub aliases: &'static [&'static str],
    /// Which group it is listed in.
    pub group: &'static str,
    /// Its arguments, as help shows them: `ID [--depth N]`.
    pub syntax: &'static str,
    /// One line, no full stop.
    pub help: &'static str,
}

/// A key that runs a command in a context of the terminal program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyBinding {
    /// Where it holds: a pane's name, or `anywhere`.
    pub context: &'static str,
    /// The key as help shows it: `j`, `Ctrl-D`, `g g`, `F5`.
    pub keys: &'static str,
    /// The command's name in [`SCREEN`].
    pub command: &'static str,
}

pub use dot::DOT;
pub use screen::{HINTS, KEYS, SCREEN};
pub use shell::{LATER, SHELL};
pub use sql::{KEYWORDS, is_keyword};

/// The shell command of a name or alias.
#[must_use]
pub fn shell_command(name: &str) -> Option<&'static CommandSpec> {
    SHELL.iter().find(|c| c.name == name || c.aliases.contains(&name))
}

/// The screen command of a name or alias.
#[must_use]
pub fn screen_command(name: &str) -> Option<&'static CommandSpec> {
    SCREEN.iter().find(|c| c.name == name || c.aliases.contains(&name))
}
