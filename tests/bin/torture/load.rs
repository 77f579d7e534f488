//! Clients that ask without pause, and note what they saw.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use jurat_proto::{Address, End, ReceiptId, SignatureRecord};
use jurat_tests::{
    Client, Ending, Head, KeptClient, Message, Oath,
    kinds::{Kind, Leaving},
    request,
};
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep},
};

use crate::account::{Account, Entry};

/// For exchanges whose client left: the sidecar needs a moment to notice.
const NOTICING: Duration = Duration::from_millis(500);

/// Whom to ask, and where to look for the receipt.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target {
    pub(crate) ask: SocketAddr,
    pub(crate) look: SocketAddr,
    pub(crate) signer: Address,
}

/// Clients at work.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    workers: Vec<JoinHandle<()>>,
}

impl Load {
    /// `clients` on each target.
    pub(crate) fn start(
        account: &Arc<Account>,
        numbers: &Arc<AtomicUsize>,
        targets: &[Target],
        clients: usize,
    ) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let work = |target: Target| {
            let (account, numbers, stop) = (Arc::clone(account), Arc::clone(numbers), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut lookup = KeptClient::of(target.look);
                while !stop.load(Ordering::Relaxed) {
                    let number = numbers.fetch_add(1, Ordering::Relaxed);
                    play(&account, target, &mut lookup, number).await;
                }
            })
        };
        let workers = targets.iter().flat_map(|&target| vec![target; clients]).map(work).collect();
        Self { stop, workers }
    }

    /// Every client ends the exchange that it is in.
    pub(crate) async fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        for worker in self.workers {
            worker.await.expect("a client does not panic");
        }
    }
}

/// What came of one exchange.
enum Seen {
    /// The answer, as far as it came; whether its end was seen.
    Answer { head: Head, seen: usize, whole: bool },
    /// Turned away at the door.
    Refused(String),
    /// Cut before there was a head.
    Nothing,
    /// What must never be.
    Wrong(String),
}

async fn play(account: &Account, target: Target, lookup: &mut KeptClient, number: usize) {
    let kind = Kind::of(number);
    let Ok(client) = Client::connect_patiently(target.ask).await else {
        sleep(Duration::from_millis(5)).await;
        return;
    };
    account.books().tally.asked += 1;
    match exchange(client, kind, number).await {
        Seen::Nothing => account.books().tally.cut += 1,
        Seen::Refused(code) => {
            *account.books().tally.refused.entry(code).or_default() += 1;
            sleep(Duration::from_millis(20)).await;
        }
        Seen::Wrong(what) => account.wrong(format!("{kind:?} {number}: {what}")),
        Seen::Answer { head, seen, whole } => {
            let id = head.header("x-receipt-id").and_then(|id| id.parse::<ReceiptId>().ok());
            match id {
                Some(id) => {
                    let entry = Entry { number, kind, id, seen, signer: target.signer, had: None };
                    note(account, lookup, target.look, entry, whole).await;
                }
                None => account.wrong(format!("{kind:?} {number}: no X-Receipt-Id before the first byte")),
            }
        }
    }
}

async fn exchange(mut client: Client, kind: Kind, number: usize) -> Seen {
    let script = format!("X-Script: {number}");
    let asked = request("POST", "/v1/chat/completions", &[&script], &Kind::asked(number));
    if client.send(&asked).await.is_err() {
        return Seen::Nothing;
    }
    let Ok(head) = client.head().await else { return Seen::Nothing };
    if head.status() != 200 {
        return refusal(client, head).await;
    }
    let body = kind.body(number);
    let (seen, whole) = match kind.leaving() {
        Leaving::Never => {
            let mut seen = Vec::new();
            let of = Message::Answer { to_head: false };
            let ending = client.stream_body(&head, of, |piece| seen.extend_from_slice(piece)).await;
            let clean = matches!(ending, Ok(Ending::Clean));
            if clean && !kind.is_whole() {
                return Seen::Wrong("an answer that the engine cut looked whole".into());
            }
            if clean && seen != body {
                return Seen::Wrong(format!("the client got {} bytes of {}", seen.len(), body.len()));
            }
            (seen, clean)
        }
        Leaving::ClosesAt(needle) => {
            let (seen, found) = client.body_until(&head, needle).await;
            drop(client);
            (seen, found.is_ok() && kind.ends() == [End::Complete])
        }
        Leaving::ResetsAt(needle) => {
            let (seen, found) = client.body_until(&head, needle).await;
            // A reset that fails meets a connection that is gone already.
            let _ = client.reset();
            (seen, found.is_ok())
        }
    };
    if !body.starts_with(&seen) {
        return Seen::Wrong("the client got bytes that the engine never sent".into());
    }
    Seen::Answer { head, seen: seen.len(), whole }
}

async fn refusal(mut client: Client, head: Head) -> Seen {
    let status = head.status();
    let receipt = head.header("x-receipt-id").is_some();
    let Ok(answer) = client.body(head, Message::Answer { to_head: false }).await else {
        return Seen::Nothing;
    };
    let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let code = body["error"]["code"].as_str().unwrap_or_default();
    match receipt || status != 503 {
        true => Seen::Wrong(format!("status {status} {code:?}, receipt id announced: {receipt}")),
        false => Seen::Refused(code.to_owned()),
    }
}

/// Looks for the receipt at once, and puts the exchange into the books if it is acknowledged.
async fn note(account: &Account, lookup: &mut KeptClient, look: SocketAddr, mut entry: Entry, whole: bool) {
    let patience = if whole { Duration::ZERO } else { NOTICING };
    let patience = if entry.kind.ends().contains(&End::ClientLeft) { patience } else { Duration::ZERO };
    let until = Instant::now() + patience;
    loop {
        match lookup.fetch(&format!("/signature/{}", entry.id)).await {
            Ok(answer) if answer.status() == 200 => {
                match serde_json::from_slice::<SignatureRecord>(&answer.body) {
                    Ok(record) => {
                        entry.had = Some(record.receipt.struct_hash());
                        if let Some(oath) = oath_of(account, look, &record).await
                            && let Err(broken) = entry.judge(&oath, &record)
                        {
                            account.wrong(format!("{:?} {}: {broken}", entry.kind, entry.number));
                        }
                    }
                    Err(error) => account.wrong(format!("the record of {}: {error}", entry.id)),
                }
                break;
            }
            Ok(answer) if answer.status() == 404 => {
                if whole {
                    let body = String::from_utf8_lossy(&answer.body).into_owned();
                    account.lost(format!("{:?} {} right after its end: {body}", entry.kind, entry.number));
                    return;
                }
                if Instant::now() >= until {
                    break;
                }
            }
            Ok(answer) => {
                let mut books = account.books();
                books.tally.unavailable += 1;
                if answer.status() != 503 {
                    drop(books);
                    account.wrong(format!("lookup of {}: status {}", entry.id, answer.status()));
                }
                break;
            }
            Err(_) => break,
        }
        sleep(Duration::from_millis(5)).await;
    }
    let mut books = account.books();
    if whole || entry.had.is_some() {
        books.tally.acknowledged += 1;
        books.open.push(entry);
    } else {
        books.tally.cut += 1;
    }
}

/// The signer under the claims that a record names, from the books or from the service; `None` if that can't
/// be had now: the record is judged later then.
async fn oath_of(account: &Account, look: SocketAddr, record: &SignatureRecord) -> Option<Oath> {
    if let Some(oath) = account.oath(&record.receipt.claims_hash) {
        return Some(oath);
    }
    report_of(look, record).await.ok().inspect(|oath| account.learn(oath.clone()))
}

/// Asks for the report under the claims that a record names.
pub(crate) async fn report_of(look: SocketAddr, record: &SignatureRecord) -> Result<Oath, String> {
    let (address, claims) = (record.signing_address, record.receipt.claims_hash);
    let target = format!("/attestation/report?signing_address={address}&claims_hash={claims}");
    let answer = KeptClient::of(look).fetch(&target).await.map_err(|error| error.to_string())?;
    if answer.status() != 200 {
        return Err(format!("status {}: {}", answer.status(), String::from_utf8_lossy(&answer.body)));
    }
    let oath = Oath::from_report(&answer.body)?;
    match oath.claims_hash == claims {
        true => Ok(oath),
        false => Err(format!("the report's claims hash to {}, not {claims}", oath.claims_hash)),
    }
}
