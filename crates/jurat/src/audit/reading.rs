//! Where the lines of an audit come from: a file, or page after page from an admin listener.

use std::{
    fs::File,
    io::{BufWriter, Write as _},
    panic::resume_unwind,
    path::{Path, PathBuf},
    thread,
};

use jurat_client::{BaseUrl, Client, ClientError};
use jurat_proto::Digest;
use jurat_verify::{Audit, Line, LineKind};
use reqwest::header::HeaderMap;

use crate::{
    exit::{Failure, say},
    export::{self, Row},
    verify::block_on,
};

/// Lines that are read at once: enough to keep every core busy.
const BATCH: usize = 2048;
/// How often a chain is asked for the rest up to its own head, while it grows under the reader.
const CATCH_UPS: usize = 8;
/// No chain comes this far: integers in our JSON stay below it.
const BEHIND: u64 = (1 << 53) - 1;

pub(super) struct Reading {
    audit: Audit,
    save: Option<(PathBuf, BufWriter<File>)>,
}

impl Reading {
    pub(super) fn new(audit: Audit, save: Option<&Path>) -> Result<Self, Failure> {
        let save = match save {
            None => None,
            Some(path) => {
                let file = File::create(path).map_err(|error| unwritten(path, &error))?;
                Some((path.to_owned(), BufWriter::new(file)))
            }
        };
        Ok(Self { audit, save })
    }

    /// Reads a file to its end.
    pub(super) fn file(&mut self, name: &str) -> Result<(), Failure> {
        let mut rows = export::rows(name)?;
        loop {
            let batch: Vec<Row> = rows.by_ref().take(BATCH).collect::<Result<_, _>>()?;
            if batch.is_empty() {
                return Ok(());
            }
            self.take(&batch)?;
        }
    }

    /// Reads every chain that an admin listener lists.
    pub(super) fn pages(&mut self, url: &str, credentials: HeaderMap) -> Result<(), Failure> {
        let admin = url.parse().map_err(|error| Failure::usage(format_args!("{url}: {error}")))?;
        let client = Client::direct().map_err(Failure::unavailable)?.presenting(credentials);
        let chains = block_on(client.fetch_chains(&admin))?.map_err(|error| {
            Failure::unavailable(error)
                .hint("an export is served by the admin listener, not by the data port")
        })?;
        // Signed before the pages are asked for, so that they must reach it.
        match block_on(client.fetch_head(&admin))? {
            Ok(head) => drop(self.take(&[Ok(head)])?),
            Err(error) => say(format_args!("no head of the live chain: {error}")),
        }
        for chain in chains {
            self.chain(&client, &admin, &chain)?;
        }
        Ok(())
    }

    fn chain(&mut self, client: &Client, admin: &BaseUrl, chain: &Digest) -> Result<(), Failure> {
        // Behind every place there is the head alone. Known from the start, it is met wherever it stands.
        if self.page(client, admin, chain, BEHIND)?.is_none() {
            return Ok(());
        }
        let (mut after, mut catch_ups) = (0, 0);
        loop {
            let Some(page) = self.page(client, admin, chain, after)? else { return Ok(()) };
            match page.next {
                Some(next) if next > after => after = next,
                Some(next) => {
                    let circle =
                        format_args!("page {next} of chain 0x{chain} follows page {after}: no end in sight");
                    return Err(Failure::unavailable(circle));
                }
                // The chain grew between the last receipt of the page and its head.
                None if page.head > page.reached && page.reached > after && catch_ups < CATCH_UPS => {
                    after = page.reached;
                    catch_ups += 1;
                }
                None => return Ok(()),
            }
        }
    }

    /// Fetches a page and takes it in; `None` if the archive has given the chain up.
    fn page(
        &mut self,
        client: &Client,
        admin: &BaseUrl,
        chain: &Digest,
        after: u64,
    ) -> Result<Option<Page>, Failure> {
        match block_on(client.fetch_page(admin, chain, after))? {
            Ok(page) => {
                let rows: Vec<Row> = page.lines().map(|line| Ok(line.to_owned())).collect();
                let kinds = self.take(&rows)?;
                Ok(Some(Page::of(&kinds, after)))
            }
            Err(ClientError::Refused { status: 404, .. }) => {
                say(format_args!("chain 0x{chain} was listed, and is kept no longer"));
                Ok(None)
            }
            Err(error) => Err(Failure::unavailable(error)),
        }
    }

    /// Takes a batch in, and says what stood on its lines.
    fn take(&mut self, rows: &[Row]) -> Result<Vec<LineKind>, Failure> {
        let lines = read(rows);
        let kinds: Vec<_> = lines.iter().map(Line::kind).collect();
        if let Some((path, file)) = &mut self.save {
            let kept = rows.iter().zip(&kinds).filter(|(_, kind)| !matches!(kind, LineKind::Next { .. }));
            for (row, _) in kept {
                let text = row.as_deref().unwrap_or_default().trim_end_matches(['\n', '\r']);
                writeln!(file, "{text}").map_err(|error| unwritten(path, &error))?;
            }
        }
        lines.into_iter().for_each(|line| self.audit.take(line));
        Ok(kinds)
    }

    /// The audit, once what was to be saved is saved.
    pub(super) fn end(self) -> Result<Audit, Failure> {
        if let Some((path, mut file)) = self.save {
            file.flush().map_err(|error| unwritten(&path, &error))?;
        }
        Ok(self.audit)
    }
}

/// What a page says of the pages after it.
struct Page {
    next: Option<u64>,
    reached: u64,
    head: u64,
}

impl Page {
    fn of(kinds: &[LineKind], after: u64) -> Self {
        let mut page = Self { next: None, reached: after, head: 0 };
        for kind in kinds {
            match kind {
                LineKind::Receipt { sequence } => page.reached = page.reached.max(*sequence),
                LineKind::Prune { last } => page.reached = page.reached.max(*last),
                LineKind::Head { sequence } => page.head = page.head.max(*sequence),
                LineKind::Next { after } => page.next = Some(*after),
                _ => {}
            }
        }
        page
    }
}

/// Verifies the signatures of a batch, on every core.
fn read(rows: &[Row]) -> Vec<Line> {
    let one = |row: &Row| match row {
        Ok(text) => Line::read(text),
        Err(reason) => Line::illegible(reason),
    };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let share = rows.len().div_ceil(cores).max(1);
    thread::scope(|scope| {
        let shares: Vec<_> = rows
            .chunks(share)
            .map(|share| scope.spawn(move || share.iter().map(one).collect::<Vec<_>>()))
            .collect();
        shares
            .into_iter()
            .flat_map(|share| share.join().unwrap_or_else(|panic| resume_unwind(panic)))
            .collect()
    })
}

fn unwritten(path: &Path, error: &std::io::Error) -> Failure {
    Failure::unavailable(format_args!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests;
