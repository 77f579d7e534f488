//! dstack's socket: whoever has it derives the same key.

use std::{
    fs, io,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use jurat_attest::{DSTACK_SOCKETS, QuoteSource};

use super::{Findings, Line};
use crate::config::{Config, KeyChoice};

const ID: &str = "dstack.socket";

pub(super) fn look(config: &Config, findings: &mut Findings) {
    let named = match &config.tdx_source {
        QuoteSource::Dstack(Some(socket)) => vec![socket.clone()],
        _ => DSTACK_SOCKETS.iter().map(PathBuf::from).collect(),
    };
    findings.add(match named.iter().find(|socket| socket.exists()) {
        Some(socket) => judge(socket, config.key),
        None if config.key == KeyChoice::Dstack => Line::fail(ID, "key = \"dstack\", and there is no socket")
            .advise("mount it into this container, or use key = \"fresh\""),
        None => Line::skip(ID, "there is none, and nothing needs it"),
    });
}

/// Other containers can't be seen from within one, so with a derived key the best that can be said is what is left to
/// look at.
fn judge(socket: &Path, key: KeyChoice) -> Line {
    let (mode, owner) = match fs::metadata(socket) {
        Ok(found) => (found.permissions().mode() & 0o777, found.uid()),
        Err(error) => return Line::skip(ID, format!("{}: {error}", socket.display())),
    };
    let open = if mode & 0o022 == 0 { "its owner alone" } else { "others too" };
    let text = format!("{} has mode {mode:03o} and owner {owner}: {open}", socket.display());
    let advice = "mount it into jurat's container alone: whoever has it derives the same signing key";
    match key {
        KeyChoice::Dstack => {
            Line::skip(ID, format!("{text}; which other containers have it can't be seen from here"))
                .advise(advice)
        }
        KeyChoice::Fresh => match connectable(socket) {
            Ok(()) => Line::pass(ID, format!("{text}; no key depends on it")),
            Err(error) => Line::skip(ID, format!("{text}; this process can't open it: {error}")),
        },
    }
}

fn connectable(socket: &Path) -> io::Result<()> {
    std::os::unix::net::UnixStream::connect(socket).map(drop)
}

#[cfg(test)]
mod tests;
