use super::*;
use alloc::{format, string::ToString, vec};
use sha3::Digest as _;

fn keccak(parts: &[&[u8]]) -> Digest {
    let mut hasher = sha3::Keccak256::new();
    for part in parts {
        hasher.update(part);
    }
    Digest::new(hasher.finalize().into())
}

#[test]
fn constants_are_the_hashes_of_their_texts() {
    assert_eq!(eip712::RECEIPT_TYPE_HASH, keccak(&[RECEIPT_TYPE.as_bytes()]));
    assert_eq!(eip712::HEAD_TYPE_HASH, keccak(&[HEAD_TYPE.as_bytes()]));
    assert_eq!(eip712::PRUNE_POINT_TYPE_HASH, keccak(&[PRUNE_POINT_TYPE.as_bytes()]));
    let domain = keccak(&[
        keccak(&[b"EIP712Domain(string name,string version)"]).as_bytes(),
        keccak(&[b"jurat"]).as_bytes(),
        keccak(&[b"1"]).as_bytes(),
    ]);
    assert_eq!(DOMAIN_SEPARATOR, domain);
}

/// Addresses of EIP-55's own test cases.
#[test]
fn addresses_are_checksummed() {
    for text in [
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
        "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
    ] {
        assert_eq!(text.to_lowercase().parse::<Address>().unwrap().to_string(), text);
    }
}

#[test]
fn fixed_bytes_take_any_case_and_nothing_else() {
    let nonce: Nonce = format!("0x{}", "aB".repeat(32)).parse().unwrap();
    assert_eq!(nonce.to_string(), "ab".repeat(32));
    for bad in ["", "0x", "ab", &"ab".repeat(33), &"ag".repeat(32), &format!("0X{}", "ab".repeat(32))] {
        assert_eq!(bad.parse::<Nonce>(), Err(HexError { expected: 64 }), "{bad}");
    }
}

/// Vectors of 0G's clients: key 0x11 repeated (RFC 6979 makes the signature reproducible).
#[test]
fn a_known_text_recovers_to_its_signer() {
    let text = signature_text(
        &sha256(br#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#),
        &sha256(b"data: {\"id\":\"chatcmpl-1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"pong\"}}]}\n\ndata: [DONE]\n\n"),
    );
    let digest = message_digest(&text);
    assert_eq!(digest.to_string(), "30d22ebd0766f8c2a90cdeb5d163e2f889be81bcb22708e88e9d16688e1a3b83");
    let signature: Signature = "0xd210530313a5beffd79833f324817e72c27a77d2c599154fbb9165a28fc2bbae3778a33e2a787b06315a743928fa9b4727df399083ace2851c8708ccab13172d1b".parse().unwrap();
    let key = signature.recover(&digest).unwrap();
    assert_eq!(key.address().to_string(), "0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A");
    assert!(signature.is_by(&key.address(), &digest));
    assert!(!signature.is_by(&Address::new([7; 20]), &digest));
    for at in 0..65 {
        let mut bytes = *signature.as_bytes();
        bytes[at] ^= 1;
        assert_ne!(Signature::new(bytes).recover(&digest).ok(), Some(key), "byte {at}");
        assert!(!Signature::new(bytes).is_by(&key.address(), &digest), "byte {at}");
    }
}

#[test]
fn the_second_form_of_a_signature_is_refused() {
    let signature: Signature = "0xd210530313a5beffd79833f324817e72c27a77d2c599154fbb9165a28fc2bbae3778a33e2a787b06315a743928fa9b4727df399083ace2851c8708ccab13172d1b".parse().unwrap();
    let digest: Digest = "30d22ebd0766f8c2a90cdeb5d163e2f889be81bcb22708e88e9d16688e1a3b83".parse().unwrap();
    let low = k256::ecdsa::Signature::from_slice(&signature.as_bytes()[..64]).unwrap();
    let high = k256::ecdsa::Signature::from_scalars(low.r().to_bytes(), (-*low.s()).to_bytes()).unwrap();
    let mut bytes = [28; 65];
    bytes[..64].copy_from_slice(&high.to_bytes());
    assert_eq!(Signature::new(bytes).recover(&digest), Err(RecoverError::HighS));
}

#[test]
fn bindings_keep_apart() {
    let address = Address::new([7; 20]);
    let nonce = Nonce::new([9; 32]);
    let jurat = Layout::JuratV1 { claims: "c", nvidia_payload: "g", nvswitch_payload: "" };
    let ours = report_data(&address, &nonce, jurat);
    // Whoever picks the nonce of a dstack-v1 report picks its last 32 bytes, but never bytes 20..32.
    let mut forged = [0; 32];
    forged.copy_from_slice(&ours.as_bytes()[32..]);
    let theirs = report_data(&address, &Nonce::new(forged), Layout::DstackV1);
    assert_eq!(ours.as_bytes()[32..], theirs.as_bytes()[32..]);
    assert_ne!(ours.as_bytes()[20..32], theirs.as_bytes()[20..32]);
    let moved = Layout::JuratV1 { claims: "", nvidia_payload: "c", nvswitch_payload: "g" };
    assert_ne!(ours, report_data(&address, &nonce, moved));
}

#[test]
fn quotes_are_read_at_their_offsets_or_refused() {
    for (version, start) in [(4u16, 48), (5, 54)] {
        let mut quote = vec![0; start + 584];
        quote[..2].copy_from_slice(&version.to_le_bytes());
        quote[4] = 0x81;
        if version == 5 {
            quote[48] = 2;
        }
        quote[start + 120] = 1;
        quote[start + 520..start + 584].fill(0xab);
        let view = QuoteView::parse(&quote).unwrap();
        assert_eq!(
            (view.version(), view.is_debug(), view.report_data()),
            (version, true, ReportData::new([0xab; 64]))
        );
        for cut in 0..quote.len() {
            assert!(QuoteView::parse(&quote[..cut]).is_err(), "cut at {cut}");
        }
    }
    assert_eq!(QuoteView::parse(&[3, 0, 0, 0, 0x81, 0, 0, 0]).unwrap_err(), QuoteError::Version(3));
    assert_eq!(QuoteView::parse(&[4, 0, 0, 0, 0, 0, 0, 0]).unwrap_err(), QuoteError::TeeType(0));
}
