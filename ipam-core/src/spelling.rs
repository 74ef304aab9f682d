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

/// Edit distance (insert, delete, replace: one each), row by row.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (line, letter) in left.chars().enumerate() {
        let mut next = vec![line.saturating_add(1)];
        for (column, other) in right.iter().enumerate() {
            let above = row.get(column.saturating_add(1)).copied().unwrap_or(usize::MAX);
            let diagonal = row.get(column).copied().unwrap_or(usize::MAX);
            let before = next.last().copied().unwrap_or(usize::MAX);
            let replaced = if letter == *other { diagonal } else { diagonal.saturating_add(1) };
            next.push(replaced.min(above.saturating_add(1)).min(before.saturating_add(1)));
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}
