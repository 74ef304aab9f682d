//! Lines that a page of the book shows, held against lines that a program has printed.

/// Whether a line is what is shown, where `…` stands for any text.
#[must_use]
pub fn is_like(shown: &str, told: &str) -> bool {
    let Some((start, rest)) = shown.split_once('…') else { return shown == told };
    let Some(mut left) = told.strip_prefix(start) else { return false };
    let mut parts: Vec<&str> = rest.split('…').collect();
    let end = parts.pop().unwrap_or_default();
    for part in parts {
        let Some((_, after)) = left.split_once(part) else { return false };
        left = after;
    }
    left.ends_with(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_book() {
        for (shown, told, want) in [
            ("a", "a", true),
            ("a", "a b", false),
            ("a…", "a b", true),
            ("a …, c", "a b, c", true),
            ("a …, c", "a b, c d", false),
            ("a …, c", "a b, c, c", true),
            ("a … c … e", "a b c d e", true),
            ("a … c … e", "a b d e", false),
            ("…", "", true),
        ] {
            assert_eq!(is_like(shown, told), want, "{shown:?} {told:?}");
        }
    }
}
