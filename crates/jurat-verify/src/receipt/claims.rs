//! `receipt.claims`: the receipt was sworn under the configuration that the trusted report attests.

use jurat_proto::SignatureRecord;

use crate::{TrustedSigner, check::Finding};

pub(super) fn judge(record: &SignatureRecord, signer: &TrustedSigner) -> Finding {
    let (Some(claims), Some(hash)) = (signer.claims(), signer.claims_hash()) else {
        return Finding::skip(format!(
            "the report is bound by {}, which carries no claims",
            signer.binding()
        ));
    };
    if record.receipt.claims_hash != *hash {
        return Finding::fail("the receipt was sworn under other claims than the report's");
    }
    if record.receipt.chain != claims.chain {
        return Finding::fail("the receipt is of another chain than the claims name");
    }
    Finding::pass("sworn under the report's claims")
}
