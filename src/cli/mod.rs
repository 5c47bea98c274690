//! The command line: words.
