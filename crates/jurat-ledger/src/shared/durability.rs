//! In which ways the server may lose what it has acknowledged, as far as it says.

use std::{fmt, time::Instant};

use super::{
    link::{Failure, Link, Request},
    resp::{Args, Reply},
};

/// A setting of the server's under which acknowledged receipts can be lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Weakness {
    /// It throws out keys when its memory is full.
    Evicts(String),
    /// It writes no log of what it takes.
    NoLog,
    /// It writes the log, but does not wait for the disk.
    LogBehind(String),
    /// It does not let us ask.
    Silent,
}

impl fmt::Display for Weakness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Evicts(policy) => write!(
                f,
                "maxmemory-policy is {policy}, so receipts go when its memory is full; it must be noeviction"
            ),
            Self::NoLog => f.write_str("appendonly is off, so a crash loses receipts; it should be yes"),
            Self::LogBehind(when) => {
                write!(f, "appendfsync is {when}, so a crash may lose the last receipts; `always` loses none")
            }
            Self::Silent => f.write_str("it does not tell its settings (see CONFIG GET); check them by hand"),
        }
    }
}

/// Asks; `None` if the connection failed meanwhile.
pub(super) fn weaknesses(link: &mut Link, deadline: Instant) -> Option<Vec<Weakness>> {
    let mut said = Settings::default();
    for name in ["maxmemory-policy", "appendonly", "appendfsync"] {
        match link.call(&Request::Command(Args::of(&["CONFIG", "GET", name])), deadline) {
            Ok(reply) => said.take(name, &reply),
            Err(Failure::Refused(_)) => {}
            Err(_) => return None,
        }
    }
    Some(said.weaknesses())
}

#[derive(Debug, Default)]
struct Settings {
    policy: Option<String>,
    log: Option<String>,
    fsync: Option<String>,
}

impl Settings {
    /// The reply is the name and the value.
    fn take(&mut self, name: &str, reply: &Reply) {
        let Reply::List(pair) = reply else { return };
        let Some(Reply::Bytes(value)) = pair.get(1) else { return };
        let value = Some(String::from_utf8_lossy(value).chars().take(40).collect());
        match name {
            "maxmemory-policy" => self.policy = value,
            "appendonly" => self.log = value,
            _ => self.fsync = value,
        }
    }

    fn weaknesses(&self) -> Vec<Weakness> {
        let mut found = Vec::new();
        let (Some(policy), Some(log), Some(fsync)) = (&self.policy, &self.log, &self.fsync) else {
            return vec![Weakness::Silent];
        };
        // Our keys do not expire, so the `volatile-` policies throw out none of them.
        if policy.starts_with("allkeys") {
            found.push(Weakness::Evicts(policy.clone()));
        }
        match (log.as_str(), fsync.as_str()) {
            ("no", _) => found.push(Weakness::NoLog),
            (_, "always") => {}
            (_, when) => found.push(Weakness::LogBehind(when.to_owned())),
        }
        found
    }
}

#[cfg(test)]
mod tests;
