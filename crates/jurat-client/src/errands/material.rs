//! What came of an errand.

use std::{collections::BTreeSet, fmt, ops::RangeInclusive};

use jurat_proto::UnixSeconds;
use jurat_verify::{Inputs, NrasAnswer};

use crate::Service;

/// What vendors said, believed by nobody yet. What is absent leaves its check a skip.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct Material {
    /// Intel's collateral, `QuoteCollateralV3` as JSON.
    pub collateral: Option<String>,
    /// NVIDIA's manifests, XML.
    pub rims: Vec<String>,
    /// OCSP responses, DER.
    pub ocsp: Vec<Vec<u8>>,
    /// The answer of NVIDIA's attestation service.
    pub nras: Option<Attested>,
    /// What was asked for and not had.
    pub missed: Vec<Missed>,
    /// Whose answers came from the cache, all or some.
    pub(crate) cached: BTreeSet<Service>,
}

/// An answer of NVIDIA's attestation service with its keys.
#[derive(Clone, PartialEq, Eq)]
pub struct Attested {
    /// The body: a detached EAT.
    pub answer: String,
    /// The JWK Set of that hour.
    pub jwks: String,
}

impl Material {
    /// The inputs of a judgement, with what they lack of this.
    pub fn complete<'a>(&'a self, inputs: Inputs<'a>) -> Inputs<'a> {
        let nras = || {
            let Attested { answer, jwks } = self.nras.as_ref()?;
            Some(NrasAnswer { answer, jwks })
        };
        Inputs {
            collateral: inputs.collateral.or(self.collateral.as_deref()),
            rims: if inputs.rims.is_empty() { &self.rims } else { inputs.rims },
            ocsp: if inputs.ocsp.is_empty() { &self.ocsp } else { inputs.ocsp },
            nras: inputs.nras.or_else(nras),
            ..inputs
        }
    }

    pub(crate) fn note(&mut self, service: Service, cached: bool) {
        if cached {
            self.cached.insert(service);
        }
    }

    /// What was had, if anything was asked for; what was missed is noted.
    pub(crate) fn settle<T>(&mut self, end: Option<Result<T, Missed>>) -> Option<T> {
        match end? {
            Ok(had) => Some(had),
            Err(missed) => {
                self.missed.push(missed);
                None
            }
        }
    }

    /// Drops what these services gave, and what they failed to give.
    pub(crate) fn forget(&mut self, services: &[Service]) {
        for service in services {
            match service {
                Service::Pcs => self.collateral = None,
                Service::Rim => self.rims.clear(),
                Service::Ocsp => self.ocsp.clear(),
                Service::Nras => self.nras = None,
            }
            self.cached.remove(service);
            self.missed.retain(|missed| missed.service != *service);
        }
    }
}

/// Tells how much there is, and nothing of what it says.
impl fmt::Debug for Material {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Material")
            .field("collateral", &self.collateral.as_ref().map(String::len))
            .field("rims", &self.rims.len())
            .field("ocsp", &self.ocsp.len())
            .field("nras", &self.nras.is_some())
            .field("missed", &self.missed)
            .field("cached", &self.cached)
            .finish()
    }
}

impl fmt::Debug for Attested {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attested").finish_non_exhaustive()
    }
}

/// An errand in vain: which service it went to, what for, and why it came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{service} gave no {what}: {error}")]
pub struct Missed {
    /// Who was asked.
    pub service: Service,
    /// What for.
    pub what: String,
    /// Why there is none.
    #[source]
    pub error: ErrandError,
}

impl AsRef<ErrandError> for Missed {
    fn as_ref(&self) -> &ErrandError {
        &self.error
    }
}

impl AsRef<ErrandError> for ErrandError {
    fn as_ref(&self) -> &ErrandError {
        self
    }
}

/// Why an errand came to nothing. It says nothing about the machine that is judged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ErrandError {
    /// The network's or the service's.
    #[error("no answer from {url}: {reason}")]
    Unreachable {
        /// What was asked.
        url: String,
        /// The innermost cause.
        reason: String,
    },
    /// The service's: it answered, and has nothing to give.
    #[error("{url} answered {status}")]
    Refused {
        /// What was asked.
        url: String,
        /// HTTP status.
        status: u16,
    },
    /// The service's.
    #[error("the answer of {url} is longer than {limit} bytes")]
    TooLong {
        /// What was asked.
        url: String,
        /// Bytes that are read at most.
        limit: usize,
    },
    /// The service's.
    #[error("the answer of {url} is not legible: {reason}")]
    Illegible {
        /// What was asked.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Nobody's: the caller wished that nobody be asked, and the cache has none.
    #[error("nobody is asked offline, and the cache has none")]
    Offline,
    /// Nobody's: what vendors say today says nothing about an earlier time.
    #[error("what it says now holds from {from} on, and the judgement is as of {at}")]
    Later {
        /// When it begins to hold.
        from: UnixSeconds,
        /// What is judged by.
        at: UnixSeconds,
    },
    /// The service's: it still says what held once.
    #[error("what it says held until {until}, and the judgement is as of {at}")]
    Earlier {
        /// When it ceased to hold.
        until: UnixSeconds,
        /// What is judged by.
        at: UnixSeconds,
    },
    /// Nobody's: an answer of today's about certificates or evidence is no news about an earlier time.
    #[error("nobody is asked today about the time {at}")]
    Past {
        /// What is judged by.
        at: UnixSeconds,
    },
    /// This machine's.
    #[error("the operating system gave no randomness: {0}")]
    Randomness(String),
}

impl ErrandError {
    /// The service at `url` answered what it does not serve.
    pub(crate) fn illegible(url: &impl fmt::Display, reason: impl fmt::Display) -> Self {
        Self::Illegible { url: url.to_string(), reason: reason.to_string() }
    }

    /// Whether there was an answer, and it is of no use.
    pub(crate) fn is_of_content(&self) -> bool {
        matches!(self, Self::Illegible { .. } | Self::Later { .. } | Self::Earlier { .. })
    }

    /// Whether something that holds for this long holds at `at`.
    ///
    /// What does not hold yet, or no longer, would have the judge refute a machine that did no wrong.
    pub(crate) fn unless_within(window: &RangeInclusive<UnixSeconds>, at: UnixSeconds) -> Result<(), Self> {
        match () {
            () if at < *window.start() => Err(Self::Later { from: *window.start(), at }),
            () if at > *window.end() => Err(Self::Earlier { until: *window.end(), at }),
            () => Ok(()),
        }
    }

    /// Whether the same question may be answered a moment later.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Refused { status, .. } => *status == 429 || *status >= 500,
            _ => false,
        }
    }
}
