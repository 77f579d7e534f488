//! A machine, its report without collateral, and the vendors that know it.

use std::{
    io::{Read, Write},
    net::TcpStream,
    num::NonZeroU32,
    path::{Path, PathBuf},
    sync::{
        atomic::{AtomicU64, Ordering::SeqCst},
        mpsc,
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use jurat_attest::{Attester, Identity, ReportRequest, Settings};
use jurat_client::{Client, Errands, Judged, Material, Sources};
use jurat_proto::{
    Binding, Claims, KeyOrigin, ManifestSource, Model, Nonce, PublicKey, Software, Tls, UnixMillis,
    UnixSeconds, sha256,
};
use jurat_simulated::{Blueprint, SimulatedTee};
use jurat_standin_vendors::{Place, Subject, Vendors};
use jurat_verify::{CheckId, Inputs, NrasAnswer, Policy, Status, verify_report};
use k256::ecdsa::SigningKey;
use serde_json::Value;

pub(crate) const NONCE: Nonce = Nonce::new([0x5a; 32]);

/// The checks that rest on vendors.
pub(crate) const VENDORS: [CheckId; 5] =
    [CheckId::TdxQuote, CheckId::TdxTcb, CheckId::GpuMeasurements, CheckId::GpuRevocation, CheckId::GpuNras];

pub(crate) struct Stage {
    pub(crate) vendors: Vendors,
    pub(crate) report: String,
    pub(crate) now: UnixSeconds,
    policy: Policy,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let now = wall_clock();
        let gpus = NonZeroU32::new(2).unwrap();
        let tee = Blueprint::new(now, gpus).mint().unwrap();
        let report = report(&tee, gpus.get(), now);
        let gpu_evidence = report["nvidia_payload"].as_str().unwrap().to_owned();
        let collateral = tee.collateral().to_owned();
        let vendors = Vendors::start(Subject { tee, collateral, gpu_evidence }).unwrap();
        let mut policy = Policy::named("simulated").unwrap();
        policy.required.extend([CheckId::GpuMeasurements, CheckId::GpuRevocation, CheckId::GpuNras]);
        Self { vendors, report: report.to_string(), now, policy }
    }

    pub(crate) fn errands(&self) -> Errands {
        let mut sources = Sources::default();
        let base = |place| Some(self.vendors.base(place).parse().unwrap());
        sources.pcs = base(Place::Pcs);
        sources.rim = base(Place::Rim);
        sources.ocsp = base(Place::Ocsp);
        sources.nras = base(Place::Nras);
        Errands::new(Client::direct().unwrap(), sources).patience(Duration::from_millis(2500))
    }

    pub(crate) fn judge(&self, errands: &Errands) -> Judged {
        self.judge_text(errands, self.report.clone())
    }

    pub(crate) fn judge_text(&self, errands: &Errands, report: String) -> Judged {
        let now = wall_clock();
        block_on(errands.judge(report, &self.policy, Inputs::live(now).nonce(NONCE), now))
    }

    pub(crate) fn judge_as_of(&self, errands: &Errands, at: u64) -> Judged {
        let inputs = Inputs::archived(UnixSeconds(at)).nonce(NONCE);
        block_on(errands.judge(self.report.clone(), &self.policy, inputs, self.now))
    }

    /// The same judgement at a later hour of the wall clock.
    pub(crate) fn judge_later(&self, errands: &Errands, seconds: u64) -> Judged {
        let later = UnixSeconds(self.now.0 + seconds);
        let inputs = Inputs::live(later).nonce(NONCE);
        block_on(errands.judge(self.report.clone(), &self.policy, inputs, later))
    }

    /// With what NVIDIA's service says of a payload that names another nonce than its GPUs signed.
    pub(crate) fn judge_other_nonce(&self) -> Judged {
        let report: Value = serde_json::from_str(&self.report).unwrap();
        let payload = report["nvidia_payload"].as_str().unwrap().to_owned();
        let mut payload: Value = serde_json::from_str(&payload).unwrap();
        payload["nonce"] = "17".repeat(32).into();
        let body = payload.to_string();
        let answer = self.ask(&format!(
            "POST /nras/v3/attest/gpu HTTP/1.1\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ));
        let jwks = self.ask("GET /nras/.well-known/jwks.json HTTP/1.1\r\n\r\n");
        let nras = NrasAnswer { answer: &answer, jwks: &jwks };
        let inputs = Inputs { nras: Some(nras), ..Inputs::live(wall_clock()).nonce(NONCE) };
        let verdict = verify_report(&self.report, &self.policy, inputs);
        Judged { verdict, report: self.report.clone(), material: Material::default() }
    }

    /// The body of what the services answer to a request as it stands. The status is 200.
    fn ask(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.vendors.address()).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        answer.split_once("\r\n\r\n").unwrap().1.to_owned()
    }
}

fn wall_clock() -> UnixSeconds {
    UnixSeconds(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs())
}

pub(crate) fn status(judged: &Judged, id: CheckId) -> Status {
    judged.verdict.check(id).unwrap_or_else(|| panic!("{id} is not in\n{}", judged.verdict)).status
}

#[track_caller]
pub(crate) fn assert_status(judged: &Judged, id: CheckId, expected: Status) {
    assert_eq!(status(judged, id), expected, "{id}\n{}", judged.verdict);
}

pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// The report that the product's own evidence engine makes, without the collateral that a simulated one brings.
fn report(tee: &SimulatedTee, gpus: u32, now: UnixSeconds) -> Value {
    let key = PublicKey::from(SigningKey::from_slice(&[0x11; 32]).unwrap().verifying_key());
    let claims = Claims {
        version: 1,
        signing_address: key.address(),
        signing_public_key: key,
        chain: sha256(b"chain"),
        key: KeyOrigin::Fresh,
        key_provenance: None,
        tls: Tls::None,
        tls_spki_sha256: None,
        gpus,
        model: Model::default(),
        manifest_source: ManifestSource::None,
        software: Software { version: "0.1.0".into(), commit: String::new() },
        config_sha256: sha256(b"configuration"),
        started_at: UnixMillis(now.0 * 1000),
    };
    let identity = Identity { public_key: key, claims: claims.to_json(), tls_spki: None };
    let (quotes, gpus) = (Box::new(tee.quote_provider()), Box::new(tee.gpu_provider()));
    let attester = Attester::start(identity, quotes, Some(gpus), Settings::default()).unwrap();
    let (send, receive) = mpsc::channel();
    attester.request(ReportRequest { binding: Binding::JuratV1, nonce: Some(NONCE) }, move |made| {
        send.send(made).unwrap();
    });
    let body = receive.recv().unwrap().unwrap();
    let mut report = serde_json::to_value(&*body).unwrap();
    report.as_object_mut().unwrap().remove("collateral").expect("a simulated report brings its collateral");
    report
}

/// A folder that goes with its owner.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static MADE: AtomicU64 = AtomicU64::new(0);
        let name = format!("jurat-vendors-{}-{}", std::process::id(), MADE.fetch_add(1, SeqCst));
        let path = std::env::temp_dir().join(name);
        let _ = std::fs::remove_dir_all(&path);
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Every entry in it.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let mut files: Vec<_> =
            std::fs::read_dir(&self.0).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort();
        files
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
