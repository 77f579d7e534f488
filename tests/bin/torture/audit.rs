//! The program's own auditor, on the same archive: `jurat audit` must find nothing either.

use std::{
    process::Stdio,
    time::{SystemTime, UNIX_EPOCH},
};

use jurat_tests::{Sidecar, binary};
use tokio::process::Command;

use crate::account::Account;

/// Runs `jurat audit` against the admin listener.
pub(crate) async fn audit(account: &Account, sidecar: &Sidecar) {
    let (admin, data) = (format!("http://{}", sidecar.admin()), format!("http://{}", sidecar.address()));
    // Past signers are trusted as of a time that somebody names.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let output = Command::new(binary::simulated())
        .args(["audit", &admin, "--url", &data, "--policy", "simulated", "--at", &now.to_string()])
        .stdin(Stdio::null())
        .output()
        .await
        .expect("the program under test can be run");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let telling = |line: &&str| !line.contains("pass ") && !line.starts_with("limit:");
    let end: Vec<_> = said.lines().filter(telling).collect();
    let end = end.join(" | ");
    account.require(output.status.code() == Some(0), format!("jurat audit: {}: {end}", output.status));
}
