//! Policies by name or file.

use jurat_verify::Policy;

use crate::{
    cli::PolicyOptions,
    exit::{Code, Failure, print},
};

/// A built-in policy, else the file of that name.
pub(crate) fn load(name: &str) -> Result<Policy, Failure> {
    if let Some(policy) = Policy::named(name) {
        return Ok(policy);
    }
    let text = std::fs::read_to_string(name).map_err(|error| {
        Failure::usage(format_args!("no policy `{name}`: {error}"))
            .hint(format_args!("built in are {}", Policy::NAMES.join(", ")))
    })?;
    Policy::parse(&text).map_err(|error| Failure::config(format_args!("{name}: {error}")))
}

/// `jurat policy show`
pub(crate) fn show(options: PolicyOptions) -> Result<Code, Failure> {
    print(load(&options.policy)?.to_toml().trim_end());
    Ok(Code::Done)
}
