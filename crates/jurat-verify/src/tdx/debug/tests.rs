use dcap_qvl::quote::{TDReport10, TDReport15, TDReport15Ex};

use super::*;

/// A TD 1.0 report of which only what is looked at is set.
pub(in crate::tdx) fn td(attributes: u64) -> TDReport10 {
    TDReport10 {
        tee_tcb_svn: [0; 16],
        mr_seam: [0; 48],
        mr_signer_seam: [0; 48],
        seam_attributes: [0; 8],
        td_attributes: attributes.to_le_bytes(),
        xfam: [0; 8],
        mr_td: [0; 48],
        mr_config_id: [0; 48],
        mr_owner: [0; 48],
        mr_owner_config: [0; 48],
        rt_mr0: [0; 48],
        rt_mr1: [0; 48],
        rt_mr2: [0; 48],
        rt_mr3: [0; 48],
        report_data: [0; 64],
    }
}

fn against(attributes: u64) -> String {
    objection(&Report::TD10(td(attributes))).unwrap_or_default()
}

#[test]
fn each_attribute_is_refused_in_its_own_words() {
    let good = SEPT_VE_DISABLE;
    assert_eq!(against(good), "");
    for (bit, words) in [
        (0, "debug TD"),
        (4, "profile"),
        (5, "profile"),
        (6, "profile"),
        (17, "service TD"),
        (29, "migratable"),
        (1, "reserved"),
        (3, "reserved"),
        (7, "reserved"),
        (15, "reserved"),
        (23, "reserved"),
        (26, "reserved"),
        (32, "reserved"),
        (61, "reserved"),
    ] {
        assert!(against(good | 1 << bit).contains(words), "bit {bit}: {}", against(good | 1 << bit));
    }
    for bit in [16, 18, 22, 27, 30, 31, 62, 63] {
        assert_eq!(against(good | 1 << bit), "", "bit {bit}");
    }
    assert!(against(0).contains("SEPT_VE_DISABLE is off"));
    // the number read from the wrong end: bit 28 would be in the fifth byte
    assert!(against(good.swap_bytes()).contains("reserved"));
}

#[test]
fn a_foreign_module_and_a_service_td_are_refused() {
    let foreign = TDReport10 { mr_signer_seam: [1; 48], ..td(SEPT_VE_DISABLE) };
    assert!(objection(&Report::TD10(foreign)).unwrap().contains("MRSIGNERSEAM"));
    let of = |mr_service_td| {
        Report::TD15(TDReport15 { base: td(SEPT_VE_DISABLE), tee_tcb_svn2: [0; 16], mr_service_td })
    };
    assert_eq!(objection(&of([0; 48])), None);
    assert!(objection(&of([1; 48])).unwrap().contains("service TD"));
}

#[test]
fn a_service_td_of_today_is_refused_as_one_of_the_beginning_is() {
    let of = |mr_service_td, cur_service_td_hash| {
        Report::TD15Ex(TDReport15Ex {
            base: TDReport15 { base: td(SEPT_VE_DISABLE), tee_tcb_svn2: [0; 16], mr_service_td },
            vmid: 0,
            td_id: [0; 32],
            dev_info: [0; 48],
            init_service_td_hash: [0; 48],
            init_service_td_attributes: [0; 8],
            init_cpu_svn: [0; 16],
            init_tee_tcb_svn: [0; 16],
            init_tee_fmspc: [0; 12],
            cur_service_td_hash,
            cur_service_td_attributes: [0; 8],
        })
    };
    assert_eq!(objection(&of([0; 48], [0; 48])), None);
    for report in [of([1; 48], [0; 48]), of([0; 48], [1; 48])] {
        assert!(objection(&report).unwrap().contains("a service TD is bound"));
    }
}

#[test]
fn what_is_unusual_and_harmless_is_mentioned() {
    let judge = |attributes| {
        let td = td(attributes);
        judge(&TdQuote { td, report: Report::TD10(td), claims: None })
    };
    let plain = "no debugging, no migration, no service TD, SEPT_VE_DISABLE on";
    assert_eq!(judge(SEPT_VE_DISABLE), Finding::pass(plain));
    assert_eq!(judge(SEPT_VE_DISABLE | 1 << 31), Finding::pass(format!("{plain}, KL on")));
    let both = SEPT_VE_DISABLE | 1 << 30 | 1 << 63;
    assert_eq!(judge(both), Finding::pass(format!("{plain}, PKS on, PERFMON on")));
    assert_eq!(judge(SEPT_VE_DISABLE | 1).status, crate::Status::Fail);
}
