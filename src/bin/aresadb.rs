//! The program `aresadb`.

fn main() {}
