//! The program: command line, configuration, telemetry, and the only place where everything is wired.
#![forbid(unsafe_code)]

mod answer;
mod archive;
mod attest;
mod audit;
mod bundle;
mod chat;
mod check;
mod cli;
mod config;
mod connect;
#[cfg(feature = "simulated-tee")]
mod demo;
mod doctor;
mod door;
mod exit;
mod export;
mod health;
mod identity;
mod manual;
mod material;
mod policy;
mod reporter;
mod selfcheck;
mod serve;
mod service;
mod supervisor;
mod tee;
mod telemetry;
mod tls;
mod tokens;
mod verify;
mod watched;

use std::process::ExitCode;

use clap::Parser;

use crate::{
    cli::{Cli, Command},
    exit::{Code, Failure},
};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are answers, everything else is a mistake of usage.
            if error.use_stderr() {
                exit::say(error.render().to_string().trim_end());
                return Code::Usage.into();
            }
            let _ = error.print();
            return Code::Done.into();
        }
    };
    match run(cli.command) {
        Ok(code) => code.into(),
        Err(failure) => failure.report(),
    }
}

fn run(command: Command) -> Result<Code, Failure> {
    // The judge's errands and the demo speak TLS through one provider; a second call changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match command {
        Command::Serve(options) => serve::run(options),
        #[cfg(feature = "simulated-tee")]
        Command::Demo(options) => demo::run(options),
        #[cfg(not(feature = "simulated-tee"))]
        Command::Demo(_) => {
            Err(Failure::usage("this build has no simulated TEE, so there is nothing to demonstrate with")
                .hint("build with `--features jurat/simulated-tee`, or run scripts/quickstart"))
        }
        Command::Verify(options) => verify::run(options),
        Command::Check(options) => check::run(options),
        Command::Chat(options) => chat::run(options),
        Command::Connect(options) => connect::run(options),
        Command::Bundle(options) => bundle::run(options),
        Command::Audit(options) => audit::run(options),
        Command::Attest(options) => attest::run(options),
        Command::Health(options) => health::run(options),
        Command::Doctor(options) => doctor::run(options),
        Command::Manual(command) => manual::run(command),
        Command::Token(cli::TokenCommand::New(options)) => tokens::new(options),
        Command::Policy(cli::PolicyCommand::Show(options)) => policy::show(options),
        Command::Policy(cli::PolicyCommand::Lint(options)) => policy::lint(options),
        Command::Policy(cli::PolicyCommand::Reference(options)) => policy::reference(*options),
        Command::Config(cli::ConfigCommand::Print(options)) => config::print(options),
        Command::Config(cli::ConfigCommand::Check(options)) => config::check(options),
    }
}
