//! Who mints the quotes: a simulated TEE that every process can mint again.

use std::{
    num::NonZeroU32,
    str::FromStr,
    time::{SystemTime, UNIX_EPOCH},
};

use jurat_attest::{Quote, QuoteProvider as _};
use jurat_proto::{ReportData, UnixSeconds};
use jurat_simulated::{Blueprint, Seeded, SimulatedTee};

const DAY: u64 = 24 * 60 * 60;

/// What is handed out as a quote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Made {
    /// A valid quote over what was asked for.
    #[default]
    Minted,
    /// A valid quote over other report data: somebody else's.
    Other,
    /// A valid quote of a TD that its host can debug.
    Debug,
    /// Bytes that are no quote.
    Garbage,
    /// The first half of a quote.
    Cut,
    /// No bytes.
    Empty,
    /// More bytes than any quote has.
    Long,
}

impl FromStr for Made {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text {
            "minted" => Self::Minted,
            "other" => Self::Other,
            "debug" => Self::Debug,
            "garbage" => Self::Garbage,
            "cut" => Self::Cut,
            "empty" => Self::Empty,
            "long" => Self::Long,
            _ => {
                return Err(format!(
                    "{text:?} is none of minted, other, debug, garbage, cut, empty and long"
                ));
            }
        })
    }
}

/// A minted TEE.
#[derive(Debug, Clone)]
pub struct Stage {
    honest: SimulatedTee,
    debug: SimulatedTee,
}

impl Stage {
    /// The same `seed` and `now` give the same PKI and the same quotes to the byte, in any process.
    pub fn new(seed: u64, now: UnixSeconds) -> Self {
        let blueprint = Blueprint::new(now, NonZeroU32::MIN);
        let mint =
            |blueprint: &Blueprint| blueprint.mint_with(&mut Seeded::new(seed)).expect("it can be minted");
        Self { honest: mint(&blueprint), debug: mint(&blueprint.clone().debug()) }
    }

    /// By `TDX_STANDIN_SEED` (0) and `TDX_STANDIN_NOW` (Unix seconds; the beginning of this day).
    pub fn from_environment() -> Self {
        let number = |name: &str| {
            let text = std::env::var(name).ok()?;
            Some(text.parse::<u64>().unwrap_or_else(|_| panic!("{name} is no number: {text:?}")))
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let now = number("TDX_STANDIN_NOW").unwrap_or(now - now % DAY);
        Self::new(number("TDX_STANDIN_SEED").unwrap_or(0), UnixSeconds(now))
    }

    /// What its quotes verify with: dcap-qvl's collateral in JSON.
    pub fn collateral(&self) -> &str {
        self.honest.collateral()
    }

    /// DER of the certificate at the top of its quotes.
    pub fn root(&self) -> &[u8] {
        self.honest.intel_root_der()
    }

    /// A valid quote over `report_data`, with the event log whose replay gives its registers.
    pub fn quote(&self, report_data: &ReportData) -> Quote {
        self.honest.quote_provider().quote(report_data).expect("a quote can be made")
    }

    /// What a source that behaves like `made` hands out.
    pub fn bytes(&self, made: Made, report_data: &ReportData) -> Vec<u8> {
        match made {
            Made::Minted => self.quote(report_data).bytes,
            Made::Other => self.quote(&ReportData::new([0x0f; 64])).bytes,
            Made::Debug => self.debug.quote_provider().quote(report_data).expect("a quote can be made").bytes,
            Made::Garbage => report_data.as_bytes().repeat(20),
            Made::Cut => {
                let mut bytes = self.quote(report_data).bytes;
                bytes.truncate(600);
                bytes
            }
            Made::Empty => Vec::new(),
            Made::Long => vec![4; 64 * 1024 + 1],
        }
    }
}
