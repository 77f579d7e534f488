//! The scales: what the sidecar costs beside a plain reverse proxy, and beside nothing.
//!
//! Client, engine and targets share the machine, so time on a processor is what counts, and times on the wall
//! only compare targets of the same round. See `docs/performance.md`.
#![forbid(unsafe_code)]
// A measurement fails by panicking: what it measured would be worth nothing.
#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]

mod alone;
mod bars;
mod clock;
mod counted;
mod document;
mod durable;
mod engine;
mod load;
mod oath;
mod options;
mod process;
mod reactor;
mod run;
mod scenario;
mod script;
mod table;
mod target;

use std::process::ExitCode;

use crate::counted::Counted;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let rest = arguments.get(1..).unwrap_or_default();
    let done = match arguments.first().map(String::as_str) {
        Some("engine") => engine::serve(([127, 0, 0, 1], 0).into(), 2).map(|()| ExitCode::SUCCESS),
        Some("load") => run::load(rest),
        Some("run") => run::run(rest),
        Some("syscalls") => run::count(Counted::SystemCalls, rest),
        Some("instructions") => run::count(Counted::Instructions, rest),
        _ => {
            eprintln!("usage: jurat-bench run|syscalls|instructions --jurat PROGRAM [OPTIONS]");
            eprintln!(
                "         --before PROGRAM, --clients PROGRAM, --only SCENARIO,..., --rounds N, --argument WORD,"
            );
            eprintln!("         --write DOCUMENT");
            eprintln!("       jurat-bench engine");
            eprintln!("       jurat-bench load SCENARIO ADDRESS [SECONDS|=COUNT]");
            return ExitCode::from(64);
        }
    };
    done.unwrap_or_else(|error| {
        eprintln!("jurat-bench: {error}");
        ExitCode::FAILURE
    })
}
