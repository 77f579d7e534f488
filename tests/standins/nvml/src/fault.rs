//! Faults of single functions: an error code, no return at all, or the end of the process.

use std::{
    collections::HashMap,
    process,
    sync::{Mutex, PoisonError},
    thread,
    time::Duration,
};

use crate::{
    abi::{Return, SUCCESS},
    knobs,
};

/// What a call is to do before its work; anything but success is its answer.
pub(crate) fn strike(function: &str, device: Option<u32>) -> Return {
    let call = numbered(function);
    for text in knobs::faults().split(',').filter(|text| !text.is_empty()) {
        let Some(fault) = Fault::parse(text) else { knobs::unknown("FAULT", text) };
        let concerned = fault.function == function
            && (fault.device.is_none() || fault.device == device)
            && call >= fault.from;
        if concerned {
            return fault.happen(text);
        }
    }
    SUCCESS
}

/// `FUNCTION=WHAT[@DEVICE][#CALL]`.
struct Fault<'a> {
    function: &'a str,
    what: &'a str,
    device: Option<u32>,
    from: u64,
}

impl<'a> Fault<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (text, from) = match text.split_once('#') {
            Some((text, from)) => (text, from.parse().ok()?),
            None => (text, 1),
        };
        let (text, device) = match text.split_once('@') {
            Some((text, device)) => (text, Some(device.parse().ok()?)),
            None => (text, None),
        };
        let (function, what) = text.split_once('=')?;
        Some(Self { function, what, device, from })
    }

    fn happen(&self, text: &str) -> Return {
        match self.what {
            "abort" => process::abort(),
            "segv" => {
                // SAFETY: there is none, and that is the purpose: no page is mapped there, the processor
                // faults, and the process ends as by a fault of the driver.
                unsafe { std::ptr::without_provenance_mut::<u8>(8).write_volatile(0) };
                process::abort()
            }
            "hang" => loop {
                thread::sleep(Duration::from_secs(3600));
            },
            code => code.parse().unwrap_or_else(|_| knobs::unknown("FAULT", text)),
        }
    }
}

/// Counts the calls of each function, from 1.
fn numbered(function: &str) -> u64 {
    static CALLS: Mutex<Option<HashMap<String, u64>>> = Mutex::new(None);
    let mut calls = CALLS.lock().unwrap_or_else(PoisonError::into_inner);
    let call = calls.get_or_insert_default().entry(function.to_owned()).or_default();
    *call += 1;
    *call
}
