//! Reading answers: bounded, and errors in the shape that OpenAI's clients know.

use reqwest::Response;
use serde::Deserialize;

use crate::{ClientError, client::unreachable};

/// No error needs more to be understood.
const MAX_ERROR: usize = 64 << 10;
const MAX_MESSAGE: usize = 300;

/// The body as text, if it is no longer than `limit`.
pub(crate) async fn text(response: Response, limit: usize) -> Result<String, ClientError> {
    String::from_utf8(bytes(response, limit).await?).map_err(|_| ClientError::Illegible("not UTF-8".into()))
}

/// The body, if it is no longer than `limit`.
pub(crate) async fn bytes(mut response: Response, limit: usize) -> Result<Vec<u8>, ClientError> {
    let too_long = |length: u64| usize::try_from(length).map_or(true, |length| length > limit);
    if response.content_length().is_some_and(too_long) {
        return Err(ClientError::TooLong(limit));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(&error))? {
        if body.len() + chunk.len() > limit {
            return Err(ClientError::TooLong(limit));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// What an answer other than 200 says.
pub(crate) async fn refusal(response: Response) -> ClientError {
    #[derive(Deserialize)]
    struct Inner {
        #[serde(default)]
        message: String,
        code: Option<serde_json::Value>,
    }
    #[derive(Deserialize)]
    struct Wire {
        error: Inner,
    }

    let status = response.status().as_u16();
    let text = match text(response, MAX_ERROR).await {
        Ok(text) => text,
        Err(_) => {
            return ClientError::Refused {
                status,
                code: None,
                message: "with a body that cannot be read".into(),
            };
        }
    };
    let (message, code) = match serde_json::from_str::<Wire>(&text) {
        Ok(Wire { error }) => (error.message, error.code.and_then(|code| code.as_str().map(printable))),
        Err(_) => (text, None),
    };
    ClientError::Refused { status, code, message: printable(&message) }
}

/// Strangers' words, fit for a terminal.
fn printable(text: &str) -> String {
    let chars = text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c });
    chars.take(MAX_MESSAGE).collect()
}
