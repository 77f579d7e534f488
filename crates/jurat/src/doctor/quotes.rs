//! Where quotes come from: what each source lacks, and one quote from the first that answers.

use std::{fs, time::Instant};

use jurat_attest::{CheckedQuotes, QuoteFailure, QuoteProvider, QuoteSource, quote_sources};
use jurat_proto::{QuoteView, ReportData};

use super::{Findings, Line};
use crate::{
    config::{Config, TeeChoice},
    selfcheck::fresh_nonce,
    tee::OPEN_TD,
};

pub(super) fn look(config: &Config, findings: &mut Findings) {
    if config.tee != TeeChoice::Hardware {
        findings.add(Line::skip("tdx.quote", "a simulated TEE makes them"));
        return;
    }
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let mut sources = Vec::new();
    let mut lacking = Vec::new();
    for (name, opened) in quote_sources(&config.tdx_source) {
        match opened {
            Ok(provider) => sources.push((name, provider)),
            Err(failure) => lacking.push((name, failure)),
        }
    }
    for (name, failure) in lacking {
        findings.add(lack(name, &failure, sources.first().map(|(first, _)| *first), &mounts));
    }
    if config.tdx_source == QuoteSource::Auto {
        for (name, _) in sources.iter().skip(1) {
            findings.add(Line::pass(id(name), "it answers, and is not asked: an earlier one does"));
        }
    }
    let Some((name, provider)) = sources.into_iter().next() else {
        findings.add(Line::skip("tdx.quote", "no source of quotes answers"));
        return;
    };
    findings.add(Line::pass(
        id(name),
        format!("it answers, and tdx_source = \"{}\" takes it", config.tdx_source),
    ));
    findings.add(quote(provider));
}

fn id(source: &str) -> &'static str {
    match source {
        "configfs" => "tdx.configfs",
        "library" => "tdx.library",
        _ => "tdx.dstack",
    }
}

/// A source that does not answer is needed only if no other does.
fn lack(name: &'static str, failure: &QuoteFailure, other: Option<&str>, mounts: &str) -> Line {
    let text = failure.to_string();
    let text = text.strip_prefix("no quote provider: ").unwrap_or(&text);
    let mounted = mounts.lines().any(|mount| mount.split(' ').nth(2) == Some("configfs"));
    let text = match (name, mounted) {
        ("configfs", true) => format!("{text} (configfs is mounted)"),
        ("configfs", false) => format!("{text} (configfs is not mounted)"),
        _ => text.to_owned(),
    };
    match other {
        Some(other) => Line::skip(id(name), format!("{text}; {other} answers instead")),
        None => Line::fail(id(name), text).advise(match name {
            "configfs" => "modprobe tdx_guest; mount -t configfs none /sys/kernel/config; in a container bind-mount it writable",
            "library" => "install Intel's libtdx-attest and give jurat /dev/tdx_guest",
            _ => "mount dstack's socket into jurat's container, and into no other",
        }),
    }
}

/// A quote as `serve` would have it, over random report data.
fn quote(provider: Box<dyn QuoteProvider>) -> Line {
    const ID: &str = "tdx.quote";
    let Ok(random) = fresh_nonce() else { return Line::fail(ID, "the operating system gives no randomness") };
    let mut report_data = [0; 64];
    for (to, from) in report_data.iter_mut().zip(random.as_bytes()) {
        *to = *from;
    }
    let mut quotes = CheckedQuotes::new(provider);
    let begun = Instant::now();
    match quotes.quote(&ReportData::new(report_data)) {
        Ok(quote) => {
            let version = QuoteView::parse(&quote.bytes).map_or(0, |view| view.version());
            let log = if quote.event_log.is_some() { "with an event log" } else { "without an event log" };
            Line::pass(
                ID,
                format!(
                    "a quote of version {version} over random report data, DEBUG off, {log}, in {:.1} s",
                    begun.elapsed().as_secs_f64()
                ),
            )
        }
        Err(failure) => {
            let advice = match failure {
                QuoteFailure::DebugTd => OPEN_TD,
                QuoteFailure::Busy(_) | QuoteFailure::TimedOut(_) => {
                    "try again; if it stays so, the host's quoting service (qgsd) is overloaded or down"
                }
                QuoteFailure::Wrong(_) => {
                    "use a source that answers what it is asked: name it with tdx_source"
                }
                _ => {
                    "the host's operator looks at its quoting service (qgsd) and its registration with Intel"
                }
            };
            Line::fail(ID, failure.to_string()).advise(advice)
        }
    }
}

#[cfg(test)]
mod tests;
