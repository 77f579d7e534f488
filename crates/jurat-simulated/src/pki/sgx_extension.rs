//! The extension of a platform's certificate that says what platform it is: Intel, *SGX PCK Certificate and
//! Certificate Revocation List Profile Specification*, section 1.3.5.

use der::{
    Encode, Tag,
    asn1::{ObjectIdentifier, OctetString},
};
use x509_cert::ext::Extension;

use super::encoding::{pair, sequence, tagged};
use crate::MintError;

const SGX: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113741.1.13.1");

/// The members that a verifier reads.
pub(super) struct Platform {
    pub(super) ppid: [u8; 16],
    /// Security versions of the sixteen SGX components; `CPUSVN` is the same bytes.
    pub(super) components: [u8; 16],
    pub(super) pce_svn: u8,
    pub(super) pce_id: [u8; 2],
    pub(super) fmspc: [u8; 6],
    pub(super) instance: [u8; 16],
}

/// `SGX Type`: a server with several packages.
const SCALABLE: u8 = 1;
const TRUE: u8 = 0xff;

impl Platform {
    /// The extension. All three configuration flags are true, as on every cloud's hosts.
    pub(super) fn extension(&self) -> Result<Extension, MintError> {
        let encode = || -> der::Result<Extension> {
            let octets = |bytes: &[u8]| tagged(Tag::OctetString, bytes);
            let mut tcb = Vec::with_capacity(18);
            for (arc, svn) in (1..).zip(self.components) {
                tcb.push(pair(SGX.push_arc(2)?.push_arc(arc)?, svn.to_der()?)?);
            }
            tcb.push(pair(SGX.push_arc(2)?.push_arc(17)?, self.pce_svn.to_der()?)?);
            tcb.push(pair(SGX.push_arc(2)?.push_arc(18)?, octets(&self.components)?)?);

            let mut configuration = Vec::with_capacity(3);
            for dynamic_cached_smt in 1..=3 {
                let flag = SGX.push_arc(7)?.push_arc(dynamic_cached_smt)?;
                configuration.push(pair(flag, tagged(Tag::Boolean, &[TRUE])?)?);
            }

            let value = sequence(&[
                pair(SGX.push_arc(1)?, octets(&self.ppid)?)?,
                pair(SGX.push_arc(2)?, sequence(&tcb)?)?,
                pair(SGX.push_arc(3)?, octets(&self.pce_id)?)?,
                pair(SGX.push_arc(4)?, octets(&self.fmspc)?)?,
                pair(SGX.push_arc(5)?, tagged(Tag::Enumerated, &[SCALABLE])?)?,
                pair(SGX.push_arc(6)?, octets(&self.instance)?)?,
                pair(SGX.push_arc(7)?, sequence(&configuration)?)?,
            ])?;
            Ok(Extension { extn_id: SGX, critical: false, extn_value: OctetString::new(value)? })
        };
        encode().map_err(MintError::encoding("the SGX extension"))
    }
}
