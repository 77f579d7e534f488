use super::*;

/// Every route that vLLM 0.32 serves, generation and pooling servers together, as recorded from its schema
/// and its hidden routes.
const VLLM: [(&str, &str); 44] = [
    ("GET", "/load"),
    ("GET", "/version"),
    ("GET", "/kv_event_sources"),
    ("GET", "/health"),
    ("GET", "/metrics"),
    ("GET", "/ping"),
    ("GET", "/v1/models"),
    ("GET", "/v1/responses/{id}"),
    ("GET", "/docs"),
    ("GET", "/redoc"),
    ("GET", "/openapi.json"),
    ("POST", "/tokenize"),
    ("POST", "/detokenize"),
    ("POST", "/v1/systemone"),
    ("POST", "/ping"),
    ("POST", "/invocations"),
    ("POST", "/v1/chat/completions"),
    ("POST", "/v1/chat/completions/batch"),
    ("POST", "/v1/chat/completions/render"),
    ("POST", "/v1/responses"),
    ("POST", "/v1/responses/{id}/cancel"),
    ("POST", "/v1/completions"),
    ("POST", "/v1/completions/render"),
    ("POST", "/v1/messages"),
    ("POST", "/v1/messages/count_tokens"),
    ("POST", "/generative_scoring"),
    ("POST", "/scale_elastic_ep"),
    ("POST", "/is_scaling_elastic_ep"),
    ("POST", "/inference/v1/generate"),
    ("POST", "/inference/v1/abort_requests"),
    ("POST", "/pooling"),
    ("POST", "/classify"),
    ("POST", "/v1/embeddings"),
    ("POST", "/v2/embed"),
    ("POST", "/score"),
    ("POST", "/v1/score"),
    ("POST", "/rerank"),
    ("POST", "/v1/rerank"),
    ("POST", "/v2/rerank"),
    // With a speech or an image model.
    ("POST", "/v1/audio/transcriptions"),
    ("POST", "/v1/audio/translations"),
    ("POST", "/v1/audio/speech"),
    ("POST", "/v1/images/generations"),
    ("POST", "/v1/images/edits"),
];

/// Not vLLM's, but other OpenAI-compatible engines'.
const OTHERS: [(&str, &str); 1] = [("POST", "/v1/images/variations")];

fn engine_path(method: &str, path: &str) -> Option<String> {
    Route::find(&Method::from_bytes(method.as_bytes()).unwrap(), path).map(|route| route.path)
}

#[test]
fn every_route_leads_to_one_that_engines_have() {
    for entry in &TABLE {
        let path = if entry.engine.ends_with('/') {
            format!("{}{{id}}", entry.engine)
        } else {
            entry.engine.to_owned()
        };
        let there = VLLM.iter().chain(&OTHERS).any(|known| *known == (entry.method.as_str(), path.as_str()));
        assert!(there, "{} {path}", entry.method);
    }
}

#[test]
fn bare_and_under_v1_are_one_route() {
    for entry in &TABLE {
        let name =
            if entry.name.ends_with('/') { format!("{}resp_1-a", entry.name) } else { entry.name.to_owned() };
        let bare = Route::find(&entry.method, &format!("/{name}"));
        assert!(bare.is_some(), "{name}");
        assert_eq!(bare, Route::find(&entry.method, &format!("/v1/{name}")), "{name}");
    }
}

#[test]
fn what_engines_leave_unguarded_is_not_reached() {
    let reached: Vec<_> = VLLM
        .iter()
        .filter(|(method, path)| engine_path(method, path).is_some())
        .map(|(_, path)| *path)
        .collect();
    for unguarded in ["/invocations", "/metrics", "/load", "/scale_elastic_ep", "/docs", "/v1/systemone"] {
        assert!(!reached.contains(&unguarded), "{unguarded}");
    }
    for path in [
        "/v1/responses/",
        "/v1/responses/../metrics",
        "/v1/responses/a%2fb",
        "/v1/responses/a/cancel",
        "/v1//models",
        "//models",
        "/v1/v1/models",
        "/V1/models",
        "/v1/models/",
        "v1/models",
        "",
        "/",
    ] {
        assert_eq!(engine_path("GET", path), None, "{path}");
    }
    for (method, path) in [
        ("GET", "/v1/chat/completions"),
        ("POST", "/v1/models"),
        ("HEAD", "/v1/models"),
        ("PUT", "/v1/completions"),
    ] {
        assert_eq!(engine_path(method, path), None, "{method} {path}");
    }
}

#[test]
fn every_sworn_route_has_a_name_without_an_id() {
    for entry in &TABLE {
        let id = if entry.name.ends_with('/') { "resp_1" } else { "" };
        let route = Route::find(&entry.method, &format!("/v1/{}{id}", entry.name)).unwrap();
        let named = id.is_empty().then_some((entry.method.as_str(), entry.engine));
        assert_eq!(names(&entry.method, &route.path), named);
        assert!(entry.oath == Oath::Relayed || named.is_some(), "{}: a span has its name", entry.name);
    }
}
