//! Bounded patience with a kernel that is busy.

use std::{io, thread, time::Duration};

/// How long to go on after `EBUSY`: the pause doubles after every attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Patience {
    /// Attempts in all, at least one is made.
    pub(crate) attempts: u32,
    /// The pause after the first.
    pub(crate) pause: Duration,
}

impl Patience {
    /// 7.5 s in all. A mailbox whose last caller timed out may stay occupied for longer; whoever asks again later
    /// finds it free, and a device thread that sleeps helps nobody.
    pub(crate) const KERNEL: Self = Self { attempts: 5, pause: Duration::from_millis(500) };
}

/// Repeats `attempt` while the kernel says `EBUSY` or `EINTR`, and returns its last answer.
///
/// `ETIMEDOUT` is not repeated: the kernel has waited 30 s by then, and the next attempt would meet its own
/// unanswered request in the mailbox.
pub(crate) fn patiently<T>(
    patience: Patience,
    mut attempt: impl FnMut() -> io::Result<T>,
) -> Result<T, (u32, io::Error)> {
    let mut pause = patience.pause;
    let mut made = 0;
    loop {
        let answer = attempt();
        made += 1;
        match answer {
            Err(error) if repeats(&error) && made < patience.attempts => {
                thread::sleep(pause);
                pause = pause.saturating_mul(2);
            }
            other => return other.map_err(|error| (made, error)),
        }
    }
}

fn repeats(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ResourceBusy | io::ErrorKind::Interrupted)
}
