//! The terminal program: screens.
