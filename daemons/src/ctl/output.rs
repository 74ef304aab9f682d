//! What goes to standard output and standard error, in the form that was asked for.
//!
//! Answers go to standard output, notes and errors to standard error, so that `-o json` can be piped as it stands. Nothing here
//! prints by macro: a closed pipe (`… | head`) is an error like any other, and ends the program quietly.

use std::io::{self, IsTerminal, Write};

use anyhow::Context as _;
use serde::{Serialize, Serializer};

/// How an answer is written.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, clap::ValueEnum)]
pub(super) enum Format {
    /// For people.
    #[default]
    Table,
    /// JSON, one value.
    Json,
    /// YAML, the same value.
    Yaml,
}

/// The two streams.
pub(super) struct Output<'w> {
    out: &'w mut dyn Write,
    err: &'w mut dyn Write,
    format: Format,
    terminal: Terminal,
}

/// Commands write once their work is done, so this is never a sign that nothing happened.
#[derive(Debug, thiserror::Error)]
#[error("the command was carried out, but its answer cannot be written")]
pub(super) struct Unwritten;

/// What is known of the place where standard output ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terminal {
    /// A terminal, and the user did not ask for plain text (<https://no-color.org>).
    pub(super) is_fancy: bool,
    /// Characters a line.
    pub(super) columns: usize,
}

/// Of pipes and files.
const COLUMNS_DEFAULT: usize = 80;

impl Terminal {
    /// Of this process.
    pub(super) fn detect() -> Self {
        let stdout = io::stdout();
        let is_terminal = stdout.is_terminal();
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let width = if is_terminal { rustix::termios::tcgetwinsize(&stdout).ok() } else { None };
        let columns = width.map_or(0, |size| usize::from(size.ws_col));
        Self {
            is_fancy: is_terminal && !no_color,
            columns: if columns == 0 { COLUMNS_DEFAULT } else { columns },
        }
    }
}

impl<'w> Output<'w> {
    pub(super) fn new(
        out: &'w mut dyn Write,
        err: &'w mut dyn Write,
        format: Format,
        terminal: Terminal,
    ) -> Self {
        Self { out, err, format, terminal }
    }

    pub(super) fn terminal(&self) -> Terminal {
        self.terminal
    }

    pub(super) fn format(&self) -> Format {
        self.format
    }

    /// A line for people, on standard output. With `-o json` or `yaml` there are none.
    pub(super) fn line(&mut self, text: impl AsRef<str>) -> anyhow::Result<()> {
        if self.format == Format::Table {
            writeln!(self.out, "{}", text.as_ref()).context(Unwritten)?;
        }
        Ok(())
    }

    /// A line about the answer, on standard error.
    pub(super) fn note(&mut self, text: impl AsRef<str>) {
        // Nobody can be told where standard error is gone.
        let _ = writeln!(self.err, "note: {}", text.as_ref());
    }

    /// The value as JSON or YAML, or what `people` writes.
    pub(super) fn answer<T: Serialize>(
        &mut self,
        value: &T,
        people: impl FnOnce(&mut Self) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        match self.format {
            Format::Table => people(self),
            Format::Json => self.raw(&json(value)?),
            Format::Yaml => self.raw(&yaml(value)?),
        }
    }

    /// Text as it stands, whatever the format.
    pub(super) fn raw(&mut self, text: &str) -> anyhow::Result<()> {
        self.out.write_all(text.as_bytes()).context(Unwritten)
    }

    /// Columns for people. Nothing but a note where there are no rows.
    pub(super) fn table(
        &mut self,
        heads: &[&str],
        rows: &[Vec<String>],
        nothing: &str,
    ) -> anyhow::Result<()> {
        if rows.is_empty() {
            self.note(nothing);
            return Ok(());
        }
        let mut widths: Vec<usize> = heads.iter().map(|head| width(head)).collect();
        for row in rows {
            for (column, cell) in widths.iter_mut().zip(row) {
                *column = (*column).max(width(cell));
            }
        }
        let heads: Vec<String> = heads.iter().map(|head| (*head).to_owned()).collect();
        for row in std::iter::once(&heads).chain(rows) {
            let mut line = String::new();
            for (column, cell) in widths.iter().zip(row) {
                line.push_str(cell);
                line.extend(std::iter::repeat_n(' ', column.saturating_sub(width(cell)).saturating_add(3)));
            }
            writeln!(self.out, "{}", line.trim_end()).context(Unwritten)?;
        }
        Ok(())
    }

    pub(super) fn flush(&mut self) -> anyhow::Result<()> {
        self.out.flush().context(Unwritten)
    }
}

fn width(text: &str) -> usize {
    text.chars().count()
}

/// Indented, with a final newline.
pub(super) fn json<T: Serialize>(value: &T) -> anyhow::Result<String> {
    let mut text = serde_json::to_string_pretty(value).context("cannot write the answer as JSON")?;
    text.push('\n');
    Ok(text)
}

/// One document.
pub(super) fn yaml<T: Serialize>(value: &T) -> anyhow::Result<String> {
    // A long text stays on its line, so that it can be searched for.
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    let mut text =
        serde_saphyr::to_string_with_options(value, options).context("cannot write the answer as YAML")?;
    if !text.ends_with('\n') {
        text.push('\n');
    }
    Ok(text)
}

/// A number of addresses. Beyond 2^63-1 it is written as 2^63-1, as the API's `totalIPCount` is: readers of JSON know no
/// larger whole numbers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Count(pub(super) u128);

impl Serialize for Count {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(i64::try_from(self.0).unwrap_or(i64::MAX))
    }
}

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        /// Beyond that nobody reads digits.
        const DIGITS_BELOW: u128 = 10_u128.pow(12);
        if self.0 < DIGITS_BELOW {
            return self.0.fmt(f);
        }
        let bits = self.0.ilog2();
        // The digit below the highest one tells whether the next power is nearer.
        let is_upper_half = self.0 >> bits.saturating_sub(1) == 3;
        let sign = if self.0.is_power_of_two() { "" } else { "about " };
        let nearest = if is_upper_half { bits.saturating_add(1) } else { bits };
        write!(f, "{sign}2^{nearest}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(format: Format, work: impl FnOnce(&mut Output<'_>) -> anyhow::Result<()>) -> (String, String) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let terminal = Terminal { is_fancy: false, columns: COLUMNS_DEFAULT };
        work(&mut Output::new(&mut out, &mut err, format, terminal)).unwrap();
        (String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = vec![vec!["a".to_owned(), "käfer".to_owned()], vec!["long".to_owned(), String::new()]];
        let (out, err) = written(Format::Table, |output| output.table(&["X", "Y"], &rows, "none"));
        assert_eq!(out, "X      Y\na      käfer\nlong\n");
        assert_eq!(err, "");
        assert_eq!(
            written(Format::Table, |output| output.table(&["X"], &[], "none")),
            (String::new(), "note: none\n".into())
        );
    }

    #[test]
    fn lines_for_people_are_left_out_of_json() {
        let work = |output: &mut Output<'_>| {
            output.line("hello")?;
            output.answer(&[1], |output| output.line("one"))
        };
        assert_eq!(written(Format::Table, work).0, "hello\none\n");
        assert_eq!(written(Format::Json, work).0, "[\n  1\n]\n");
        assert_eq!(written(Format::Yaml, work).0, "- 1\n");
    }

    #[test]
    fn counts_stay_readable() {
        let cases = [
            (0, "0"),
            (999_999_999_999, "999999999999"),
            (1 << 64, "2^64"),
            ((1 << 64) - 1, "about 2^64"),
            ((1 << 64) + 1, "about 2^64"),
            (u128::MAX, "about 2^128"),
        ];
        for (count, want) in cases {
            assert_eq!(Count(count).to_string(), want);
        }
        assert_eq!(serde_json::to_string(&[Count(7), Count(u128::MAX)]).unwrap(), "[7,9223372036854775807]");
    }
}
