//! The engine: a database, opened; sessions on it.
