//! Stand-ins of the hardware's boundaries, each a process of its own.

use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
};

use crate::{
    binary,
    client::{Client, request},
};

/// The stand-in as a process: it leaves, and takes its mount along, when its standard input ends.
#[derive(Debug)]
pub struct Standin(Child, Option<ChildStdin>);

impl Standin {
    /// Runs `jurat-standin-tdx` with these arguments until it says that it is ready.
    ///
    /// # Errors
    ///
    /// With what it said, if it ends instead.
    pub fn start(arguments: &[&str]) -> Result<Self, String> {
        run(binary::tdx_standin(), arguments).map(|(standin, _)| standin)
    }
}

fn run(program: &Path, arguments: &[&str]) -> Result<(Standin, String), String> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{}: {error}", program.display()))?;
    let stdin = child.stdin.take();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    if let Some(more) = line.trim().strip_prefix("ready") {
        return Ok((Standin(child, stdin), more.trim().to_owned()));
    }
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    Err(said)
}

/// Intel's and NVIDIA's services, as `jurat-standin-vendors` plays them.
#[derive(Debug)]
pub struct Vendors {
    base: String,
    _standin: Standin,
}

impl Vendors {
    /// Who know the platform and the GPUs of the report in this file; of collateral what the second has, or the report.
    ///
    /// # Panics
    ///
    /// With what they said, if they end instead.
    pub fn start(report: &Path, collateral: Option<&Path>) -> Self {
        let files = [Some(report), collateral].into_iter().flatten();
        let arguments: Vec<_> = files.map(|file| file.to_str().expect("UTF-8")).collect();
        let started = run(binary::vendors_standin(), &arguments);
        let (standin, base) = started.unwrap_or_else(|said| panic!("no vendors: {said}"));
        Self { base, _standin: standin }
    }

    /// The base URL of `pcs`, `rim`, `ocsp` or `nras`.
    pub fn base(&self, service: &str) -> String {
        format!("{}/{service}", self.base)
    }

    /// A service behaves like this from now on, as `jurat_standin_vendors::Fault` names it.
    pub async fn behave(&self, service: &str, fault: &str) {
        self.control(&format!("{service}/{fault}")).await;
    }

    /// What was asked since the last time, a line each.
    pub async fn asked(&self) -> String {
        self.control("asked").await
    }

    async fn control(&self, order: &str) -> String {
        let address = self.base.trim_start_matches("http://").parse().expect("an address");
        let mut client = Client::connect(address).await.expect("they listen");
        client.send(&request("POST", &format!("/control/{order}"), &[], b"")).await.expect("they read");
        let answer = client.answer().await.expect("they answer");
        assert_eq!(answer.status(), 200, "{order}");
        String::from_utf8(answer.body).expect("UTF-8")
    }
}

impl Drop for Standin {
    fn drop(&mut self) {
        drop(self.1.take());
        let _ = self.0.wait();
    }
}
