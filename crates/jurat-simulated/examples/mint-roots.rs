//! Writes the four root files of `attestation/insecure/`, once.
//!
//! The roots are pinned by other processes and named in vectors, so existing ones are never overwritten. To
//! begin anew, empty the four files first (they are compiled in, so they must exist), and expect every
//! vector made under the old roots to be refused.

#![forbid(unsafe_code)]

use std::{fs, io, path::Path};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../attestation/insecure");
    let files = jurat_simulated::mint_root_files()?;
    for (name, _) in &files {
        let there = fs::read_to_string(folder.join(name)).unwrap_or_default();
        if !there.is_empty() {
            let refusal = format!("{name} exists and is pinned by others; empty it first");
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, refusal).into());
        }
    }
    for (name, content) in &files {
        fs::write(folder.join(name), content)?;
    }
    Ok(())
}
