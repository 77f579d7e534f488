use std::{
    hint::black_box,
    panic::{AssertUnwindSafe, catch_unwind},
};

use super::told_of;

fn told(panics: impl FnOnce()) -> &'static str {
    told_of(&*catch_unwind(AssertUnwindSafe(panics)).unwrap_err())
}

#[test]
fn a_panic_quotes_nothing_that_passed() {
    let prompt = black_box("the secret prompt \u{e9}".to_owned());
    let cut = prompt.len() - 1;
    let cutting = || {
        black_box(&prompt[..cut]);
    };
    for quoting in [told(cutting), told(|| panic!("no {prompt}"))] {
        assert!(quoting.contains("withheld") && !quoting.contains("secret"), "{quoting}");
    }
    assert_eq!(told(|| panic!("an invariant")), "an invariant", "words of the source are told");
}
