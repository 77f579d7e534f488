//! Recorded exchanges with real engines, if the folder that holds them lies beside the workspace.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    http::{Body, Head, Message, find},
    workspace,
};

/// One recorded exchange.
#[derive(Debug, Clone)]
pub struct Capture {
    /// Engine and exchange.
    pub name: String,
    /// Everything that the client wrote.
    pub request: Vec<u8>,
    /// Everything that the engine wrote.
    pub response: Vec<u8>,
    /// How the recorder says that it ended.
    pub end: String,
}

impl Capture {
    /// The request's head and decoded body, if it is one HTTP/1.1 request.
    pub fn asked(&self) -> Option<(Head, Vec<u8>)> {
        split(&self.request, Message::Request).map(|(head, body, _)| (head, body))
    }

    /// The answer's head, decoded body, and whether it was whole; interim answers are passed over.
    pub fn answered(&self) -> Option<(Head, Vec<u8>, bool)> {
        let to_head = self.request.starts_with(b"HEAD ");
        let mut rest = self.response.as_slice();
        while rest.starts_with(b"HTTP/1.1 1") {
            rest = &rest[find(rest, b"\r\n\r\n")? + 4..];
        }
        split(rest, Message::Answer { to_head })
    }
}

/// Unpacks every archive into `into`; `None` if there are none.
pub fn load(into: &Path) -> Option<Vec<Capture>> {
    let folder = workspace::shared("engine/captures")?;
    let archives = files(&folder).into_iter().filter(|path| path.to_string_lossy().ends_with(".tar.gz"));
    let mut captures = Vec::new();
    for archive in archives {
        let status = Command::new("tar").arg("-xzf").arg(&archive).arg("-C").arg(into).status();
        assert!(status.expect("run tar").success(), "unpack {}", archive.display());
    }
    for engine in files(into).into_iter().filter(|path| path.is_dir()) {
        let mut parts: BTreeMap<String, BTreeMap<String, Vec<u8>>> = BTreeMap::new();
        for file in files(&engine) {
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if let Some((exchange, part)) = name.split_once('.') {
                let bytes = std::fs::read(&file).expect("read a capture");
                parts.entry(exchange.to_owned()).or_default().insert(part.to_owned(), bytes);
            }
        }
        for (exchange, mut part) in parts {
            let (Some(request), Some(response), Some(meta)) =
                (part.remove("request.http"), part.remove("response.http"), part.remove("meta.json"))
            else {
                continue;
            };
            let meta: serde_json::Value = serde_json::from_slice(&meta).expect("meta.json is JSON");
            let engine = engine.file_name().unwrap_or_default().to_string_lossy();
            captures.push(Capture {
                name: format!("{engine}/{exchange}"),
                request,
                response,
                end: meta["end"].as_str().unwrap_or_default().to_owned(),
            });
        }
    }
    Some(captures)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

fn split(bytes: &[u8], of: Message) -> Option<(Head, Vec<u8>, bool)> {
    let at = find(bytes, b"\r\n\r\n")? + 4;
    let head = Head::parse(&bytes[..at]).ok()?;
    let mut body = Body::new(head.framing(of).ok()?);
    let mut decoded = Vec::new();
    body.feed(&bytes[at..], |piece| decoded.extend_from_slice(piece)).ok()?;
    let whole = body.is_done() || body.ends_with_connection();
    Some((head, decoded, whole))
}
