//! Hands the linker the memory map and the log's sections, and says what is logged. Here and not in a cargo config file, which a RUSTFLAGS
//! variable would override, and which would capture the host crates below this folder.

use std::path::PathBuf;
use std::{env, fs};

fn main() {
    let target = env::var("TARGET").expect("cargo sets it");
    assert!(
        target.starts_with("thumbv7m-"),
        "this is for a Cortex-M3: --target thumbv7m-none-eabi, or ./run"
    );
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    fs::write(out.join("memory.x"), include_str!("memory.x")).expect("cargo made the folder");
    println!("cargo:rustc-link-search={}", out.display());
    for argument in ["--nmagic", "-Tlink.x", "-Tdefmt.x"] {
        println!("cargo:rustc-link-arg-bins={argument}");
    }
    println!("cargo:rerun-if-changed=memory.x");

    // defmt alone would leave out all but errors.
    let level = env::var("DEFMT_LOG").unwrap_or_else(|_| "info".to_owned());
    println!("cargo:rustc-env=DEFMT_LOG={level}");
    println!("cargo:rerun-if-env-changed=DEFMT_LOG");
}
