use super::*;

#[test]
fn straces_total_is_found_with_and_without_its_third_column() {
    let old = "% time     seconds  calls    errors syscall\n100.00    0.124312      4711        12 total\n";
    let new = "% time     seconds  usecs/call     calls    errors syscall\n100.00    0.124312          26      4711        12 total\n";
    let faultless = "% time     seconds  usecs/call     calls    errors syscall\n100.00    0.124312          26      4711           total\n";
    for summary in [old, new, faultless] {
        assert_eq!(calls(summary), Some(4711.0), "{summary}");
    }
    assert_eq!(calls("nothing"), None);
}

#[test]
fn a_profile_is_summed_by_function_without_what_was_called() {
    let profile = "fn=(1) main\n10 5\n+1 7\ncfn=(2) sha2::sha256::compress256\ncalls=2 0\n11 90\nfn=(2)\n3 90\nfn=(1)\n4 1\n";
    assert_eq!(instructions(profile), (103.0, 90.0));
}
