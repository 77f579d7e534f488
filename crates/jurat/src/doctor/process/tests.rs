use jurat_verify::Status;

use super::*;

#[test]
fn the_limit_must_hold_what_is_configured() {
    assert_eq!(files(Some(30_256), 10_000).status, Status::Pass);
    assert_eq!(files(None, usize::MAX as u64).status, Status::Pass);
    let short = files(Some(1024), 10_000);
    assert_eq!(short.status, Status::Fail);
    assert!(short.advice.unwrap().contains("nofile=30256"));
}

#[test]
fn both_ways_to_a_core_dump_count() {
    let undumpable = Ok(DumpableBehavior::NotDumpable);
    assert_eq!(dumps(Some(0), undumpable).status, Status::Pass);
    assert_eq!(dumps(None, undumpable).status, Status::Fail);
    assert_eq!(dumps(Some(0), Ok(DumpableBehavior::Dumpable)).status, Status::Fail);
    assert_eq!(dumps(Some(0), Err(rustix::io::Errno::PERM)).status, Status::Fail);
}

#[test]
fn swap_is_none_or_never_used() {
    let heading = "Filename Type Size Used Priority\n";
    let one = format!("{heading}/dev/sda2 partition 1024 0 -2\n");
    assert_eq!(swap(Some(heading), false).status, Status::Pass);
    assert_eq!(swap(Some(&one), true).status, Status::Pass);
    assert_eq!(swap(Some(&one), false).status, Status::Fail);
    assert_eq!(swap(None, false).status, Status::Skip);
}
