//! The program `aresadb`: arguments in, exit code out.

use std::process::ExitCode;

use aresadb::bus::{Bus, BusOptions, quiet_contained_panics};
use aresadb::cli;

/// Faster than the system's where threads allocate much and often, as queries and imports do.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

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
