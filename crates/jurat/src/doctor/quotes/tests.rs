use jurat_attest::{Quote, Tee};
use jurat_verify::Status;

use super::*;

const MOUNTED: &str = "proc /proc proc rw 0 0\nnone /sys/kernel/config configfs rw 0 0\n";

fn unavailable() -> QuoteFailure {
    QuoteFailure::Unavailable("it is not there".into())
}

#[test]
fn a_source_is_needed_only_if_no_other_answers() {
    let needed = lack("configfs", &unavailable(), None, "");
    assert_eq!((needed.id, needed.status), ("tdx.configfs", Status::Fail));
    assert!(needed.finding.starts_with("it is not there (configfs is not mounted)"), "{needed}");
    assert!(needed.advice.unwrap().contains("mount -t configfs"));
    let spare = lack("configfs", &unavailable(), Some("dstack"), MOUNTED);
    assert_eq!(spare.status, Status::Skip);
    assert!(spare.finding.contains("(configfs is mounted); dstack answers instead"), "{spare}");
}

struct Failing(QuoteFailure);

impl QuoteProvider for Failing {
    fn name(&self) -> &'static str {
        "failing"
    }

    fn tee(&self) -> Tee {
        Tee::Tdx
    }

    fn quote(&mut self, _: &ReportData) -> Result<Quote, QuoteFailure> {
        Err(self.0.clone())
    }
}

#[test]
fn each_failure_of_a_quote_has_its_advice() {
    for (failure, word) in [
        (QuoteFailure::DebugTd, "DEBUG"),
        (QuoteFailure::Busy("taken".into()), "try again"),
        (QuoteFailure::Failed("EIO".into()), "quoting service"),
        (QuoteFailure::Wrong("other report data".into()), "tdx_source"),
    ] {
        let line = quote(Box::new(Failing(failure.clone())));
        assert_eq!((line.status, line.finding), (Status::Fail, failure.to_string()));
        assert!(line.advice.unwrap().contains(word), "{failure}");
    }
}
