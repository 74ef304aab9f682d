//! "Did you mean": the known name that is nearest to a misspelt one.

/// The name of `known` that `name` most likely stands for, if one is near enough.
///
/// Case does not count; at most a third of the letters may be wrong (and always one), so that short names do not attract
/// everything.
///
/// ```
/// use ipam_core::{PoolFields, nearest};
/// assert_eq!(nearest("excludeips", PoolFields::KNOWN_FIELDS), Some("excludeIPs"));
/// assert_eq!(nearest("gatway", PoolFields::KNOWN_FIELDS), Some("gateway"));
/// assert_eq!(nearest("vlan", PoolFields::KNOWN_FIELDS), None);
/// ```
#[must_use]
pub fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let written = name.to_lowercase();
    let allowed = (written.chars().count() / 3).max(1);
    known
        .iter()
        .map(|candidate| (distance(&written, &candidate.to_lowercase()), *candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
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
