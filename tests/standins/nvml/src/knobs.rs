//! The knobs, read from the environment at every call. A word that no knob knows ends the process: a test
//! that misspells one must not pass.

use std::{env, process, time::Duration};

/// A knob's value as a word; the first of `known` where it is not set.
fn word(name: &str, known: &'static [&'static str]) -> &'static str {
    let Some(text) = variable(name) else { return known.first().copied().unwrap_or_default() };
    known.iter().find(|word| **word == text).copied().unwrap_or_else(|| unknown(name, &text))
}

fn number<T: std::str::FromStr>(name: &str) -> Option<T> {
    variable(name).map(|text| text.parse().unwrap_or_else(|_| unknown(name, &text)))
}

fn variable(name: &str) -> Option<String> {
    env::var(format!("NVML_STANDIN_{name}")).ok()
}

#[allow(clippy::print_stderr)]
pub(crate) fn unknown(name: &str, text: &str) -> ! {
    eprintln!("stand-in of NVML: NVML_STANDIN_{name} is {text:?}, which it does not know");
    process::exit(70)
}

/// How many devices there are.
pub(crate) fn gpus() -> u32 {
    number("GPUS").unwrap_or(1)
}

/// How many devices the library tells of.
pub(crate) fn count() -> u32 {
    number("COUNT").unwrap_or_else(gpus)
}

pub(crate) fn twins() -> bool {
    word("TWINS", &["off", "on"]) == "on"
}

/// Numbers as NVML has them.
pub(crate) fn feature() -> u32 {
    u32::from(word("CC", &["on", "off"]) == "on")
}

pub(crate) fn environment() -> u32 {
    match word("ENVIRONMENT", &["prod", "sim", "none"]) {
        "prod" => 2,
        "sim" => 1,
        _ => 0,
    }
}

pub(crate) fn developer_tools() -> u32 {
    u32::from(word("DEVTOOLS", &["off", "on"]) == "on")
}

pub(crate) fn multi_gpu() -> u32 {
    match word("MULTI_GPU", &["none", "ppcie", "nvle"]) {
        "ppcie" => 1,
        "nvle" => 2,
        _ => 0,
    }
}

pub(crate) fn ready() -> u32 {
    u32::from(word("READY", &["yes", "no"]) == "yes")
}

/// A GPU's generation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Architecture {
    Ada = 8,
    Hopper = 9,
    Blackwell = 10,
}

pub(crate) fn architecture() -> Architecture {
    match word("ARCHITECTURE", &["hopper", "blackwell", "ada"]) {
        "blackwell" => Architecture::Blackwell,
        "ada" => Architecture::Ada,
        _ => Architecture::Hopper,
    }
}

pub(crate) fn signs_another_nonce() -> bool {
    word("NONCE", &["asked", "other"]) == "other"
}

/// What stands in the buffer for certificates.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chain {
    Plain,
    Padded,
    Long,
    Empty,
    Text,
}

pub(crate) fn chain() -> Chain {
    match word("CHAIN", &["plain", "padded", "long", "empty", "text"]) {
        "padded" => Chain::Padded,
        "long" => Chain::Long,
        "empty" => Chain::Empty,
        "text" => Chain::Text,
        _ => Chain::Plain,
    }
}

/// Which length is a lie.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Length {
    True,
    Chain,
    Report,
    Short,
}

pub(crate) fn length() -> Length {
    match word("LENGTH", &["true", "chain", "report", "short"]) {
        "chain" => Length::Chain,
        "report" => Length::Report,
        "short" => Length::Short,
        _ => Length::True,
    }
}

pub(crate) fn delay() -> Duration {
    Duration::from_millis(number("DELAY_MS").unwrap_or(0))
}

/// The faults as they are written.
pub(crate) fn faults() -> String {
    variable("FAULT").unwrap_or_default()
}
