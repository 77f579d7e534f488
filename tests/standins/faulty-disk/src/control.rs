//! Which fault is on.

use std::{
    path::PathBuf,
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::real;

/// What to do to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    Write { errno: i32 },
    SyncKeep,
    SyncDrop { seed: u64 },
    SyncLost,
    Slow { milliseconds: u64 },
    Short,
    Cut { seed: u64, calls: u64 },
}

struct Where {
    folder: PathBuf,
    control: PathBuf,
    hits: PathBuf,
}

fn place() -> Option<&'static Where> {
    static PLACE: OnceLock<Option<Where>> = OnceLock::new();
    let named = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let find = || {
        let (folder, control) = (named("FAULTY_DISK_FOLDER")?, named("FAULTY_DISK_CONTROL")?);
        let mut hits = control.clone().into_os_string();
        hits.push(".hits");
        Some(Where { folder: folder.canonicalize().unwrap_or(folder), control, hits: hits.into() })
    };
    PLACE.get_or_init(find).as_ref()
}

/// Whether this file lies in the folder.
pub(crate) fn concerns(path: &std::path::Path) -> bool {
    place().is_some_and(|place| path.starts_with(&place.folder))
}

/// The fault that is on.
pub(crate) fn fault() -> Fault {
    let Some(line) = place().and_then(|place| real::first_line(&place.control)) else { return Fault::None };
    let mut words = line.split(' ');
    let name = words.next().unwrap_or_default().to_owned();
    let mut number = || words.next().and_then(|word| word.parse::<u64>().ok()).unwrap_or(0);
    match name.as_str() {
        "write" => Fault::Write { errno: number() as i32 },
        "sync-keep" => Fault::SyncKeep,
        "sync-drop" => Fault::SyncDrop { seed: number() },
        "sync-lost" => Fault::SyncLost,
        "slow" => Fault::Slow { milliseconds: number() },
        "short" => Fault::Short,
        "cut" => Fault::Cut { seed: number(), calls: number() },
        _ => Fault::None,
    }
}

/// Notes that a fault was dealt.
pub(crate) fn hit() {
    static HITS: AtomicU64 = AtomicU64::new(0);
    let hits = HITS.fetch_add(1, Ordering::Relaxed) + 1;
    if let Some(place) = place() {
        real::put(&place.hits, &format!("{hits}\n"));
    }
}
