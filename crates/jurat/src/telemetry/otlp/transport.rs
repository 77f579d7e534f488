//! The way to the collector: one POST, to the address of the configuration and nowhere else.

use std::time::Duration;

use async_trait::async_trait;
use jurat_client::BaseUrl;
use opentelemetry::KeyValue;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, RetryPolicy, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::{Resource, trace::SpanExporter as _};
use reqwest::{Url, header::CONTENT_TYPE, redirect::Policy};

use crate::{exit::Failure, service::VERSION};

const CONNECT: Duration = Duration::from_secs(3);
/// A collector says "taken" in a few bytes.
const MOST_OF_AN_ANSWER: usize = 64 << 10;

/// Posts to `endpoint`/v1/traces, each batch once, within `patience`.
pub(super) fn exporter(endpoint: &BaseUrl, patience: Duration) -> Result<SpanExporter, Failure> {
    let url = endpoint.route(["v1", "traces"], None);
    let named = |error: &dyn std::fmt::Display| Failure::unavailable(format_args!("otlp_endpoint: {error}"));
    let transport = Transport::new(url.clone(), patience).map_err(|error| named(&error))?;
    // What is set here is not looked for in the environment, which is the host's on some platforms.
    let mut exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(transport)
        .with_endpoint(url)
        .with_protocol(Protocol::HttpBinary)
        .with_timeout(patience)
        // Its waits would block the thread.
        .with_retry_policy(RetryPolicy::disabled())
        .build()
        .map_err(|error| named(&error))?;
    let resource = Resource::builder_empty()
        .with_attributes([KeyValue::new("service.name", "jurat"), KeyValue::new("service.version", VERSION)])
        .build();
    exporter.set_resource(&resource);
    Ok(exporter)
}

/// The workspace's own HTTP client and TLS, without proxies and redirects.
#[derive(Debug)]
struct Transport {
    http: reqwest::Client,
    url: Url,
}

impl Transport {
    fn new(url: Url, patience: Duration) -> reqwest::Result<Self> {
        let mut builder = reqwest::Client::builder()
            .no_proxy()
            .redirect(Policy::none())
            .connect_timeout(CONNECT)
            .timeout(patience)
            .user_agent(concat!("jurat/", env!("CARGO_PKG_VERSION")));
        if url.scheme() == "http" {
            // Minimal images have no roots, and need none for this.
            builder = builder.tls_certs_only([]);
        }
        Ok(Self { http: builder.build()?, url })
    }
}

#[async_trait]
impl HttpClient for Transport {
    /// Of the library's request the body alone is sent: its headers may come from the environment
    /// (`OTEL_EXPORTER_OTLP_HEADERS`).
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let request = self
            .http
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/x-protobuf")
            .body(request.into_body());
        let mut response = request.send().await?;
        let mut body = Vec::new();
        while body.len() < MOST_OF_AN_ANSWER
            && let Some(chunk) = response.chunk().await?
        {
            body.extend_from_slice(&chunk);
        }
        Ok(Response::builder().status(response.status().as_u16()).body(body.into())?)
    }
}
