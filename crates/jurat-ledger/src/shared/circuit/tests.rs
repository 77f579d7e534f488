use super::*;

const CALL: Duration = Duration::from_secs(1);

#[test]
fn it_opens_lets_one_through_and_closes() {
    let (circuit, start) = (Circuit::default(), Instant::now());
    assert!(circuit.admits(start, CALL));
    circuit.open(start);
    assert!(!circuit.admits(start, CALL));
    let due = start + FIRST_PAUSE;
    assert!(circuit.admits(due, CALL), "the probe");
    assert!(!circuit.admits(due, CALL), "one at a time");
    assert!(circuit.admits(due + CALL, CALL), "a probe that never came back does not lock it");
    circuit.close();
    assert!(circuit.admits(due, CALL) && circuit.admits(due, CALL));
}

#[test]
fn pauses_grow_to_a_bound_and_differ() {
    for failures in [1, 2, 3, 4, 9, 4_000_000_000] {
        let pause = pause(failures);
        assert!(pause >= FIRST_PAUSE / 2 && pause <= LONGEST_PAUSE, "{failures}: {pause:?}");
    }
    assert!(pause(40) >= LONGEST_PAUSE / 2);
    let first = jittered(LONGEST_PAUSE);
    assert!((0..100).any(|_| jittered(LONGEST_PAUSE) != first));
}
