use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use actix_web::http::header::{HeaderName, HeaderValue};
use jurat_proto::{UnixMillis, UnixSeconds, sha256};

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn digest(token: &str) -> [u8; 32] {
    *sha256(token.as_bytes()).as_bytes()
}

#[test]
fn a_burst_then_the_pace_and_no_more() {
    let (pacer, rate, start) = (Pacer::default(), Rate::new(2.0, 3).unwrap(), Instant::now());
    for _ in 0..3 {
        assert_eq!(pacer.admit("a", rate, start), Ok(()));
    }
    assert_eq!(pacer.admit("a", rate, start), Err(SECOND / 2));
    assert_eq!(pacer.admit("b", rate, start), Ok(()), "another's pace is another's");
    assert_eq!(pacer.admit("a", rate, start + SECOND / 2), Ok(()), "waiting as told is enough");
    assert_eq!(pacer.admit("a", rate, start + SECOND / 2), Err(SECOND / 2), "refusals cost nothing");
    let later = start + SECOND * 100;
    assert_eq!(
        (0..9).filter(|_| pacer.admit("a", rate, later).is_ok()).count(),
        3,
        "rest earns a burst, no more"
    );
}

#[test]
fn over_any_stretch_no_more_than_burst_and_pace() {
    let (pacer, rate, start) = (Pacer::default(), Rate::new(10.0, 5).unwrap(), Instant::now());
    let let_in = (0..1_000u32).filter(|at| pacer.admit((), rate, start + SECOND / 100 * *at).is_ok()).count();
    assert_eq!(let_in, 5 + 99, "ten seconds at ten a second, and the burst");
}

#[test]
fn memory_is_bounded_and_newcomers_come_in() {
    let (pacer, rate, start) = (Pacer::remembering(10), Rate::new(1.0, 1).unwrap(), Instant::now());
    for who in 0..1_000 {
        assert_eq!(pacer.admit(who, rate, start), Ok(()));
    }
    assert!(pacer.admit(999, rate, start).is_err(), "the newest are remembered");
}

#[test]
fn what_is_no_rate_is_refused() {
    for (per_second, burst) in
        [(0.0, 1), (-1.0, 1), (f64::NAN, 1), (f64::INFINITY, 1), (1.0, 0), (1e12, 1), (1e-9, 4_000_000_000)]
    {
        assert_eq!(Rate::new(per_second, burst), Err(pace::NoRate), "{per_second} {burst}");
    }
    assert!(Rate::new(0.01, 1).is_ok() && Rate::new(100_000.0, 100_000).is_ok());
}

#[test]
fn a_token_opens_until_it_expires_or_is_taken_away() {
    let at = |seconds: u64| UnixMillis(seconds * 1_000);
    let lasting = Token::new(digest("lasting"), None, None);
    let passing = Token::new(digest("passing"), Some(UnixSeconds(100)), None);
    let keyring = Keyring::new(vec![passing, lasting.clone()]);
    assert!(keyring.find(b"lasting", at(1 << 30)).is_some());
    assert!(keyring.find(b"passing", at(99)).is_some() && keyring.find(b"passing", at(100)).is_none());
    for wrong in ["", "Lasting", "lasting ", "lastin"] {
        assert!(keyring.find(wrong.as_bytes(), at(0)).is_none(), "{wrong:?}");
    }
    keyring.replace(vec![]);
    assert!(keyring.find(b"lasting", at(0)).is_none());
    assert!(!format!("{lasting:?}").contains(&hex::encode(digest("lasting"))), "digests are not printed");
}

fn headers(name: &'static str, values: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for value in values {
        headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    }
    headers
}

fn source(proxies: &Proxies, peer: &str, headers: &HeaderMap) -> Source {
    proxies.source(Some(peer.parse().unwrap()), headers)
}

fn of(address: &str) -> Source {
    address.parse::<IpAddr>().unwrap().into()
}

#[test]
fn a_header_is_believed_of_a_named_proxy_alone() {
    let networks = vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
    let proxies = Proxies { networks, header: ForwardedHeader::XForwardedFor };
    let forwarded = |values: &[&str]| headers("x-forwarded-for", values);
    for (peer, values, from) in [
        ("192.0.2.1", &["198.51.100.7"][..], "192.0.2.1"),
        ("10.1.1.1", &["198.51.100.7"], "198.51.100.7"),
        // What a client wrote stands to the left of what the proxy saw.
        ("10.1.1.1", &["1.1.1.1, 198.51.100.7"], "198.51.100.7"),
        ("10.1.1.1", &["1.1.1.1", "198.51.100.7"], "198.51.100.7"),
        ("10.1.1.1", &["198.51.100.7, 10.2.2.2"], "198.51.100.7"),
        ("::ffff:10.1.1.1", &["198.51.100.7:4711"], "198.51.100.7"),
        ("fd00::1", &["[2001:db8::9]:80"], "2001:db8::9"),
        // As far as it can be followed.
        ("10.1.1.1", &["198.51.100.7, unknown"], "10.1.1.1"),
        ("10.1.1.1", &["198.51.100.7, junk, 10.2.2.2"], "10.2.2.2"),
        ("10.1.1.1", &[], "10.1.1.1"),
        ("10.1.1.1", &["10.3.3.3"], "10.3.3.3"),
    ] {
        assert_eq!(source(&proxies, peer, &forwarded(values)), of(from), "{peer} {values:?}");
    }
    let other = headers("forwarded", &["for=198.51.100.7"]);
    assert_eq!(
        source(&proxies, "10.1.1.1", &other),
        of("10.1.1.1"),
        "the other header is the client's to write"
    );
    let nobody = Proxies::default();
    assert_eq!(source(&nobody, "10.1.1.1", &forwarded(&["198.51.100.7"])), of("10.1.1.1"));
}

#[test]
fn rfc_7239_is_read_from_the_right() {
    let proxies =
        Proxies { networks: vec!["10.0.0.0/8".parse().unwrap()], header: ForwardedHeader::Forwarded };
    for (value, from) in [
        ("for=198.51.100.7", "198.51.100.7"),
        ("For=\"[2001:db8::9]:4711\";proto=https", "2001:db8::9"),
        ("for=1.1.1.1;by=2.2.2.2, proto=https; for=198.51.100.7", "198.51.100.7"),
        ("for=198.51.100.7, for=_hidden", "10.1.1.1"),
        ("proto=https", "10.1.1.1"),
    ] {
        assert_eq!(source(&proxies, "10.1.1.1", &headers("forwarded", &[value])), of(from), "{value}");
    }
}

#[test]
fn one_ipv6_host_is_one_source() {
    assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:ffff:ffff:ffff"));
    assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
    assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
}

#[test]
fn an_address_holds_so_many_connections_and_a_named_proxy_as_many_as_it_likes() {
    let admission = |networks: &[&str], each| {
        let networks = networks.iter().map(|network| network.parse().unwrap()).collect();
        let proxies = Proxies { networks, header: ForwardedHeader::default() };
        Admission::new(
            Doors { proxies, connections_per_address: NonZeroUsize::new(each), ..Doors::default() },
            1,
        )
    };
    let seat = |of: &Admission, peer: &str| of.seat(Some(peer.parse().unwrap()));
    let bound = admission(&["10.0.0.0/8"], 2);
    let (one, two) = (seat(&bound, "192.0.2.1:1"), seat(&bound, "[::ffff:192.0.2.1]:2"));
    assert!(one.is_some() && two.is_some());
    for _ in 0..3 {
        assert!(seat(&bound, "192.0.2.1:3").is_none(), "a refused connection takes no seat and frees none");
    }
    let neighbour = seat(&bound, "192.0.2.2:1");
    assert!(neighbour.is_some(), "another's seats are another's");
    let host = [seat(&bound, "[2001:db8::1]:1"), seat(&bound, "[2001:db8::2]:1")];
    assert!(host.iter().all(Option::is_some));
    assert!(seat(&bound, "[2001:db8::3]:1").is_none(), "one IPv6 host is one address");
    drop(one);
    let again = seat(&bound, "192.0.2.1:4");
    assert!(again.is_some() && seat(&bound, "192.0.2.1:5").is_none());
    let proxied: Vec<_> = (0..100).map(|_| seat(&bound, "10.1.1.1:1")).collect();
    assert!(proxied.iter().all(Option::is_some));
    assert_eq!(bound.seats.as_ref().unwrap().addresses(), 3);
    drop((two, neighbour, host, again, proxied));
    assert_eq!(bound.seats.as_ref().unwrap().addresses(), 0, "who has left is forgotten");

    let unbound = admission(&[], 0);
    let many: Vec<_> = (0..100).map(|_| seat(&unbound, "192.0.2.1:1")).collect();
    assert!(many.iter().all(Option::is_some));
}

#[test]
fn a_gate_lets_so_many_in() {
    let gate = Gate::new(2);
    let (one, two) = (gate.enter(), gate.enter());
    assert!(one.is_some() && two.is_some() && gate.enter().is_none() && gate.enter().is_none());
    drop(one);
    assert!(gate.enter().is_some(), "who is refused takes no place");
}
