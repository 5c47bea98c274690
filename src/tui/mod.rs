//! The terminal program: screens.

pub mod theme;
