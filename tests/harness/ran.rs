//! The program run to its end, in a folder that goes with the test.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::{binary, scratch::Scratch};

/// What a run of the program left.
#[derive(Debug)]
pub struct Ran {
    /// Its exit code.
    pub code: Option<i32>,
    /// Data.
    pub stdout: String,
    /// Words for people.
    pub stderr: String,
}

impl Ran {
    /// The verdict that it printed with `--json`.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub fn verdict(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// What became of a check.
    ///
    /// # Panics
    ///
    /// If the verdict has no such check.
    pub fn check(&self, id: &str) -> (String, String) {
        let verdict = self.verdict();
        let checks = verdict["checks"].as_array().expect("checks").iter();
        let check = checks.clone().find(|check| check["id"] == id);
        let check = check.unwrap_or_else(|| panic!("{id} is not in {verdict:#}"));
        let text = |member: &str| check[member].as_str().expect("a text").to_owned();
        (text("status"), text("reason"))
    }
}

/// A new folder of a test's own.
#[derive(Debug)]
pub struct Desk(Scratch);

impl Desk {
    /// Makes it.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self(Scratch::new())
    }

    /// A place in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A file in it.
    pub fn file(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        self.0.write(name, text)
    }

    /// A file in it, as an argument.
    pub fn named(&self, name: &str, text: impl AsRef<[u8]>) -> String {
        self.file(name, text).to_str().expect("the folder's name is UTF-8").to_owned()
    }

    /// Runs the program there, with an environment of its own.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.run_as(binary::simulated(), arguments)
    }

    /// The same of another build.
    pub fn run_as(&self, program: &Path, arguments: &[&str]) -> Ran {
        let output = Command::new(program)
            .env_clear()
            .env("HOME", self.0.path())
            .current_dir(self.0.path())
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .expect("run the program");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Ran { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}
