//! A GPU's attestation report: SPDM 1.1 GET_MEASUREMENTS and the signed MEASUREMENTS (DMTF DSP0274 1.1).
//!
//! The layout is fixed and every length is checked against the bytes there are; nothing here verifies the
//! signature, which is over all bytes before it.

/// SPDM request: version, code, two parameters, nonce, slot.
const REQUEST: usize = 37;
/// A P-384 signature, `r‖s`.
const SIGNATURE: usize = 96;
const VERSION_1_1: u8 = 0x11;
const GET_MEASUREMENTS: u8 = 0xe0;
const MEASUREMENTS: u8 = 0x60;
/// Request parameters: sign, and give every block.
const SIGNED_AND_ALL: [u8; 2] = [0x01, 0xff];
/// A measurement in DMTF's form: specification, size, type, size, SHA-384.
const DMTF: u8 = 1;
const SHA384: usize = 48;

/// NVIDIA's opaque data by number: the tags that jurat reads.
pub(crate) mod tag {
    pub(crate) const DRIVER_VERSION: u16 = 3;
    pub(crate) const VBIOS_VERSION: u16 = 6;
    pub(crate) const NVDEC0_STATUS: u16 = 11;
    pub(crate) const CHIP_SKU: u16 = 15;
    pub(crate) const PROJECT: u16 = 17;
    pub(crate) const PROJECT_SKU: u16 = 18;
    pub(crate) const FIRMWARE_ID: u16 = 20;
    pub(crate) const PROTECTED_PCIE: u16 = 21;
    /// Of a switch its own number, of a GPU those of the switches at its links.
    pub(crate) const PDI: u16 = 22;
    pub(crate) const GPUS_OF_SWITCH: u16 = 26;
    pub(crate) const FEATURE_FLAG: u16 = 36;
}

/// One measurement block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Block<'a> {
    /// From 1, each once.
    pub(crate) index: u8,
    pub(crate) digest: &'a [u8],
}

/// A report, borrowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SpdmReport<'a> {
    /// The nonce of the request, 32 bytes: the one that was asked to be signed.
    pub(crate) nonce: &'a [u8],
    pub(crate) blocks: Vec<Block<'a>>,
    opaque: Vec<(u16, &'a [u8])>,
    /// What the signature is over.
    pub(crate) signed: &'a [u8],
    /// `r‖s`, big-endian.
    pub(crate) signature: &'a [u8],
}

/// Why bytes are no such report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SpdmError {
    #[error("report is cut short")]
    Short,
    #[error("report does not begin with an SPDM 1.1 request for all signed measurements")]
    Request,
    #[error("report's response is not SPDM 1.1 measurements")]
    Response,
    #[error("measurement record does not hold the blocks that it announces")]
    Record,
    #[error("measurement block {0} is not a SHA-384 in DMTF's form")]
    Block(u8),
    #[error("measurement block {0} is there twice")]
    BlockTwice(u8),
    #[error("opaque data does not divide into its members")]
    Opaque,
    #[error("opaque member {0} is there twice")]
    OpaqueTwice(u16),
    #[error("{0} bytes follow the signature")]
    Trailing(usize),
}

impl<'a> SpdmReport<'a> {
    /// Reads a report. One byte after the signature is tolerated, as NVIDIA's own tools have written it.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, SpdmError> {
        let mut rest = Cursor(bytes);

        let mut request = Cursor(rest.take(REQUEST)?);
        if request.take(4)? != [VERSION_1_1, GET_MEASUREMENTS, SIGNED_AND_ALL[0], SIGNED_AND_ALL[1]] {
            return Err(SpdmError::Request);
        }
        let nonce = request.take(32)?;

        if rest.take(2)? != [VERSION_1_1, MEASUREMENTS] {
            return Err(SpdmError::Response);
        }
        rest.take(2)?; // parameters: slot and reserved
        let count = rest.byte()?;
        let record_length = rest.number(3)?;
        let blocks = blocks(rest.take(record_length)?, count)?;
        rest.take(32)?; // the responder's own nonce
        let opaque_length = rest.number(2)?;
        let opaque = opaque(rest.take(opaque_length)?)?;

        let signed = bytes.get(..bytes.len() - rest.0.len()).ok_or(SpdmError::Short)?;
        let signature = rest.take(SIGNATURE)?;
        match rest.0.len() {
            0 | 1 => Ok(Self { nonce, blocks, opaque, signed, signature }),
            more => Err(SpdmError::Trailing(more)),
        }
    }

    /// A member of NVIDIA's opaque data.
    pub(crate) fn opaque(&self, tag: u16) -> Option<&'a [u8]> {
        self.opaque.iter().find(|(at, _)| *at == tag).map(|(_, value)| *value)
    }
}

fn blocks(record: &[u8], count: u8) -> Result<Vec<Block<'_>>, SpdmError> {
    let mut rest = Cursor(record);
    let mut blocks: Vec<Block<'_>> = Vec::with_capacity(count.into());
    for _ in 0..count {
        let index = rest.byte().map_err(|_| SpdmError::Record)?;
        let specification = rest.byte().map_err(|_| SpdmError::Record)?;
        let size = rest.number(2).map_err(|_| SpdmError::Record)?;
        let mut value = Cursor(rest.take(size).map_err(|_| SpdmError::Record)?);
        let wrong = |_| SpdmError::Block(index);
        value.byte().map_err(wrong)?; // kind of measurement
        let length = value.number(2).map_err(wrong)?;
        let digest = value.take(length).map_err(wrong)?;
        if specification != DMTF || length != SHA384 || !value.0.is_empty() {
            return Err(SpdmError::Block(index));
        }
        if blocks.iter().any(|block| block.index == index) {
            return Err(SpdmError::BlockTwice(index));
        }
        blocks.push(Block { index, digest });
    }
    if rest.0.is_empty() { Ok(blocks) } else { Err(SpdmError::Record) }
}

fn opaque(bytes: &[u8]) -> Result<Vec<(u16, &[u8])>, SpdmError> {
    let mut rest = Cursor(bytes);
    let mut members: Vec<(u16, &[u8])> = Vec::new();
    while !rest.0.is_empty() {
        let tag = rest.number(2).map_err(|_| SpdmError::Opaque)?;
        let tag = u16::try_from(tag).map_err(|_| SpdmError::Opaque)?;
        let length = rest.number(2).map_err(|_| SpdmError::Opaque)?;
        let value = rest.take(length).map_err(|_| SpdmError::Opaque)?;
        if members.iter().any(|(at, _)| *at == tag) {
            return Err(SpdmError::OpaqueTwice(tag));
        }
        members.push((tag, value));
    }
    Ok(members)
}

/// What is left to read.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], SpdmError> {
        let (head, tail) = self.0.split_at_checked(length).ok_or(SpdmError::Short)?;
        self.0 = tail;
        Ok(head)
    }

    fn byte(&mut self) -> Result<u8, SpdmError> {
        self.take(1)?.first().copied().ok_or(SpdmError::Short)
    }

    /// Little-endian, of up to three bytes.
    fn number(&mut self, width: usize) -> Result<usize, SpdmError> {
        Ok(self.take(width)?.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte)))
    }
}

#[cfg(test)]
pub(in crate::gpu) mod tests;
