//! Files that may change while the service runs: looked at every two seconds, as mounted secrets and renamed files
//! tell nobody.

use std::{fs, path::PathBuf, thread, time::Duration};

use crate::exit::Failure;

/// How soon a change is seen.
const GLANCE: Duration = Duration::from_secs(2);

/// Calls `changed` with the file's bytes whenever they are others than before, `seen` to begin with, until it gives
/// `None`. A file that can't be read has not changed.
pub(crate) fn follow(
    path: PathBuf,
    mut seen: Option<Vec<u8>>,
    mut changed: impl FnMut(&[u8]) -> Option<()> + Send + 'static,
) -> Result<(), Failure> {
    let following = move || {
        loop {
            if let Ok(bytes) = fs::read(&path)
                && seen.as_ref() != Some(&bytes)
            {
                if changed(&bytes).is_none() {
                    return;
                }
                seen = Some(bytes);
            }
            thread::sleep(GLANCE);
        }
    };
    thread::Builder::new().name("jurat-files".into()).spawn(following).map_err(Failure::unavailable)?;
    Ok(())
}
