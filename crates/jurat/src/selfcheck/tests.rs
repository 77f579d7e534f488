use std::cell::Cell;

use super::*;

const SOON: Duration = Duration::from_millis(1);

fn busy() -> Result<Result<u8, ReportFailure>, Failure> {
    Ok(Err(ReportFailure::Busy { retry_after: SOON }))
}

#[test]
fn a_crowd_is_waited_out_while_reports_are_made() {
    let asked = Cell::new(0u64);
    let ask = || {
        asked.set(asked.get() + 1);
        match asked.get() {
            100 => Ok(Ok(7)),
            odd if odd % 2 == 1 => busy(),
            _ => Ok(Err(ReportFailure::TimedOut { retry_after: SOON })),
        }
    };
    // No patience at all with an engine that makes nothing, and this one makes a report each time.
    assert_eq!(in_turn(ask, || asked.get(), Duration::ZERO).unwrap(), 7);
    assert_eq!(asked.get(), 100);
}

#[test]
fn a_device_that_hangs_is_a_failure_in_the_end() {
    let begun = Instant::now();
    let hung = Duration::from_millis(30);
    let failure = in_turn(busy, || 5, hung).unwrap_err();
    assert!(begun.elapsed() >= hung);
    assert!(failure.message().contains("too many report requests wait"), "{failure:?}");
}

#[test]
fn a_failure_of_the_hardware_is_one_at_once() {
    let asked = Cell::new(0);
    let ask = || {
        asked.set(asked.get() + 1);
        Ok(Err::<u8, _>(ReportFailure::Stopped))
    };
    assert!(in_turn(ask, || 0, HUNG).is_err());
    assert_eq!(asked.get(), 1);
}
