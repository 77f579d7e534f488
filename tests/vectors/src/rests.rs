//! Which check rests on which: `attestation/vectors/rests_on.json`, the one place where it is written down.

use std::collections::{BTreeMap, BTreeSet};

use jurat_verify::CheckId;

/// For each check those without whose pass it need not pass either.
#[derive(Debug)]
pub struct RestsOn(BTreeMap<CheckId, Vec<CheckId>>);

impl RestsOn {
    /// Reads the file's text.
    ///
    /// # Errors
    /// If it is not an object of lists of checks.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text).map(Self)
    }

    /// The check and all that rest on it, on those, and so on.
    pub fn shaken_by(&self, check: CheckId) -> BTreeSet<CheckId> {
        let mut shaken = BTreeSet::from([check]);
        loop {
            let rests = |(_, on): &(&CheckId, &Vec<CheckId>)| on.iter().any(|one| shaken.contains(one));
            let more: Vec<_> = self.0.iter().filter(rests).map(|(id, _)| *id).collect();
            let before = shaken.len();
            shaken.extend(more);
            if shaken.len() == before {
                return shaken;
            }
        }
    }
}
