//! A thread that does one piece of work after the other, each with a deadline.

use std::{
    io,
    sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TryRecvError},
    thread,
    time::Duration,
};

/// The near end of such a thread.
///
/// Work past its deadline is not interrupted, as nothing could do that safely, and what it yields then is thrown
/// away, as it answers another question. Until it has yielded, nothing more is begun.
pub(crate) struct Worker<Q, A> {
    questions: SyncSender<Q>,
    answers: Receiver<A>,
    /// Work has not ended and whoever asked for it has gone.
    overdue: bool,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lapse {
    /// It did not come in time.
    Late,
    /// Earlier work has still not ended; nothing was begun.
    Occupied,
    /// The thread is gone.
    Gone,
}

impl<Q: Send + 'static, A: Send + 'static> Worker<Q, A> {
    /// Starts the thread, which ends when the worker is dropped and its work is done.
    pub(crate) fn start(name: &str, mut work: impl FnMut(Q) -> A + Send + 'static) -> io::Result<Self> {
        let (questions, asked) = mpsc::sync_channel(1);
        let (tell, answers) = mpsc::sync_channel(1);
        thread::Builder::new().name(name.to_owned()).spawn(move || {
            while let Ok(question) = asked.recv() {
                if tell.send(work(question)).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { questions, answers, overdue: false })
    }

    /// Has `question` answered within `patience`.
    pub(crate) fn ask(&mut self, question: Q, patience: Duration) -> Result<A, Lapse> {
        if self.overdue {
            match self.answers.try_recv() {
                Ok(_) => self.overdue = false,
                Err(TryRecvError::Empty) => return Err(Lapse::Occupied),
                Err(TryRecvError::Disconnected) => return Err(Lapse::Gone),
            }
        }
        self.questions.send(question).map_err(|_| Lapse::Gone)?;
        match self.answers.recv_timeout(patience) {
            Ok(answer) => Ok(answer),
            Err(RecvTimeoutError::Timeout) => {
                self.overdue = true;
                Err(Lapse::Late)
            }
            Err(RecvTimeoutError::Disconnected) => Err(Lapse::Gone),
        }
    }
}

#[cfg(test)]
mod tests;
