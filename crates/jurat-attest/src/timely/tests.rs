use std::{thread, time::Instant};

use super::*;
use crate::GpuArchitecture;

/// Takes its time for evidence, panics when asked for switches.
struct Slow(Duration);

impl GpuProvider for Slow {
    fn name(&self) -> &'static str {
        "slow"
    }

    fn count(&mut self) -> Result<u32, GpuFailure> {
        Ok(1)
    }

    fn evidence(&mut self, nonce: &Nonce) -> Result<Vec<GpuEvidence>, GpuFailure> {
        thread::sleep(self.0);
        let report = nonce.as_bytes().to_vec();
        Ok(vec![GpuEvidence { certificate_chain: Vec::new(), report, architecture: GpuArchitecture::Hopper }])
    }

    fn switches(&mut self, _nonce: &Nonce) -> Result<Option<Vec<SwitchEvidence>>, GpuFailure> {
        panic!("no switch here")
    }
}

fn nonce(byte: u8) -> Nonce {
    Nonce::new([byte; 32])
}

#[test]
fn answers_in_time_are_passed_on() {
    let mut gpus = TimelyGpus::new(Box::new(Slow(Duration::ZERO)), TimelyGpus::PATIENCE).unwrap();
    assert_eq!((gpus.name(), gpus.count()), ("slow", Ok(1)));
    assert_eq!(gpus.evidence(&nonce(7)).unwrap()[0].report, [7; 32]);
    let panicked = gpus.switches(&nonce(7)).unwrap_err();
    assert_eq!(panicked, GpuFailure::Failed("panicked: no switch here".to_owned()));
    assert_eq!(gpus.count(), Ok(1), "and it goes on");
}

#[test]
fn a_late_answer_is_nobodys() {
    let mut gpus =
        TimelyGpus::new(Box::new(Slow(Duration::from_millis(300))), Duration::from_millis(100)).unwrap();
    let begun = Instant::now();
    let late = gpus.evidence(&nonce(1)).unwrap_err();
    assert!(matches!(&late, GpuFailure::TimedOut(text) if text.contains("0.1 s")), "{late}");
    let occupied = gpus.evidence(&nonce(2)).unwrap_err();
    assert!(matches!(&occupied, GpuFailure::TimedOut(text) if text.contains("earlier")), "{occupied}");
    assert!(begun.elapsed() < Duration::from_millis(290), "the device still works on the first");
    let until = Instant::now() + Duration::from_secs(20);
    while gpus.count().is_err() {
        assert!(Instant::now() < until, "it never came back");
        thread::sleep(Duration::from_millis(5));
    }
}
