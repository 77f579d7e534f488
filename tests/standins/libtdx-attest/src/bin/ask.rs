//! Asks one source for quotes as the product does, checks and all, and prints what comes: for tests whose source is
//! told by the environment how to behave.
//!
//! ```text
//! jurat-standin-ask SOURCE REPORT_DATA [TIMES]     through `quote_provider`, deadlines as the product's
//! jurat-standin-ask late:FILE REPORT_DATA [TIMES]  Intel's library at FILE with a deadline of a fifth of a second
//! ```
//!
//! One line a time: `quote HEX`, or the failure's name and words.
#![forbid(unsafe_code)]

use std::{process::ExitCode, time::Duration};

use jurat_attest::{CheckedQuotes, IntelLibrary, QuoteFailure, QuoteProvider, TimelyQuotes, quote_provider};
use jurat_proto::ReportData;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (source, report_data, times) = match &arguments[..] {
        [source, report_data] => (source, report_data, Ok(1)),
        [source, report_data, times] => (source, report_data, times.parse::<u32>()),
        _ => return usage(),
    };
    let (Ok(report_data), Ok(times)) = (report_data.parse::<ReportData>(), times) else { return usage() };
    let mut provider = match open(source) {
        Ok(provider) => CheckedQuotes::new(provider),
        Err(failure) => {
            println!("{}", told(&failure));
            return ExitCode::SUCCESS;
        }
    };
    for _ in 0..times {
        match provider.quote(&report_data) {
            Ok(quote) => println!("quote {}", hex::encode(quote.bytes)),
            Err(failure) => println!("{}", told(&failure)),
        }
    }
    ExitCode::SUCCESS
}

fn open(source: &str) -> Result<Box<dyn QuoteProvider>, QuoteFailure> {
    match source.strip_prefix("late:") {
        Some(file) => {
            let library = Box::new(IntelLibrary::load(file)?);
            Ok(Box::new(TimelyQuotes::new(library, Duration::from_millis(200))?))
        }
        None => {
            let source =
                source.parse().map_err(|error| QuoteFailure::Failed(format!("{source}: {error}")))?;
            quote_provider(&source)
        }
    }
}

fn told(failure: &QuoteFailure) -> String {
    let name = match failure {
        QuoteFailure::Unavailable(_) => "unavailable",
        QuoteFailure::Busy(_) => "busy",
        QuoteFailure::TimedOut(_) => "timed-out",
        QuoteFailure::Failed(_) => "failed",
        QuoteFailure::Wrong(_) => "wrong",
        QuoteFailure::DebugTd => "debug",
        _ => "other",
    };
    format!("{name} {failure}")
}

fn usage() -> ExitCode {
    eprintln!("usage: jurat-standin-ask SOURCE|late:FILE REPORT_DATA [TIMES]");
    ExitCode::from(64)
}
