//! Stand-ins of the hardware's boundaries, each a process of its own.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, ChildStdin, Command, Stdio},
};

use crate::binary;

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
        let program = binary::tdx_standin();
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
        if line.trim() == "ready" {
            return Ok(Self(child, stdin));
        }
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        Err(said)
    }
}

impl Drop for Standin {
    fn drop(&mut self) {
        drop(self.1.take());
        let _ = self.0.wait();
    }
}
