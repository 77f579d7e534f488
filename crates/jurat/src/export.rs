//! Exports in files: lines of bounded length, read one by one.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read as _, stdin},
};

use jurat_verify::MAX_LINE;

use crate::exit::Failure;

/// A line, or why it is none that could be read. An export with such a line is refuted, not unreadable.
pub(crate) type Row = Result<String, &'static str>;

const TOO_LONG: &str = "longer than any record";
const NOT_TEXT: &str = "not UTF-8";

/// The lines of a file; of standard input under the name `-`.
pub(crate) fn rows(name: &str) -> Result<Rows, Failure> {
    let reader: Box<dyn BufRead> = match name {
        "-" => Box::new(stdin().lock()),
        _ => {
            let file = File::open(name).map_err(|error| Failure::usage(format_args!("{name}: {error}")))?;
            Box::new(BufReader::with_capacity(1 << 18, file))
        }
    };
    Ok(Rows { name: name.to_owned(), reader })
}

/// See [`rows`].
pub(crate) struct Rows {
    name: String,
    reader: Box<dyn BufRead>,
}

impl Iterator for Rows {
    type Item = Result<Row, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        self.row().map_err(|error| Failure::unavailable(format_args!("{}: {error}", self.name))).transpose()
    }
}

impl Rows {
    fn row(&mut self) -> std::io::Result<Option<Row>> {
        let mut line = Vec::new();
        let most = u64::try_from(MAX_LINE).unwrap_or(u64::MAX).saturating_add(2);
        if self.reader.by_ref().take(most).read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        if line.last() != Some(&b'\n') && line.len() > MAX_LINE {
            self.reader.skip_until(b'\n')?;
            return Ok(Some(Err(TOO_LONG)));
        }
        Ok(Some(String::from_utf8(line).map_err(|_| NOT_TEXT)))
    }
}

#[cfg(test)]
mod tests;
