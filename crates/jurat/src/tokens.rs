//! Files of tokens, and `jurat token new`, which makes a line for them.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use jurat_proto::{Digest, UnixSeconds, sha256};
use jurat_proxy::{Keyring, Rate, Token};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use serde::Deserialize;

use crate::{
    cli::{NewTokenOptions, TokenOptions},
    exit::{Code, Failure, print, say},
    service::{now, random},
    verify::read_text,
    watched,
};

/// A file of tokens.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    token: Vec<Entry>,
}

/// One of them. Of the token itself only the digest is there.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// For people, and for what is said of a bad entry.
    name: String,
    /// SHA-256 of the token's bytes, 64 hex.
    sha256: String,
    /// Seconds since 1970.
    expires: Option<u64>,
    /// Requests a second.
    rate: Option<f64>,
    /// Requests at once.
    burst: Option<u32>,
}

/// A door's tokens, from a file that is followed.
pub(crate) struct Tokens {
    pub(crate) keyring: Arc<Keyring>,
    path: PathBuf,
    text: Vec<u8>,
}

impl Tokens {
    /// Reads the file; a bad one starts nothing.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let named =
            |error: &dyn std::fmt::Display| Failure::config(format_args!("{}: {error}", path.display()));
        let text = std::fs::read(path).map_err(|error| named(&error))?;
        let tokens = parse(&text).map_err(|error| named(&error))?;
        if tokens.is_empty() {
            say(format_args!("{} has no token: nobody gets in by it", path.display()));
        }
        Ok(Self { keyring: Keyring::new(tokens), path: path.to_owned(), text })
    }

    /// Follows the file. One that can't be read as tokens changes nothing: a slip must not lock everybody out, nor
    /// let anybody in.
    pub(crate) fn watch(self) -> Result<(), Failure> {
        let keyring = Arc::downgrade(&self.keyring);
        let shown = self.path.display().to_string();
        watched::follow(self.path, Some(self.text), move |text| {
            let keyring = keyring.upgrade()?;
            match parse(text) {
                Ok(tokens) => {
                    tracing::info!(file = shown, tokens = tokens.len(), "tokens were read anew");
                    keyring.replace(tokens);
                }
                Err(error) => {
                    tracing::error!(file = shown, error, "the tokens can't be read, and those before stay");
                }
            }
            Some(())
        })
    }
}

fn parse(text: &[u8]) -> Result<Vec<Token>, String> {
    let text = std::str::from_utf8(text).map_err(|_| "not UTF-8".to_owned())?;
    // The parser's own message shows the line, and who put a token where its digest belongs would find it in the log.
    let file: File = toml::from_str(text).map_err(|error| error.message().to_owned())?;
    file.token.iter().map(token).collect()
}

fn token(entry: &Entry) -> Result<Token, String> {
    let Entry { name, sha256, expires, rate, burst } = entry;
    let digest: Digest =
        sha256.parse().map_err(|_| format!("token {name:?}: sha256 is not 64 hexadecimal digits"))?;
    let rate = match (rate, burst) {
        (Some(rate), burst) => {
            Some(Rate::new(*rate, burst.unwrap_or(1)).map_err(|error| format!("token {name:?}: {error}"))?)
        }
        (None, Some(_)) => return Err(format!("token {name:?}: a burst means nothing without a rate")),
        (None, None) => None,
    };
    Ok(Token::new(*digest.as_bytes(), expires.map(UnixSeconds), rate))
}

/// What shows the token from a file to whoever asks for one; nothing without a file.
pub(crate) fn credentials(options: &TokenOptions) -> Result<HeaderMap, Failure> {
    let mut credentials = HeaderMap::new();
    if let Some(path) = &options.token_file {
        let token = read_text(path)?;
        let mut value = HeaderValue::from_str(&format!("Bearer {}", token.trim()))
            .map_err(|_| Failure::usage(format_args!("{}: not a bearer token", path.display())))?;
        value.set_sensitive(true);
        credentials.insert(AUTHORIZATION, value);
    }
    Ok(credentials)
}

/// `jurat token new`: the token goes to people, what the file takes to stdout.
pub(crate) fn new(options: NewTokenOptions) -> Result<Code, Failure> {
    let token = format!("jurat-{}", Digest::new(random()?));
    let mut entry = format!(
        "[[token]]\nname = {}\nsha256 = \"{}\"",
        toml::Value::from(options.name),
        sha256(token.as_bytes())
    );
    if let Some(days) = options.days {
        let expires = now().seconds().0.saturating_add(days.saturating_mul(86_400));
        entry.push_str(&format!("\nexpires = {expires}"));
    }
    say(format_args!("the token, shown this once: {token}"));
    print(entry);
    Ok(Code::Done)
}

#[cfg(test)]
mod tests;
