use std::time::Instant;

use super::*;

fn timed<T>(call: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let result = call();
    (result, start.elapsed())
}

#[test]
fn what_was_acknowledged_survives_a_killed_server() {
    let Some(mut machine) = Machine::start(&[]) else { return };
    let (store, mut signer) = (machine.store(), signer(1));
    let mut acknowledged = Vec::new();
    for round in 0..5 {
        for _ in 0..20 {
            let batch = more(&mut signer, 1, 4, 10);
            store.commit(&batch).unwrap();
            acknowledged.extend(batch);
        }
        machine.kill();
        let next = more(&mut signer, 1, 4, 10);
        if round % 2 == 0 {
            // It comes back within the call's time: the batch is kept, once.
            std::thread::scope(|scope| {
                let committing = scope.spawn(|| store.commit(&next));
                std::thread::sleep(Duration::from_millis(200));
                machine.restart();
                committing.join().unwrap().unwrap();
            });
        } else {
            let (result, took) = timed(|| store.commit(&next));
            assert!(matches!(result, Err(StoreError::Unavailable(_) | StoreError::Unknown(_))), "{result:?}");
            assert!(took < Duration::from_millis(3500), "{took:?}");
            machine.restart();
            Machine::wait_for(&store);
            store.commit(&next).unwrap();
        }
        acknowledged.extend(next);
    }
    for entry in &acknowledged {
        assert_eq!(found(&store, &entry.record.receipt.id.to_string()), Some(entry.record.receipt.id));
    }
    assert_eq!(outline(&store, 1), (1..=420).map(|n| (n, n)).collect::<Vec<_>>());
}

#[test]
fn a_silent_server_costs_bounded_time_and_is_then_left_alone() {
    let Some(machine) = Machine::start(&[]) else { return };
    let (store, mut signer) = (machine.hasty(), signer(1));
    store.commit(&more(&mut signer, 1, 1, 10)).unwrap();
    assert_eq!(found(&store, "1-1"), Some(id(1, 1)));
    machine.pause();
    let batch = more(&mut signer, 1, 1, 10);
    let (result, took) = timed(|| store.commit(&batch));
    assert!(matches!(result, Err(StoreError::Unknown(_))), "it may yet read it: {result:?}");
    assert!(took >= Duration::from_millis(450) && took < Duration::from_millis(1500), "{took:?}");
    for _ in 0..20 {
        let (result, took) = timed(|| (store.commit(&batch), store.find("1-1", NOW)));
        assert!(matches!(result.0, Err(StoreError::Unavailable(_))));
        assert!(matches!(result.1, Err(StoreError::Unavailable(_))), "never Unknown: it is known");
        assert!(took < Duration::from_millis(300), "{took:?}");
    }
    let start = Instant::now();
    let mut slow = 0;
    while start.elapsed() < Duration::from_secs(3) {
        let (_, took) = timed(|| store.find("1-1", NOW));
        slow += u32::from(took > Duration::from_millis(400));
        assert!(took < Duration::from_millis(1500), "{took:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!((1..=4).contains(&slow), "probes: {slow}");
    let (result, took) = timed(|| store.recover());
    assert!(result.is_err() && took < Duration::from_millis(1500), "{took:?}");
    machine.resume();
    Machine::wait_for(&store);
    store.commit(&batch).unwrap();
    assert_eq!(outline(&store, 1), [(1, 1), (2, 2)], "kept once, whether or not the first try came through");
}

#[test]
fn many_lookups_of_a_silent_server_end_in_time() {
    let Some(machine) = Machine::start(&[]) else { return };
    let store = machine.hasty();
    store.commit(&more(&mut signer(1), 1, 1, 10)).unwrap();
    machine.pause();
    let (_, took) = timed(|| {
        std::thread::scope(|scope| {
            for _ in 0..40 {
                scope.spawn(|| assert!(matches!(store.find("1-1", NOW), Err(StoreError::Unavailable(_)))));
            }
        });
    });
    assert!(took < Duration::from_millis(2500), "{took:?}");
    machine.resume();
    Machine::wait_for(&store);
    assert_eq!(found(&store, "1-1"), Some(id(1, 1)));
}

#[test]
fn a_server_that_closes_idle_connections_is_no_failure() {
    let Some(machine) = Machine::start(&[]) else { return };
    let (store, mut signer) = (machine.store(), signer(1));
    for _ in 0..5 {
        store.commit(&more(&mut signer, 1, 1, 10)).unwrap();
        assert_eq!(found(&store, "1-1"), Some(id(1, 1)));
        assert_ne!(machine.cli(&["CLIENT", "KILL", "TYPE", "normal"]), "0");
        machine.cli(&["SCRIPT", "FLUSH"]);
    }
    machine.cli(&["SCRIPT", "FLUSH"]);
    store.commit(&more(&mut signer, 1, 1, 10)).unwrap();
    assert_eq!(outline(&store, 1).len(), 6);
}

#[test]
fn a_full_server_refuses_and_keeps_what_it_has() {
    let Some(machine) = Machine::start(&["--maxmemory", "3mb", "--maxmemory-policy", "noeviction"]) else {
        return;
    };
    let (store, mut signer) = (machine.bounded(Bounds { bytes: 1 << 20, age: BOUNDS.age }), signer(1));
    let mut kept = 0;
    let refused = loop {
        match store.commit(&more(&mut signer, 1, 100, 10)) {
            Ok(()) => kept += 100,
            Err(error) => break error,
        }
        assert!(kept < 100_000, "it never filled");
    };
    assert!(matches!(&refused, StoreError::Unavailable(text) if text.starts_with("OOM")), "{refused:?}");
    assert_eq!(store.page(&Digest::new([1; 32]), kept - 5, 10).unwrap().links.len(), 5);
    // Retention makes room although the memory is full.
    for _ in 0..1000 {
        if prune(&store, 10, &signer) == Pruned::Enough {
            break;
        }
    }
    assert!(store.usage().bytes <= 1 << 20 && store.usage().evicted > 0);
    Machine::wait_for(&store);
}

#[test]
fn a_replica_is_not_spoken_to() {
    let Some(primary) = Machine::start(&[]) else { return };
    let (store, mut signer) = (primary.hasty(), signer(1));
    store.commit(&more(&mut signer, 1, 1, 10)).unwrap();
    assert_eq!(found(&store, "1-1"), Some(id(1, 1)));
    primary.cli(&["REPLICAOF", "127.0.0.1", "1"]);
    let next = more(&mut signer, 1, 1, 10);
    let error = store.commit(&next).unwrap_err();
    assert!(matches!(&error, StoreError::Unavailable(text) if text.starts_with("READONLY")), "{error:?}");
    assert!(store.recover().is_err());
    assert!(store.find("1-1", NOW).is_err(), "what a replica knows may be old");
    primary.cli(&["REPLICAOF", "NO", "ONE"]);
    store.recover().unwrap();
    store.commit(&next).unwrap();
    assert_eq!(outline(&store, 1).len(), 2);
}

#[test]
fn a_commit_waits_for_as_many_replicas_as_it_is_told() {
    let Some(port) = free_port() else { return };
    let Some(primary) = Machine::start(&["--port", &port, "--repl-diskless-sync-delay", "0"]) else { return };
    let settings =
        SharedSettings { wait_replicas: Some(1), timeout: Duration::from_millis(700), ..primary.settings() };
    let (store, mut signer) = (SharedStore::new(&settings).unwrap(), signer(1));
    let batch = more(&mut signer, 1, 2, 10);
    assert!(matches!(store.recover(), Err(StoreError::Unavailable(_))), "no replica");
    assert!(store.commit(&batch).is_err());
    let Some(replica) = Machine::start(&["--replicaof", "127.0.0.1", &port]) else { return };
    kept_at_last(&store, &batch);
    kept_at_last(&store, &batch);
    assert_eq!(outline(&store, 1).len(), 2);
    replica.pause();
    let next = more(&mut signer, 1, 1, 10);
    let (result, took) = timed(|| store.commit(&next));
    assert!(matches!(result, Err(StoreError::Unknown(_))), "{result:?}");
    assert!(took < Duration::from_millis(1500), "{took:?}");
    assert_eq!(found(&store, "1-3"), Some(id(1, 3)), "the primary answers: lookups go on");
    assert!(matches!(store.recover(), Err(StoreError::Unavailable(_))));
    // A batch that is there already must not pass for replicated on a new connection.
    let other = SharedStore::new(&settings).unwrap();
    assert!(matches!(other.commit(&next), Err(StoreError::Unknown(_))));
    replica.resume();
    kept_at_last(&store, &next);
}

/// A replica may need some time on a busy machine.
fn kept_at_last(store: &SharedStore, batch: &[Arc<Entry>]) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while let Err(error) = store.commit(batch) {
        assert!(Instant::now() < deadline, "{error}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn free_port() -> Option<String> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").ok()?;
    Some(listener.local_addr().ok()?.port().to_string())
}
