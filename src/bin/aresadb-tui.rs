//! The program `aresadb-tui`.

fn main() {}
