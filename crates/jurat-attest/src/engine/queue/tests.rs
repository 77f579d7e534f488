use std::sync::{
    Mutex,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use jurat_proto::ReportBody;

use super::{
    super::reply::{Callback, Caller},
    *,
};

const SHARED: Task = Task::Shared(Binding::JuratV1);

fn fresh(nonce: u8) -> Task {
    Task::Fresh(Binding::JuratV1, Nonce::new([nonce; 32]))
}

fn reply() -> Reply {
    Reply::new(Callback(|_| ()), Instant::now() + Duration::from_secs(3600))
}

fn body() -> Result<Arc<ReportBody>, ReportFailure> {
    Ok(Arc::new(serde_json::from_str(r#"{"report_age_seconds":0}"#).unwrap()))
}

fn queue(limit: usize) -> Queue {
    Queue::new(Settings { queue: limit, ..Settings::default() }, "claims")
}

fn after(start: Instant, seconds: u64) -> Instant {
    start + Duration::from_secs(seconds)
}

#[test]
fn equal_tasks_are_one_and_the_rest_keep_their_order() {
    let start = Instant::now();
    let mut queue = queue(2);
    for task in [fresh(1), fresh(2), fresh(1), fresh(2), fresh(1)] {
        assert!(queue.push(task, reply()).is_ok());
    }
    let Err((_, ReportFailure::Busy { retry_after })) = queue.push(fresh(3), reply()) else {
        panic!("a third task fitted in")
    };
    assert!(retry_after >= Duration::from_secs(1));
    assert_eq!(queue.next(start), Next::Run(fresh(1)));
    // It is under way, and whoever asks for the same still joins it.
    assert!(queue.push(fresh(1), reply()).is_ok());
    assert!(queue.push(fresh(3), reply()).is_ok());
    assert_eq!(queue.finish(fresh(1), &body(), start, start).len(), 4);
    assert_eq!(queue.next(start), Next::Run(fresh(2)));
    assert_eq!(queue.finish(fresh(2), &body(), start, start).len(), 2);
    assert_eq!(queue.next(start), Next::Run(fresh(3)));
}

#[test]
fn equal_nonces_under_other_bindings_are_other_tasks() {
    let mut queue = queue(8);
    let nonce = Nonce::new([1; 32]);
    for binding in Binding::ALL {
        assert!(queue.push(Task::Fresh(binding, nonce), reply()).is_ok());
    }
    for binding in Binding::ALL {
        assert_eq!(queue.next(Instant::now()), Next::Run(Task::Fresh(binding, nonce)));
    }
}

#[test]
fn a_shared_report_ages_and_is_never_older_than_allowed() {
    let start = Instant::now();
    let mut queue = queue(8);
    assert!(queue.shared(Binding::JuratV1, start).is_none());
    queue.finish(SHARED, &body(), start, after(start, 2));
    let age = |queue: &mut Queue, seconds| {
        queue.shared(Binding::JuratV1, after(start, seconds)).map(|body| body.report_age_seconds.unwrap())
    };
    // Its age counts from the nonce, not from the end of the work.
    assert_eq!(age(&mut queue, 2), Some(2));
    assert_eq!(age(&mut queue, 299), Some(299));
    assert_eq!(age(&mut queue, 300), None);
    assert!(queue.shared(Binding::DstackV1, start).is_none());
}

#[test]
fn a_report_in_a_callers_hands_does_not_age() {
    let start = Instant::now();
    let mut queue = queue(8);
    queue.finish(SHARED, &body(), start, start);
    let early = queue.shared(Binding::JuratV1, after(start, 1)).unwrap();
    let late = queue.shared(Binding::JuratV1, after(start, 9)).unwrap();
    assert_eq!((early.report_age_seconds, late.report_age_seconds), (Some(1), Some(9)));
    let same = queue.shared(Binding::JuratV1, after(start, 9)).unwrap();
    assert!(Arc::ptr_eq(&late, &same));
}

#[test]
fn renewal_comes_early_goes_first_and_is_tried_again() {
    let start = Instant::now();
    let mut queue = queue(8);
    queue.finish(SHARED, &body(), start, start);
    assert_eq!(queue.next(start), Next::Sleep(after(start, 225)));
    assert!(queue.push(fresh(1), reply()).is_ok());
    assert_eq!(queue.next(after(start, 225)), Next::Run(SHARED));
    let failed = Err(ReportFailure::Stopped);
    queue.finish(SHARED, &failed, after(start, 225), after(start, 226));
    assert!(queue.shared(Binding::JuratV1, after(start, 299)).is_some(), "the old one is still good");
    assert_eq!(queue.next(after(start, 226)), Next::Run(fresh(1)));
    queue.finish(fresh(1), &body(), after(start, 226), after(start, 227));
    let Next::Sleep(again) = queue.next(after(start, 227)) else { panic!("something to do") };
    assert!(again > after(start, 227) && again < after(start, 250));
    assert_eq!(queue.next(again), Next::Run(SHARED));
    queue.finish(SHARED, &body(), again, again);
    assert_eq!(queue.next(again), Next::Sleep(again + Duration::from_secs(225)));
}

#[test]
fn renewal_takes_along_whoever_waits_for_it() {
    let start = Instant::now();
    let mut queue = queue(8);
    queue.finish(SHARED, &body(), start, start);
    for task in [fresh(1), SHARED, fresh(2)] {
        assert!(queue.push(task, reply()).is_ok());
    }
    assert_eq!(queue.next(after(start, 300)), Next::Run(SHARED));
    assert_eq!(queue.finish(SHARED, &body(), after(start, 300), after(start, 301)).len(), 1);
    assert_eq!(queue.next(after(start, 301)), Next::Run(fresh(1)));
}

#[test]
fn a_binding_that_nobody_asks_for_is_let_go() {
    let start = Instant::now();
    let task = Task::Shared(Binding::DstackV1);
    let mut idle = queue(8);
    idle.finish(task, &body(), start, start);
    assert_eq!(idle.next(after(start, 225)), Next::Sleep(after(start, 300)));
    assert_eq!(idle.next(after(start, 300)), Next::Sleep(after(start, 600)));

    let mut asked = queue(8);
    asked.finish(task, &body(), start, start);
    assert!(asked.shared(Binding::DstackV1, after(start, 10)).is_some());
    assert_eq!(asked.next(after(start, 225)), Next::Run(task));
}

#[test]
fn a_closed_queue_gives_nothing_out_and_keeps_who_is_served() {
    let start = Instant::now();
    let mut queue = queue(8);
    queue.finish(Task::Shared(Binding::DstackV1), &body(), start, start);
    for task in [fresh(1), fresh(2)] {
        assert!(queue.push(task, reply()).is_ok());
    }
    assert_eq!(queue.next(start), Next::Run(fresh(1)));
    assert_eq!(queue.close().len(), 1);
    assert!(matches!(queue.push(fresh(1), reply()), Err((_, ReportFailure::Stopped))));
    assert!(queue.shared(Binding::DstackV1, start).is_none());
    assert_eq!(queue.finish(fresh(1), &body(), start, start).len(), 1);
    assert_eq!(queue.next(start), Next::End);
}

#[test]
fn an_abandoned_queue_gives_up_everybody() {
    let mut queue = queue(8);
    for task in [fresh(1), fresh(2)] {
        assert!(queue.push(task, reply()).is_ok());
    }
    assert_eq!(queue.next(Instant::now()), Next::Run(fresh(1)));
    assert_eq!(queue.abandon().len(), 2);
}

#[test]
fn absurd_settings_do_no_harm() {
    let start = Instant::now();
    for refresh in [Duration::ZERO, Duration::MAX] {
        let mut queue = Queue::new(Settings { queue: 0, refresh, ..Settings::default() }, "claims");
        queue.finish(SHARED, &body(), start, start);
        assert!(matches!(queue.next(start), Next::Sleep(until) if until > start));
        assert!(queue.push(fresh(1), reply()).is_err());
    }
}

#[test]
fn a_reply_is_sent_once_even_if_forgotten() {
    let answers = Arc::new(Mutex::new(Vec::new()));
    let note = |answers: &Arc<Mutex<Vec<bool>>>| {
        let answers = Arc::clone(answers);
        let take = move |outcome: Result<_, _>| answers.lock().unwrap().push(outcome.is_ok());
        Reply::new(Callback(take), Instant::now())
    };
    note(&answers).send(body());
    drop(note(&answers));
    assert_eq!(*answers.lock().unwrap(), [true, false]);
}

#[test]
fn renewed_claims_end_the_reports_that_claimed_otherwise() {
    let start = Instant::now();
    let mut queue = queue(8);
    let claiming =
        |claims: &str| Ok(Arc::new(ReportBody { claims: Some(claims.into()), ..(*body().unwrap()).clone() }));
    let make = |queue: &mut Queue, outcome| {
        assert!(queue.push(SHARED, reply()).is_ok());
        assert_eq!(queue.next(start), Next::Run(SHARED));
        queue.finish(SHARED, &outcome, start, start);
    };
    make(&mut queue, claiming("claims"));
    assert!(queue.shared(Binding::JuratV1, start).is_some());
    queue.renew_claims("others".into());
    assert!(queue.shared(Binding::JuratV1, start).is_none());
    // One that was begun before and comes late is not shared either.
    make(&mut queue, claiming("claims"));
    assert!(queue.shared(Binding::JuratV1, start).is_none());
    make(&mut queue, claiming("others"));
    assert!(queue.shared(Binding::JuratV1, start).is_some());
    assert_eq!(&*queue.claims(), "others");
}

/// A caller that is there as long as the flag says so, and counts its answers.
struct Guest {
    there: Arc<AtomicBool>,
    answers: Arc<AtomicUsize>,
}

impl Caller for Guest {
    fn waits(&self) -> bool {
        self.there.load(Ordering::SeqCst)
    }

    fn take(self: Box<Self>, _outcome: Result<Arc<ReportBody>, ReportFailure>) {
        self.answers.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn who_left_takes_no_place_and_no_device_time() {
    let start = Instant::now();
    let mut queue = queue(2);
    let there = Arc::new(AtomicBool::new(true));
    let answers = Arc::new(AtomicUsize::new(0));
    let guest = || {
        let guest = Guest { there: Arc::clone(&there), answers: Arc::clone(&answers) };
        Reply::new(guest, after(start, 60))
    };
    assert!(queue.push(fresh(1), guest()).is_ok());
    assert!(queue.push(fresh(2), guest()).is_ok());
    assert!(queue.push(fresh(2), reply()).is_ok(), "somebody else waits for the second, too");
    assert!(queue.push(fresh(3), reply()).is_err(), "full while the guests are there");
    there.store(false, Ordering::SeqCst);
    assert!(queue.push(fresh(3), reply()).is_ok(), "room at once");
    assert_eq!(queue.next(start), Next::Run(fresh(2)));
    assert_eq!(queue.finish(fresh(2), &body(), start, start).len(), 1);

    there.store(true, Ordering::SeqCst);
    assert!(queue.push(fresh(4), guest()).is_ok());
    assert_eq!(queue.next(start), Next::Run(fresh(3)));
    queue.finish(fresh(3), &body(), start, start);
    assert_eq!(queue.next(start), Next::Run(fresh(4)));
    there.store(false, Ordering::SeqCst);
    assert!(queue.push(fresh(4), reply()).is_ok(), "what was begun goes on and may be joined");
    assert_eq!(queue.finish(fresh(4), &body(), start, start).len(), 2);
    let observed = queue.observe(start);
    assert_eq!((observed.left, observed.refused, observed.made), (2, 1, 3));
    // The last guest was handed back, and dropped: that is an answer too.
    assert_eq!(answers.load(Ordering::SeqCst), 1);
}

#[test]
fn patience_ends_in_the_queue_and_at_the_device() {
    let start = Instant::now();
    let mut queue = queue(8);
    let patient = |seconds| Reply::new(Callback(|_| ()), after(start, seconds));
    assert_eq!(queue.next_overdue(), None);
    for (task, seconds) in [(fresh(1), 3), (fresh(1), 9), (fresh(2), 4), (fresh(3), 5), (fresh(3), 6)] {
        assert!(queue.push(task, patient(seconds)).is_ok());
    }
    assert_eq!(queue.next(start), Next::Run(fresh(1)));
    assert_eq!(queue.next_overdue(), Some(after(start, 3)));
    assert_eq!(queue.overdue(after(start, 2)).0.len(), 0);
    let (overdue, failure) = queue.overdue(after(start, 5));
    assert_eq!(overdue.len(), 3);
    assert!(
        matches!(failure, ReportFailure::TimedOut { retry_after } if retry_after >= Duration::from_secs(1))
    );
    let observed = queue.observe(after(start, 5));
    assert_eq!((observed.waiting, observed.callers, observed.timed_out), (1, 2, 3));
    assert_eq!(observed.under_way, Some(Duration::from_secs(5)));
    assert_eq!(queue.finish(fresh(1), &body(), start, after(start, 5)).len(), 1, "the patient one gets it");
    assert_eq!(queue.next(start), Next::Run(fresh(3)), "nobody waits for 2 any more");
    assert_eq!(queue.next_overdue(), Some(after(start, 6)));
}
