//! `ringframe`: command-line peers for length-prefixed messages.
//!
//! The framing is `ringframe`'s and the loops are `ringframe-io`'s; here are words, limits and exit codes.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;

mod args;
mod bench;
mod call;
mod capture;
mod content;
mod demo;
mod exec;
mod failure;
mod file_wire;
mod filter;
mod formats;
mod generate;
mod histogram;
mod inspect;
mod json;
mod net;
mod output;
mod reassembly;
mod runtime;
mod serve;
mod store;
mod text;
mod transfer;
mod transport;
mod view;
mod watched;
mod wire;

use args::{Args, Command};
use failure::Failure;

fn main() -> ExitCode {
    // clap prints usage errors, help and versions itself, and exits with 2 or 0.
    let args = Args::parse();
    args.color.apply();
    let output = output::Output { json: args.json, verbosity: args.verbosity() };
    match run(args.command, output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if let Some(message) = failure.message() {
                output::complain(message);
            }
            failure.code()
        }
    }
}

fn run(command: Command, output: output::Output) -> Result<(), Failure> {
    match command {
        Command::Demo => demo::run(output),
        Command::Serve(args) => serve::run(args, output),
        Command::Call(args) => call::run(args, output),
        Command::Bench(args) => bench::run(args, output),
        Command::Exec(args) => exec::run(args, output),
        Command::Put(args) => transfer::put(args, output),
        Command::Get(args) => transfer::get(args, output),
        Command::Ls(args) => transfer::ls(args, output),
        Command::Encode(args) => filter::encode(args),
        Command::Decode(args) => filter::decode(args, output),
        Command::Inspect(args) => inspect::run(args, output),
        Command::Proxy(args) => serve::proxy::run(args, output),
        Command::Formats => formats::run(output),
        Command::Completions { shell } => generate::completions(shell),
        Command::Man { command } => generate::man(command.as_deref()),
    }
}
