//! The signing key: drawn in the enclave, never shown, and only ever applied to statements.

use alloc::string::String;

use jurat_proto::{
    Address, Digest, End, Head, PrunePoint, PublicKey, Receipt, ReceiptId, Signature, SignatureRecord,
    SignedHead, SignedPrunePoint, UnixMillis, message_digest, sha256, signature_text,
};
use k256::{ecdsa::SigningKey, elliptic_curve::Generate};
use rand_core::CryptoRng;

use crate::Statement;

/// A fresh key and the name of the chain that it will begin, before anything is claimed about them.
///
/// Neither this nor [`Signer`] can be cloned, printed or serialised; the key is wiped when dropped.
pub struct Key {
    secret: SigningKey,
    public: PublicKey,
    chain: Digest,
}

impl Key {
    /// Draws key and chain name. The caller vouches for the randomness: the operating system's.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let secret = SigningKey::generate_from_rng(rng);
        let mut chain = [0; 32];
        rng.fill_bytes(&mut chain);
        Self::from_parts(secret, Digest::new(chain))
    }

    /// A key that was derived elsewhere and may be the one of an earlier process. The chain is this process's own all
    /// the same: its name is drawn. The caller wipes its copy of `secret`.
    ///
    /// # Errors
    ///
    /// [`InvalidSecret`] if `secret` is zero or not below the order of the curve.
    pub fn derived(secret: &[u8; 32], rng: &mut impl CryptoRng) -> Result<Self, InvalidSecret> {
        let secret = SigningKey::from_slice(secret).map_err(|_| InvalidSecret)?;
        let mut chain = [0; 32];
        rng.fill_bytes(&mut chain);
        Ok(Self::from_parts(secret, Digest::new(chain)))
    }

    /// The key of published test vectors. It signs nothing that anyone should believe.
    #[cfg(test)]
    pub(crate) fn of_vectors(secret: [u8; 32], chain: Digest) -> Self {
        Self::from_parts(SigningKey::from_slice(&secret).unwrap(), chain)
    }

    fn from_parts(secret: SigningKey, chain: Digest) -> Self {
        let public = PublicKey::from(secret.verifying_key());
        Self { secret, public, chain }
    }

    /// The public half, for the claims.
    pub fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// The chain's name, for the claims.
    pub fn chain(&self) -> &Digest {
        &self.chain
    }
}

/// Bytes that are no secp256k1 key: whoever derived them is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the derived secret is no secp256k1 key")]
pub struct InvalidSecret;

/// The key together with the claims it swears under and the head of its chain. One a process.
pub struct Signer {
    key: Key,
    address: Address,
    claims_hash: Digest,
    chain: Digest,
    sequence: u64,
    previous: Digest,
}

impl Signer {
    /// Binds the key to the `claims` string that its reports will carry.
    pub fn new(key: Key, claims: &str) -> Self {
        Self {
            address: key.public.address(),
            claims_hash: sha256(claims.as_bytes()),
            chain: key.chain,
            sequence: 0,
            previous: key.chain,
            key,
        }
    }

    /// Leaves the chain where it is and begins another, under claims that name it. The caller vouches for the
    /// randomness of the name.
    pub fn begin_chain(&mut self, chain: Digest, claims: &str) {
        self.claims_hash = sha256(claims.as_bytes());
        self.chain = chain;
        self.sequence = 0;
        self.previous = chain;
    }

    /// The address that the reports embed.
    pub fn address(&self) -> Address {
        self.address
    }

    /// Name of the chain that it appends to.
    pub fn chain(&self) -> Digest {
        self.chain
    }

    /// Sequence of the newest receipt; 0 before the first.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Swears to a statement at the next place of the chain: each place is signed exactly once.
    pub fn sign(&mut self, statement: Statement, id: ReceiptId) -> SignatureRecord {
        let receipt = Receipt {
            id,
            response_id: statement.response_id,
            endpoint: statement.endpoint,
            model: statement.model,
            status: statement.status,
            end: statement.end,
            request_hash: statement.request_hash,
            forwarded_hash: statement.forwarded_hash,
            response_hash: statement.response_hash,
            response_length: statement.response_length,
            received_at: statement.received_at,
            finished_at: statement.finished_at,
            client_nonce: statement.client_nonce,
            claims_hash: self.claims_hash,
            extras_hash: Digest::ZERO,
            chain: self.chain,
            sequence: self.sequence + 1,
            previous: self.previous,
        };
        let struct_hash = receipt.struct_hash();
        let receipt_signature = self.sign_digest(&jurat_proto::typed_data_digest(&struct_hash));
        self.sequence = receipt.sequence;
        self.previous = struct_hash;
        let text = (receipt.end == End::Complete)
            .then(|| signature_text(&receipt.request_hash, &receipt.response_hash));
        let signature = text.as_deref().map(|text| self.sign_digest(&message_digest(text)));
        SignatureRecord {
            text,
            signature,
            signing_address: self.address,
            signing_algo: String::from("ecdsa"),
            receipt,
            receipt_signature,
            extras: None,
        }
    }

    /// Swears to how far the chain has come.
    pub fn sign_head(&self, at: UnixMillis) -> SignedHead {
        let head = Head { chain: self.chain, sequence: self.sequence, receipt_hash: self.previous, at };
        let signature = self.sign_digest(&head.digest());
        SignedHead { head, signing_address: self.address, signature }
    }

    /// Swears to what retention took from a chain, this signer's or an earlier one's. The caller vouches that it
    /// was retention.
    pub fn sign_prune_point(&self, prune: PrunePoint) -> SignedPrunePoint {
        let signature = self.sign_digest(&prune.digest());
        SignedPrunePoint { prune, signing_address: self.address, signature }
    }

    /// RFC 6979, low s: the same digest always has the same signature.
    fn sign_digest(&self, digest: &Digest) -> Signature {
        let (signature, recovery) = self.key.secret.sign_prehash_recoverable(digest.as_bytes());
        Signature::from_parts(&signature, recovery)
    }
}
