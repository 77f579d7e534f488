//! Runs a stand-in for a test or demonstration of another program, until its standard input ends.
//!
//! ```text
//! jurat-standin-tdx dstack SOCKET [QUOTE [FAULT]]      dstack's guest agent at SOCKET
//! jurat-standin-tdx configfs FOLDER [QUOTE [FAULT]]    configfs-tsm, mounted on FOLDER through FUSE
//! jurat-standin-tdx collateral                         what the quotes verify with, as dcap-qvl's JSON
//! ```
//!
//! QUOTE is `minted` or what `Made` names, FAULT `none` or what `AgentFault` or `KernelFault` names. Says `ready` when
//! it is. `TDX_STANDIN_SEED` and `TDX_STANDIN_NOW` say which PKI: the same in every stand-in that is given the same.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::{fmt::Display, io::Read, path::Path, process::ExitCode, str::FromStr};

use jurat_standin_tdx::{Agent, Kernel, Stage};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("jurat-standin-tdx: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Result<(), String> {
    let stage = Stage::from_environment();
    match *arguments {
        ["collateral"] => {
            println!("{}", stage.collateral());
            Ok(())
        }
        ["dstack", socket, ref conduct @ ..] => {
            let (made, fault) = (nth(conduct, 0)?, nth(conduct, 1)?);
            let _agent = Agent::listen(Path::new(socket), &stage, made, fault).map_err(shown)?;
            until_stdin_ends()
        }
        ["configfs", folder, ref conduct @ ..] => {
            let (made, fault) = (nth(conduct, 0)?, nth(conduct, 1)?);
            let _kernel = Kernel::mount_on(Path::new(folder), &stage, made, fault).map_err(shown)?;
            until_stdin_ends()
        }
        _ => {
            Err("usage: dstack SOCKET | configfs FOLDER, each with [QUOTE [FAULT]]; or collateral".to_owned())
        }
    }
}

fn nth<T: FromStr<Err: Display> + Default>(conduct: &[&str], at: usize) -> Result<T, String> {
    conduct.get(at).map_or(Ok(T::default()), |text| text.parse().map_err(shown))
}

/// Whoever started this has the other end, so it ends even if that one is killed.
fn until_stdin_ends() -> Result<(), String> {
    println!("ready");
    std::io::stdin().read_to_end(&mut Vec::new()).map(drop).map_err(shown)
}

fn shown(error: impl Display) -> String {
    error.to_string()
}
