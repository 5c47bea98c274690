//! The terminal program: screens.

pub mod editor;
pub mod graph;
pub mod theme;
