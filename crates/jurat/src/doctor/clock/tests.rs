use jurat_verify::Status;

use super::*;

#[test]
fn a_clock_that_cannot_be_right_fails() {
    for wrong in [0, EARLIEST - 1, LATEST, u64::MAX] {
        assert_eq!(judge(UnixSeconds(wrong), true).status, Status::Fail, "{wrong}");
    }
    assert_eq!(judge(UnixSeconds(EARLIEST), true).advice, None);
    let alone = judge(UnixSeconds(EARLIEST), false);
    assert_eq!((alone.status, alone.advice.is_some()), (Status::Pass, true));
}
