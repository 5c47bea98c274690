//! The program `aresadb`: arguments in, exit code out.

use std::process::ExitCode;

use aresadb::{cli, model};

fn main() -> ExitCode {
    cli::main(|| Err(model::Error::unsupported("this build has no engine")))
}
