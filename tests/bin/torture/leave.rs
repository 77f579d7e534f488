//! Stops with answers under way: who can end within the grace is whole, the rest is sworn to as timed out.

use std::time::{Duration, Instant};

use jurat_proto::{End, SignatureRecord};
use jurat_tests::{
    Client, Ending, Expected, FakeEngine, KeptClient, Message, Oath, Readiness, Script, Sidecar, Step,
    answers, request,
};
use tokio::{task::JoinHandle, time::sleep};

use crate::{
    chains::Extent,
    field::{Field, Portion, Size, last_words},
    settle::fetch,
};

/// Exchanges of each kind under way.
const EACH: usize = 8;
const GRACE: Duration = Duration::from_secs(3);
/// How long an end may take beyond what it is given.
const MARGIN: Duration = Duration::from_secs(2);

/// How the sidecar is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// One SIGTERM, and the grace is waited for.
    Once,
    /// A second one soon after.
    Twice,
}

/// An answer under way.
struct Answer {
    number: usize,
    id: String,
    /// What was asked.
    asked: Vec<u8>,
    /// What came, and whether that was all.
    body: Vec<u8>,
    whole: bool,
}

pub(crate) async fn play(field: &mut Field, size: Size) {
    let rounds = match size.extent {
        Portion::All => (size.rounds / 20).max(2),
        Portion::Few => 2,
    };
    let engine = FakeEngine::start_forgetful(|head| match head.header("x-script") {
        Some("soon") => soon(),
        _ => never(),
    })
    .await;
    let mut oaths: Vec<(Oath, Vec<Answer>)> = Vec::new();
    for number in 0..rounds {
        field.account.books().tally.rounds += 1;
        let how = if number % 2 == 0 { Stop::Once } else { Stop::Twice };
        let Some(round) = round(field, &engine, how).await else { return };
        oaths.push(round);
        // A store that was closed opens again, and holds all of it.
        let Some(sidecar) = field.start(before(field, &engine)).await else { return };
        let mut lookup = KeptClient::of(sidecar.address());
        for (oath, answers) in &oaths {
            for answer in answers {
                judge(field, &mut lookup, oath, answer).await;
            }
        }
        if let Err(broken) = field.chains.read(sidecar.admin(), Extent::Everything).await {
            broken.into_iter().for_each(|what| field.account.wrong(what));
        }
        crate::audit::audit(&field.account, &sidecar).await;
        field.stop(sidecar).await;
    }
    field.chains.count(&field.account);
}

fn before(field: &Field, engine: &FakeEngine) -> jurat_tests::SidecarBuilder {
    let grace = GRACE.as_secs().to_string();
    Sidecar::before(engine.url()).state_dir(&field.state()).args(["--drain-grace", &grace])
}

async fn round(field: &mut Field, engine: &FakeEngine, how: Stop) -> Option<(Oath, Vec<Answer>)> {
    let builder = before(field, engine);
    let mut sidecar = field.start(builder).await?;
    let oath = Oath::of(&sidecar).await;
    let scripts = (0..EACH).flat_map(|_| ["soon", "never"]);
    let asking: Vec<JoinHandle<Option<Answer>>> = scripts
        .enumerate()
        .map(|(number, script)| tokio::spawn(ask(sidecar.address(), number, script)))
        .collect();
    sleep(field.dice.milliseconds(200, 400)).await;
    let began = Instant::now();
    sidecar.terminate();
    let red = sidecar.readiness_within(Readiness::Red, Duration::from_millis(500)).await;
    field.account.require(red, format!("ready while it drains: {}", last_words(&sidecar.said())));
    let given = match how {
        Stop::Once => GRACE + MARGIN,
        Stop::Twice => {
            sleep(field.dice.milliseconds(0, 100)).await;
            sidecar.terminate();
            MARGIN
        }
    };
    let status = sidecar.exit(given.saturating_sub(began.elapsed()) + Duration::from_secs(20)).await;
    let (took, said) = (began.elapsed(), last_words(&sidecar.said()));
    let code = status.and_then(|status| status.code());
    field.account.require(code == Some(0), format!("{how:?}: it ended with {status:?}: {said}"));
    field.account.require(took <= given, format!("{how:?}: it took {took:?} to end"));
    field.no_panic(&sidecar.said());
    drop(sidecar);
    let mut answers = Vec::new();
    for asked in asking {
        field.account.books().tally.asked += 1;
        match asked.await.expect("a client does not panic") {
            Some(answer) => {
                let soon = answer.number % 2 == 0;
                // One that needs half a second ends well within the grace.
                let right = if soon && how == Stop::Once { answer.whole } else { soon || !answer.whole };
                field
                    .account
                    .require(right, format!("{how:?}: answer {} whole: {}", answer.number, answer.whole));
                field.account.books().tally.acknowledged += 1;
                answers.push(answer);
            }
            None => field.account.wrong(format!("{how:?}: an answer under way had no head")),
        }
    }
    Some((oath, answers))
}

async fn ask(to: std::net::SocketAddr, number: usize, script: &str) -> Option<Answer> {
    let mut client = Client::connect(to).await.ok()?;
    let asked = answers::ask_stream(&format!("leaving {number}"));
    let script = format!("X-Script: {script}");
    client.send(&request("POST", "/v1/chat/completions", &[&script], &asked)).await.ok()?;
    let head = client.head().await.ok()?;
    let id = head.header("x-receipt-id")?.to_owned();
    let mut body = Vec::new();
    let of = Message::Answer { to_head: false };
    let ending = client.stream_body(&head, of, |piece| body.extend_from_slice(piece)).await;
    let whole = matches!(ending, Ok(Ending::Clean));
    Some(Answer { number, id, asked, body, whole })
}

async fn judge(field: &Field, lookup: &mut KeptClient, oath: &Oath, answer: &Answer) {
    let what = format!("{} (answer {}, whole: {})", answer.id, answer.number, answer.whole);
    let record: SignatureRecord = match fetch(lookup, &answer.id).await {
        Ok(Some(record)) => record,
        Ok(None) => return field.account.lost(what),
        Err(error) => return field.account.wrong(format!("{what}: {error}")),
    };
    let expected = Expected {
        end: if answer.whole { End::Complete } else { End::TimedOut },
        status: 200,
        endpoint: "POST /v1/chat/completions",
        request: &answer.asked,
        response: Some(&answer.body),
    };
    if let Err(broken) = oath.judge(&record, &expected) {
        field.account.wrong(format!("{what}: {broken}"));
    }
}

/// Ends after half a second.
fn soon() -> Script {
    let events = answers::chat_events("", &["one", "two"]);
    let rest = Step::Send(answers::chunked(&events[1..].concat(), 1 << 20));
    Script::stream(&[&events[0]], &[Step::Sleep(Duration::from_millis(500)), rest])
}

/// Says something now and then, for ever.
fn never() -> Script {
    let event = Step::Send(answers::chunk(&answers::chat_event("", "and")));
    let pause = Step::Sleep(Duration::from_millis(250));
    let steps: Vec<_> = (0..400).flat_map(|_| [event.clone(), pause.clone()]).collect();
    Script::stream(&[], &steps)
}
