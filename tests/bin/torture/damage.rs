//! Files that were cut or altered while nobody looked: a clear refusal, or right receipts; never a wrong one.

use std::{
    fs::OpenOptions,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use jurat_tests::{KeptClient, Readiness, Sidecar};
use tokio::time::sleep;

use crate::{
    account::Entry,
    dice::Dice,
    disk::Mode,
    field::{Field, Portion, Size, last_words},
    settle::fetch,
};

const PAGE: u64 = 4096;

/// What was done to the file.
#[derive(Debug, Clone, Copy)]
enum Damage {
    /// Cut to so many bytes.
    Cut(u64),
    /// One bit is another.
    Bit { at: u64, bit: u8 },
    /// A page is zeros.
    Zeros(u64),
    /// A page is noise.
    Noise(u64),
    /// A page holds what another held.
    Copied { from: u64, to: u64 },
}

pub(crate) async fn play(field: &mut Field, size: Size) {
    let rounds = match size.extent {
        Portion::All => size.rounds,
        Portion::Few => 6,
    };
    let Some(entries) = prepare(field).await else { return };
    let mut outcomes = [0; 4];
    for number in 0..rounds {
        field.account.books().tally.rounds += 1;
        let state = field.folder.path("damaged");
        let file = copy(&field.state(), &state);
        let damage = Damage::choose(&mut field.dice, number, &file);
        damage.inflict(&file, &mut field.dice);
        let mode = if field.dice.one_in(2) { Mode::Memory } else { Mode::Refuse };
        let before = field.account.books().tally.complaints.len();
        let outcome = round(field, &state, mode, &entries).await;
        outcomes[outcome as usize] += 1;
        for complaint in field.account.books().tally.complaints.iter_mut().skip(before) {
            *complaint = format!("{damage:?}, {mode:?}: {complaint}");
        }
    }
    let [refused, red, missing, whole] = outcomes;
    println!(
        "torture: damage: {refused} refused to start, {red} from memory and red, {missing} green with errors on reading, {whole} whole"
    );
}

/// How a sidecar took a damaged file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Refused,
    Red,
    Errors,
    Whole,
}

/// An archive of several signers, and everything in it that was acknowledged.
async fn prepare(field: &mut Field) -> Option<Vec<Entry>> {
    let mut entries = Vec::new();
    for _ in 0..3 {
        let sidecar = field.start(field.sidecar()).await?;
        let load = field.load(&sidecar).await?;
        sleep(Duration::from_millis(300)).await;
        load.stop().await;
        entries.extend(field.account.books().open.iter().cloned());
        field.settle(&sidecar).await;
        field.stop(sidecar).await;
    }
    Some(entries)
}

async fn round(field: &Field, state: &Path, mode: Mode, entries: &[Entry]) -> Outcome {
    let sidecar = match field.sidecar_on(state).args(mode.arguments()).launch().await {
        Ok(sidecar) => sidecar,
        Err(left) => {
            let clear = left.code == Some(69) && left.said.contains("jurat: error:");
            let said = last_words(&left.said);
            let how = format!("code {:?}, signal {:?}: {said}", left.code, left.signal);
            field.account.require(clear && mode == Mode::Refuse, how);
            field.no_panic(&left.said);
            return Outcome::Refused;
        }
    };
    let green = sidecar.readiness_within(Readiness::Green, Duration::from_secs(5)).await;
    field.account.require(green || mode == Mode::Memory, "refuse: it runs and is not ready");
    let errors = look(field, &sidecar, entries, green).await;
    if let Some(load) = field.load(&sidecar).await {
        sleep(Duration::from_millis(50)).await;
        load.stop().await;
    }
    // What came to a damaged archive is judged where it was asked, and looked for no more.
    field.account.books().open.clear();
    field.no_panic(&sidecar.said());
    let alive = sidecar.readiness_within(Readiness::Green, Duration::ZERO).await
        || sidecar.readiness_within(Readiness::Red, Duration::ZERO).await;
    field.account.require(alive, format!("it is gone: {}", last_words(&sidecar.said())));
    match (alive, green) {
        (true, true) => field.stop(sidecar).await,
        (true, false) => field.stop_in_memory(sidecar).await,
        (false, _) => {}
    }
    match (green, errors) {
        (false, _) => Outcome::Red,
        (true, 0) => Outcome::Whole,
        (true, _) => Outcome::Errors,
    }
}

/// Looks every receipt up; gives the number of those that could not be had. One that is served is right, and a
/// service that is ready does not say that there is none.
async fn look(field: &Field, sidecar: &Sidecar, entries: &[Entry], green: bool) -> usize {
    let mut lookup = KeptClient::of(sidecar.address());
    let (mut errors, mut missing) = (0, 0);
    for entry in entries {
        match fetch(&mut lookup, &entry.id.to_string()).await {
            Ok(Some(record)) => {
                let oath = field.account.oath(&record.receipt.claims_hash);
                let judged = oath.ok_or_else(|| "unknown claims".to_owned());
                if let Err(broken) = judged.and_then(|oath| entry.judge(&oath, &record)) {
                    field.account.wrong(format!("{}: {broken}", entry.id));
                }
            }
            Ok(None) => missing += 1,
            Err(_) => errors += 1,
        }
    }
    let of = entries.len();
    field.account.require(
        missing == 0 || !green,
        format!("ready, and says of {missing} of {of} receipts that there are none"),
    );
    errors + missing
}

impl Damage {
    fn choose(dice: &mut Dice, number: usize, file: &Path) -> Self {
        let length = std::fs::metadata(file).expect("the archive's file").len();
        let page = |dice: &mut Dice| dice.below(length / PAGE) * PAGE;
        match number % 8 {
            0 => Self::Cut(dice.below(length)),
            1 => Self::Cut(dice.below(PAGE)),
            2 => Self::Bit { at: dice.below(PAGE), bit: dice.below(8) as u8 },
            3 => Self::Zeros(page(dice)),
            4 => Self::Noise(page(dice)),
            5 => Self::Copied { from: page(dice), to: page(dice) },
            _ => Self::Bit { at: dice.below(length), bit: dice.below(8) as u8 },
        }
    }

    fn inflict(self, file: &Path, dice: &mut Dice) {
        let file = OpenOptions::new().read(true).write(true).open(file).expect("open the archive's file");
        let done = match self {
            Self::Cut(length) => file.set_len(length),
            Self::Bit { at, bit } => {
                let mut byte = [0];
                file.read_exact_at(&mut byte, at)
                    .and_then(|()| file.write_all_at(&[byte[0] ^ (1 << bit)], at))
            }
            Self::Zeros(at) => file.write_all_at(&[0; PAGE as usize], at),
            Self::Noise(at) => {
                let noise: Vec<u8> = (0..PAGE).map(|_| dice.roll() as u8).collect();
                file.write_all_at(&noise, at)
            }
            Self::Copied { from, to } => {
                let mut page = [0; PAGE as usize];
                file.read_exact_at(&mut page, from).and_then(|()| file.write_all_at(&page, to))
            }
        };
        done.expect("damage the archive's file");
    }
}

/// A fresh copy of an archive; gives its largest file.
fn copy(from: &Path, to: &Path) -> PathBuf {
    // The first time there is none.
    let _ = std::fs::remove_dir_all(to);
    std::fs::create_dir_all(to).expect("make a folder for the copy");
    let mut largest = (0, PathBuf::new());
    for entry in std::fs::read_dir(from).expect("read the archive's folder").flatten() {
        let copy = to.join(entry.file_name());
        let length = std::fs::copy(entry.path(), &copy).expect("copy the archive");
        if length > largest.0 {
            largest = (length, copy);
        }
    }
    assert!(largest.0 >= PAGE, "an archive has a file");
    largest.1
}
