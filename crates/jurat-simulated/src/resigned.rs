//! Edited evidence, signed anew by the key that signed it before: what a judge must refuse although every
//! signature holds.

use p384::ecdsa::{Signature, signature::Signer};

use crate::{MintError, SimulatedTee, pki::intel::sign};

const HEADER: usize = 48;
const TD10: usize = 584;
const SIGNATURE: usize = 64;
const QE_REPORT: usize = 384;

impl SimulatedTee {
    /// Has the quoting enclave sign a quote anew, header and body.
    ///
    /// # Errors
    /// If it is too short to be a quote.
    pub fn resign_quote(&self, quote: &mut [u8]) -> Result<(), MintError> {
        let end = signed_length(quote)?;
        let signature = sign(&self.stage.enclave.key, slice(quote, 0, end)?)?;
        slice_mut(quote, end + 4, SIGNATURE)?.copy_from_slice(&signature);
        Ok(())
    }

    /// Has the platform sign the report of the quoting enclave in a quote anew.
    ///
    /// # Errors
    /// If it is too short to be a quote.
    pub fn resign_enclave_report(&self, quote: &mut [u8]) -> Result<(), MintError> {
        let at = enclave_report(quote)?;
        let signature = self.stage.intel.sign_as_platform(slice(quote, at, QE_REPORT)?)?;
        slice_mut(quote, at + QE_REPORT, SIGNATURE)?.copy_from_slice(&signature);
        Ok(())
    }

    /// Signs a statement of the collateral, `tcb_info` or `qe_identity`, as its text stands: `r‖s`.
    ///
    /// # Errors
    /// If it cannot be signed.
    pub fn sign_statement(&self, text: &str) -> Result<[u8; 64], MintError> {
        self.stage.intel.sign_as_tcb_signer(text)
    }

    /// Has the GPU at `index` sign a report anew: all but the last 96 bytes.
    ///
    /// # Errors
    /// If there is no such GPU, or the report is too short.
    pub fn resign_gpu_report(&self, index: usize, report: &mut [u8]) -> Result<(), MintError> {
        let gpu = self.stage.gpus.get(index).ok_or_else(|| wrong("a GPU's signature", "no such GPU"))?;
        let end = report.len().checked_sub(96).ok_or_else(|| wrong("a GPU's signature", "too short"))?;
        let (signed, signature) = report.split_at_mut(end);
        let made: Signature =
            gpu.identity.key.try_sign(signed).map_err(MintError::encoding("a GPU's signature"))?;
        signature.copy_from_slice(&made.to_bytes());
        Ok(())
    }
}

/// Where the enclave report of a quote begins.
fn enclave_report(quote: &[u8]) -> Result<usize, MintError> {
    // length, signature, attestation key, type and length of what vouches for it
    Ok(signed_length(quote)? + 4 + SIGNATURE + 64 + 2 + 4)
}

fn signed_length(quote: &[u8]) -> Result<usize, MintError> {
    match slice(quote, 0, 2)? {
        [5, 0] => {
            let size: [u8; 4] = slice(quote, 50, 4)?.try_into().map_err(MintError::encoding("a length"))?;
            let size = usize::try_from(u32::from_le_bytes(size)).map_err(MintError::encoding("a length"))?;
            Ok(HEADER + 6 + size)
        }
        _ => Ok(HEADER + TD10),
    }
}

fn slice(bytes: &[u8], at: usize, length: usize) -> Result<&[u8], MintError> {
    let end = at.checked_add(length);
    end.and_then(|end| bytes.get(at..end)).ok_or_else(|| wrong("a quote's signature", "too short"))
}

fn slice_mut(bytes: &mut [u8], at: usize, length: usize) -> Result<&mut [u8], MintError> {
    bytes.get_mut(at..at + length).ok_or_else(|| wrong("a quote's signature", "too short"))
}

fn wrong(what: &'static str, reason: &str) -> MintError {
    MintError::Encoding { what, reason: reason.into() }
}
