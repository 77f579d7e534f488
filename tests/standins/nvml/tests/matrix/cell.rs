//! One cell of the matrix: a process of its own, because a library reads its environment, and may end it.

use std::{
    env,
    os::unix::process::ExitStatusExt as _,
    process::{Command, Output},
};

const CHILD: &str = "NVML_STANDIN_CELL";
/// The code of a cell whose body returned: a child that ran nothing must not pass for one.
const RETURNED: i32 = 42;

/// Runs `body` with the knobs set, in a child process: this test once more. `test` is its name.
pub fn in_child(test: &str, knobs: &[(&str, &str)], body: impl FnOnce()) {
    let Some(output) = child(test, knobs, body) else { return };
    assert!(
        output.status.code() == Some(RETURNED),
        "{test}, {knobs:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// How a process ended that was not to live.
#[derive(Debug, PartialEq, Eq)]
pub enum Ended {
    Abort,
    Fault,
    Code(i32),
    Otherwise(String),
}

/// As [`in_child`], for a body that does not return but ends so.
pub fn crashing(test: &str, knobs: &[(&str, &str)], wanted: &Ended, body: impl FnOnce()) {
    let Some(output) = child(test, knobs, body) else { return };
    let ended = match (output.status.signal(), output.status.code()) {
        (Some(6), _) => Ended::Abort,
        (Some(11), _) => Ended::Fault,
        (None, Some(code)) => Ended::Code(code),
        _ => Ended::Otherwise(output.status.to_string()),
    };
    assert_eq!(&ended, wanted, "{test}, {knobs:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// `None` in the child, if the cell is another one than its own.
fn child(test: &str, knobs: &[(&str, &str)], body: impl FnOnce()) -> Option<Output> {
    // A test may have several cells: the child runs the one whose knobs it was given.
    let wanted = format!("{knobs:?}");
    if let Ok(cell) = env::var(CHILD) {
        if cell == wanted {
            body();
            // The rest of the test is other cells.
            std::process::exit(RETURNED);
        }
        return None;
    }
    let mut command = Command::new(env::current_exe().expect("a process knows its program"));
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]).env(CHILD, wanted);
    for (name, value) in knobs {
        command.env(format!("NVML_STANDIN_{name}"), value);
    }
    Some(command.output().expect("run this test once more"))
}
