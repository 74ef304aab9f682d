//! The map of a few small pools: a cell an address, with the letter of the node that has it.
//!
//! `spiderpoolctl pool show` draws a pool of any size, by how much of each cell is used. Here it matters who has which address, and
//! a pool is smaller than a line.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, IsTerminal as _, Write as _};
use std::net::Ipv4Addr;

use anyhow::{Context, Result};

const FREE: char = '.';
const RESERVED: char = 'r';

/// A pool as it is drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) addresses: BTreeSet<Ipv4Addr>,
    pub(super) held: BTreeMap<Ipv4Addr, char>,
}

impl Row {
    fn line(&self, width: usize, reserved: &BTreeSet<Ipv4Addr>) -> String {
        let cell = |address: &Ipv4Addr| match self.held.get(address) {
            Some(node) => *node,
            None if reserved.contains(address) => RESERVED,
            None => FREE,
        };
        let cells: String = self.addresses.iter().map(cell).collect();
        let first = self.addresses.first().map(ToString::to_string).unwrap_or_default();
        let free = cells.chars().filter(|cell| *cell == FREE).count();
        format!("{:width$}  {first:<15} {cells}  {} used, {free} free", self.name, self.held.len())
    }
}

/// All rows, one below the other.
pub(super) fn lines(rows: &[Row], reserved: &BTreeSet<Ipv4Addr>) -> Vec<String> {
    let width = rows.iter().map(|row| row.name.len()).max().unwrap_or_default();
    rows.iter().map(|row| row.line(width, reserved)).collect()
}

/// What the letters mean.
pub(super) fn legend(nodes: &[(&str, char)]) -> String {
    let nodes: Vec<String> = nodes.iter().map(|(name, letter)| format!("{letter} a pod on {name}")).collect();
    format!("{FREE} free   {RESERVED} reserved   {}", nodes.join("   "))
}

/// The addresses of a list as it stands in a spec: `A` or `A-B`.
pub(super) fn addresses<'a>(items: impl IntoIterator<Item = &'a str>) -> Result<BTreeSet<Ipv4Addr>> {
    let mut all = BTreeSet::new();
    for item in items {
        let (first, last) = item.split_once('-').unwrap_or((item, item));
        let bits = |text: &str| -> Result<u32> {
            Ok(text.parse::<Ipv4Addr>().with_context(|| format!("{item}: want addresses of IPv4"))?.to_bits())
        };
        all.extend((bits(first)?..=bits(last)?).map(Ipv4Addr::from_bits));
    }
    Ok(all)
}

/// A picture that changes: in place on a terminal, else one below the other.
#[derive(Debug)]
pub(super) struct Picture {
    is_terminal: bool,
    /// What was drawn last.
    drawn: Vec<String>,
    /// Without a terminal, at how many records it is drawn next.
    due_at: usize,
}

impl Picture {
    /// Without a terminal it is drawn at each so many records more.
    const EVERY: usize = 5;

    pub(super) fn new() -> Self {
        Self { is_terminal: io::stdout().is_terminal(), drawn: Vec::new(), due_at: 0 }
    }

    /// Shows a state. The last one is drawn in any case.
    pub(super) fn show(&mut self, lines: &[String], records: usize, is_last: bool) -> Result<()> {
        if self.drawn == lines || (!self.is_terminal && records < self.due_at && !is_last) {
            return Ok(());
        }
        self.due_at = (records / Self::EVERY + 1) * Self::EVERY;
        let mut out = io::stdout().lock();
        let clear = match (self.is_terminal, self.drawn.len()) {
            (_, 0) => "",
            (true, drawn) => {
                write!(out, "\x1b[{drawn}A")?;
                "\x1b[2K"
            }
            (false, _) => {
                writeln!(out)?;
                ""
            }
        };
        for line in lines {
            writeln!(out, "{clear}   {line}")?;
        }
        self.drawn = lines.to_vec();
        out.flush()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Ipv4Addr {
        text.parse().unwrap()
    }

    #[test]
    fn lists_of_addresses() {
        let all = addresses(["10.6.0.254-10.6.1.1", "10.6.0.9"]).unwrap();
        let all: Vec<String> = all.iter().map(ToString::to_string).collect();
        assert_eq!(all, ["10.6.0.9", "10.6.0.254", "10.6.0.255", "10.6.1.0", "10.6.1.1"]);
        assert!(addresses(["fd00::1"]).is_err());
    }

    #[test]
    fn a_map() {
        let row = |name: &str, ips: &str, held: &[(&str, char)]| Row {
            name: name.to_owned(),
            addresses: addresses([ips]).unwrap(),
            held: held.iter().map(|(held, node)| (address(held), *node)).collect(),
        };
        let rows = [
            row("lan", "10.6.0.10-10.6.0.15", &[("10.6.0.10", 'a'), ("10.6.0.12", 'b')]),
            row("more", "10.6.0.40-10.6.0.41", &[]),
        ];
        let reserved = addresses(["10.6.0.13-10.6.0.14", "10.6.0.99"]).unwrap();
        assert_eq!(
            lines(&rows, &reserved),
            ["lan   10.6.0.10       a.brr.  2 used, 2 free", "more  10.6.0.40       ..  0 used, 2 free"]
        );
        assert_eq!(legend(&[("n1", 'a')]), ". free   r reserved   a a pod on n1");
    }
}
