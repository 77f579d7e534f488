//! dstack's key service: from the root to the application's key, from that to the keys it asks for.

use jurat_proto::{Digest, keccak256, sha256};
use k256::ecdsa::SigningKey;

/// A root of its own, the same in every process, and one application below it. The derivation is not dstack's, which
/// no client sees; the signatures are in its form.
pub struct KeyService {
    root: SigningKey,
    app: SigningKey,
    app_id: Vec<u8>,
}

impl KeyService {
    pub(super) fn new(app_id: &[u8]) -> Self {
        let key = |name: &[u8]| SigningKey::from_slice(sha256(name).as_bytes()).expect("a digest is a key");
        Self {
            root: key(b"SIMULATED key service"),
            app: key(&[b"SIMULATED application", app_id].concat()),
            app_id: app_id.to_vec(),
        }
    }

    /// The root's public key, compressed: what a policy would pin.
    pub fn root(&self) -> Vec<u8> {
        compressed(&self.root)
    }

    /// The application that the keys are for.
    pub fn app_id(&self) -> &[u8] {
        &self.app_id
    }

    /// The key at `path` and its signature chain, in hexadecimal.
    pub(super) fn derive(&self, path: &str, purpose: &str) -> (String, [String; 2]) {
        let secret = sha256(&[&self.app.to_bytes()[..], path.as_bytes()].concat());
        let key = SigningKey::from_slice(secret.as_bytes()).expect("a digest is a key");
        let vouched = format!("{purpose}:{}", hex::encode(compressed(&key)));
        let issued = [b"dstack-kms-issued:", &self.app_id[..], &compressed(&self.app)].concat();
        let chain = [sign(&self.app, &keccak256(vouched.as_bytes())), sign(&self.root, &keccak256(&issued))];
        (secret.to_string(), chain)
    }
}

fn compressed(key: &SigningKey) -> Vec<u8> {
    key.verifying_key().to_sec1_point(true).as_bytes().to_vec()
}

/// `r‖s‖v`, v being 0 or 1.
fn sign(key: &SigningKey, digest: &Digest) -> String {
    let (signature, recovery) = key.sign_prehash_recoverable(digest.as_bytes());
    hex::encode([&signature.to_bytes()[..], &[recovery.to_byte()]].concat())
}
