//! The cache: it saves questions, and whoever writes into it gains nothing.

use std::fs;

use jurat_client::{Cache, Errands, Reach};
use jurat_proto::sha256;
use jurat_standin_vendors::{Fault, Place};
use jurat_verify::{CheckId, Outcome, Status};

use crate::stage::{Folder, Stage, VENDORS, assert_status, status};

fn cached(stage: &Stage, folder: &Folder) -> Errands {
    stage.errands().cache(Cache::open(folder.path()).unwrap())
}

#[test]
fn what_is_fresh_is_not_asked_again() {
    let (stage, folder) = (Stage::new(), Folder::new());
    let errands = cached(&stage, &folder);
    assert_eq!(stage.judge(&errands).verdict.outcome(), Outcome::Trusted);
    let first = stage.vendors.asked().len();
    let again = stage.judge(&errands);
    assert_eq!(again.verdict.outcome(), Outcome::Trusted, "{}", again.verdict);
    let asked = stage.vendors.asked();
    assert_eq!(asked, ["POST /nras/v3/attest/gpu"], "an answer about a nonce is asked anew; before: {first}");
    // what is said of certificates is old news after an hour, the rest is not
    let later = stage.judge_later(&errands, 2 * 3600);
    assert_status(&later, CheckId::GpuRevocation, Status::Pass);
    let asked = stage.vendors.asked();
    assert!(asked.iter().any(|line| line == "POST /ocsp"), "{asked:?}");
    assert!(!asked.iter().any(|line| line.contains("/pcs/")), "{asked:?}");
}

#[test]
fn a_warm_cache_serves_offline() {
    let (stage, folder) = (Stage::new(), Folder::new());
    let errands = cached(&stage, &folder);
    stage.judge(&errands);
    stage.vendors.asked();
    let judged = stage.judge(&errands.reach(Reach::Offline));
    for id in VENDORS.into_iter().filter(|id| *id != CheckId::GpuNras) {
        assert_status(&judged, id, Status::Pass);
    }
    assert_status(&judged, CheckId::GpuNras, Status::Skip);
    assert_eq!(stage.vendors.asked(), Vec::<String>::new());
}

/// A service that is down costs nothing while the cache has what holds.
#[test]
fn a_stale_answer_that_holds_stands_in_for_a_dead_service() {
    let (stage, folder) = (Stage::new(), Folder::new());
    let errands = cached(&stage, &folder);
    stage.judge(&errands);
    for place in [Place::Pcs, Place::Rim, Place::Ocsp] {
        stage.vendors.behave(place, Fault::Broken);
    }
    let judged = stage.judge_later(&errands, 26 * 3600);
    for id in [CheckId::TdxQuote, CheckId::GpuMeasurements, CheckId::GpuRevocation] {
        assert_status(&judged, id, Status::Pass);
    }
}

/// Entries replaced by the worst that a stranger can write there: nothing, noise, another vendor's words, half of them,
/// altered words with the digest made to fit.
#[test]
fn a_poisoned_cache_is_found_out_and_asked_past() {
    let (stage, folder) = (Stage::new(), Folder::new());
    let errands = cached(&stage, &folder);
    assert_eq!(stage.judge(&errands).verdict.outcome(), Outcome::Trusted);
    let files = folder.files();
    assert!(files.len() > 8, "{files:?}");
    let clean: Vec<_> = files.iter().map(|file| fs::read(file).unwrap()).collect();
    for kind in 0..poisons(&clean[0], b"").len() {
        let poison = || {
            for (at, file) in files.iter().enumerate() {
                fs::write(file, &poisons(&clean[at], &clean[(at + 1) % clean.len()])[kind]).unwrap();
            }
        };
        poison();
        let judged = stage.judge(&errands.clone().reach(Reach::Offline));
        assert!(!judged.verdict.outcome().is_trusted(), "poison {kind}\n{}", judged.verdict);
        let judged = stage.judge(&errands);
        assert_eq!(judged.verdict.outcome(), Outcome::Trusted, "poison {kind}\n{}", judged.verdict);
        // what was asked for past the poison has taken its place
        stage.vendors.asked();
        assert_eq!(stage.judge(&errands).verdict.outcome(), Outcome::Trusted);
        assert_eq!(stage.vendors.asked(), ["POST /nras/v3/attest/gpu"], "poison {kind}: not recovered");
    }
}

/// One entry at a time, so that none of them is of no consequence.
#[test]
fn every_entry_counts() {
    let (stage, folder) = (Stage::new(), Folder::new());
    let errands = cached(&stage, &folder).reach(Reach::Online);
    stage.judge(&errands);
    let offline = errands.reach(Reach::Offline);
    let before = stage.judge(&offline);
    for file in folder.files() {
        let clean = fs::read(&file).unwrap();
        fs::write(&file, poisons(&clean, b"").last().unwrap()).unwrap();
        let judged = stage.judge(&offline);
        let (passed, all) = (passes(&judged), passes(&before));
        assert!(passed.len() <= all.len() && passed.iter().all(|id| all.contains(id)), "{}", judged.verdict);
        fs::write(&file, &clean).unwrap();
    }
}

fn passes(judged: &jurat_client::Judged) -> Vec<CheckId> {
    VENDORS.into_iter().filter(|id| status(judged, *id) == Status::Pass).collect()
}

/// With every service down as well, poison is never trusted.
#[test]
fn poison_without_anybody_to_ask_is_never_trusted() {
    let (stage, folder) = (Stage::new(), Folder::new());
    let errands = cached(&stage, &folder);
    stage.judge(&errands);
    for place in [Place::Pcs, Place::Rim, Place::Ocsp, Place::Nras] {
        stage.vendors.behave(place, Fault::Mute);
    }
    let clean: Vec<_> = folder.files().iter().map(|file| (file.clone(), fs::read(file).unwrap())).collect();
    for kind in 0..poisons(&clean[0].1, b"").len() {
        clean.iter().for_each(|(file, clean)| fs::write(file, &poisons(clean, b"")[kind]).unwrap());
        let judged = stage.judge(&errands);
        assert!(!judged.verdict.outcome().is_trusted(), "poison {kind}\n{}", judged.verdict);
    }
}

/// Collateral whose time is over is asked for anew; if there is none, the quote is not judged, and not refuted.
#[test]
fn expired_collateral_is_asked_for_again() {
    let (stage, folder) = (Stage::new(), Folder::new());
    let errands = cached(&stage, &folder);
    stage.vendors.behave(Place::Pcs, Fault::Stale);
    let judged = stage.judge(&errands);
    assert_status(&judged, CheckId::TdxQuote, Status::Skip);
    let said = judged.material.missed.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    assert!(said.contains("Intel's collateral service") && said.contains("held until"), "{said}");
    // it is in the cache now, fresh by the clock
    let judged = stage.judge(&errands.clone().reach(Reach::Offline));
    assert_status(&judged, CheckId::TdxQuote, Status::Skip);
    stage.vendors.heal();
    let judged = stage.judge(&errands);
    assert_eq!(status(&judged, CheckId::TdxQuote), Status::Pass, "{}", judged.verdict);
    stage.vendors.asked();
    stage.judge(&errands);
    assert!(!stage.vendors.asked().iter().any(|line| line.contains("/pcs/")), "and it is kept");
}

/// What may be written over an entry: nothing, noise, another entry, and the same with a byte of the body altered and
/// the digest made to fit.
fn poisons(entry: &[u8], other: &[u8]) -> Vec<Vec<u8>> {
    let end = entry.iter().position(|byte| *byte == b'\n').unwrap();
    let mut forged = entry[end + 1..].to_vec();
    let middle = forged.len() / 2;
    forged[middle] ^= 1;
    let first = String::from_utf8(entry[..end].to_vec()).unwrap();
    let mut words: Vec<String> = first.split(' ').map(str::to_owned).collect();
    words[2] = sha256(&forged).to_string();
    let mut fitting = words.join(" ").into_bytes();
    fitting.push(b'\n');
    fitting.extend_from_slice(&forged);
    vec![Vec::new(), b"\x00noise\xff".to_vec(), other.to_vec(), entry[..entry.len() / 2].to_vec(), fitting]
}
