//! Graph: neighbours, traversal and paths over a view.
