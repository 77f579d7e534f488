//! Where spans go. File-only: figures of every exchange leave the machine, and environment and flags are the host's on
//! some platforms.

use jurat_client::BaseUrl;

use super::{file::File, knobs::Knobs};
use crate::exit::Failure;

/// The collector's address; `None`: nothing leaves.
#[cfg(feature = "otlp")]
pub(super) fn settle(knobs: &mut Knobs, file: &File) -> Result<Option<BaseUrl>, Failure> {
    knobs.url("otlp_endpoint", file.otlp_endpoint.as_ref())
}

/// The file may be right, and the program is the wrong one.
#[cfg(not(feature = "otlp"))]
pub(super) fn settle(_: &mut Knobs, file: &File) -> Result<Option<BaseUrl>, Failure> {
    if file.otlp_endpoint.is_none() {
        return Ok(None);
    }
    Err(Failure::usage("otlp_endpoint: this build can't export spans").hint(
        "releases can't; `cargo build --release -p jurat --features otlp` makes a program that can, with other measurements",
    ))
}
