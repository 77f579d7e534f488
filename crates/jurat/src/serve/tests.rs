use std::{
    hint::black_box,
    panic::{AssertUnwindSafe, catch_unwind},
    process::Command,
};

use super::{tell_panics_without_quoting, told_of};

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

/// The hook is the process's, so a process of its own has it: this test, once more.
#[test]
fn what_a_panic_leaves_in_the_log_quotes_nothing() {
    const INSIDE: &str = "JURAT_TEST_PANICS";
    if let Ok(prompt) = std::env::var(INSIDE) {
        tell_panics_without_quoting();
        panic!("no {prompt}");
    }
    let this = "serve::tests::what_a_panic_leaves_in_the_log_quotes_nothing";
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", this, "--nocapture"])
        .env(INSIDE, "the secret prompt")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("jurat: panicked at ") && said.contains("serve/tests.rs"), "{said}");
    assert!(!said.contains("secret"), "{said}");
}
