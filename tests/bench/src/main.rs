//! The scales: what the sidecar costs beside a plain reverse proxy, and beside nothing.
//!
//! Client, engine and targets share the machine, so time on a processor is what counts, and times on the wall
//! only compare targets of the same round. See `docs/performance.md`.
#![forbid(unsafe_code)]
// A measurement fails by panicking: what it measured would be worth nothing.
#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]

mod alone;
mod clock;
mod engine;
mod load;
mod oath;
mod process;
mod reactor;
mod run;
mod scenario;
mod script;
mod table;
mod target;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let rest = arguments.get(1..).unwrap_or_default();
    let done = match arguments.first().map(String::as_str) {
        Some("engine") => engine::serve(([127, 0, 0, 1], 0).into(), 2).map(|()| ExitCode::SUCCESS),
        Some("oath") => {
            println!("{:.1} µs", oath::two_signatures_micros());
            Ok(ExitCode::SUCCESS)
        }
        Some("run") => run::run(rest),
        Some("load") => run::load(rest),
        _ => {
            eprintln!(
                "usage: jurat-bench run --jurat PROGRAM [--before PROGRAM] [--only SCENARIO,...] [--rounds N]"
            );
            eprintln!("       jurat-bench engine");
            eprintln!("       jurat-bench load SCENARIO ADDRESS [SECONDS]");
            return ExitCode::from(64);
        }
    };
    done.unwrap_or_else(|error| {
        eprintln!("jurat-bench: {error}");
        ExitCode::FAILURE
    })
}
