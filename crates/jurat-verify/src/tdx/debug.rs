//! `tdx.debug`: by the TD's attributes nobody outside can look into it, profile it, or take it elsewhere.
//!
//! `dcap-qvl` refuses most of these too, under `tdx.quote` and in its own words; the reason there then ends in ours.

use dcap_qvl::quote::Report;

use super::quote::TdQuote;
use crate::check::Finding;

/// Attributes by which a TD is no safe place: Intel, *TDX Module ABI Specification*, table 3.23. Bits are counted in
/// the little-endian number that the eight bytes make: bit 0 is in the first byte, bit 28 in the fourth.
const FORBIDDEN: [(u64, &str); 5] = [
    (1, "debug TD: the host can read and write its memory"),
    (0b0111_0000, "the host may profile the TD: timings tell what it computes"),
    (1 << 29, "the TD is migratable: its memory may be handed to another machine"),
    (1 << 17, "a service TD may be bound to it later, which could move it elsewhere"),
    (RESERVED, "reserved TD attributes are set, of which nobody can say what they allow"),
];
const RESERVED: u64 = bits(1, 3) | bits(7, 15) | bits(23, 26) | bits(32, 61);
const SEPT_VE_DISABLE: u64 = jurat_proto::TD_ATTRIBUTE_SEPT_VE_DISABLE;
/// Attributes that a TD may have, worth a mention.
const MENTIONED: [(u64, &str); 3] = [(1 << 30, "PKS"), (1 << 31, "KL"), (1 << 63, "PERFMON")];

const fn bits(first: u32, last: u32) -> u64 {
    (u64::MAX << first) & (u64::MAX >> (63 - last))
}

pub(super) fn judge(quote: &TdQuote) -> Finding {
    if let Some(objection) = objection(&quote.report) {
        return Finding::fail(objection);
    }
    let attributes = u64::from_le_bytes(quote.td.td_attributes);
    let also: String = MENTIONED
        .iter()
        .filter(|(bit, _)| attributes & bit != 0)
        .map(|(_, name)| format!(", {name} on"))
        .collect();
    Finding::pass(format!("no debugging, no migration, no service TD, SEPT_VE_DISABLE on{also}"))
}

/// What speaks against the TD, if anything does.
pub(super) fn objection(report: &Report) -> Option<String> {
    let td = report.as_td10()?;
    let attributes = u64::from_le_bytes(td.td_attributes);
    if let Some((_, why)) = FORBIDDEN.iter().find(|(bits, _)| attributes & bits != 0) {
        return Some(format!("{why} (TDATTRIBUTES {attributes:#018x})"));
    }
    if attributes & SEPT_VE_DISABLE == 0 {
        return Some(
            "SEPT_VE_DISABLE is off: the host can interrupt the TD at any access to its memory, and confuse it".into(),
        );
    }
    if td.mr_signer_seam != [0; 48] {
        return Some("the TDX module is not Intel's: MRSIGNERSEAM is not zero".into());
    }
    let service = match report {
        Report::TD15(report) => report.mr_service_td != [0; 48],
        Report::TD15Ex(report) => {
            report.base.mr_service_td != [0; 48] || report.cur_service_td_hash != [0; 48]
        }
        _ => false,
    };
    service.then(|| "a service TD is bound to the TD: it could move it to another machine".into())
}

#[cfg(test)]
pub(super) mod tests;
