//! The occupancy of a pool as a map: pure, from sets and counts to lines of text.
//!
//! A cell stands for an equal span of addresses, a power of two; a line begins at a multiple of its length. The span is the
//! smallest that lets the pool's ranges fit into a bounded number of lines, so a /30 has a cell an address, and an IPv6 /64 one for
//! 2^53. Nothing is enumerated but cells.

use ipam_core::{Addr, Family, IpRange, RangeSet};

/// Lines of a map at most: a screen.
const LINES_MAX: usize = 32;

/// From so many lines that look the same, with nothing in use, only the first is drawn.
const ALIKE_LINES_MIN: usize = 3;

/// The addresses of a pool by what they are for. All sets are of one family.
#[derive(Clone, Debug)]
pub(super) struct Ground {
    /// The pool's `ips`, or the part of them that is looked at.
    pub(super) ips: RangeSet,
    /// Those of `ips` that `excludeIPs` takes out.
    pub(super) excluded: RangeSet,
    /// Those of the rest that are reserved.
    pub(super) reserved: RangeSet,
}

impl Ground {
    /// How many addresses of a cell may be given out.
    fn capacity(&self, cell: IpRange) -> u128 {
        let kept = members(&self.excluded, cell).saturating_add(members(&self.reserved, cell));
        members(&self.ips, cell).saturating_sub(kept)
    }
}

/// How many members of a set lie in a range.
fn members(set: &RangeSet, range: IpRange) -> u128 {
    let last = u128::from(set.contains(range.last()));
    set.rank(range.last()).saturating_add(last).saturating_sub(set.rank(range.first()))
}

/// Which cells there are.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Grid {
    family: Family,
    column_bits: u32,
    cell_bits: u32,
    /// The number of each line: its first address divided by its length.
    lines: Vec<u128>,
}

impl Grid {
    /// The grid for a set of addresses, with `2^column_bits` cells a line.
    pub(super) fn new(ips: &RangeSet, column_bits: u32) -> Self {
        let family = ips.family();
        let cell_bits_max = u32::from(family.prefix_max()).saturating_sub(column_bits);
        for cell_bits in 0..cell_bits_max {
            if let Some(lines) = lines_of(ips, cell_bits.saturating_add(column_bits)) {
                return Self { family, column_bits, cell_bits, lines };
            }
        }
        Self { family, column_bits, cell_bits: cell_bits_max, lines: vec![0] }
    }

    /// Addresses a cell.
    pub(super) fn span(&self) -> u128 {
        1_u128.checked_shl(self.cell_bits).unwrap_or(u128::MAX)
    }

    /// The cells of all lines, in order.
    pub(super) fn cells(&self) -> Vec<IpRange> {
        let columns = 1_u128 << self.column_bits;
        let cell = |line: &u128, column| {
            let start =
                up(*line, self.cell_bits.saturating_add(self.column_bits)) | up(column, self.cell_bits);
            let first = Addr::new(self.family, start)?;
            let last = Addr::new(self.family, start | self.span().wrapping_sub(1))?;
            IpRange::new(first, last).ok()
        };
        self.lines.iter().flat_map(|line| (0..columns).filter_map(move |column| cell(line, column))).collect()
    }
}

fn up(bits: u128, by: u32) -> u128 {
    bits.checked_shl(by).unwrap_or(0)
}

/// The lines that the set touches, `None` if they are too many.
fn lines_of(ips: &RangeSet, line_bits: u32) -> Option<Vec<u128>> {
    let number = |address: Addr| address.bits().checked_shr(line_bits).unwrap_or(0);
    let mut lines: Vec<u128> = Vec::new();
    for range in ips.ranges() {
        let (first, last) = (number(range.first()), number(range.last()));
        let next = lines.last().map_or(first, |line| first.max(line.saturating_add(1)));
        let room = LINES_MAX.saturating_sub(lines.len());
        if next <= last && last - next >= u128::try_from(room).ok()? {
            return None;
        }
        lines.extend(next..=last);
    }
    Some(lines)
}

/// What a cell shows.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
enum Glyph {
    Outside,
    Free,
    /// Less than a third is used.
    Little,
    /// Less than two thirds.
    Half,
    /// Less than all.
    Much,
    Full,
    Excluded,
    Reserved,
}

impl Glyph {
    fn of(ground: &Ground, cell: IpRange, used: u64) -> Self {
        let used = u128::from(used);
        let capacity = ground.capacity(cell);
        if used == 0 {
            return match capacity {
                0 if members(&ground.ips, cell) == 0 => Self::Outside,
                0 if members(&ground.reserved, cell) == 0 => Self::Excluded,
                0 => Self::Reserved,
                _ => Self::Free,
            };
        }
        // Thirds without a product that could overflow.
        match used {
            used if used >= capacity => Self::Full,
            used if used < capacity.div_ceil(3) => Self::Little,
            used if used < capacity - capacity / 3 => Self::Half,
            _ => Self::Much,
        }
    }

    fn character(self, look: Look) -> char {
        let (block, plain) = match self {
            Self::Outside => (' ', ' '),
            Self::Free => ('·', '.'),
            Self::Little => ('░', '-'),
            Self::Half => ('▒', '+'),
            Self::Much => ('▓', '*'),
            Self::Full => ('█', '#'),
            Self::Excluded => ('x', 'x'),
            Self::Reserved => ('r', 'r'),
        };
        match look {
            Look::Blocks => block,
            Look::Ascii => plain,
        }
    }

    fn meaning(self, is_single: bool) -> Option<&'static str> {
        match self {
            Self::Outside => None,
            Self::Free => Some("free"),
            Self::Little => Some("under 1/3 used"),
            Self::Half => Some("under 2/3"),
            Self::Much => Some("under all"),
            Self::Full if is_single => Some("used"),
            Self::Full => Some("all used"),
            Self::Excluded => Some("excluded"),
            Self::Reserved => Some("reserved"),
        }
    }
}

/// Which characters are drawn.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Look {
    /// Shaded blocks, for terminals.
    Blocks,
    /// ASCII, for files, pipes and mails.
    Ascii,
}

/// Draws a map. `used` has the number of records of each of the grid's cells.
pub(super) fn draw(grid: &Grid, ground: &Ground, used: &[u64], look: Look) -> Vec<String> {
    let cells = grid.cells();
    let glyphs: Vec<(IpRange, Glyph)> =
        cells.into_iter().zip(used).map(|(cell, used)| (cell, Glyph::of(ground, cell, *used))).collect();
    let columns = 1_usize << grid.column_bits;
    let lines: Vec<(String, Vec<Glyph>)> = glyphs
        .chunks(columns)
        .filter_map(|line| {
            Some((line.first()?.0.first().to_string(), line.iter().map(|(_, glyph)| *glyph).collect()))
        })
        .collect();
    let width = lines.iter().map(|(label, _)| label.len()).max().unwrap_or(0);
    let mut text = Vec::new();
    let mut rest = lines.as_slice();
    while let Some(((label, line), _)) = rest.split_first() {
        let is_idle = line.iter().all(|glyph| *glyph <= Glyph::Free);
        let alike = rest.iter().take_while(|(_, other)| is_idle && other == line).count().max(1);
        let drawn: String = line.iter().map(|glyph| glyph.character(look)).collect();
        text.push(format!("{label:width$}  {}", drawn.trim_end()));
        let shown = if alike >= ALIKE_LINES_MIN { alike } else { 1 };
        if shown > 1 {
            text.push(format!("{:width$}  ({} more lines like this one)", "", shown - 1));
        }
        rest = rest.get(shown..).unwrap_or_default();
    }
    text.push(legend(grid, glyphs.iter().map(|(_, glyph)| *glyph), look));
    text
}

fn legend(grid: &Grid, glyphs: impl Iterator<Item = Glyph>, look: Look) -> String {
    let is_single = grid.cell_bits == 0;
    let mut there: Vec<Glyph> = glyphs.chain([Glyph::Free, Glyph::Full]).collect();
    there.sort_unstable();
    there.dedup();
    let signs = there
        .into_iter()
        .filter_map(|glyph| Some(format!("{} {}", glyph.character(look), glyph.meaning(is_single)?)))
        .collect::<Vec<_>>()
        .join("   ");
    let span = match (is_single, grid.cell_bits) {
        (true, _) => "1 address".to_owned(),
        (false, bits @ 0..20) => format!("{} addresses", 1_u64 << bits),
        (false, bits) => format!("2^{bits} addresses"),
    };
    format!("a cell is {span}:   {signs}")
}

#[cfg(test)]
mod tests;
