//! Stand-ins for the services that a judge's errands go to: Intel's PCS, and NVIDIA's manifests, OCSP responder and
//! attestation service. For tests and demonstrations, never for a product.
//!
//! They speak the vendors' HTTP on the loopback interface, and what they say is signed under the look-alike roots of
//! `jurat-simulated`: all of the product's own code runs on the other side. What they can't stand in for: the vendors'
//! real load, rate limits and certificates, and whether they accept what we send.
//!
//! | service | base | endpoints |
//! |---|---|---|
//! | [`Place::Pcs`] | `/pcs` | `tdx/certification/v4/{tcb,qe/identity}`, `sgx/certification/v4/{pckcrl,rootcacrl}`, `IntelSGXRootCA.der` |
//! | [`Place::Rim`] | `/rim` | `v1/rim/{id}` |
//! | [`Place::Ocsp`] | `/ocsp` | `POST` |
//! | [`Place::Nras`] | `/nras` | `v3/attest/gpu` |
//! | [`Place::Keys`] | `/nras` | `.well-known/jwks.json` |
//!
//! Each behaves as a [`Fault`] says: by [`Vendors::behave`], or over HTTP, `POST /control/PLACE/FAULT`.
#![forbid(unsafe_code)]
// A stand-in fails by panicking: that is how a test hears of it.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod fault;
mod http;
mod nvidia;
mod pcs;

use std::{
    collections::BTreeMap,
    io,
    net::{SocketAddr, TcpListener, TcpStream},
    num::NonZeroU32,
    str::FromStr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{SystemTime, UNIX_EPOCH},
};

use jurat_proto::UnixSeconds;
use jurat_simulated::{Blueprint, SimulatedTee};

pub use fault::Fault;
use http::{Request, Response};
use pcs::Pcs;

const DAY: u64 = 24 * 60 * 60;

/// A service that can fail by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Intel's.
    Pcs,
    /// NVIDIA's manifests.
    Rim,
    /// NVIDIA's OCSP responder.
    Ocsp,
    /// NVIDIA's attestation service.
    Nras,
    /// Its keys.
    Keys,
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text {
            "pcs" => Self::Pcs,
            "rim" => Self::Rim,
            "ocsp" => Self::Ocsp,
            "nras" => Self::Nras,
            "keys" => Self::Keys,
            _ => return Err(format!("{text:?} is none of pcs, rim, ocsp, nras and keys")),
        })
    }
}

/// What the services are about.
#[derive(Debug, Clone)]
pub struct Subject {
    /// Who signs for NVIDIA.
    pub tee: SimulatedTee,
    /// What Intel says of the platform: the collateral of whoever made the quotes.
    pub collateral: String,
    /// GPU evidence as a report has it: the manifests of these GPUs are published, and the OCSP responder knows their
    /// certificates.
    pub gpu_evidence: String,
}

/// The services, on one port.
#[derive(Debug)]
pub struct Vendors {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    subject: Subject,
    pcs: Pcs,
    rim_ids: Vec<String>,
    /// PEM chains that the OCSP responder knows.
    chains: Vec<String>,
    faults: Mutex<BTreeMap<Place, Fault>>,
    asked: Mutex<Vec<String>>,
    keys: Mutex<String>,
}

impl Vendors {
    /// Listens on a port of the system's choice, for as long as the process lives.
    ///
    /// # Errors
    /// If there is no port.
    pub fn start(subject: Subject) -> io::Result<Self> {
        let now = now();
        let expired = Blueprint::new(UnixSeconds(now.0 - 60 * DAY), NonZeroU32::MIN);
        let stale = expired.mint().expect("it can be minted").collateral().to_owned();
        let keys = nvidia::verdict(&subject.tee, &subject.gpu_evidence, Fault::None, now);
        let shared = Arc::new(Shared {
            pcs: Pcs::of(&subject.collateral, &stale),
            rim_ids: nvidia::rim_ids(&subject.gpu_evidence),
            chains: nvidia::chains(&subject),
            keys: Mutex::new(keys.map(|exchange| exchange.jwks).unwrap_or_default()),
            subject,
            faults: Mutex::default(),
            asked: Mutex::default(),
        });
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let serving = Arc::clone(&shared);
        thread::spawn(move || {
            for connection in listener.incoming() {
                let Ok(connection) = connection else { return };
                let shared = Arc::clone(&serving);
                // A client that leaves is no fault of ours.
                thread::spawn(move || drop(shared.serve(connection)));
            }
        });
        Ok(Self { address, shared })
    }

    /// Where a service is, without a slash at the end.
    pub fn base(&self, place: Place) -> String {
        let path = match place {
            Place::Pcs => "pcs",
            Place::Rim => "rim",
            Place::Ocsp => "ocsp",
            Place::Nras | Place::Keys => "nras",
        };
        format!("http://{}/{path}", self.address)
    }

    /// Where all of them are.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A service behaves like this from now on.
    pub fn behave(&self, place: Place, fault: Fault) {
        lock(&self.shared.faults).insert(place, fault);
    }

    /// All of them behave again.
    pub fn heal(&self) {
        lock(&self.shared.faults).clear();
    }

    /// What was asked since the last time, methods and targets in order.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *lock(&self.shared.asked))
    }
}

impl Shared {
    fn serve(&self, mut connection: TcpStream) -> io::Result<()> {
        let request = http::read(&mut connection)?;
        if let Some(order) = request.target.strip_prefix("/control/") {
            let done = self.obey(order);
            return http::write(&mut connection, &done, Fault::None);
        }
        lock(&self.asked).push(format!("{} {}", request.method, request.target));
        let (place, path, query) = split(&request.target);
        let fault = place.map_or(Fault::None, |place| self.fault(place));
        let response = place
            .map_or_else(|| Response::error(404), |place| self.answer(place, &path, &query, &request, fault));
        http::write(&mut connection, &response, fault)
    }

    /// `PLACE/FAULT`, or `asked`.
    fn obey(&self, order: &str) -> Response {
        if order == "asked" {
            return Response::of(
                "text/plain",
                std::mem::take(&mut *lock(&self.asked)).join("\n").into_bytes(),
            );
        }
        match order.split_once('/').map(|(place, fault)| (place.parse(), fault.parse())) {
            Some((Ok(place), Ok(fault))) => {
                lock(&self.faults).insert(place, fault);
                Response::json("{}")
            }
            _ => Response::error(400),
        }
    }

    fn fault(&self, place: Place) -> Fault {
        let mut faults = lock(&self.faults);
        let fault = faults.get(&place).copied().unwrap_or_default();
        if fault == Fault::BrokenOnce {
            faults.remove(&place);
        }
        fault
    }

    fn answer(&self, place: Place, path: &str, query: &str, request: &Request, fault: Fault) -> Response {
        let tee = &self.subject.tee;
        let method = if matches!(place, Place::Ocsp | Place::Nras) { "POST" } else { "GET" };
        if request.method != method {
            return Response::error(405);
        }
        match place {
            Place::Pcs => self.pcs.answer(path, query, fault),
            Place::Rim => nvidia::rim(tee, &self.rim_ids, path, fault),
            Place::Ocsp => nvidia::ocsp(tee, &self.chains, &request.body, fault),
            Place::Nras => {
                let payload = String::from_utf8_lossy(&request.body);
                match nvidia::verdict(tee, &payload, fault, now()) {
                    Some(exchange) => {
                        *lock(&self.keys) = exchange.jwks;
                        Response::json(exchange.answer)
                    }
                    None => Response::error(400),
                }
            }
            // Keys of another minting: as after a rotation.
            Place::Keys if matches!(fault, Fault::Other | Fault::Stale) => {
                let other = Blueprint::new(now(), NonZeroU32::MIN).mint().expect("it can be minted");
                let exchange = nvidia::verdict(&other, &self.subject.gpu_evidence, Fault::None, now());
                Response::json(exchange.map(|exchange| exchange.jwks).unwrap_or_default())
            }
            Place::Keys => Response::json(lock(&self.keys).clone()),
        }
    }
}

/// Which service, and the path and query below its base.
fn split(target: &str) -> (Option<Place>, String, String) {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let below = |base: &str| path.strip_prefix(base).filter(|rest| rest.is_empty() || rest.starts_with('/'));
    let place = match (below("/pcs"), below("/rim"), below("/ocsp"), below("/nras")) {
        (Some(rest), ..) => Some((Place::Pcs, rest)),
        (_, Some(rest), ..) => Some((Place::Rim, rest)),
        (_, _, Some(rest), _) => Some((Place::Ocsp, rest)),
        (.., Some("/v3/attest/gpu")) => Some((Place::Nras, "")),
        (.., Some("/.well-known/jwks.json")) => Some((Place::Keys, "")),
        _ => None,
    };
    (place.map(|(place, _)| place), place.map_or("", |(_, rest)| rest).to_owned(), query.to_owned())
}

fn now() -> UnixSeconds {
    UnixSeconds(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
