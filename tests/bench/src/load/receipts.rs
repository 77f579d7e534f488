//! Whether the receipts say what the clients saw, under the signer that the report names.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
};

use jurat_proto::{Address, Digest, End, ReportBody, SignatureRecord, message_digest, signature_text};

use crate::load::http::{Body, Head};

/// An answer that a client saw whole.
#[derive(Debug, Clone)]
pub(crate) struct Witnessed {
    pub(crate) id: String,
    pub(crate) request: Digest,
    pub(crate) response: Digest,
    pub(crate) length: u64,
    /// Its record, if it was fetched already.
    pub(crate) record: Option<Vec<u8>>,
}

/// The signer of the service at this address.
pub(crate) fn signer(service: SocketAddr) -> Result<Address, String> {
    let report: ReportBody = parse(&fetch(service, "/attestation/report")?)?;
    report.signing_address.parse().map_err(|error| format!("signing_address: {error}"))
}

/// Judges the exchanges, fetching the records that are not there yet.
pub(crate) fn judge(service: SocketAddr, witnessed: &[Witnessed]) -> Result<(), String> {
    if witnessed.is_empty() {
        return Ok(());
    }
    let signer = signer(service)?;
    for one in witnessed {
        let fetched = match &one.record {
            Some(record) => record.clone(),
            None => fetch(service, &format!("/v1/signature/{}", one.id))?,
        };
        one.judge(&parse(&fetched)?, &signer).map_err(|why| format!("receipt {}: {why}", one.id))?;
    }
    Ok(())
}

impl Witnessed {
    fn judge(&self, record: &SignatureRecord, signer: &Address) -> Result<(), &'static str> {
        let receipt = &record.receipt;
        let rules = [
            (receipt.id.to_string() == self.id, "another id"),
            (receipt.end == End::Complete, "not complete"),
            (receipt.request_hash == self.request, "another request"),
            (receipt.forwarded_hash == self.request, "another request forwarded"),
            (receipt.response_hash == self.response, "another answer"),
            (receipt.response_length == self.length, "another length"),
            (receipt.response_id == format!("chatcmpl-{}", self.id), "another id of the engine's"),
            (record.receipt_signature.is_by(signer, &receipt.digest()), "not signed by the signer"),
        ];
        if let Some((_, broken)) = rules.iter().find(|(kept, _)| !kept) {
            return Err(broken);
        }
        let text = signature_text(&self.request, &self.response);
        match (&record.text, &record.signature) {
            (Some(said), Some(signature)) if *said == text => {
                let signed = signature.is_by(signer, &message_digest(&text));
                if signed { Ok(()) } else { Err("its text is not signed by the signer") }
            }
            _ => Err("no text, or another"),
        }
    }
}

fn parse<T: serde::de::DeserializeOwned>(json: &[u8]) -> Result<T, String> {
    serde_json::from_slice(json).map_err(|error| format!("{error}: {}", String::from_utf8_lossy(json)))
}

/// `GET`s on a connection of its own.
pub(crate) fn fetch(service: SocketAddr, path: &str) -> Result<Vec<u8>, String> {
    let (status, body) = get(service, path).map_err(|error| format!("{path}: {error}"))?;
    if status == 200 { Ok(body) } else { Err(format!("{path}: status {status}")) }
}

fn get(service: SocketAddr, path: &str) -> std::io::Result<(u16, Vec<u8>)> {
    let invalid = |why: &str| std::io::Error::new(std::io::ErrorKind::InvalidData, why.to_owned());
    let mut socket = TcpStream::connect(service)?;
    socket.write_all(
        format!("GET {path} HTTP/1.1\r\nhost: bench.test\r\nconnection: close\r\n\r\n").as_bytes(),
    )?;
    let mut bytes = Vec::new();
    socket.read_to_end(&mut bytes)?;
    let (length, head) = Head::parse(&bytes).map_err(invalid)?.ok_or_else(|| invalid("no whole head"))?;
    let (mut body, mut framing) = (Vec::new(), head.body);
    let fed = framing.feed(&bytes[length..], |piece| {
        body.extend_from_slice(piece);
        Ok(())
    });
    match fed.map_err(invalid)? {
        _ if framing == Body::Over => Ok((head.status, body)),
        _ => Err(invalid("a body that was cut off")),
    }
}
