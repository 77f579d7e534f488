//! What two signatures cost, by themselves: the part of an answer's price that no proxy can save.

use k256::{ecdsa::SigningKey, elliptic_curve::Generate};

use crate::clock::Nanos;

/// Signatures of one measurement.
const BATCH: u64 = 2000;

/// Microseconds on a processor for the two signatures of a receipt, the middle of several measurements.
pub(crate) fn two_signatures_micros() -> f64 {
    let key = SigningKey::generate();
    let mut batches: Vec<f64> = (0..9).map(|_| 2.0 * batch(&key)).collect();
    batches.sort_by(f64::total_cmp);
    batches[batches.len() / 2]
}

fn batch(key: &SigningKey) -> f64 {
    let mut digest = [0x42; 32];
    let before = Nanos::of_thread();
    for _ in 0..BATCH {
        let (signature, _) = key.sign_prehash_recoverable(&digest);
        // The next digest hangs on this signature, so that none is computed for nothing.
        digest.copy_from_slice(&signature.to_bytes()[..32]);
    }
    (Nanos::of_thread().0 - before.0) as f64 / 1e3 / BATCH as f64
}
