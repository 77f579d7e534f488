//! Which lines of a server-sent event stream mean something to the witness.
//!
//! A line is judged by its first bytes alone, so a giant line costs no memory. What counts as completing is
//! matched no more strictly than clients match it: the OpenAI SDKs take every `data:` that *begins* with
//! `[DONE]` for the end.

use crate::Family;

/// Longest prefix that any rule needs: `data: {"type":"response.incomplete"`, with room to spare.
pub(crate) const PREFIX: usize = 48;

/// What a line does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Begins an event that completes the answer as soon as this line has been seen.
    Done,
    /// Begins or belongs to the event that completes the answer with its blank line.
    Completing,
    /// The same, and says that the engine failed.
    CompletingFailure,
    /// Says that the engine failed; more may follow.
    Failure,
}

/// What can be said of a line of which only the first bytes are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// More bytes may still make it `Done` or `Completing`: hold it back.
    Hold,
    /// More bytes may still make it a failure, which needs no holding back.
    Wait,
    /// It is what it is.
    Is(Option<Effect>),
}

struct Rule {
    field: &'static [u8],
    value: &'static [u8],
    matching: Matching,
    effect: Effect,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Matching {
    Whole,
    Prefix,
}

const fn event(value: &'static str, effect: Effect) -> Rule {
    Rule { field: b"event:", value: value.as_bytes(), matching: Matching::Whole, effect }
}

const fn data(value: &'static str, effect: Effect) -> Rule {
    Rule { field: b"data:", value: value.as_bytes(), matching: Matching::Prefix, effect }
}

static CHAT: [Rule; 1] = [data("[DONE]", Effect::Done)];
static RESPONSES: [Rule; 6] = [
    event("response.completed", Effect::Completing),
    event("response.incomplete", Effect::Completing),
    event("response.failed", Effect::CompletingFailure),
    data(r#"{"type":"response.completed""#, Effect::Completing),
    data(r#"{"type":"response.incomplete""#, Effect::Completing),
    data(r#"{"type":"response.failed""#, Effect::CompletingFailure),
];
static MESSAGES: [Rule; 2] =
    [event("message_stop", Effect::Completing), data(r#"{"type":"message_stop""#, Effect::Completing)];
static FAILURES: [Rule; 3] = [
    event("error", Effect::Failure),
    data(r#"{"error""#, Effect::Failure),
    data(r#"{"type":"error""#, Effect::Failure),
];

/// Judges a line by `start`, its first bytes; `ended` if its end has been seen within them.
pub(crate) fn judge(family: Family, start: &[u8], ended: bool) -> Verdict {
    let completing: &[Rule] = match family {
        Family::Chat => &CHAT,
        Family::Responses => &RESPONSES,
        Family::Messages => &MESSAGES,
        Family::Plain => &[],
    };
    let mut verdict = Verdict::Is(None);
    for (rules, open) in [(completing, Verdict::Hold), (&FAILURES[..], Verdict::Wait)] {
        for rule in rules {
            match rule.judge(start, ended) {
                Match::Yes => return Verdict::Is(Some(rule.effect)),
                Match::Open if verdict == Verdict::Is(None) => verdict = open,
                Match::Open | Match::No => {}
            }
        }
    }
    verdict
}

enum Match {
    Yes,
    Open,
    No,
}

impl Rule {
    /// The field, at most one space, the value.
    fn judge(&self, start: &[u8], ended: bool) -> Match {
        let Some(rest) = start.strip_prefix(self.field) else {
            return if !ended && self.field.starts_with(start) { Match::Open } else { Match::No };
        };
        let value = rest.strip_prefix(b" ").unwrap_or(rest);
        match self.matching {
            Matching::Prefix if value.starts_with(self.value) => Match::Yes,
            Matching::Whole if value == self.value && ended => Match::Yes,
            _ if !ended && self.value.starts_with(value) => Match::Open,
            _ => Match::No,
        }
    }
}
