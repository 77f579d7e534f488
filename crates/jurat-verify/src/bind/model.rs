//! `bind.model`: the model in the attested claims is one that the policy accepts.

use jurat_proto::{Claims, Digest, Model, sha256};

use crate::check::Finding;

/// `claims` are those that the quote commits to, if there are any.
pub(super) fn judge(claims: Option<&Claims>, accepted: &[Digest]) -> Finding {
    let Some(claims) = claims else { return Finding::skip("no claims are attested") };
    let model = &claims.model;
    let Some(named) = &model.sha256 else {
        return match accepted {
            [] => Finding::skip("the policy names no models, and the claims none"),
            _ => Finding::fail("the claims name no model: jurat read none of its files"),
        };
    };
    let Ok(digest) = named.parse::<Digest>() else {
        return Finding::fail("the claims name the model by something that is no SHA-256");
    };
    if !model.files.is_empty() && sha256(manifest(model).as_bytes()) != digest {
        return Finding::fail(
            "the model's files in the claims do not make the manifest whose digest is there",
        );
    }
    match accepted {
        [] => Finding::skip(format!("the policy names no models; this one is {digest}")),
        accepted if accepted.contains(&digest) => {
            Finding::pass(format!("{digest} is one that the policy names"))
        }
        accepted => {
            Finding::fail(format!("{digest} is none of the {} models that the policy names", accepted.len()))
        }
    }
}

/// The text whose digest names the model, as `docs/spec/report.md` has it.
fn manifest(model: &Model) -> String {
    model.files.iter().map(|(path, digest)| format!("{digest}  {path}\n")).collect()
}
