//! Hardware that does what a test tells it, and writes down what it was asked.

use std::sync::{
    Arc, Condvar, Mutex,
    mpsc::{self, Receiver},
};

use jurat_proto::{Digest, Nonce, PublicKey, ReportBody, ReportData};

use super::super::{Attester, Identity, ReportFailure, ReportRequest, Settings, StartError};
use crate::{
    GpuArchitecture, GpuEvidence, GpuFailure, GpuProvider, NotConfidential, Quote, QuoteFailure,
    QuoteProvider, Tee,
};

/// What was asked of the hardware, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    Quote(ReportData),
    Gpus(Nonce),
}

pub(super) type Log = Arc<Mutex<Vec<Asked>>>;

pub(super) fn asked(log: &Log) -> Vec<Asked> {
    log.lock().unwrap().clone()
}

/// How the hardware behaves; changed under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Conduct {
    Good,
    Fails,
    Panics,
    Debug,
    Stale,
    Mixed,
}

/// The two fakes, before they are given to an engine.
pub(super) struct Stage {
    pub(super) log: Log,
    pub(super) quotes: Arc<Mutex<Conduct>>,
    pub(super) gpus: Arc<Mutex<Conduct>>,
    pub(super) door: Arc<Door>,
    pub(super) tee: Tee,
    pub(super) event_log: Option<String>,
    pub(super) info: Option<String>,
}

impl Stage {
    pub(super) fn new() -> Self {
        Self {
            log: Log::default(),
            quotes: Arc::new(Mutex::new(Conduct::Good)),
            gpus: Arc::new(Mutex::new(Conduct::Good)),
            door: Arc::default(),
            tee: Tee::Tdx,
            event_log: None,
            info: None,
        }
    }

    pub(super) fn start(&self, settings: Settings) -> Result<Attester, StartError> {
        let gpus = Gpus { log: self.log.clone(), conduct: self.gpus.clone() };
        Attester::start(identity(), self.quotes(), Some(Box::new(gpus)), settings)
    }

    pub(super) fn quotes(&self) -> Box<dyn QuoteProvider> {
        Box::new(Quotes {
            log: self.log.clone(),
            conduct: self.quotes.clone(),
            door: self.door.clone(),
            tee: self.tee,
            event_log: self.event_log.clone(),
            info: self.info.clone(),
        })
    }
}

pub(super) fn identity() -> Identity {
    Identity {
        public_key: PublicKey::new([0x42; 64]),
        claims: r#"{"version":1}"#.to_owned(),
        tls_spki: Some(Digest::new([0x77; 32])),
    }
}

/// Sends the request; the receiver gets every answer there is.
pub(super) fn ask(
    attester: &Attester,
    request: ReportRequest,
) -> Receiver<Result<Arc<ReportBody>, ReportFailure>> {
    let (tell, answers) = mpsc::channel();
    attester.request(request, move |outcome| tell.send(outcome).unwrap());
    answers
}

/// A door that quotes pass through one by one: open until it is shut.
#[derive(Default)]
pub(super) struct Door {
    shut: Mutex<(bool, usize)>,
    moved: Condvar,
}

impl Door {
    pub(super) fn shut(&self) {
        self.shut.lock().unwrap().0 = true;
    }

    pub(super) fn open(&self) {
        self.shut.lock().unwrap().0 = false;
        self.moved.notify_all();
    }

    /// Returns when somebody stands before the shut door.
    pub(super) fn await_visitor(&self) {
        let shut = self.shut.lock().unwrap();
        drop(self.moved.wait_while(shut, |(_, waiting)| *waiting == 0).unwrap());
    }

    fn pass(&self) {
        let mut shut = self.shut.lock().unwrap();
        shut.1 += 1;
        self.moved.notify_all();
        let mut shut = self.moved.wait_while(shut, |(shut, _)| *shut).unwrap();
        shut.1 -= 1;
    }
}

struct Quotes {
    log: Log,
    conduct: Arc<Mutex<Conduct>>,
    door: Arc<Door>,
    tee: Tee,
    event_log: Option<String>,
    info: Option<String>,
}

impl QuoteProvider for Quotes {
    fn name(&self) -> &'static str {
        "fake"
    }

    fn tee(&self) -> Tee {
        self.tee
    }

    fn quote(&mut self, report_data: &ReportData) -> Result<Quote, QuoteFailure> {
        self.log.lock().unwrap().push(Asked::Quote(*report_data));
        self.door.pass();
        let conduct = *self.conduct.lock().unwrap();
        let mut bytes = vec![0; 48 + 584];
        bytes[0] = 4;
        bytes[4] = 0x81;
        bytes[48 + 520..].copy_from_slice(report_data.as_bytes());
        match conduct {
            Conduct::Good | Conduct::Mixed => {}
            Conduct::Fails => return Err(QuoteFailure::TimedOut("asleep".to_owned())),
            Conduct::Panics => panic!("quote"),
            Conduct::Debug => bytes[48 + 120] = 1,
            Conduct::Stale => bytes[48 + 520] ^= 1,
        }
        Ok(Quote {
            bytes,
            event_log: self.event_log.clone(),
            vm_config: self.event_log.as_ref().map(|_| r#"{"num_gpus":2}"#.to_owned()),
            info: self.info.clone().map(|info| serde_json::from_str(&info).unwrap()),
        })
    }

    fn collateral(&self) -> Option<String> {
        Some("collateral".to_owned())
    }
}

struct Gpus {
    log: Log,
    conduct: Arc<Mutex<Conduct>>,
}

impl GpuProvider for Gpus {
    fn name(&self) -> &'static str {
        "fake"
    }

    fn count(&mut self) -> Result<u32, GpuFailure> {
        Ok(2)
    }

    fn evidence(&mut self, nonce: &Nonce) -> Result<Vec<GpuEvidence>, GpuFailure> {
        self.log.lock().unwrap().push(Asked::Gpus(*nonce));
        let mut gpus = vec![gpu(nonce, 1), gpu(nonce, 2)];
        let conduct = *self.conduct.lock().unwrap();
        match conduct {
            Conduct::Good | Conduct::Debug => {}
            Conduct::Fails => return Err(GpuFailure::NotConfidential(NotConfidential::DeveloperTools)),
            Conduct::Panics => panic!("gpu"),
            Conduct::Stale => gpus[1].report[35] ^= 1,
            Conduct::Mixed => gpus[1].architecture = GpuArchitecture::Blackwell,
        }
        Ok(gpus)
    }
}

pub(super) fn gpu(nonce: &Nonce, index: u8) -> GpuEvidence {
    let mut report = vec![0x11, 0xe0, 0x01, 0xff];
    report.extend_from_slice(nonce.as_bytes());
    report.push(index);
    GpuEvidence { certificate_chain: vec![b'a', index], report, architecture: GpuArchitecture::Hopper }
}
