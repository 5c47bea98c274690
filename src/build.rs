//! The build script: how the programs are linked.

#![allow(
    clippy::disallowed_methods,
    reason = "cargo tells a build script what it must know by the environment"
)]

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=src/build.rs");
    let target = |what: &str| env::var(format!("CARGO_CFG_TARGET_{what}")).unwrap_or_default();
    // Cargo names a linker only where one is configured; without one it is `cc`.
    let linker = env::var("RUSTC_LINKER").unwrap_or_else(|_| "cc".to_owned());
    let takes_flag = ["cc", "gcc", "clang"].iter().any(|name| linker.ends_with(name));
    // A program at a fixed place has no hundreds of thousands of addresses to correct at each start, nor has it the
    // memory that holds them: DataFusion has very many of them.
    if target("OS") == "linux" && target("ENV") == "gnu" && takes_flag {
        println!("cargo::rustc-link-arg-bins=-no-pie");
    }
}
