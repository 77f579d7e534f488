//! What engines say: heads, chunks and events in vLLM's forms, for scripts to send whole, cut or mangled.

/// The terminating chunk.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";
/// The event that ends a chat or completion stream.
pub const DONE: &[u8] = b"data: [DONE]\n\n";

/// A head from a status and whole header lines without CRLF.
pub fn head(status: u16, headers: &[&str]) -> Vec<u8> {
    let mut out = format!("HTTP/1.1 {status} {}\r\n", reason(status)).into_bytes();
    for line in headers {
        out.extend_from_slice(line.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
    out
}

/// The head under which vLLM streams.
pub fn stream_head() -> Vec<u8> {
    head(
        200,
        &[
            "date: Sun, 22 Nov 2026 15:05:15 GMT",
            "server: uvicorn",
            "content-type: text/event-stream; charset=utf-8",
            "vary: Origin",
            "transfer-encoding: chunked",
        ],
    )
}

/// A whole JSON answer with its Content-Length.
pub fn json(status: u16, body: &[u8]) -> Vec<u8> {
    let length = format!("content-length: {}", body.len());
    let mut out = head(status, &["server: uvicorn", &length, "content-type: application/json"]);
    out.extend_from_slice(body);
    out
}

/// One chunk.
pub fn chunk(bytes: &[u8]) -> Vec<u8> {
    let mut out = format!("{:x}\r\n", bytes.len()).into_bytes();
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
    out
}

/// A body as chunks of at most `size` bytes, terminated.
pub fn chunked(body: &[u8], size: usize) -> Vec<u8> {
    let mut out: Vec<u8> = body.chunks(size.max(1)).flat_map(chunk).collect();
    out.extend_from_slice(LAST_CHUNK);
    out
}

/// A chat completion, compact as vLLM writes it.
pub fn chat_body(id: &str, content: &str) -> Vec<u8> {
    let content = serde_json::Value::from(content);
    let id = serde_json::Value::from(id);
    format!(
        r#"{{"id":{id},"object":"chat.completion","created":1795359916,"model":"tiny-model","choices":[{{"index":0,"message":{{"role":"assistant","content":{content}}},"logprobs":null,"finish_reason":"stop"}}],"usage":{{"prompt_tokens":9,"total_tokens":17,"completion_tokens":8}}}}"#
    )
    .into_bytes()
}

/// One event of a chat stream.
pub fn chat_event(id: &str, content: &str) -> Vec<u8> {
    let content = serde_json::Value::from(content);
    let id = serde_json::Value::from(id);
    format!(
        "data: {{\"id\":{id},\"object\":\"chat.completion.chunk\",\"created\":1795359916,\"model\":\"tiny-model\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":{content}}},\"finish_reason\":null}}]}}\n\n"
    )
    .into_bytes()
}

/// A chat stream's events, `[DONE]` last.
pub fn chat_events(id: &str, words: &[&str]) -> Vec<Vec<u8>> {
    words.iter().map(|word| chat_event(id, word)).chain([DONE.to_vec()]).collect()
}

/// A whole chat stream as its body's bytes.
pub fn chat_stream(id: &str, words: &[&str]) -> Vec<u8> {
    chat_events(id, words).concat()
}

/// The event with which vLLM reports a failure inside a stream.
pub fn error_event() -> Vec<u8> {
    b"data: {\"error\": {\"message\": \"EngineCore died\", \"type\": \"InternalServerError\", \"param\": null, \"code\": 500}}\n\n".to_vec()
}

/// A request body that asks for a stream.
pub fn ask_stream(text: &str) -> Vec<u8> {
    let text = serde_json::Value::from(text);
    format!(r#"{{"model":"tiny-model","messages":[{{"role":"user","content":{text}}}],"stream":true}}"#)
        .into_bytes()
}

/// A request body that asks for a plain answer.
pub fn ask(text: &str) -> Vec<u8> {
    let text = serde_json::Value::from(text);
    format!(r#"{{"model":"tiny-model","messages":[{{"role":"user","content":{text}}}]}}"#).into_bytes()
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        304 => "Not Modified",
        400 => "Bad Request",
        404 => "Not Found",
        500 => "Internal Server Error",
        _ => "Status",
    }
}
