use super::*;

fn is_damaged<T>(result: Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::Damaged(_)))
}

#[test]
fn an_altered_record_is_never_served() {
    let Some(machine) = Machine::start(&[]) else { return };
    let store = machine.store();
    let entries = more(&mut signer(1), 1, 2, 10);
    store.commit(&entries).unwrap();
    let key = |n| format!("jurat:r:{}", id(1, n));
    let find = |n| store.find(&id(1, n).to_string(), NOW);
    let row = crate::row::encode(&entries[0]).unwrap();
    let put = |at: usize, byte: u8| {
        let set = Args::of(&["SETRANGE", &key(1)]).number(at as u64).bytes(&[byte]);
        store.server.ask(Kind::Write, &Request::Command(set)).unwrap()
    };
    for byte in 0..row.len() {
        // The last byte says that there is no owner, which nobody swears to.
        if byte == row.len() - 1 {
            continue;
        }
        put(byte, row[byte] ^ 0x10);
        match find(1) {
            Err(StoreError::Damaged(_)) => {}
            other => panic!("byte {byte}: {other:?}"),
        }
        put(byte, row[byte]);
    }
    assert_eq!(found(&store, "1-1"), Some(id(1, 1)));

    // Another genuine record in its place, under its id and under its engine's id.
    machine.eval(&format!("redis.call('SET', '{}', redis.call('GET', '{}'))", key(1), key(2)));
    assert!(is_damaged(find(1)) && is_damaged(store.find("1-1", NOW)));
    assert!(is_damaged(store.page(&Digest::new([1; 32]), 0, 10)));
    assert!(is_damaged(store.commit(&entries)), "another record under the id");
    machine.cli(&["DEL", &key(1)]);
    assert!(is_damaged(store.commit(&entries)), "missing at its place");
    assert!(matches!(find(1), Ok(Found::Unknown)), "withheld: nobody can tell");
    machine.cli(&["HSET", "jurat:a:1-1", "1-1", &id(1, 2).to_string()]);
    assert!(is_damaged(store.find("1-1", NOW)), "the alias leads to the receipt of another exchange");
    machine.cli(&["DEL", "jurat:a:1-1"]);
    machine.cli(&["SET", "jurat:a:1-1", "x"]);
    assert!(is_damaged(store.find("1-1", NOW)), "a key of another type");
}

#[test]
fn a_place_that_is_taken_is_refused_and_nothing_of_the_batch_is_kept() {
    let Some(machine) = Machine::start(&[]) else { return };
    let store = machine.store();
    let mut one = signer(1);
    store.commit(&more(&mut one, 1, 2, 10)).unwrap();
    let mut fork = signer(1);
    let forked: Vec<_> =
        (1..=3).map(|n| record(&mut fork, id(9, n), &format!("f-{n}"), End::Complete, 10)).collect();
    // The third place is free: of the batch it must not be kept either.
    let order = [&forked[2], &forked[1]].map(Arc::clone);
    let digest = machine.cli(&["DEBUG", "DIGEST"]);
    assert!(is_damaged(store.commit(&order)));
    assert!(is_damaged(store.commit(&forked[..1])));
    assert_eq!(machine.cli(&["DEBUG", "DIGEST"]), digest);
    assert_eq!(found(&store, "f-3"), None);
    store.commit(&more(&mut one, 1, 1, 10)).unwrap();
    assert_eq!(outline(&store, 1), [(1, 1), (2, 2), (3, 3)]);
}

#[test]
fn a_key_of_another_type_spoils_a_commit_as_a_whole() {
    let Some(machine) = Machine::start(&[]) else { return };
    let (store, mut signer) = (machine.store(), signer(1));
    store.commit(&more(&mut signer, 1, 1, 10)).unwrap();
    let batch = more(&mut signer, 1, 2, 10);
    let spoilt = [
        "c:".to_owned() + &Digest::new([1; 32]).to_string(),
        "a:1-3".into(),
        "o:c".into(),
        "n".into(),
        "seen".into(),
    ];
    for name in spoilt {
        let key = format!("jurat:{name}");
        machine.cli(&["RENAME", &key, "aside"]);
        machine.cli(&["SET", &key, "x"]);
        let before = machine.cli(&["DEBUG", "DIGEST"]);
        assert!(is_damaged(store.commit(&batch)), "{name}");
        assert_eq!(machine.cli(&["DEBUG", "DIGEST"]), before, "{name}");
        machine.cli(&["DEL", &key]);
        machine.cli(&["RENAME", "aside", &key]);
    }
    store.commit(&batch).unwrap();
    assert_eq!(outline(&store, 1), [(1, 1), (2, 2), (3, 3)]);
}

#[test]
fn altered_heads_and_prune_points_are_refused() {
    let Some(machine) = Machine::start(&[]) else { return };
    let (store, mut one) =
        (machine.bounded(Bounds { bytes: 1 << 30, age: Duration::from_millis(50) }), signer(1));
    let chain = Digest::new([1; 32]);
    store.commit(&more(&mut one, 1, 3, 10)).unwrap();
    store.commit(&more(&mut one, 1, 1, 100)).unwrap();
    store.keep_head(&one.sign_head(UnixMillis(100))).unwrap();
    assert_eq!(prune(&store, 100, &one), Pruned::Enough);
    assert_eq!(outline(&store, 1), [(1, 3), (4, 4)]);
    let head = format!("jurat:h:{chain}");
    let mut two = signer(2);
    more(&mut two, 2, 9, 10);
    store.keep_head(&two.sign_head(UnixMillis(200))).unwrap();
    let other = format!("jurat:h:{}", Digest::new([2; 32]));
    machine.eval(&format!("redis.call('HSET', '{head}', 'row', redis.call('HGET', '{other}', 'row'))"));
    assert!(is_damaged(store.page(&chain, 0, 10)), "another chain's head");
    machine.cli(&["DEL", &head]);
    assert_eq!(outline(&store, 1).len(), 2);
    let holes = format!("jurat:p:{chain}");
    machine.eval(&format!(
        "local m = redis.call('ZRANGE', '{holes}', 0, 0)[1] redis.call('DEL', '{holes}') \
         redis.call('ZADD', '{holes}', 3, string.sub(m, 1, -2) .. string.char(bit.bxor(string.byte(m, -1), 1)))"
    ));
    assert!(is_damaged(store.page(&chain, 0, 10)), "a prune point's signature");
}
