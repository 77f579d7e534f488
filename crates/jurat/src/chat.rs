//! `jurat chat`: a completion that is printed only with its verdict.

mod words;

use std::io::{IsTerminal as _, Read as _, Write as _};

use jurat_client::{BaseUrl, cause};
use jurat_proto::{End, Nonce, ReceiptId};
use jurat_verify::{Outcome, TrustedSigner, Verdict};
use jurat_witness::{Exchange, Family, Seen, Shape, Statement};
use reqwest::{
    Response,
    header::{CONTENT_TYPE, HeaderMap},
};
use serde_json::{Value, json};

use self::words::Words;
use crate::{
    answer::{self, Ruling},
    cli::ChatOptions,
    exit::{Code, Failure, harmless, print, say},
    selfcheck::fresh_nonce,
    service::now,
    tokens::credentials,
    verify::{self, Live, block_on},
};

/// A completion is never as long as this.
const LONGEST: usize = 16 << 20;
const ROUTE: [&str; 3] = ["v1", "chat", "completions"];

pub(crate) fn run(options: ChatOptions) -> Result<Code, Failure> {
    if options.judging.at.is_some() {
        return Err(Failure::usage("a chat is about now").hint("leave --at out"));
    }
    let chat = Chat::new(&options)?;
    let live = Live::fetch(&chat.base, &options.judging)?;
    let verdict = &live.judged.verdict;
    let Some(signer) = live.signer() else {
        chat.unverified(verdict);
        return Ok(verify::code(verdict.outcome(), None));
    };
    let said = block_on(chat.ask(&live, signer))??;
    chat.tell(verdict, said)
}

struct Chat<'a> {
    options: &'a ChatOptions,
    base: BaseUrl,
    body: Vec<u8>,
    credentials: HeaderMap,
}

/// A completion and what the judge makes of it.
struct Said {
    id: Option<ReceiptId>,
    status: u16,
    text: String,
    /// Whether it was printed as it came.
    shown: Shown,
    ruling: Ruling,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    Already,
    NotYet,
}

impl<'a> Chat<'a> {
    fn new(options: &'a ChatOptions) -> Result<Self, Failure> {
        let prompt = match options.prompt.as_str() {
            "-" => {
                let mut text = String::new();
                std::io::stdin().read_to_string(&mut text).map_err(Failure::usage)?;
                text
            }
            prompt => prompt.to_owned(),
        };
        let system = options.system.iter().map(|text| json!({ "role": "system", "content": text }));
        let messages: Vec<Value> = system.chain([json!({ "role": "user", "content": prompt })]).collect();
        let body = json!({ "model": options.model, "messages": messages, "stream": options.stream });
        let credentials = credentials(&options.token)?;
        let base = verify::base(&options.url)?;
        Ok(Self { options, base, body: body.to_string().into_bytes(), credentials })
    }

    /// Asks, reads the answer and has it judged.
    async fn ask(&self, live: &Live, signer: &TrustedSigner) -> Result<Said, Failure> {
        let nonce = fresh_nonce()?;
        let mut exchange =
            Exchange::open("POST /v1/chat/completions".into(), now(), answer::challenge(&nonce));
        exchange.request(&self.body);
        let response = self.send(live, &nonce).await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let id = answer::receipt_id(&headers);
        let head = answer::head(status, &headers, Family::Chat);
        let shape = head.shape;
        let mut exchange = exchange.answering(head);
        let (text, end) = self.read(response, shape, |bytes| exchange.observe(bytes)).await?;
        let witnessed = exchange.finish(end, now());
        let ruling = match &id {
            None if status >= 400 => {
                return Err(Failure::unavailable(format_args!("the service answered {status}: {text}")));
            }
            None => Ruling::refused("receipt.absent", "the answer names no receipt"),
            Some(id) => self.judge(live, signer, id, &witnessed).await?,
        };
        let shown =
            if shape == Shape::Events && self.options.stream { Shown::Already } else { Shown::NotYet };
        Ok(Said { id, status, text, shown, ruling })
    }

    async fn send(&self, live: &Live, nonce: &Nonce) -> Result<Response, Failure> {
        let url = self.base.route(ROUTE, None);
        let http = live.channel.relay().map_err(Failure::unavailable)?;
        let request = http
            .post(url)
            .headers(self.credentials.clone())
            .header(CONTENT_TYPE, "application/json")
            .header("accept-encoding", "identity")
            .header("x-receipt-nonce", nonce.to_string())
            .body(self.body.clone());
        request.send().await.map_err(|error| {
            Failure::unavailable(format_args!("no answer from {}: {}", self.options.url, cause(&error)))
        })
    }

    /// Reads to the end, shows every byte to the witness, and prints words as they come if that was asked for.
    async fn read(
        &self,
        mut response: Response,
        shape: Shape,
        mut observe: impl FnMut(&[u8]) -> Seen,
    ) -> Result<(String, End), Failure> {
        let (mut words, mut whole, mut total) = (Words::default(), Vec::new(), 0);
        let end = loop {
            let bytes = match response.chunk().await {
                Ok(Some(bytes)) => bytes,
                Ok(None) => break End::Complete,
                Err(_) => break End::EngineTruncated,
            };
            total += bytes.len();
            if total > LONGEST {
                return Err(Failure::unavailable(format_args!("the answer is longer than {LONGEST} bytes")));
            }
            let seen = observe(&bytes);
            let surplus = if let Seen::Whole { surplus, .. } = seen { surplus } else { 0 };
            let bytes = &bytes[..bytes.len() - surplus];
            match shape {
                Shape::Events => self.print(words.feed(bytes)),
                _ => whole.extend_from_slice(bytes),
            }
            if matches!(seen, Seen::Whole { .. }) {
                break End::Complete;
            }
        };
        Ok((if shape == Shape::Events { words.into_text() } else { words::completion(&whole) }, end))
    }

    async fn judge(
        &self,
        live: &Live,
        signer: &TrustedSigner,
        id: &ReceiptId,
        witnessed: &Statement,
    ) -> Result<Ruling, Failure> {
        let record = answer::receipt(&live.errand()?, &self.base, id, &self.credentials).await;
        Ok(record.map_or_else(|ruling| ruling, |record| answer::rule(signer, &record, id, witnessed)))
    }

    /// Words of a stream, before anybody knows whether they are sworn to.
    fn print(&self, words: &str) {
        if self.options.stream && !self.options.judging.json {
            let mut out = std::io::stdout().lock();
            // A reader that closed the pipe has what it wanted.
            let _ = out.write_all(shown(words).as_bytes());
            let _ = out.flush();
        }
    }

    fn unverified(&self, verdict: &Verdict) {
        if self.options.judging.json {
            print(json!({ "verdict": verdict.outcome(), "completion": null, "report": verdict }));
        } else {
            verdict.to_string().lines().for_each(say);
            say("the service is not trusted, so nothing was asked");
        }
    }

    fn tell(&self, report: &Verdict, said: Said) -> Result<Code, Failure> {
        let Said { id, status, text, shown, ruling } = said;
        let answered = ruling.is_trusted() && status < 400;
        if self.options.judging.json {
            print(json!({
                "verdict": ruling.outcome,
                "code": (!ruling.code.is_empty()).then_some(ruling.code),
                "reason": (!ruling.reason.is_empty()).then_some(&ruling.reason),
                "status": status,
                "completion": answered.then_some(&text),
                "id": id.map(|id| id.to_string()),
                "receipt": ruling.transcript,
                "report": report,
            }));
        } else {
            self.say(report, (&text, shown), &ruling, answered, id);
        }
        match (ruling.outcome, answered) {
            (Outcome::Refuted, _) => Ok(Code::Refuted),
            (Outcome::Undecided, _) => Ok(Code::Undecided),
            (_, true) => Ok(Code::Done),
            (_, false) => Err(Failure::unavailable(format_args!(
                "the service swears that it answered {status}: {text}"
            ))),
        }
    }

    fn say(
        &self,
        report: &Verdict,
        (text, when): (&str, Shown),
        ruling: &Ruling,
        answered: bool,
        id: Option<ReceiptId>,
    ) {
        match (when, answered) {
            (Shown::NotYet, true) => print(shown(text)),
            (Shown::Already, _) if !text.is_empty() => print(""),
            _ => {}
        }
        if !ruling.is_trusted() {
            match when {
                Shown::Already => say(format_args!("do NOT rely on the words above: {ruling}")),
                Shown::NotYet => say(format_args!("the completion is withheld: {ruling}")),
            }
            return;
        }
        let id = id.map(|id| id.to_string()).unwrap_or_default();
        let signer = report.signing_address().map(ToString::to_string).unwrap_or_default();
        let (tee, policy) = (report.tee(), report.policy());
        say(format_args!(
            "{} under the policy {policy}, tee {tee}, signer {signer}, receipt {id}",
            ruling.outcome
        ));
        report.limits().iter().for_each(|limit| say(format_args!("limit: {limit}")));
    }
}

/// A model's words for a terminal, which must not take orders from them.
fn shown(text: &str) -> String {
    if !std::io::stdout().is_terminal() {
        return text.to_owned();
    }
    harmless(text)
}
