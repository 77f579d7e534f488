//! What became of each answer: a line for people, a line of JSON where that was asked for, and the last ones by id.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use jurat_proto::ReceiptId;
use serde_json::json;

use crate::{
    answer::Ruling,
    exit::{print, say},
};

/// How many are remembered. Each is some 2 KiB.
const REMEMBERED: usize = 1024;

/// How verdicts are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Telling {
    /// A line on stderr.
    Lines,
    /// A line of JSON on stdout.
    Json,
}

/// The verdicts so far.
pub(super) struct Verdicts {
    telling: Telling,
    last: Mutex<VecDeque<(ReceiptId, Word)>>,
}

/// What is known of an answer.
#[derive(Debug, Clone)]
enum Word {
    Pending,
    Unfinished,
    Ruled(Box<Ruling>),
}

impl Verdicts {
    pub(super) fn new(telling: Telling) -> Self {
        Self { telling, last: Mutex::default() }
    }

    /// An answer flows whose end has not come.
    pub(super) fn begin(&self, id: &ReceiptId) {
        self.note(id, Word::Pending);
    }

    /// Its client left before the end.
    pub(super) fn leave(&self, id: &ReceiptId) {
        self.tell(id, &Word::Unfinished);
        self.note(id, Word::Unfinished);
    }

    /// It was judged.
    pub(super) fn rule(&self, id: &ReceiptId, ruling: &Ruling) {
        let word = Word::Ruled(Box::new(ruling.clone()));
        self.tell(id, &word);
        self.note(id, word);
    }

    /// An answer without an id was refused.
    pub(super) fn rule_nameless(&self, ruling: &Ruling) {
        match self.telling {
            Telling::Lines => say(format_args!("an answer without a receipt: {ruling}")),
            Telling::Json => print(Word::Ruled(Box::new(ruling.clone())).json(None)),
        }
    }

    /// What `GET /verdict/{id}` serves; `None` for an id that is not remembered.
    pub(super) fn of(&self, id: &ReceiptId) -> Option<String> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.iter().rev().find(|(of, _)| of == id).map(|(id, word)| word.json(Some(id)))
    }

    fn note(&self, id: &ReceiptId, word: Word) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match last.iter_mut().rev().find(|(of, _)| of == id) {
            Some((_, known)) => *known = word,
            None => {
                last.push_back((*id, word));
                if last.len() > REMEMBERED {
                    last.pop_front();
                }
            }
        }
    }

    fn tell(&self, id: &ReceiptId, word: &Word) {
        match (self.telling, word) {
            (Telling::Json, _) => print(word.json(Some(id))),
            (Telling::Lines, Word::Ruled(ruling)) => say(format_args!("{id} {ruling}")),
            (Telling::Lines, Word::Unfinished) => say(format_args!("{id} unfinished: its client left")),
            (Telling::Lines, Word::Pending) => {}
        }
    }
}

impl Word {
    fn json(&self, id: Option<&ReceiptId>) -> String {
        let id = id.map(ToString::to_string);
        match self {
            Self::Pending => json!({ "id": id, "verdict": "pending" }),
            Self::Unfinished => json!({ "id": id, "verdict": "unfinished" }),
            Self::Ruled(ruling) => json!({
                "id": id,
                "verdict": ruling.outcome,
                "code": (!ruling.code.is_empty()).then_some(ruling.code),
                "reason": (!ruling.reason.is_empty()).then_some(&ruling.reason),
                "receipt": ruling.transcript,
            }),
        }
        .to_string()
    }
}

#[cfg(test)]
mod tests;
