//! What a child says on its stderr, kept as it comes.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::ChildStderr,
    task::JoinHandle,
};

/// The lines so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Heard(Arc<Mutex<String>>);

impl Heard {
    /// Listens until the child closes its end; the task ends then.
    pub(crate) fn listen(stderr: ChildStderr) -> (Self, JoinHandle<()>) {
        let heard = Self::default();
        let kept = heard.clone();
        let listening = tokio::spawn(async move {
            let mut lines = BufReader::new(stderr).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                let mut said = kept.0.lock().expect("no holder panics");
                said.push_str(&line);
                said.push('\n');
            }
        });
        (heard, listening)
    }

    /// Everything so far.
    pub(crate) fn said(&self) -> String {
        self.0.lock().expect("no holder panics").clone()
    }

    /// The rest of the first line that begins so.
    pub(crate) fn behind(&self, prefix: &str) -> Option<String> {
        let said = self.0.lock().expect("no holder panics");
        said.lines().find_map(|line| line.strip_prefix(prefix)).map(|rest| rest.trim().to_owned())
    }
}
