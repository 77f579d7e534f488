//! What can happen to an answer, as the soak and the torture play it: what the engine does, what the client
//! does, how the exchange must then have ended and what its receipt must say.

use std::time::Duration;

use jurat_proto::{End, SignatureRecord};

use crate::{Expected, Oath, Script, Step, answers};

/// Where every exchange of these kinds goes, as receipts name it.
const ENDPOINT: &str = "POST /v1/chat/completions";

/// One way for an exchange to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A whole stream; the client closes exactly when it has seen `[DONE]`, as the official SDKs do.
    LeavesAtDone,
    /// The same with a reset.
    ResetsAtDone,
    /// The client leaves in the middle, and the engine would go on for ever.
    LeavesMidStream,
    /// The client leaves in the middle of a stream that is about to end: a race that either may win.
    LeavesInARace,
    /// The engine closes in mid-stream.
    EngineCloses,
    /// The engine resets in mid-stream.
    EngineResets,
    /// The engine reports a failure and says `[DONE]` as if all were well.
    EngineFails,
    /// The engine's stream ends without `[DONE]`.
    NoDone,
    /// The engine's JSON is shorter than its Content-Length.
    ShortBody,
    /// The engine's last chunk comes late.
    LateTerminator,
    /// `[DONE]` comes torn in two.
    TornDone,
    /// A plain JSON answer.
    Plain,
}

/// What the client does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaving {
    /// Reads to the end.
    Never,
    /// Closes once it has seen these bytes.
    ClosesAt(&'static [u8]),
    /// Resets once it has seen these bytes.
    ResetsAt(&'static [u8]),
}

impl Kind {
    /// The share of each kind, in twentieths: half leave at `[DONE]`, a tenth in mid-stream.
    pub fn of(number: usize) -> Self {
        match number % 20 {
            0..=8 => Self::LeavesAtDone,
            9 => Self::ResetsAtDone,
            10 => Self::LeavesMidStream,
            11 => Self::LeavesInARace,
            12 => Self::EngineCloses,
            13 => Self::EngineResets,
            14 => Self::EngineFails,
            15 => Self::NoDone,
            16 => Self::ShortBody,
            17 => Self::LateTerminator,
            18 => Self::TornDone,
            _ => Self::Plain,
        }
    }

    /// What the client does.
    pub fn leaving(self) -> Leaving {
        match self {
            Self::LeavesAtDone => Leaving::ClosesAt(b"data: [DONE]"),
            Self::ResetsAtDone => Leaving::ResetsAt(b"data: [DONE]"),
            Self::LeavesMidStream | Self::LeavesInARace => Leaving::ClosesAt(b"\n\n"),
            _ => Leaving::Never,
        }
    }

    /// The ends that are right; more than one only where a race decides.
    pub fn ends(self) -> &'static [End] {
        match self {
            Self::LeavesMidStream => &[End::ClientLeft],
            Self::LeavesInARace => &[End::ClientLeft, End::Complete],
            Self::EngineCloses | Self::EngineResets | Self::NoDone | Self::ShortBody => {
                &[End::EngineTruncated]
            }
            Self::EngineFails => &[End::EngineFailed],
            _ => &[End::Complete],
        }
    }

    /// Whether the client sees the framing's end.
    pub fn is_whole(self) -> bool {
        !matches!(self, Self::EngineCloses | Self::EngineResets | Self::NoDone | Self::ShortBody)
    }

    /// The request's body.
    pub fn asked(number: usize) -> Vec<u8> {
        answers::ask_stream(&format!("number {number}"))
    }

    /// The bytes that the engine's body has, all of which a client that stays must get.
    pub fn body(self, number: usize) -> Vec<u8> {
        let id = format!("chatcmpl-{number:016x}");
        match self {
            Self::Plain | Self::ShortBody => answers::chat_body(&id, "pong"),
            Self::EngineFails => {
                [answers::chat_event(&id, "one"), answers::error_event(), answers::DONE.to_vec()].concat()
            }
            Self::LeavesMidStream | Self::EngineCloses | Self::EngineResets | Self::NoDone => {
                answers::chat_events(&id, &["one", "zwei", "三"])[..3].concat()
            }
            _ => answers::chat_stream(&id, &["one", "zwei", "三"]),
        }
    }

    /// What the engine does.
    pub fn script(self, number: usize) -> Script {
        let body = self.body(number);
        let last = Step::Send(answers::LAST_CHUNK.to_vec());
        match self {
            Self::Plain => Script::say(answers::json(200, &body)),
            Self::ShortBody => {
                let length = format!("content-length: {}", body.len() + 7);
                let head = answers::head(200, &["content-type: application/json", &length]);
                Script::new([Step::Send([head, body].concat()), Step::Close])
            }
            Self::LeavesMidStream => Script::stream(&[&body], &[Step::WaitForClientGone]),
            Self::EngineCloses => Script::stream(&[&body], &[Step::Close]),
            Self::EngineResets => {
                // A reset overtakes what was sent just before it; the pause lets the bytes through.
                let pause = Step::Sleep(Duration::from_millis(30));
                Script::stream(&[&body], &[pause, Step::Reset])
            }
            Self::LateTerminator => {
                Script::stream(&[&body], &[Step::Sleep(Duration::from_millis(1500)), last])
            }
            Self::TornDone => {
                let torn = body.len() - 1 - number / 20 % answers::DONE.len();
                let rest = Step::Send([answers::chunk(&body[torn..]), answers::LAST_CHUNK.to_vec()].concat());
                let pause = Step::Sleep(Duration::from_millis(2));
                Script::stream(&[&body[..torn]], &[pause, rest])
            }
            Self::LeavesInARace => {
                let first = body.windows(2).position(|pair| pair == b"\n\n").map_or(body.len(), |at| at + 2);
                let rest =
                    Step::Send([answers::chunk(&body[first..]), answers::LAST_CHUNK.to_vec()].concat());
                let pause = Step::Sleep(Duration::from_micros((number / 20 % 20 * 50) as u64));
                Script::stream(&[&body[..first]], &[pause, rest])
            }
            _ => Script::stream(&[&body], &[last]),
        }
    }

    /// Whether a record is right for an exchange of which the client saw the first `seen` bytes of its body.
    pub fn judge(
        self,
        number: usize,
        seen: usize,
        oath: &Oath,
        record: &SignatureRecord,
    ) -> Result<(), String> {
        let receipt = &record.receipt;
        let end = receipt.end;
        if !self.ends().contains(&end) {
            return Err(format!("end is {end}, not one of {:?}", self.ends()));
        }
        // What was released is what the engine sent, up to where the client left.
        let body = self.body(number);
        let length = usize::try_from(receipt.response_length).unwrap_or(usize::MAX);
        let Some(released) = body.get(..length).filter(|_| length >= seen) else {
            return Err(format!("responseLength {length}: sent {}, seen {seen}", body.len()));
        };
        if end == End::Complete && released.len() != body.len() {
            return Err("complete, and not all of it".into());
        }
        let request = Self::asked(number);
        oath.judge(
            record,
            &Expected { end, status: 200, endpoint: ENDPOINT, request: &request, response: Some(released) },
        )
    }
}
