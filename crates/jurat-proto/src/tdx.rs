//! Where things lie in a TDX quote: enough to refuse a quote that is not the one asked for.
//!
//! Offsets are of Intel's *TDX DCAP Quoting Library API*, appendix A.3 (version 4) and A.4 (version 5).
//! Nothing here verifies a signature; the judge does.

use crate::ReportData;

/// `tee_type` of TDX.
pub const TEE_TYPE_TDX: u32 = 0x81;
/// TD attribute bit 0: the host can read and write the TD.
pub const TD_ATTRIBUTE_DEBUG: u64 = 1;
/// TD attribute bit 28: EPT violations do not reach the guest as #VE.
pub const TD_ATTRIBUTE_SEPT_VE_DISABLE: u64 = 1 << 28;

const HEADER: usize = 48;
/// Length of a TD 1.0 report body; the later bodies begin with the same members.
const TD10_BODY: usize = 584;
const TD_ATTRIBUTES: usize = 120;
const REPORT_DATA: usize = 520;

/// Why bytes are not a TDX quote that jurat can use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QuoteError {
    /// Shorter than its own headers say.
    #[error("quote is cut short at {0} bytes")]
    Short(usize),
    /// Neither version 4 nor version 5.
    #[error("quote has version {0}, not 4 or 5")]
    Version(u16),
    /// Another TEE's.
    #[error("quote is of TEE type {0:#x}, not TDX (0x81)")]
    TeeType(u32),
    /// A version 5 quote without a TD report in it.
    #[error("quote's body has type {0}, not a TD report (2, 3 or 4)")]
    BodyType(u16),
}

/// A quote's fixed members, borrowed.
#[derive(Debug, Clone, Copy)]
pub struct QuoteView<'a> {
    version: u16,
    body: &'a [u8],
}

impl<'a> QuoteView<'a> {
    /// Finds the TD report body of a version 4 or 5 quote.
    pub fn parse(quote: &'a [u8]) -> Result<Self, QuoteError> {
        let short = || QuoteError::Short(quote.len());
        let u16_at =
            |at: usize| quote.get(at..at + 2).map(|b| u16::from_le_bytes([b[0], b[1]])).ok_or_else(short);
        let version = u16_at(0)?;
        let tee = quote.get(4..8).ok_or_else(short)?;
        let tee = u32::from_le_bytes([tee[0], tee[1], tee[2], tee[3]]);
        if tee != TEE_TYPE_TDX {
            return Err(QuoteError::TeeType(tee));
        }
        let start = match version {
            4 => HEADER,
            5 => match u16_at(HEADER)? {
                2..=4 => HEADER + 6,
                other => return Err(QuoteError::BodyType(other)),
            },
            other => return Err(QuoteError::Version(other)),
        };
        let body = quote.get(start..start + TD10_BODY).ok_or_else(short)?;
        Ok(Self { version, body })
    }

    /// 4 or 5.
    pub fn version(&self) -> u16 {
        self.version
    }

    /// The 64 bytes that the caller chose.
    pub fn report_data(&self) -> ReportData {
        let mut out = [0; 64];
        out.copy_from_slice(&self.body[REPORT_DATA..REPORT_DATA + 64]);
        ReportData::new(out)
    }

    /// `TDATTRIBUTES`.
    pub fn td_attributes(&self) -> u64 {
        let mut out = [0; 8];
        out.copy_from_slice(&self.body[TD_ATTRIBUTES..TD_ATTRIBUTES + 8]);
        u64::from_le_bytes(out)
    }

    /// Whether the host may look into the TD: such a quote proves nothing about secrecy.
    pub fn is_debug(&self) -> bool {
        self.td_attributes() & TD_ATTRIBUTE_DEBUG != 0
    }
}
