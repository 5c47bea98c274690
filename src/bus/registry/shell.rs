//! The commands of the shell: `aresadb NAME ...`.

use super::CommandSpec;

/// Subcommands, in the order help lists them.
pub const SHELL: &[CommandSpec] = &[];
