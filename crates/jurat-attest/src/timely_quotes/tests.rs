use std::{
    sync::mpsc::{Receiver, Sender, channel},
    thread,
    time::Instant,
};

use super::*;

/// Answers when it is let, with the report data it was asked for, or panics when nobody will ever let it.
struct Gated(Receiver<()>);

impl QuoteProvider for Gated {
    fn name(&self) -> &'static str {
        "gated"
    }

    fn quote(&mut self, report_data: &ReportData) -> Answer {
        self.0.recv().expect("a gate");
        Ok(Quote { bytes: report_data.as_bytes().to_vec(), event_log: None, vm_config: None, info: None })
    }
}

fn timely(patience: Duration) -> (TimelyQuotes, Sender<()>) {
    let (gate, gated) = channel();
    (TimelyQuotes::new(Box::new(Gated(gated)), patience).unwrap(), gate)
}

const SHORT: Duration = Duration::from_millis(30);

#[test]
fn a_call_in_time_is_passed_on() {
    let (mut quotes, gate) = timely(Duration::from_secs(20));
    assert_eq!((quotes.name(), quotes.tee(), quotes.collateral()), ("gated", Tee::Tdx, None));
    for byte in 0..3 {
        gate.send(()).unwrap();
        assert_eq!(quotes.quote(&ReportData::new([byte; 64])).unwrap().bytes, [byte; 64]);
    }
}

#[test]
fn a_late_answer_is_nobodys() {
    let (mut quotes, gate) = timely(SHORT);
    let late = quotes.quote(&ReportData::new([1; 64])).unwrap_err();
    assert!(matches!(&late, QuoteFailure::TimedOut(text) if text.contains("gated")), "{late}");
    for _ in 0..3 {
        assert!(matches!(quotes.quote(&ReportData::new([2; 64])), Err(QuoteFailure::Busy(_))));
    }
    // Once the late call has returned, whoever gets an answer gets one to the question just asked.
    let until = Instant::now() + Duration::from_secs(20);
    for byte in 3.. {
        gate.send(()).unwrap();
        match quotes.quote(&ReportData::new([byte; 64])) {
            Ok(quote) => {
                assert_eq!(quote.bytes, [byte; 64]);
                return;
            }
            // A loaded machine may be late again.
            Err(QuoteFailure::Busy(_) | QuoteFailure::TimedOut(_)) => assert!(Instant::now() < until),
            Err(other) => panic!("{other}"),
        }
        thread::sleep(SHORT);
    }
}

#[test]
fn a_panic_is_a_failure_and_the_thread_lives_on() {
    let (mut quotes, gate) = timely(Duration::from_secs(20));
    drop(gate);
    for _ in 0..2 {
        let failure = quotes.quote(&ReportData::new([1; 64])).unwrap_err();
        assert!(matches!(&failure, QuoteFailure::Failed(text) if text.starts_with("panicked")), "{failure}");
    }
}
