//! Four engine clients behind one actix-web front: `engine-clients ours|hyper|awc|reqwest ENGINE`.
//!
//! Each relay hashes both bodies and signs twice at an answer's end, as jurat does, and does nothing else of what jurat
//! does: no receipt, no store, nothing held back. What differs between them is the client.
#![forbid(unsafe_code)]

mod awc_client;
mod front;
mod hyper_client;
mod ours;
mod reqwest_client;

// The product's own client, the very files.
#[allow(dead_code, unused_imports)]
#[path = "../../../../crates/jurat-proxy/src/engine/mod.rs"]
mod engine;

use std::{io, net::SocketAddr};

fn main() -> io::Result<()> {
    actix_web::rt::System::new().block_on(run())
}

async fn run() -> io::Result<()> {
    let wrong = || io::Error::other("usage: engine-clients ours|hyper|awc|reqwest ENGINE");
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [client, engine] = arguments.as_slice() else { return Err(wrong()) };
    let engine: SocketAddr = engine.parse().map_err(|_| wrong())?;
    match client.as_str() {
        "ours" => front::serve(move || ours::Ours::new(engine)).await,
        "hyper" => front::serve(move || hyper_client::Hyper::new(engine)).await,
        "awc" => front::serve(move || awc_client::Awc::new(engine)).await,
        "reqwest" => front::serve(move || reqwest_client::Reqwest::new(engine)).await,
        _ => Err(wrong()),
    }
}
