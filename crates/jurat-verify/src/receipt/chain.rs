//! `receipt.chain`: the receipt stands where its neighbours say that it stands.

use jurat_proto::{Address, SignatureRecord};

use crate::check::Finding;

/// `neighbours`: whatever the caller holds of the archive. Records of other chains and of places further away
/// say nothing about this receipt.
pub(super) fn judge(record: &SignatureRecord, neighbours: &[SignatureRecord], trusted: &Address) -> Finding {
    let receipt = &record.receipt;
    if receipt.sequence == 1 && receipt.previous != receipt.chain {
        return Finding::fail("it is the first of its chain and does not begin with the chain's name");
    }
    let hash = receipt.struct_hash();
    let (mut before, mut after) = (false, false);
    for neighbour in neighbours.iter().filter(|neighbour| neighbour.receipt.chain == receipt.chain) {
        let (other, at) = (&neighbour.receipt, neighbour.receipt.sequence);
        let side = match at.checked_sub(receipt.sequence) {
            Some(0) => None,
            Some(1) => Some(&mut after),
            None if at.checked_add(1) == Some(receipt.sequence) => Some(&mut before),
            _ => continue,
        };
        if neighbour.signing_address != *trusted || neighbour.authenticate().is_err() {
            return Finding::fail(format!("the neighbour at {at} is not one that the trusted signer signed"));
        }
        let fits = match at.cmp(&receipt.sequence) {
            std::cmp::Ordering::Less => other.struct_hash() == receipt.previous,
            std::cmp::Ordering::Equal => other.struct_hash() == hash,
            std::cmp::Ordering::Greater => other.previous == hash,
        };
        match side {
            _ if !fits => return Finding::fail(format!("it does not fit the neighbour at {at}")),
            Some(side) => *side = true,
            None => {}
        }
    }
    match (before, after) {
        (false, false) => Finding::skip("no neighbouring receipt was given"),
        (true, false) => Finding::pass("it follows the receipt before it"),
        (false, true) => Finding::pass("the receipt after it follows it"),
        (true, true) => Finding::pass("it stands between its neighbours"),
    }
}
