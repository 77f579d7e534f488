//! The refusals: each is one named mutation, the check that must object to it, and how it is done.

mod binding;
mod certificates;
mod claims;
mod collateral;
mod compose;
mod eventlog;
mod fabric;
mod gpus;
mod lists;
mod nras;
mod ocsp;
mod policies;
mod quote;
mod resigned;
mod rims;
mod spdm;

use jurat_simulated::Blueprint;
use jurat_verify::CheckId;
use serde_json::Value;
use std::collections::BTreeMap;

use crate::{
    bases::Name,
    format::{Expect, Inputs, Vector, Verdict},
    scene::{Edit, Gpu, Machine},
};

/// A line of the table.
pub struct Case {
    /// The file's name between `report-` and `.json`.
    pub name: String,
    about: String,
    verdict: Verdict,
    check: Option<CheckId>,
    beside: Vec<CheckId>,
    base: Name,
    edits: Vec<Edit>,
}

impl Case {
    pub(crate) fn new(verdict: Verdict, check: Option<CheckId>, name: &str, about: &str, edit: Edit) -> Self {
        let (name, about) = (name.to_owned(), about.to_owned());
        Self { name, about, verdict, check, beside: vec![], base: Name::OneGpu, edits: vec![edit] }
    }

    /// On another base than the one with one GPU.
    pub(crate) fn on(mut self, base: Name) -> Self {
        self.base = base;
        self
    }

    /// With checks that do not pass either, though they do not rest on the first.
    fn beside(mut self, checks: &[CheckId]) -> Self {
        self.beside = checks.to_vec();
        self
    }

    /// With another edit that the mutation consists of.
    pub(crate) fn and(mut self, edit: Edit) -> Self {
        self.edits.push(edit);
        self
    }

    /// The inputs as they come out.
    pub fn inputs(&self) -> Inputs {
        self.base.setting().play(&self.edits)
    }

    /// The file.
    pub fn vector(&self, base: &Inputs) -> Vector {
        let accept = matches!(self.verdict, Verdict::Trusted | Verdict::TrustedThen);
        Vector {
            about: self.about.clone(),
            expect: if accept { Expect::Accept } else { Expect::Refuse },
            verdict: self.verdict,
            check: self.check,
            beside: self.beside.clone(),
            base: self.base.as_str().into(),
            inputs: base.difference(&self.inputs()),
        }
    }

    /// Which base it differs from.
    pub fn base(&self) -> Name {
        self.base
    }
}

/// Every refusal.
pub fn all() -> Vec<Case> {
    let mut all = vec![];
    all.extend(quote::cases());
    all.extend(resigned::cases());
    all.extend(collateral::cases());
    all.extend(eventlog::cases());
    all.extend(binding::cases());
    all.extend(claims::cases());
    all.extend(gpus::cases());
    all.extend(spdm::cases());
    all.extend(fabric::cases());
    all.extend(certificates::cases());
    all.extend(policies::cases());
    all.extend(compose::cases());
    all.extend(rims::cases());
    all.extend(ocsp::cases());
    all.extend(nras::cases());
    all.extend(lists::cases());
    all
}

/// The named check fails, and the verdict is `refuted`.
fn refuse(check: CheckId, name: &str, about: &str, edit: Edit) -> Case {
    Case::new(Verdict::Refuted, Some(check), name, about, edit)
}

/// The named check is required and skipped, and the verdict is `undecided`.
fn undecided(check: CheckId, name: &str, about: &str, edit: Edit) -> Case {
    Case::new(Verdict::Undecided, Some(check), name, about, edit)
}

pub(crate) fn machine(edit: impl Fn(&mut Blueprint) + 'static) -> Edit {
    Edit::Machine(Box::new(edit))
}

fn evidence(edit: impl Fn(&mut Vec<Gpu>, &Machine) + 'static) -> Edit {
    Edit::Evidence(Box::new(edit))
}

fn payload(edit: impl Fn(&mut String) + 'static) -> Edit {
    Edit::Payload(Box::new(edit))
}

fn claims(edit: impl Fn(&mut String) + 'static) -> Edit {
    Edit::Claims(Box::new(edit))
}

fn data(edit: impl Fn(&mut [u8; 64]) + 'static) -> Edit {
    Edit::Data(Box::new(edit))
}

fn quote(edit: impl Fn(&mut Vec<u8>, &Machine) + 'static) -> Edit {
    Edit::Quote(Box::new(edit))
}

fn collateral(edit: impl Fn(&mut Value, &Machine) + 'static) -> Edit {
    Edit::Collateral(Box::new(edit))
}

pub(crate) fn report(edit: impl Fn(&mut BTreeMap<String, Value>) + 'static) -> Edit {
    Edit::Report(Box::new(edit))
}

pub(crate) fn inputs(edit: impl Fn(&mut Inputs, &Machine) + 'static) -> Edit {
    Edit::Inputs(Box::new(edit))
}
