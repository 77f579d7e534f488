//! Where a service is: scheme, host and the path that its routes hang under.

use std::{fmt, str::FromStr};

use reqwest::Url;

/// An address such as `https://host:8000` or `https://host/v1`. Routes are appended to it as it stands, as
/// jurat serves them bare and under `/v1` alike and other sidecars under `/v1` alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl(Url);

/// Why a text is no base URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BaseUrlError {
    /// Not a URL.
    #[error("not a URL: {0}")]
    Syntax(String),
    /// Neither http nor https.
    #[error("scheme {0} is neither http nor https")]
    Scheme(String),
    /// A user name or password in the URL would be sent to whoever answers.
    #[error("credentials do not belong in a URL")]
    Credentials,
    /// A query or fragment.
    #[error("a base URL has neither query nor fragment")]
    Query,
}

impl BaseUrl {
    /// The URL of a relayed request: segments of the path, and the query as it came. A base that ends in `/v1` itself has
    /// what begins with `v1` hang under it without.
    pub fn route<'a>(&self, segments: impl IntoIterator<Item = &'a str>, query: Option<&str>) -> Url {
        let versioned = self.0.path().trim_end_matches('/').ends_with("/v1");
        let mut segments = segments.into_iter().peekable();
        let _ = segments.next_if(|first| versioned && *first == "v1");
        let mut url = self.join(segments);
        url.set_query(query);
        url
    }

    /// The URL of a route below it. Segments are escaped: an id cannot climb out of its place.
    pub(crate) fn join<'a>(&self, segments: impl IntoIterator<Item = &'a str>) -> Url {
        let mut url = self.0.clone();
        // an http URL always has segments; without them the server answers for the base itself
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }
}

impl FromStr for BaseUrl {
    type Err = BaseUrlError;

    fn from_str(text: &str) -> Result<Self, BaseUrlError> {
        let url = Url::parse(text.trim()).map_err(|error| BaseUrlError::Syntax(error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(BaseUrlError::Scheme(url.scheme().to_owned()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(BaseUrlError::Credentials);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(BaseUrlError::Query);
        }
        Ok(Self(url))
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests;
