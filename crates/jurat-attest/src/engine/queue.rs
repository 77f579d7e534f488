//! What the engine does next, and the reports that it shares.
//!
//! Time comes in as an argument; nothing here blocks or calls anybody.

use std::{
    collections::{HashMap, VecDeque},
    mem,
    sync::Arc,
    time::{Duration, Instant},
};

use jurat_proto::{Binding, Nonce, ReportBody};

use super::{Observed, ReportFailure, Settings, reply::Reply};

/// Ages are told in whole seconds.
const SHORTEST_REFRESH: Duration = Duration::from_secs(1);
/// A machine that can no longer prove itself is noticed within a day.
const LONGEST_REFRESH: Duration = Duration::from_secs(24 * 60 * 60);

/// One report to make. Equal tasks are one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Task {
    /// Over a caller's nonce.
    Fresh(Binding, Nonce),
    /// Over a nonce of our own, to be shared.
    Shared(Binding),
}

impl Task {
    pub(super) fn binding(self) -> Binding {
        match self {
            Self::Fresh(binding, _) | Self::Shared(binding) => binding,
        }
    }
}

/// What the engine's thread does now.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// This; [`Queue::finish`] is called afterwards.
    Run(Task),
    /// Nothing, until then or until something is pushed.
    Sleep(Instant),
    /// Nothing any more.
    End,
}

/// Who waits for a task.
struct Job {
    task: Task,
    replies: Vec<Reply>,
    /// When it was begun, once it was.
    begun: Option<Instant>,
}

/// A report for everybody who brings no nonce.
struct Shared {
    body: Arc<ReportBody>,
    /// When its nonce was drawn: no part of the evidence is older.
    made: Instant,
    /// When to make the next.
    renew: Instant,
    /// Somebody was given it.
    asked: bool,
}

/// Tasks in order of arrival, and the shared reports.
pub(super) struct Queue {
    limit: usize,
    refresh: Duration,
    jobs: VecDeque<Job>,
    running: Option<Job>,
    shared: HashMap<Binding, Shared>,
    /// What reports under `jurat-v1` claim.
    claims: Arc<str>,
    /// How long a report takes, averaged over the last few.
    pace: Duration,
    open: bool,
    counts: Counts,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    made: u64,
    failed: u64,
    refused: u64,
    timed_out: u64,
    left: u64,
}

impl Queue {
    pub(super) fn new(settings: Settings, claims: &str) -> Self {
        Self {
            limit: settings.queue,
            refresh: settings.refresh.clamp(SHORTEST_REFRESH, LONGEST_REFRESH),
            jobs: VecDeque::new(),
            running: None,
            shared: HashMap::new(),
            claims: claims.into(),
            pace: Duration::from_secs(1),
            open: true,
            counts: Counts::default(),
        }
    }

    /// What the next report claims.
    pub(super) fn claims(&self) -> Arc<str> {
        Arc::clone(&self.claims)
    }

    /// From now on reports claim this; those that are shared and claim otherwise go.
    pub(super) fn renew_claims(&mut self, claims: String) {
        self.claims = claims.into();
        self.shared.retain(|_, shared| shared.body.claims.is_none());
    }

    /// The shared report, with its age, unless there is none or it is too old.
    pub(super) fn shared(&mut self, binding: Binding, now: Instant) -> Option<Arc<ReportBody>> {
        if !self.open {
            return None;
        }
        let shared = self.shared.get_mut(&binding)?;
        let age = now.saturating_duration_since(shared.made);
        if age >= self.refresh {
            return None;
        }
        shared.asked = true;
        let seconds = age.as_secs();
        if shared.body.report_age_seconds != Some(seconds) {
            // One copy a second at most, however many ask.
            Arc::make_mut(&mut shared.body).report_age_seconds = Some(seconds);
        }
        Some(Arc::clone(&shared.body))
    }

    /// Adds a caller to `task`, or gives the reply back with the reason.
    pub(super) fn push(&mut self, task: Task, reply: Reply) -> Result<(), (Reply, ReportFailure)> {
        if !self.open {
            return Err((reply, ReportFailure::Stopped));
        }
        if let Some(job) = self.running.iter_mut().chain(&mut self.jobs).find(|job| job.task == task) {
            // One reply is one connection, and those are limited where they are accepted.
            job.replies.push(reply);
            return Ok(());
        }
        if self.jobs.len() >= self.limit {
            self.forget_who_left();
        }
        if self.jobs.len() >= self.limit {
            self.counts.refused += 1;
            return Err((reply, ReportFailure::Busy { retry_after: self.patience() }));
        }
        self.jobs.push_back(Job { task, replies: vec![reply], begun: None });
        Ok(())
    }

    /// Takes the next task. A shared report that is due goes first: many wait for what one asks.
    pub(super) fn next(&mut self, now: Instant) -> Next {
        if !self.open {
            return Next::End;
        }
        self.shared.retain(|binding, shared| kept(*binding, shared) || now < shared.made + self.refresh);
        let due = self
            .shared
            .iter()
            .find(|(binding, shared)| kept(**binding, shared) && shared.renew <= now)
            .map(|(binding, _)| *binding);
        let job = match due {
            Some(binding) => {
                let task = Task::Shared(binding);
                let waiting = self.jobs.iter().position(|job| job.task == task);
                waiting.and_then(|at| self.jobs.remove(at)).or(Some(Job {
                    task,
                    replies: Vec::new(),
                    begun: None,
                }))
            }
            None => {
                self.forget_who_left();
                self.jobs.pop_front()
            }
        };
        match job {
            Some(mut job) => {
                let task = job.task;
                job.begun = Some(now);
                self.running = Some(job);
                Next::Run(task)
            }
            None => {
                let ends = self.shared.iter().map(|(binding, shared)| {
                    if kept(*binding, shared) { shared.renew } else { shared.made + self.refresh }
                });
                Next::Sleep(ends.min().unwrap_or(now + self.refresh))
            }
        }
    }

    /// Takes the outcome of the task that [`Queue::next`] gave out; returns who waits for it.
    pub(super) fn finish(
        &mut self,
        task: Task,
        outcome: &Result<Arc<ReportBody>, ReportFailure>,
        begun: Instant,
        now: Instant,
    ) -> Vec<Reply> {
        let replies = self.running.take().map(|job| job.replies).unwrap_or_default();
        self.pace = self.pace.saturating_mul(3).saturating_add(now.saturating_duration_since(begun)) / 4;
        match outcome {
            Ok(_) => self.counts.made += 1,
            Err(_) => self.counts.failed += 1,
        }
        if let Task::Shared(binding) = task {
            match outcome {
                // Begun under claims that are no more: good for who asked then, not for who asks now.
                Ok(body) if body.claims.as_deref().is_some_and(|claims| *claims != *self.claims) => {}
                Ok(body) => {
                    let shared = Shared {
                        body: Arc::clone(body),
                        made: begun,
                        // A quarter of its life is left to make the next, and to try again.
                        renew: begun + self.refresh * 3 / 4,
                        asked: false,
                    };
                    self.shared.insert(binding, shared);
                }
                Err(_) => {
                    if let Some(shared) = self.shared.get_mut(&binding) {
                        shared.renew = now + self.refresh / 16;
                    }
                }
            }
        }
        replies
    }

    /// Callers whose patience is over, with what to tell them. What waits for them alone is not begun any more; what is
    /// under way goes on.
    pub(super) fn overdue(&mut self, now: Instant) -> (Vec<Reply>, ReportFailure) {
        let mut overdue = Vec::new();
        for job in self.running.iter_mut().chain(&mut self.jobs) {
            overdue.extend(job.replies.extract_if(.., |reply| reply.until() <= now));
        }
        self.jobs.retain(|job| !job.replies.is_empty());
        self.counts.timed_out = self.counts.timed_out.saturating_add(overdue.len() as u64);
        (overdue, ReportFailure::TimedOut { retry_after: self.patience() })
    }

    /// When the next caller's patience is over.
    pub(super) fn next_overdue(&self) -> Option<Instant> {
        let jobs = self.running.iter().chain(&self.jobs);
        jobs.flat_map(|job| &job.replies).map(Reply::until).min()
    }

    /// Whether more is taken.
    pub(super) fn is_open(&self) -> bool {
        self.open
    }

    /// What it has to say of itself.
    pub(super) fn observe(&self, now: Instant) -> Observed {
        let Counts { made, failed, refused, timed_out, left } = self.counts;
        let since = |then: Instant| now.saturating_duration_since(then);
        Observed {
            queue: self.limit,
            waiting: self.jobs.len(),
            callers: self.running.iter().chain(&self.jobs).map(|job| job.replies.len()).sum(),
            under_way: self.running.as_ref().and_then(|job| job.begun).map(since),
            shared_age: self.shared.get(&Binding::JuratV1).map(|shared| since(shared.made)),
            made,
            failed,
            refused,
            timed_out,
            left,
            ..Observed::default()
        }
    }

    /// Drops callers that are gone, and what waits for them alone: strangers must not be able to fill the queue and
    /// walk away.
    fn forget_who_left(&mut self) {
        for job in &mut self.jobs {
            for gone in job.replies.extract_if(.., |reply| !reply.is_wanted()) {
                gone.forget();
                self.counts.left += 1;
            }
        }
        self.jobs.retain(|job| !job.replies.is_empty());
    }

    /// Takes no more; returns who waits in vain. The task under way keeps its callers.
    pub(super) fn close(&mut self) -> Vec<Reply> {
        self.open = false;
        mem::take(&mut self.jobs).into_iter().flat_map(|job| job.replies).collect()
    }

    /// As [`Queue::close`], for a thread that is gone: the task under way will not be finished either.
    pub(super) fn abandon(&mut self) -> Vec<Reply> {
        let mut replies = self.close();
        replies.extend(self.running.take().into_iter().flat_map(|job| job.replies));
        replies
    }

    /// Until the queue has moved by about a half: whole seconds, between one and sixty.
    fn patience(&self) -> Duration {
        let waiting = u32::try_from(self.jobs.len()).unwrap_or(u32::MAX);
        let seconds = self.pace.saturating_mul(waiting.saturating_add(1)).as_secs() / 2;
        Duration::from_secs(seconds.clamp(1, 60))
    }
}

/// Whether a report is renewed when its time comes: the first binding's always, so that a machine that can no longer
/// prove itself is noticed; another's only if somebody took it, or one request would cost device time for ever.
fn kept(binding: Binding, shared: &Shared) -> bool {
    binding == Binding::JuratV1 || shared.asked
}

#[cfg(test)]
mod tests;
