//! `jurat bundle`: one file that verifies offline for ever; and `jurat check --bundle`, which does so.

use std::{fs, path::Path};

use jurat_proto::UnixSeconds;
use jurat_verify::{BodyDigests, BundleVerdict, BundledAnswer, BundledBodies, Held, Outcome, verify_bundle};

use crate::{
    check::{Sworn, neighbours, sworn},
    cli::{BundleOptions, CheckOptions},
    exit::{Code, Failure, print, say},
    policy, service,
    verify::{code, kept_at, read, read_text, show},
};

pub(crate) fn run(options: BundleOptions) -> Result<Code, Failure> {
    let (request, response) = (read(&options.request)?, read(&options.response)?);
    let json = options.judging.json;
    let Sworn { record, judged, judge, nonce } =
        match sworn(&options.url, &options.id, &options.token, &options.judging)? {
            Ok(sworn) => sworn,
            Err(verdict) => return Ok(refused(show(&verdict, json, None))),
        };
    if judged.verdict.trusted_signer().is_none() {
        return Ok(refused(show(&judged.verdict, json, None)));
    }
    // By which time it was judged, so that the bundle is judged by the same.
    let verified_at = match (options.judging.at, nonce) {
        (Some(at), _) => UnixSeconds(at),
        (None, Some(_)) => service::now().seconds(),
        (None, None) => kept_at(&judged.report),
    };
    let mut answer = BundledAnswer::new(record, &request, &response);
    if let Some(path) = &options.export {
        answer.neighbours = neighbours(path, &answer.record)?;
    }
    if options.with_bodies {
        answer.bodies = Some(BundledBodies { request: request.clone(), response: response.clone() });
    }
    let mut bundle = judge.bundle(&judged, verified_at);
    bundle.nonce = nonce;
    bundle.answer = Some(answer);
    let text = bundle.to_json().map_err(Failure::unavailable)?;

    // What is written has been judged as a stranger will: from the file alone.
    let held = held(Some(verified_at), nonce, Some(BodyDigests::of(&request, &response)));
    let verdict = verify_bundle(&text, &judge.policy, held);
    tell(&verdict, json);
    if verdict.outcome() != Outcome::TrustedThen {
        return Ok(refused(code(verdict.outcome(), Some(verified_at.0))));
    }
    let unwritten = |error| Failure::unavailable(format_args!("{}: {error}", options.out.display()));
    fs::write(&options.out, &text).map_err(unwritten)?;
    say(format_args!("{} bytes in {}, good for {verified_at}", text.len(), options.out.display()));
    Ok(Code::Done)
}

fn tell(verdict: &BundleVerdict, json: bool) {
    if json {
        print(verdict.last().to_json());
    } else {
        print(verdict.to_string().trim_end());
    }
}

fn refused(code: Code) -> Code {
    say("no bundle was written: what is not trusted now will not be later");
    code
}

/// `jurat check --bundle`
pub(crate) fn check(path: &Path, options: &CheckOptions) -> Result<Code, Failure> {
    let judging = &options.judging;
    let bodies = match (&options.request, &options.response) {
        (Some(request), Some(response)) => Some(BodyDigests::of(&read(request)?, &read(response)?)),
        _ => None,
    };
    let policy = policy::accepted(judging)?;
    let verdict =
        verify_bundle(&read_text(path)?, &policy, held(judging.at.map(UnixSeconds), judging.nonce, bodies));
    tell(&verdict, judging.json);
    if verdict.outcome() == Outcome::TrustedThen && judging.at.is_none() {
        say(format_args!("the bundle was judged as of its own time: --at {}", verdict.as_of()));
    }
    Ok(code(verdict.outcome(), judging.at))
}

fn held(at: Option<UnixSeconds>, nonce: Option<jurat_proto::Nonce>, bodies: Option<BodyDigests>) -> Held {
    let mut held = Held::at(at);
    (held.nonce, held.bodies) = (nonce, bodies);
    held
}
