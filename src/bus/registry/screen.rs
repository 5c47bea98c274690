//! The commands of the terminal program and their keys.

use super::{CommandSpec, KeyBinding};

/// Commands, in the order help lists them.
pub const SCREEN: &[CommandSpec] = &[];

/// Keys, in the order help lists them.
pub const KEYS: &[KeyBinding] = &[];
