//! How a report ties the signing key to the hardware: the only place that composes the 64 bytes of report data.

use alloc::vec::Vec;
use core::{fmt, str::FromStr};

use crate::{Address, Digest, Nonce, PublicKey, ReportData, sha256};

/// The layouts of `docs/spec/binding.md`, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Binding {
    /// Commits to address, nonce, claims and this very GPU evidence, under a domain separator.
    JuratV1,
    /// The field's: address, twelve zero bytes, nonce.
    DstackV1,
    /// The field's with TLS: SHA-256 of address and certificate key digest, then the nonce.
    DstackV2,
}

impl Binding {
    /// Every binding.
    pub const ALL: [Self; 3] = [Self::JuratV1, Self::DstackV1, Self::DstackV2];

    /// The wire form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::JuratV1 => "jurat-v1",
            Self::DstackV1 => "dstack-v1",
            Self::DstackV2 => "dstack-v2",
        }
    }
}

impl fmt::Display for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A name that is no binding's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown binding; known are jurat-v1, dstack-v1 and dstack-v2")]
pub struct UnknownBinding;

impl FromStr for Binding {
    type Err = UnknownBinding;

    fn from_str(text: &str) -> Result<Self, UnknownBinding> {
        Self::ALL.into_iter().find(|binding| binding.as_str() == text).ok_or(UnknownBinding)
    }
}

/// A binding together with what it commits to beside address and nonce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout<'a> {
    /// [`Binding::JuratV1`]. An absent string commits as the empty one.
    JuratV1 {
        /// The `claims` string, as it stands after JSON decoding.
        claims: &'a str,
        /// The `nvidia_payload` string.
        nvidia_payload: &'a str,
        /// The `nvswitch_payload` string.
        nvswitch_payload: &'a str,
    },
    /// [`Binding::DstackV1`].
    DstackV1,
    /// [`Binding::DstackV2`].
    DstackV2 {
        /// SHA-256 of the TLS certificate's SubjectPublicKeyInfo.
        spki: &'a Digest,
    },
}

impl Layout<'_> {
    /// The layout's name.
    pub const fn binding(&self) -> Binding {
        match self {
            Self::JuratV1 { .. } => Binding::JuratV1,
            Self::DstackV1 => Binding::DstackV1,
            Self::DstackV2 { .. } => Binding::DstackV2,
        }
    }
}

/// Domain separator in bytes 20..32 of `jurat-v1` report data. Without it anyone could ask for a `dstack-v1`
/// quote whose nonce is a forged `jurat-v1` commitment.
const JURAT_V1_SEPARATOR: &[u8; 12] = b"jurat-v1\0\0\0\0";

/// Composes the 64 bytes that the quote must carry.
pub fn report_data(address: &Address, nonce: &Nonce, layout: Layout<'_>) -> ReportData {
    let mut out = [0; 64];
    match layout {
        Layout::JuratV1 { claims, nvidia_payload, nvswitch_payload } => {
            out[..20].copy_from_slice(address.as_bytes());
            out[20..32].copy_from_slice(JURAT_V1_SEPARATOR);
            let mut bytes = Vec::with_capacity(16 + 4 * 32);
            bytes.extend_from_slice(b"jurat-report-v1\0");
            bytes.extend_from_slice(nonce.as_bytes());
            for text in [claims, nvidia_payload, nvswitch_payload] {
                bytes.extend_from_slice(sha256(text.as_bytes()).as_bytes());
            }
            out[32..].copy_from_slice(sha256(&bytes).as_bytes());
        }
        Layout::DstackV1 => {
            out[..20].copy_from_slice(address.as_bytes());
            out[32..].copy_from_slice(nonce.as_bytes());
        }
        Layout::DstackV2 { spki } => {
            let mut bytes = [0; 52];
            bytes[..20].copy_from_slice(address.as_bytes());
            bytes[20..].copy_from_slice(spki.as_bytes());
            out[..32].copy_from_slice(sha256(&bytes).as_bytes());
            out[32..].copy_from_slice(nonce.as_bytes());
        }
    }
    ReportData::new(out)
}

/// The SPDM nonce that the GPUs must sign: derived under `jurat-v1`, the request's own elsewhere.
///
/// It proves nothing alone, as any GPU can be made to sign it; the quote's commitment to the payload does.
pub fn gpu_nonce(binding: Binding, key: &PublicKey, nonce: &Nonce) -> Nonce {
    match binding {
        Binding::JuratV1 => {
            let mut bytes = Vec::with_capacity(13 + 20 + 64 + 32);
            bytes.extend_from_slice(b"jurat-gpu-v1\0");
            bytes.extend_from_slice(key.address().as_bytes());
            bytes.extend_from_slice(key.as_bytes());
            bytes.extend_from_slice(nonce.as_bytes());
            Nonce::new(*sha256(&bytes).as_bytes())
        }
        Binding::DstackV1 | Binding::DstackV2 => *nonce,
    }
}
