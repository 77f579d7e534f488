//! The key signs statements, each place of the chain once, and its signatures recover to its address.

use alloc::{string::ToString, vec::Vec};

use jurat_proto::{Digest, End, Head, PrunePoint, ReceiptId, UnixMillis, message_digest, sha256};
use proptest::prelude::*;

use super::{events, run};
use crate::{Family, InvalidSecret, Key, Signer};

const CHAIN: Digest = Digest::new([0xcc; 32]);

fn signer() -> Signer {
    Signer::new(Key::of_vectors([0x11; 32], CHAIN), "claims")
}

fn chat(end: End) -> crate::Statement {
    let body: &[u8] = if end == End::Complete { b"data: [DONE]\n\n" } else { b"data: {}\n\n" };
    run(events(Family::Chat), Vec::from([body]), end).statement
}

#[test]
fn receipts_form_a_chain() {
    let mut signer = signer();
    let mut previous = CHAIN;
    for sequence in 1..=3 {
        let record = signer.sign(chat(End::Complete), ReceiptId::new([7; 16]));
        assert_eq!((record.receipt.sequence, record.receipt.previous), (sequence, previous));
        assert_eq!(record.receipt.claims_hash, sha256(b"claims"));
        let key = record.receipt_signature.recover(&record.receipt.digest()).unwrap();
        assert_eq!(key.address(), signer.address());
        let text = record.text.unwrap();
        let key = record.signature.unwrap().recover(&message_digest(&text)).unwrap();
        assert_eq!(key.address().to_string(), "0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A");
        previous = record.receipt.struct_hash();
    }
    let signed = signer.sign_head(UnixMillis(9));
    assert_eq!((signed.head.chain, signed.head.sequence, signed.head.receipt_hash), (CHAIN, 3, previous));
    assert_eq!(signed.signing_address, signer.address());
    assert_eq!(signed.signature.recover(&signed.head.digest()).unwrap().address(), signer.address());
}

#[test]
fn a_chain_that_is_left_is_never_gone_on_with() {
    let other = Digest::new([0xdd; 32]);
    let mut signer = signer();
    signer.sign(chat(End::Complete), ReceiptId::new([7; 16]));
    signer.begin_chain(other, "other claims");
    let head = signer.sign_head(UnixMillis(9)).head;
    assert_eq!((head.chain, head.sequence, head.receipt_hash), (other, 0, other), "an empty chain");
    let receipt = signer.sign(chat(End::Complete), ReceiptId::new([8; 16])).receipt;
    assert_eq!((receipt.chain, receipt.sequence, receipt.previous), (other, 1, other));
    assert_eq!(receipt.claims_hash, sha256(b"other claims"));
}

#[test]
fn a_prune_point_is_signed_under_its_own_type() {
    let signer = signer();
    let receipt_hash = sha256(b"the last that was given up");
    let prune =
        PrunePoint { chain: CHAIN, first: 1, last: 2, previous: CHAIN, receipt_hash, at: UnixMillis(9) };
    let signed = signer.sign_prune_point(prune.clone());
    assert_eq!((&signed.prune, signed.signing_address), (&prune, signer.address()));
    assert_eq!(signed.signature.recover(&prune.digest()).unwrap().address(), signer.address());
    let head = Head { chain: CHAIN, sequence: 2, receipt_hash, at: UnixMillis(9) };
    assert_ne!(signed.signature.recover(&head.digest()).map(|key| key.address()), Ok(signer.address()));
}

#[test]
fn only_a_whole_answer_gets_the_legacy_text() {
    for end in End::ALL {
        let record = signer().sign(chat(end), ReceiptId::new([7; 16]));
        let whole = record.receipt.end == End::Complete;
        assert_eq!(whole, end == End::Complete);
        assert_eq!((record.text.is_some(), record.signature.is_some()), (whole, whole), "{end}");
    }
}

#[test]
fn a_fresh_key_is_new_each_time() {
    let mut rng = getrandom::rand_core::UnwrapErr(getrandom::SysRng);
    let (one, two) = (Key::generate(&mut rng), Key::generate(&mut rng));
    assert_ne!(one.public_key(), two.public_key());
    assert_ne!(one.chain(), two.chain());
}

#[test]
fn a_derived_key_is_the_same_each_time_and_its_chain_is_not() {
    let mut rng = getrandom::rand_core::UnwrapErr(getrandom::SysRng);
    let (one, two) =
        (Key::derived(&[0x11; 32], &mut rng).unwrap(), Key::derived(&[0x11; 32], &mut rng).unwrap());
    assert_eq!(one.public_key(), two.public_key());
    assert_eq!(one.public_key().address().to_string(), "0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A");
    assert_ne!(one.chain(), two.chain());
    // Zero and the order of the curve are no keys; the number below it is one.
    let mut order = [0; 32];
    hex::decode_to_slice("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141", &mut order)
        .unwrap();
    for secret in [[0; 32], order, [0xff; 32]] {
        assert_eq!(Key::derived(&secret, &mut rng).err(), Some(InvalidSecret));
    }
    order[31] -= 1;
    assert!(Key::derived(&order, &mut rng).is_ok());
}

proptest! {
    /// The second law, for what the key itself signs: any flipped bit of a receipt is another receipt.
    #[test]
    fn any_flipped_bit_is_another_receipt(bit in 0usize..8 * 32, member in 0u8..8) {
        let mut signer = signer();
        let address = signer.address();
        let record = signer.sign(chat(End::Complete), ReceiptId::new([7; 16]));
        let mut receipt = record.receipt;
        let flip = |digest: &Digest| {
            let mut bytes = *digest.as_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            Digest::new(bytes)
        };
        match member {
            0 => receipt.request_hash = flip(&receipt.request_hash),
            1 => receipt.response_hash = flip(&receipt.response_hash),
            2 => receipt.claims_hash = flip(&receipt.claims_hash),
            3 => receipt.previous = flip(&receipt.previous),
            4 => receipt.response_length ^= 1 << (bit % 64),
            5 => receipt.status ^= 1 << (bit % 16),
            6 => receipt.finished_at.0 ^= 1 << (bit % 64),
            _ => receipt.model.push('x'),
        }
        let recovered = record.receipt_signature.recover(&receipt.digest()).ok();
        prop_assert_ne!(recovered.map(|key| key.address()), Some(address));
    }
}
