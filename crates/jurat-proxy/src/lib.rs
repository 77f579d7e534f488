//! The service: the actix-web sidecar in front of the engine, and its admin listener.
