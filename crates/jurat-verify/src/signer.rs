//! A signer whose report was judged trusted: the only thing that can check receipts.

use jurat_proto::{Address, Binding, Claims, Digest};

use crate::{Policy, Standing, Tee};

/// Comes out of a trusted [`Verdict`](crate::Verdict) and from nowhere else: it has no public constructor and
/// cannot be deserialized.
#[derive(Debug, Clone)]
pub struct TrustedSigner {
    address: Address,
    binding: Binding,
    claims: Option<(Claims, Digest)>,
    tee: Tee,
    policy: String,
    standing: Standing,
    limits: Vec<String>,
}

impl TrustedSigner {
    pub(crate) fn new(
        address: Address,
        binding: Binding,
        claims: Option<(Claims, Digest)>,
        policy: &Policy,
        standing: Standing,
        limits: &[String],
    ) -> Self {
        Self {
            address,
            binding,
            claims,
            tee: policy.roots.into(),
            policy: policy.name.clone(),
            standing,
            limits: limits.to_vec(),
        }
    }

    /// The address that receipts must recover to.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// The binding under which the hardware vouches for it.
    pub fn binding(&self) -> Binding {
        self.binding
    }

    /// The attested claims; `None` under a binding that carries none.
    pub fn claims(&self) -> Option<&Claims> {
        self.claims.as_ref().map(|(claims, _)| claims)
    }

    /// SHA-256 of the claims' text, which every receipt names.
    pub fn claims_hash(&self) -> Option<&Digest> {
        self.claims.as_ref().map(|(_, hash)| hash)
    }

    /// What the roots vouch for.
    pub fn tee(&self) -> Tee {
        self.tee
    }

    /// Name of the policy under which it is trusted.
    pub fn policy(&self) -> &str {
        &self.policy
    }

    /// Whether it is trusted now or as of a time that was named.
    pub fn standing(&self) -> Standing {
        self.standing
    }

    /// The limits of the verdict on its report.
    pub fn limits(&self) -> &[String] {
        &self.limits
    }
}
