use std::time::Instant;

use super::*;

const LONG: Duration = Duration::from_secs(20);

#[test]
fn work_is_done_in_order_on_one_thread() {
    let mut worker = Worker::start("test", |number: u32| (number + 1, thread::current().id())).unwrap();
    let (_, first) = worker.ask(1, LONG).unwrap();
    assert_ne!(first, thread::current().id());
    assert_eq!(worker.ask(2, LONG), Ok((3, first)));
}

#[test]
fn an_answer_that_comes_too_late_answers_nobody() {
    let (open, door) = mpsc::channel::<()>();
    let mut worker = Worker::start("test", move |number: u32| {
        if number == 1 {
            door.recv().unwrap();
        }
        number
    })
    .unwrap();
    assert_eq!(worker.ask(1, Duration::from_millis(10)), Err(Lapse::Late));
    assert_eq!(worker.ask(2, LONG), Err(Lapse::Occupied), "at once, and nothing is begun");
    open.send(()).unwrap();
    let until = Instant::now() + LONG;
    let answer = loop {
        match worker.ask(3, LONG) {
            Err(Lapse::Occupied) if Instant::now() < until => thread::sleep(Duration::from_millis(1)),
            other => break other,
        }
    };
    assert_eq!(answer, Ok(3), "neither 1, which nobody waits for, nor 2, which was refused");
}

#[test]
fn a_thread_that_died_is_told() {
    let mut worker: Worker<(), ()> = Worker::start("test", |()| panic!("work")).unwrap();
    assert_eq!(worker.ask((), LONG), Err(Lapse::Gone));
    assert_eq!(worker.ask((), LONG), Err(Lapse::Gone));
}
