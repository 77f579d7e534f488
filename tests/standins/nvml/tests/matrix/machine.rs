//! A machine with simulated quotes and whatever GPUs it is given, and our judge before it.

use std::{
    env,
    num::NonZeroU32,
    path::PathBuf,
    sync::{Arc, mpsc},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use jurat_attest::{Attester, GpuProvider, Identity, ReportFailure, ReportRequest, Settings, StartError};
use jurat_proto::{Binding, Nonce, PublicKey, Report, ReportBody, UnixSeconds};
use jurat_simulated::SimulatedTee;
use jurat_verify::{Inputs, Policy, Verdict, verify_report};

/// The stand-in, where cargo puts libraries: beside this test or one folder above.
pub fn library() -> PathBuf {
    let this = env::current_exe().expect("a process knows its program");
    let folders = this.ancestors().skip(1).take(2);
    let mut places = folders.map(|folder| folder.join("libnvidia_ml_standin.so"));
    places.find(|place| place.is_file()).expect("cargo builds the library before its tests")
}

pub struct Machine {
    attester: Attester,
}

impl Machine {
    pub fn start(mut gpus: impl GpuProvider + 'static) -> Result<Self, StartError> {
        let tee = SimulatedTee::mint(now(), NonZeroU32::MIN).expect("mint");
        // The key signs nothing here; it must be a point of the curve that hashes to its address.
        let public_key = PublicKey::new([0x42; 64]);
        let claims = serde_json::json!({
            "version": 1,
            "signing_address": public_key.address().to_string(),
            "signing_public_key": public_key.to_string(),
            "chain": "07".repeat(32),
            "key": "fresh",
            "tls": "none",
            "tls_spki_sha256": null,
            "gpus": gpus.count().unwrap_or(0),
            "model": {},
            "manifest_source": "none",
            "software": { "version": "0", "commit": "" },
            "config_sha256": "00".repeat(32),
            "started_at": now().0 * 1000,
        });
        let identity = Identity { public_key, claims: claims.to_string(), tls_spki: None };
        let quotes = Box::new(tee.quote_provider());
        let attester = Attester::start(identity, quotes, Some(Box::new(gpus)), Settings::default())?;
        Ok(Self { attester })
    }

    pub fn request(
        &self,
        binding: Binding,
        nonce: Nonce,
        reply: impl FnOnce(Result<Arc<ReportBody>, ReportFailure>) + Send + 'static,
    ) {
        self.attester.request(ReportRequest { binding, nonce: Some(nonce) }, reply);
    }

    pub fn report(&self, binding: Binding, nonce: &Nonce) -> ReportBody {
        let (tell, told) = mpsc::channel();
        self.request(binding, *nonce, move |outcome| {
            let _ = tell.send(outcome);
        });
        let outcome = told.recv_timeout(Duration::from_secs(60)).expect("an answer");
        (*outcome.unwrap_or_else(|failure| panic!("{failure}"))).clone()
    }

    /// `nvidia_payload`, read.
    pub fn payload(&self, nonce: &Nonce) -> serde_json::Value {
        let report = self.report(Binding::JuratV1, nonce);
        serde_json::from_str(&report.nvidia_payload).expect("JSON in a string")
    }

    pub fn judge(&self, binding: Binding, nonce: &Nonce) -> Verdict {
        let report = Report::from(self.report(binding, nonce));
        let report = serde_json::to_string(&report).expect("JSON");
        let policy = Policy::named("simulated").expect("built in");
        verify_report(&report, &policy, Inputs::live(now()).nonce(*nonce))
    }
}

fn now() -> UnixSeconds {
    UnixSeconds(SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs())
}
