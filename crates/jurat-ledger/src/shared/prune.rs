//! Retention: one replica at a time takes a bounded step, and swears to what it takes.

use std::collections::{BTreeMap, HashSet};

use jurat_proto::{Digest, PrunePoint, Receipt, ReceiptId, SignedPrunePoint, UnixMillis};

use super::{
    OVERHEAD, SharedStore,
    commit::Names,
    link::Request,
    lookup::{read_entry, text},
    misshapen,
    page::{read_point, write_point},
    resp::{Args, Reply},
    script::Script,
    server::Kind,
    tally::Held,
};
use crate::{
    holes::Holes,
    memory::{INCOMPLETE_CEILING, INCOMPLETE_FLOOR, SLACK},
    store::{Pruned, StoreError},
};

/// Most receipts that one step takes: each is authenticated before it is sworn to, and commits wait meanwhile.
const STEP: u64 = 128;
/// Most chains that one step forgets.
const FORGOTTEN: u64 = 64;
/// How long a replica may take for a step before another may begin one. Its own steps are fenced: one that comes
/// too late does nothing.
const LOCKED_FOR_MILLIS: u64 = 30_000;
/// A chain that was not heard of for this long has no process any more. Every replica says so of its own with
/// every commit and every look at retention.
const DEAD_AFTER_MILLIS: u64 = 24 * 60 * 60 * 1000;

type Sign<'a> = &'a mut dyn FnMut(PrunePoint) -> SignedPrunePoint;

impl SharedStore {
    pub(super) fn prune_step(&self, now: UnixMillis, sign: Sign<'_>) -> Result<Pruned, StoreError> {
        if !self.tally().is_look_due(&self.bounds, now) {
            return Ok(Pruned::Enough);
        }
        let Some(token) = self.take_lock(now)? else {
            self.tally().hold_off();
            return Ok(Pruned::Enough);
        };
        let step = self.step(&token, now, sign);
        let swept = self.sweep(&token, now);
        let mut tally = self.tally();
        let taken = match swept.and(step) {
            Ok(taken) => taken,
            Err(error) => {
                tally.hold_off();
                return Err(error);
            }
        };
        if !tally.is_look_due(&self.bounds, now) {
            Ok(Pruned::Enough)
        } else if taken == 0 {
            tally.hold_off();
            Ok(Pruned::Enough)
        } else {
            Ok(Pruned::More)
        }
    }

    fn take_lock(&self, now: UnixMillis) -> Result<Option<String>, StoreError> {
        let mut random = [0; 16];
        getrandom::fill(&mut random)
            .map_err(|error| StoreError::Unavailable(format!("no random bytes: {error}")))?;
        let token = ReceiptId::new(random).to_string();
        let own = self.tally().own_chain().map_or_else(String::new, |chain| chain.to_string());
        let args = self.args().text(&token).number(LOCKED_FOR_MILLIS).text(&own).number(now.0);
        let taken = self.server.ask(Kind::Write, &Request::Script(Script::Lock, args))? == Reply::Number(1);
        Ok(taken.then_some(token))
    }

    fn step(&self, token: &str, now: UnixMillis, sign: Sign<'_>) -> Result<u64, StoreError> {
        let Due { held, victims: due, reason } = self.due(now)?;
        let mut chains = BTreeMap::<Digest, Vec<Victim>>::new();
        for victim in due {
            chains.entry(victim.receipt.chain).or_default().push(victim);
        }
        let (mut victims, mut points) = (Vec::new(), Vec::new());
        for (chain, of_chain) in chains {
            let around = self.around(&chain, &of_chain)?;
            let spared = if reason == Reason::Room { around.living_tail(now) } else { None };
            let going: Vec<_> = of_chain.into_iter().filter(|v| Some(v.receipt.sequence) != spared).collect();
            points.extend(swear(&going, around, now, sign));
            victims.extend(going);
        }
        if victims.is_empty() {
            self.tally().looked(held, 0);
            return Ok(0);
        }
        let mut args = self.args().text(token).number(OVERHEAD).number(victims.len() as u64);
        for Victim { receipt } in &victims {
            let names = Names::of(receipt);
            args =
                args.text(&receipt.id.to_string()).text(&receipt.chain.to_string()).number(receipt.sequence);
            args = args.text(names.kind).text(names.alias).text(&names.fold);
        }
        for change in points {
            let (what, chain, last, bytes) = match change {
                Change::Add(point) => ("add", point.prune.chain, point.prune.last, write_point(&point)?),
                Change::Drop { chain, last, bytes } => ("drop", chain, last, bytes),
            };
            args = args.text(what).text(&chain.to_string()).number(last).bytes(&bytes);
        }
        let reply = self.server.ask(Kind::Write, &Request::Script(Script::Prune, args))?;
        self.tally().looked(Held::read(&reply)?, victims.len() as u64);
        Ok(victims.len() as u64)
    }

    /// What is held, and the receipts that must go.
    fn due(&self, now: UnixMillis) -> Result<Due, StoreError> {
        let bound = self.bounds.bytes;
        let age = u64::try_from(self.bounds.age.as_millis()).unwrap_or(u64::MAX);
        let args = self
            .args()
            .number(now.0.saturating_sub(age))
            .number(bound)
            .number(bound / INCOMPLETE_CEILING)
            .number(bound / INCOMPLETE_FLOOR)
            .number(bound / SLACK)
            .number(OVERHEAD)
            .number(STEP);
        let reply = self.read(Script::Due, args)?;
        let Reply::List(answer) = &reply else { return Err(misshapen("retention")) };
        let [held, Reply::List(due), Reply::Bytes(reason)] = answer.as_slice() else {
            return Err(misshapen("retention"));
        };
        let reason = if reason == b"age" { Reason::Age } else { Reason::Room };
        let mut victims = Vec::with_capacity(due.len());
        for record in due {
            match Victim::read(record) {
                Ok(victim) => victims.push(victim),
                Err(Unfit { kind, id, error }) => self.set_aside(&kind, &id, &error)?,
            }
        }
        if reason == Reason::Age {
            // The server's word is not enough: each receipt says itself when it ended.
            victims.retain(|victim| self.bounds.has_outlived(victim.receipt.finished_at, now));
        }
        Ok(Due { held: Held::read(held)?, victims, reason })
    }

    /// Nobody can swear to what a damaged record was. It stays where it is, to be looked at, and out of the way of
    /// retention.
    fn set_aside(&self, kind: &str, id: &str, error: &StoreError) -> Result<(), StoreError> {
        tracing::error!(%error, record = id, "a record can't be given up, as it was altered; it stays");
        let remove = Args::of(&["ZREM", &self.key(&format!("o:{kind}")), id]);
        self.server.ask(Kind::Write, &Request::Command(remove)).map(|_| ())
    }

    fn around(&self, chain: &Digest, victims: &[Victim]) -> Result<Around, StoreError> {
        let mut args = self.args().text(&chain.to_string());
        for victim in victims {
            args = args.number(victim.receipt.sequence);
        }
        let Reply::List(answer) = self.read(Script::Around, args)? else { return Err(misshapen("a chain")) };
        let [Reply::Bytes(last), Reply::Bytes(heard), Reply::List(points)] = answer.as_slice() else {
            return Err(misshapen("a chain"));
        };
        let mut around =
            Around { last: text(last)?.parse().ok(), heard: text(heard)?.parse().ok(), points: Vec::new() };
        for point in points {
            let Reply::Bytes(bytes) = point else { return Err(misshapen("a prune point")) };
            // One that was altered is joined to nothing: we would swear to what somebody else made of it.
            if let Ok(point) = read_point(bytes, chain) {
                around.points.push((point, bytes.clone()));
            }
        }
        Ok(around)
    }

    /// Forgets chains of which nothing is left, and lets go of the lock.
    fn sweep(&self, token: &str, now: UnixMillis) -> Result<(), StoreError> {
        let args = self.args().text(token).number(now.0.saturating_sub(DEAD_AFTER_MILLIS)).number(FORGOTTEN);
        self.server.ask(Kind::Write, &Request::Script(Script::Sweep, args)).map(|_| ())
    }
}

struct Due {
    held: Held,
    victims: Vec<Victim>,
    reason: Reason,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Reason {
    Age,
    Room,
}

/// A receipt that must go.
struct Victim {
    receipt: Receipt,
}

struct Unfit {
    kind: String,
    id: String,
    error: StoreError,
}

impl Victim {
    fn read(reply: &Reply) -> Result<Self, Unfit> {
        let fields = if let Reply::List(fields) = reply { fields.as_slice() } else { &[] };
        let field = |at: usize| match fields.get(at) {
            Some(Reply::Bytes(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
            _ => String::new(),
        };
        let (kind, id) = (field(0), field(1));
        let read = match (fields.get(2), id.parse()) {
            (Some(Reply::Bytes(row)), Ok(id)) => read_entry(row, id),
            _ => Err(StoreError::Damaged("the record is missing".into())),
        };
        match read {
            Ok(entry) if Names::of(&entry.record.receipt).kind == kind => {
                Ok(Self { receipt: entry.record.receipt })
            }
            Ok(_) => Err(Unfit { kind, id, error: misshapen("retention") }),
            Err(error) => Err(Unfit { kind, id, error }),
        }
    }
}

/// What a chain looks like about the receipts that must go.
struct Around {
    /// Sequence of its newest receipt.
    last: Option<u64>,
    /// When its process was last heard of.
    heard: Option<u64>,
    /// Prune points that may touch them, with their bytes as they are kept.
    points: Vec<(SignedPrunePoint, Vec<u8>)>,
}

impl Around {
    /// The last receipt of a chain that may go on. Its age ends it too, but not the need for room: an idle
    /// replica would be left with nothing to show.
    fn living_tail(&self, now: UnixMillis) -> Option<u64> {
        let lives = self.heard.is_some_and(|heard| now.0.saturating_sub(heard) <= DEAD_AFTER_MILLIS);
        self.last.filter(|_| lives)
    }
}

enum Change {
    Add(SignedPrunePoint),
    Drop { chain: Digest, last: u64, bytes: Vec<u8> },
}

/// Signs the holes that the victims leave, joined to those beside them that the same signer has sworn to.
///
/// Another signer's stay as they are. Whoever holds the server can put any there, signed with a key of their own;
/// joined to ours they would have our word for what they say.
fn swear(going: &[Victim], around: Around, now: UnixMillis, sign: Sign<'_>) -> Vec<Change> {
    let mut holes = Holes::default();
    for victim in going {
        holes.take(&victim.receipt, now);
    }
    let alone: Vec<_> = holes.into_points().map(&mut *sign).collect();
    let places: HashSet<u64> = going.iter().map(|victim| victim.receipt.sequence).collect();
    let touches = |prune: &PrunePoint| {
        prune.last.checked_add(1).is_some_and(|behind| places.contains(&behind))
            || prune.first.checked_sub(1).is_some_and(|before| places.contains(&before))
    };
    let ours =
        |point: &SignedPrunePoint| alone.iter().any(|mine| mine.signing_address == point.signing_address);
    let neighbours: Vec<_> =
        around.points.into_iter().filter(|(point, _)| touches(&point.prune) && ours(point)).collect();
    if neighbours.is_empty() {
        return alone.into_iter().map(Change::Add).collect();
    }
    let (mut joined, mut changes) = (Holes::default(), Vec::new());
    for point in alone {
        joined.absorb(point.prune);
    }
    for (SignedPrunePoint { prune, .. }, bytes) in neighbours {
        changes.push(Change::Drop { chain: prune.chain, last: prune.last, bytes });
        joined.absorb(prune);
    }
    changes.extend(joined.into_points().map(|hole| Change::Add(sign(PrunePoint { at: now, ..hole }))));
    changes
}
