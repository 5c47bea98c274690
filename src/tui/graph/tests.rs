//! The graph pane as its user meets it.
