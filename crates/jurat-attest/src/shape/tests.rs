use super::*;

#[test]
fn a_chain_loses_what_is_behind_it_and_nothing_else() {
    const PEM: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----";
    for behind in ["", "\n", "\0\0\0\0\0", "\n\0\0 \r\n\0"] {
        let trimmed = chain(format!("{PEM}{behind}").as_bytes(), 0x1400).unwrap();
        assert_eq!(trimmed, format!("{PEM}\n").as_bytes(), "{behind:?}");
    }
    for bad in ["", "\0\0\0", "AAAA", &PEM.replace("AAAA", "A\0AA"), &PEM[1..], &PEM[..PEM.len() - 1]] {
        assert!(chain(bad.as_bytes(), 0x1400).is_err(), "{bad:?}");
    }
    let long = format!("{PEM}{}", "\0".repeat(0x1400));
    assert!(chain(long.as_bytes(), 0x1400).is_err());
}

#[test]
fn a_report_is_an_answer_to_our_nonce() {
    let nonce = Nonce::new([7; 32]);
    let good = |length: usize| {
        let mut bytes = vec![0; length];
        bytes[..4].copy_from_slice(&[0x11, 0xe0, 0x01, 0xff]);
        bytes[4..36].fill(7);
        bytes
    };
    for length in [175, 4118, 8192] {
        assert_eq!(report(good(length), &nonce, 0x2000), Ok(good(length)));
    }
    for length in [174, 8193] {
        assert!(report(good(length), &nonce, 0x2000).is_err(), "{length}");
    }
    assert!(report(Vec::new(), &nonce, 0x2000).is_err());
    for at in 0..36 {
        let mut bytes = good(4118);
        bytes[at] ^= 1;
        assert!(report(bytes, &nonce, 0x2000).is_err(), "byte {at}");
    }
}
