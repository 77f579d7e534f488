use super::*;
use crate::gpu::spdm;

/// One number is a switch's own; a GPU has those of its links, each backwards, and zeros where nothing is linked.
#[test]
fn a_gpu_names_the_switches_at_its_links() {
    let named = |value: &[u8]| {
        let bytes = spdm::tests::report(&[1], &[(tag::PDI, value)]);
        switches_of_gpu(&SpdmReport::parse(&bytes).unwrap())
    };
    let one = [1, 2, 3, 4, 5, 6, 7, 8];
    let backwards = BTreeSet::from([[8, 7, 6, 5, 4, 3, 2, 1]]);
    assert_eq!(named(&[one, one].concat()), Some(backwards.clone()));
    assert_eq!(named(&[one, NOT_CONNECTED].concat()), Some(backwards));
    assert_eq!(named(&[0; 16]), Some(BTreeSet::new()));
    for length in [0, 4, 8, 12, 15, 17] {
        assert_eq!(named(&vec![7; length]), None, "{length}");
    }
    let silent = spdm::tests::report(&[1], &[]);
    assert_eq!(switches_of_gpu(&SpdmReport::parse(&silent).unwrap()), None);
}
