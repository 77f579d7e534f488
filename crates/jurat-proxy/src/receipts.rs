//! `GET /receipts`, `/receipts/chains`, `/receipts/head`: the archive in order, for auditors.

use actix_web::{
    HttpResponse,
    http::{
        StatusCode,
        header::{CONTENT_TYPE, HeaderValue},
    },
};
use jurat_ledger::{ChainSummary, Link, Page, StoreError};
use jurat_proto::Digest;
use serde_json::json;

use crate::{archive, context::Context, error::Refusal, headers, query::Query};

const NDJSON: &str = "application/x-ndjson";
/// Links of a page, unless the query says otherwise, and at most.
const LIMIT: usize = 1_000;
const MOST: usize = 10_000;
/// No place lies behind it: numbers in JSON stay below 2^53.
const LAST: u64 = (1 << 53) - 1;

/// A stretch of a chain, a line each link: receipts as `/signature` serves them, prune points where retention cut,
/// then `{"next":SEQ}` if there is more, else the newest head kept.
pub(crate) async fn page(context: &Context, query: &Query<'_>) -> HttpResponse {
    let (chain, after, limit) = match parse(query) {
        Ok(asked) => asked,
        Err(refusal) => return refusal.response(),
    };
    let found = archive::ask(context, move |archive| archive.page(&chain, after, limit)).await;
    let text = match found {
        Ok(page) if after == 0 && page.links.is_empty() && page.head.is_none() => {
            return Refusal::ChainUnknown.response();
        }
        Ok(page) => lines(&page),
        Err(error) => return unavailable(&error),
    };
    match text {
        Ok(text) => {
            let mut response = headers::json(StatusCode::OK, text);
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(NDJSON));
            response
        }
        Err(error) => {
            tracing::error!(%error, "an export could not be written as JSON");
            Refusal::StoreUnavailable.response()
        }
    }
}

/// The chains of which receipts are kept.
pub(crate) async fn chains(context: &Context) -> HttpResponse {
    match archive::ask(context, |archive| archive.chains()).await {
        Ok(chains) => {
            let chains: Vec<_> = chains.iter().map(summary).collect();
            headers::json(StatusCode::OK, json!({ "chains": chains }).to_string())
        }
        Err(error) => unavailable(&error),
    }
}

/// How far the live chain has come, sworn to now.
pub(crate) async fn head(context: &Context) -> HttpResponse {
    match context.parts.appender.head().await.map(|head| serde_json::to_string(&head)) {
        Ok(Ok(json)) => headers::json(StatusCode::OK, json),
        _ => Refusal::StoreUnavailable.response(),
    }
}

fn parse(query: &Query<'_>) -> Result<(Digest, u64, usize), Refusal> {
    let chain = query.value("chain").ok_or(Refusal::InvalidChain)?;
    let chain = chain.parse().map_err(|_| Refusal::InvalidChain)?;
    let number = |name: &str| query.value(name).map(|text| text.parse::<u64>()).transpose();
    let after = number("after").map_err(|_| Refusal::InvalidPage)?.unwrap_or(0);
    let limit = number("limit").map_err(|_| Refusal::InvalidPage)?.unwrap_or(LIMIT as u64);
    match usize::try_from(limit) {
        Ok(limit @ 1..=MOST) if after <= LAST => Ok((chain, after, limit)),
        _ => Err(Refusal::InvalidPage),
    }
}

fn lines(page: &Page) -> Result<String, serde_json::Error> {
    let mut text = String::new();
    let mut line = |json: String| {
        text.push_str(&json);
        text.push('\n');
    };
    for link in &page.links {
        line(match link {
            Link::Receipt(entry) => serde_json::to_string(&entry.record)?,
            Link::Pruned(point) => serde_json::to_string(point)?,
        });
    }
    match (page.next, &page.head) {
        (Some(next), _) => line(json!({ "next": next }).to_string()),
        (None, Some(head)) => line(serde_json::to_string(head)?),
        (None, None) => {}
    }
    Ok(text)
}

fn summary(chain: &ChainSummary) -> serde_json::Value {
    json!({
        "chain": format!("0x{}", chain.chain),
        "signing_address": chain.signing_address.to_string(),
        "first": chain.first,
        "last": chain.last,
    })
}

fn unavailable(error: &StoreError) -> HttpResponse {
    tracing::error!(%error, "the archive could not be read");
    Refusal::StoreUnavailable.response()
}
