//! `jurat manual`: pages for `man`, and completions for shells, from the command line that there is.

use std::{io, path::PathBuf};

use clap::{CommandFactory, Subcommand};

use crate::{
    cli::Cli,
    exit::{Code, Failure, print},
};

#[derive(Debug, Subcommand)]
pub(crate) enum ManualCommand {
    /// Print jurat(1), or write it and a page for each command into a folder
    Man {
        /// The folder
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
    /// Print completions for a shell
    Completions {
        /// Which shell
        #[arg(value_name = "SHELL")]
        shell: clap_complete::Shell,
    },
}

pub(crate) fn run(command: ManualCommand) -> Result<Code, Failure> {
    match command {
        ManualCommand::Man { out: None } => {
            let mut page = Vec::new();
            clap_mangen::Man::new(Cli::command()).render(&mut page).map_err(Failure::unavailable)?;
            print(String::from_utf8_lossy(&page).trim_end());
        }
        ManualCommand::Man { out: Some(folder) } => {
            let told = |error: io::Error| {
                Failure::unavailable(format_args!("manual pages in {}: {error}", folder.display()))
            };
            std::fs::create_dir_all(&folder).map_err(told)?;
            clap_mangen::generate_to(Cli::command(), &folder).map_err(told)?;
        }
        ManualCommand::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "jurat", &mut script);
            print(String::from_utf8_lossy(&script).trim_end());
        }
    }
    Ok(Code::Done)
}
