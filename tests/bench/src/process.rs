//! A process under measurement, and what /proc says of it and its children.

use std::{
    io::{self, BufRead, BufReader},
    process::{Child, ChildStderr, ChildStdout, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// Time on a processor, nanoseconds: user and system together, as the scheduler counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
pub(crate) struct CpuNanos(pub(crate) u64);

/// Memory of a process tree, bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Memory {
    /// Resident; what processes share is counted for each.
    pub(crate) resident: u64,
    /// The proportional share: what processes share is counted once.
    pub(crate) proportional: u64,
}

/// A running program; killed, with its children, when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    said: Vec<String>,
}

impl Process {
    /// Starts a program whose output is of no interest.
    pub(crate) fn start(mut command: Command) -> io::Result<Self> {
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit()).spawn()?;
        Ok(Self { child, said: Vec::new() })
    }

    /// Starts a program and waits until it has said, on either output, a line with each of these beginnings.
    pub(crate) fn start_and_hear(mut command: Command, beginnings: &[&str]) -> io::Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let (tell, hear) = std::sync::mpsc::channel();
        let (out, err): (Option<ChildStdout>, Option<ChildStderr>) =
            (child.stdout.take(), child.stderr.take());
        let other = tell.clone();
        thread::spawn(move || {
            out.map(|out| {
                BufReader::new(out).lines().map_while(Result::ok).try_for_each(|line| other.send(line))
            })
        });
        thread::spawn(move || {
            err.map(|err| {
                BufReader::new(err).lines().map_while(Result::ok).for_each(|line| drop(tell.send(line)))
            })
        });
        let mut process = Self { child, said: Vec::new() };
        let until = Instant::now() + Duration::from_secs(30);
        while !beginnings.iter().all(|beginning| process.heard(beginning).is_some()) {
            match hear.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) => process.said.push(line),
                Err(_) => {
                    return Err(io::Error::other(format!("it did not start: {}", process.said.join("\n"))));
                }
            }
        }
        // Whatever it says later must go somewhere.
        thread::spawn(move || hear.into_iter().for_each(drop));
        Ok(process)
    }

    /// What stands behind the beginning of a line that it said.
    pub(crate) fn heard(&self, beginning: &str) -> Option<&str> {
        self.said.iter().find_map(|line| line.strip_prefix(beginning))
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The process and all its descendants.
    pub(crate) fn tree(&self) -> Vec<u32> {
        let mut tree = vec![self.id()];
        let mut at = 0;
        while let Some(id) = tree.get(at) {
            let children = tasks(*id).into_iter().filter_map(|task| read(&format!("{task}/children")));
            let children: Vec<u32> = children
                .flat_map(|text| text.split_whitespace().flat_map(str::parse).collect::<Vec<_>>())
                .collect();
            tree.extend(children);
            at += 1;
        }
        tree
    }

    /// Time that all its living threads have had.
    pub(crate) fn cpu(&self) -> CpuNanos {
        let of_task = |task: &String| {
            let text = read(&format!("{task}/schedstat"))?;
            text.split(' ').next()?.parse::<u64>().ok()
        };
        let tasks: Vec<_> = self.tree().into_iter().flat_map(tasks).collect();
        CpuNanos(tasks.iter().filter_map(of_task).sum())
    }

    /// What its tree holds.
    pub(crate) fn memory(&self) -> Memory {
        let mut memory = Memory::default();
        for id in self.tree() {
            let text = read(&format!("/proc/{id}/smaps_rollup")).unwrap_or_default();
            let kib = |name: &str| -> u64 {
                let line = text.lines().find_map(|line| line.strip_prefix(name));
                line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok()).unwrap_or(0)
            };
            memory.resident += kib("Rss:") << 10;
            memory.proportional += kib("Pss:") << 10;
        }
        memory
    }

    /// Asks it to end, and waits. A tracer ends with what it traces.
    pub(crate) fn end(mut self) -> io::Result<()> {
        use rustix::process::{Pid, Signal, kill_process};
        let tree = self.tree();
        let traced = tree.get(1).or(tree.first()).and_then(|id| Pid::from_raw(id.cast_signed()));
        if let Some(traced) = traced {
            kill_process(traced, Signal::TERM)?;
        }
        self.child.wait().map(drop)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Children first: a master would only start new ones.
        let mut tree = self.tree();
        tree.rotate_left(1);
        for id in tree {
            let Some(id) = rustix::process::Pid::from_raw(id.cast_signed()) else { continue };
            let _ = rustix::process::kill_process(id, rustix::process::Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

/// The folders of a process's threads.
fn tasks(id: u32) -> Vec<String> {
    let entries = std::fs::read_dir(format!("/proc/{id}/task"));
    let entries = entries.into_iter().flatten().flatten();
    entries.map(|entry| entry.path().to_string_lossy().into_owned()).collect()
}

fn read(path: &str) -> Option<String> {
    std::fs::read_to_string(path).ok()
}
