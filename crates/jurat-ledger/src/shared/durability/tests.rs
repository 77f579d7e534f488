use super::*;

fn said(policy: &str, log: &str, fsync: &str) -> Vec<Weakness> {
    let mut settings = Settings::default();
    for (name, value) in [("maxmemory-policy", policy), ("appendonly", log), ("appendfsync", fsync)] {
        let pair = [name, value].map(|word| Reply::Bytes(word.into())).to_vec();
        settings.take(name, &Reply::List(pair));
    }
    settings.weaknesses()
}

#[test]
fn what_can_lose_receipts_is_named() {
    assert_eq!(said("noeviction", "yes", "always"), []);
    assert_eq!(said("volatile-lru", "yes", "always"), [], "our keys do not expire");
    assert_eq!(said("noeviction", "yes", "everysec"), [Weakness::LogBehind("everysec".into())]);
    assert_eq!(
        said("allkeys-lru", "no", "always"),
        [Weakness::Evicts("allkeys-lru".into()), Weakness::NoLog]
    );
    assert_eq!(Settings::default().weaknesses(), [Weakness::Silent]);
}
