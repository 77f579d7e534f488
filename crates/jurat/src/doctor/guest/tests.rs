use jurat_verify::Status;

use super::*;

#[test]
fn the_flags_tell_a_guest() {
    let nowhere = Path::new("/nonexistent/tdx_guest");
    let yes = guest("processor\t: 0\nflags\t\t: fpu vme tdx_guest hypervisor\n", nowhere);
    assert_eq!(yes.status, Status::Pass);
    // A host that can start such guests is none.
    let host = guest("flags\t\t: fpu tdx_host_platform\nmodel name\t: tdx_guest\n", nowhere);
    assert_eq!(host.status, Status::Fail);
    assert!(host.advice.unwrap().contains("jurat demo"));
    assert_eq!(guest("", Path::new("/dev/null")).status, Status::Pass, "the kernel has the device");
}

#[test]
fn what_no_report_needs_is_never_a_failure() {
    let line = readable("tdx.rtmr", "/nonexistent/rtmr3", "the registers", "nobody shows them");
    assert_eq!(line.status, Status::Skip);
    assert!(line.finding.contains("/nonexistent/rtmr3"), "{line}");
}
