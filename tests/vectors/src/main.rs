//! `jurat-vectors`: writes the report vectors, or judges what it is given.
//!
//!     jurat-vectors          writes attestation/vectors/{base,accept,refuse}; then run scripts/manifest
//!     jurat-vectors judge    reads inputs from stdin, one JSON object a line, and answers each with its verdict
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::{
    fs,
    io::{self, BufRead, Write},
    process::ExitCode,
};

use jurat_vectors::{examine, files, format::Inputs};
use serde_json::{Value, json};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        [] => write(),
        ["judge"] => judge(),
        _ => Err(io::Error::other("usage: jurat-vectors [judge]")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("jurat-vectors: {error}");
            ExitCode::FAILURE
        }
    }
}

fn write() -> io::Result<()> {
    let made = files::made();
    for path in files::found()?.keys().filter(|path| !made.contains_key(*path)) {
        fs::remove_file(files::folder().join(path))?;
    }
    for (path, text) in &made {
        let path = files::folder().join(path);
        fs::create_dir_all(path.parent().unwrap_or(&path))?;
        fs::write(path, text)?;
    }
    println!("jurat-vectors: {} files", made.len());
    Ok(())
}

fn judge() -> io::Result<()> {
    let mut out = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let answer = match serde_json::from_str::<Inputs>(&line?) {
            Err(error) => json!({"error": error.to_string()}),
            Ok(inputs) => match examine::judge(&inputs) {
                Err(error) => json!({"error": error}),
                Ok(verdict) => serde_json::from_str::<Value>(&verdict.to_json())?,
            },
        };
        writeln!(out, "{answer}")?;
    }
    out.flush()
}
