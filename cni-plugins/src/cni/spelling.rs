//! Which known key was probably meant: unknown keys are ignored by the protocol, so that a slip would pass in silence.

/// Slips that are forgiven in a word: one up to five letters, two in longer ones; more would guess.
fn slips_max(word: &str) -> usize {
    if word.chars().count() <= 5 { 1 } else { 2 }
}

/// The nearest of `known`, if it is near enough; the first of several.
pub(super) fn nearest(word: &str, known: &[&'static str]) -> Option<&'static str> {
    let word = word.to_ascii_lowercase();
    known
        .iter()
        .map(|key| (distance(&word, &key.to_ascii_lowercase()), *key))
        .min_by_key(|(slips, _)| *slips)
        .filter(|(slips, key)| *slips <= slips_max(key))
        .map(|(_, key)| key)
}

/// Letters to add, drop, replace or swap with their neighbour (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    let mut last_a = None;
    for (row, ca) in a.chars().enumerate() {
        let mut current = vec![row.saturating_add(1)];
        let mut last_b = None;
        for (column, cb) in b.iter().copied().enumerate() {
            let at = |line: &[usize], index: usize| line.get(index).copied().unwrap_or(usize::MAX);
            let left = at(&current, column).saturating_add(1);
            let up = at(&above, column.saturating_add(1)).saturating_add(1);
            let diagonal = at(&above, column).saturating_add(usize::from(ca != cb));
            let mut best = left.min(up).min(diagonal);
            if last_a == Some(cb) && last_b == Some(ca) {
                best = best.min(at(&before, column.saturating_sub(1)).saturating_add(1));
            }
            current.push(best);
            last_b = Some(cb);
        }
        before = std::mem::replace(&mut above, current);
        last_a = Some(ca);
    }
    above.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (a, b, want) in [
            ("", "", 0),
            ("abc", "abc", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("abc", "acb", 1),
            ("ab", "ba", 1),
            ("kitten", "sitting", 3),
            ("levle", "level", 1),
            ("pool", "pools", 1),
        ] {
            assert_eq!(distance(a, b), want, "{a:?} {b:?}");
        }
    }
}
