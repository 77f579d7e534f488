use clap::{Arg, Command, CommandFactory as _, Parser as _};

use super::{Cli, Command as Given};
use crate::config::Config;

const NO_TIMES: [&str; 3] = ["18446744073709551615", "9223372036854775808", "4294967296"];

/// Every option of a time, with the command that has it; those of `serve` once.
fn times() -> Vec<(String, Arg)> {
    fn of(command: &Command, found: &mut Vec<(String, Arg)>) {
        let times = command.get_arguments().filter(|arg| {
            arg.get_value_names().is_some_and(|names| names.iter().any(|name| name.as_str() == "SECONDS"))
        });
        found.extend(times.map(|arg| (command.get_name().to_owned(), arg.clone())));
        command.get_subcommands().for_each(|command| of(command, found));
    }
    let mut found = Vec::new();
    of(&Cli::command(), &mut found);
    found
}

/// By the command line's own parser, or by the configuration that is made of it.
fn refusal(option: &Arg, value: &str) -> Option<String> {
    let flag = format!("--{}={value}", option.get_long().unwrap());
    let alone = Command::new("alone").arg(option.clone());
    if let Err(error) = alone.try_get_matches_from(["alone", &flag]) {
        return error.use_stderr().then(|| format!("code: Usage {error}"));
    }
    let serve = ["jurat", "serve", "--store-url=redis://127.0.0.1:1", &flag];
    let Given::Serve(options) = Cli::try_parse_from(serve).ok()?.command else { return None };
    Config::load(&options).err().map(|failure| format!("{failure:?}"))
}

#[test]
fn no_time_is_so_long_that_its_end_could_not_be_computed() {
    let times = times();
    for known in ["patience", "verify-every", "drain-grace", "store-timeout", "store-age"] {
        let is_known = |(_, option): &(String, Arg)| option.get_long() == Some(known);
        assert!(times.iter().any(is_known), "--{known} was not found");
    }
    for (command, option) in &times {
        let name = option.get_long().unwrap();
        for value in NO_TIMES {
            let refused = refusal(option, value).unwrap_or_else(|| panic!("{command} --{name} {value}"));
            assert!(refused.contains("code: Usage"), "{command} --{name} {value}: {refused}");
            let says_why =
                ["4294967296", "is not in 0..", "is not in 1.."].iter().any(|why| refused.contains(why));
            assert!(says_why, "{command} --{name} {value}: {refused}");
        }
        // A store that is waited for must answer within a minute.
        let longest = if name == "store-timeout" { "60" } else { "4294967295" };
        assert_eq!(refusal(option, longest), None, "{command} --{name}: the longest");
    }
}

#[test]
fn a_service_is_not_verified_all_the_time() {
    let given = ["jurat", "connect", "https://service.example", "--verify-every=0"];
    assert!(Cli::try_parse_from(given).is_err_and(|error| error.use_stderr()));
}

#[test]
fn a_token_expires_at_a_time_that_can_be_written() {
    let new = |days: &str| Cli::try_parse_from(["jurat", "token", "new", "name", "--days", days]);
    assert!(new("36525").is_ok());
    assert!(new("18446744073709551615").is_err_and(|error| error.use_stderr()));
}
