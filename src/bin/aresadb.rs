//! The program `aresadb`: arguments in, exit code out.

use std::process::ExitCode;

use aresadb::bus::{Bus, BusOptions, quiet_contained_panics};
use aresadb::cli;

fn main() -> ExitCode {
    quiet_contained_panics();
    let mut started = None;
    let code = cli::main(|| {
        let bus = Bus::start(BusOptions::new(std::env::temp_dir()))?;
        let connection = bus.connect();
        started = Some(bus);
        Ok(connection)
    });
    if let Some(bus) = started {
        bus.shutdown();
    }
    code
}
