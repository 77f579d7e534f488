//! `bind.nonce`, `bind.claims`, `bind.gpu`: what the trailing half of the report data commits to.

use jurat_proto::{
    Binding, Claims, Digest, Layout, ManifestSource, Nonce, ReportBody, gpu_nonce, report_data, sha256,
};

use super::Named;
use crate::{check::Finding, json};

pub(super) struct Commitment<'a> {
    pub(super) body: &'a ReportBody,
    pub(super) named: &'a Named,
    pub(super) binding: Binding,
    pub(super) quoted: &'a [u8; 64],
}

pub(super) struct Found {
    pub(super) nonce: Finding,
    pub(super) claims_finding: Finding,
    pub(super) gpu: Finding,
    pub(super) claims: Option<(Claims, Digest)>,
    pub(super) gpu_nonce: Result<Nonce, &'static str>,
}

const NO_NONCE: &str = "no nonce of your own: the report's age is unproven";
const OTHER_NONCE: &str = "the quote was made for another nonce than yours";

impl Commitment<'_> {
    pub(super) fn judge(&self, own: Option<Nonce>, sources: &[ManifestSource]) -> Found {
        match self.binding {
            Binding::JuratV1 => self.of_jurat(own, sources),
            Binding::DstackV1 | Binding::DstackV2 => self.of_dstack(own),
        }
    }

    /// The trailing half is the nonce and nothing else.
    fn of_dstack(&self, own: Option<Nonce>) -> Found {
        let quoted = self.trailing();
        let absent = |what| Finding::skip(format!("{} does not commit to {what}", self.binding));
        Found {
            nonce: match own {
                None => Finding::skip(NO_NONCE),
                Some(own) if own == quoted => Finding::pass("the quote was made for your nonce"),
                Some(_) => Finding::fail(OTHER_NONCE),
            },
            claims_finding: absent("claims"),
            gpu: absent("the GPU evidence: quote and evidence share the nonce alone"),
            claims: None,
            gpu_nonce: Ok(own.unwrap_or(quoted)),
        }
    }

    /// The trailing half is one hash over nonce, claims and evidence. It holds as a whole or tells nothing of
    /// its parts, but for one case: under the nonce that the report itself names.
    fn of_jurat(&self, own: Option<Nonce>, sources: &[ManifestSource]) -> Found {
        let stated: Option<Nonce> = self.body.request_nonce.as_deref().and_then(|text| text.parse().ok());
        let (nonce, in_force) = match (own, stated) {
            (Some(own), _) if self.commits(&own) => {
                (Finding::pass("the quote was made for your nonce"), Some(own))
            }
            (Some(_), Some(stated)) if self.commits(&stated) => (Finding::fail(OTHER_NONCE), Some(stated)),
            (None, Some(stated)) if self.commits(&stated) => (Finding::skip(NO_NONCE), Some(stated)),
            (Some(_), _) => {
                (Finding::fail("the quote does not commit to your nonce with this report's contents"), None)
            }
            (None, _) => (Finding::skip(NO_NONCE), None),
        };
        let (claims, gpu) = match in_force {
            Some(_) => (self.claims(sources), Finding::pass("the quote commits to this very evidence")),
            None => {
                let altered = "the quote does not commit to nonce, claims and GPU evidence as they are here";
                (Err(altered.into()), Finding::fail(altered))
            }
        };
        let asked = own.or(in_force);
        let gpu_nonce = match (asked, self.named.key) {
            (Some(nonce), Some(key)) => Ok(gpu_nonce(self.binding, &key, &nonce)),
            _ => Err("the report's nonce is not known"),
        };
        let claims_finding = match &claims {
            Ok((claims, _)) => Finding::pass(format!(
                "the quote commits to them: jurat {}, {} GPUs",
                claims.software.version, claims.gpus
            )),
            Err(reason) => Finding::fail(reason),
        };
        Found { nonce, claims_finding, gpu, claims: claims.ok(), gpu_nonce }
    }

    fn trailing(&self) -> Nonce {
        let mut nonce = [0; 32];
        nonce.copy_from_slice(self.quoted.split_at(32).1);
        Nonce::new(nonce)
    }

    fn commits(&self, nonce: &Nonce) -> bool {
        let body = self.body;
        let layout = Layout::JuratV1 {
            claims: body.claims.as_deref().unwrap_or_default(),
            nvidia_payload: &body.nvidia_payload,
            nvswitch_payload: body.nvswitch_payload.as_deref().unwrap_or_default(),
        };
        report_data(&self.named.address, nonce, layout).as_bytes() == self.quoted
    }

    /// The claims, once the quote is known to commit to their text.
    fn claims(&self, sources: &[ManifestSource]) -> Result<(Claims, Digest), String> {
        let text = self.body.claims.as_deref().ok_or("the report has no claims, which jurat-v1 needs")?;
        let claims: Claims =
            json::object(text).map_err(|error| format!("the claims are not legible: {error}"))?;
        if claims.version != 1 {
            return Err(format!("the claims have version {}, not 1", claims.version));
        }
        if claims.signing_address != self.named.address || Some(claims.signing_public_key) != self.named.key {
            return Err("the claims are about another signer".into());
        }
        if !sources.contains(&claims.manifest_source) {
            return Err("the policy does not accept how the model's digests were made".into());
        }
        Ok((claims, sha256(text.as_bytes())))
    }
}
