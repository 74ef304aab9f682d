//! Pool names with wildcards.
//!
//! The grammar is that of Go's `filepath.Match`, which configurations are written for: `*` any run, `?` one character, `[a-z]`
//! and `[^a]` one of (not of) a class, `\` takes the next character as it stands. `*`, `?` and classes never match `/`.
//!
//! A pattern is read wholly before it is matched, so that a malformed one is refused whatever pools there are.

/// A pattern, read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Wildcard(Vec<Term>);

/// Why a pattern cannot be read; Go's words.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("syntax error in pattern")]
pub struct BadPattern;

#[derive(Clone, Debug, Eq, PartialEq)]
enum Term {
    Literal(char),
    One,
    Run,
    Class { is_negated: bool, ranges: Vec<(char, char)> },
}

impl Wildcard {
    /// Whether a text in a list of pools is a pattern: it has `*`, `?`, or both brackets. Everything else is a plain name.
    #[must_use]
    pub fn is_pattern(text: &str) -> bool {
        text.contains(['*', '?']) || (text.contains('[') && text.contains(']'))
    }

    /// Reads a pattern.
    ///
    /// # Errors
    /// [`BadPattern`]: a class that is empty or not closed, a bound of a range missing, or a `\` at the end.
    pub fn parse(pattern: &str) -> Result<Self, BadPattern> {
        let mut rest = pattern.chars().peekable();
        let mut terms = Vec::new();
        while let Some(letter) = rest.next() {
            let term = match letter {
                // Several in a row are one, which keeps matching short.
                '*' if terms.last() == Some(&Term::Run) => continue,
                '*' => Term::Run,
                '?' => Term::One,
                '[' => class(&mut rest)?,
                '\\' => Term::Literal(rest.next().ok_or(BadPattern)?),
                other => Term::Literal(other),
            };
            terms.push(term);
        }
        Ok(Self(terms))
    }

    /// Whether the whole name fits the pattern. Takes at most pattern times name steps.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        // Places in the name are those of its bytes.
        let letter_at = |at: usize| name.get(at..).and_then(|rest| rest.chars().next());
        let (mut term, mut at) = (0_usize, 0_usize);
        // Where to go on when a guess fails: the term after the last `*`, and how far that `*` reaches by now.
        let mut retry: Option<(usize, usize)> = None;
        loop {
            let step = match (self.0.get(term), letter_at(at)) {
                (None, None) => return true,
                (Some(Term::Run), _) => {
                    term = term.saturating_add(1);
                    retry = Some((term, at));
                    continue;
                }
                (Some(one), Some(letter)) if one.matches(letter) => Some(letter),
                (None, Some(_)) | (Some(_), _) => None,
            };
            if let Some(letter) = step {
                term = term.saturating_add(1);
                at = at.saturating_add(letter.len_utf8());
                continue;
            }
            match retry.and_then(|(after, reach)| letter_at(reach).map(|letter| (after, reach, letter))) {
                Some((after, reach, letter)) if letter != '/' => {
                    let reach = reach.saturating_add(letter.len_utf8());
                    retry = Some((after, reach));
                    term = after;
                    at = reach;
                }
                _ => return false,
            }
        }
    }
}

impl Term {
    fn matches(&self, letter: char) -> bool {
        match self {
            Self::Literal(own) => *own == letter,
            Self::One | Self::Run => letter != '/',
            Self::Class { is_negated, ranges } => {
                let inside = ranges.iter().any(|(first, last)| (*first..=*last).contains(&letter));
                inside != *is_negated
            }
        }
    }
}

type Letters<'a> = std::iter::Peekable<std::str::Chars<'a>>;

/// A class, after its opening bracket.
fn class(rest: &mut Letters<'_>) -> Result<Term, BadPattern> {
    let is_negated = rest.next_if_eq(&'^').is_some();
    let mut ranges = Vec::new();
    loop {
        if !ranges.is_empty() && rest.next_if_eq(&']').is_some() {
            return Ok(Term::Class { is_negated, ranges });
        }
        let first = bound(rest)?;
        let last = if rest.next_if_eq(&'-').is_some() { bound(rest)? } else { first };
        ranges.push((first, last));
    }
}

fn bound(rest: &mut Letters<'_>) -> Result<char, BadPattern> {
    match rest.next() {
        None | Some('-' | ']') => Err(BadPattern),
        Some('\\') => rest.next().ok_or(BadPattern),
        Some(letter) => Ok(letter),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn patterns() {
        for (text, want) in [
            ("v4", false),
            ("v4*", true),
            ("v?", true),
            ("v[45]", true),
            ("v[4", false),
            ("v4]", false),
            ("]v[", true),
            (r"v\4", false),
        ] {
            assert_eq!(Wildcard::is_pattern(text), want, "{text}");
        }
    }

    #[test]
    fn matching() {
        for (pattern, name, want) in [
            ("*", "", true),
            ("*", "v4", true),
            ("**", "v4", true),
            ("v4", "v4", true),
            ("v4", "v4a", false),
            ("v4-*", "v4-a", true),
            ("v4-*", "v4-", true),
            ("v4-*", "v4", false),
            ("*-a", "v4-a-a", true),
            ("*-a", "v4-a-b", false),
            ("*a*b*", "xaxbx", true),
            ("*a*b*", "xbxax", false),
            ("v?", "v4", true),
            ("v?", "v", false),
            ("v?", "v44", false),
            ("v[4-6]", "v5", true),
            ("v[4-6]", "v7", false),
            ("v[46]", "v6", true),
            ("v[^4]", "v6", true),
            ("v[^4]", "v4", false),
            ("v[^4]", "v", false),
            ("v[a-c4-6x]", "vx", true),
            (r"v\*", "v*", true),
            (r"v\*", "v4", false),
            (r"[\]]", "]", true),
            (r"[\-]", "-", true),
            ("[z-a]", "b", false),
            ("*", "a/b", false),
            ("a?b", "a/b", false),
            ("*/b", "a/b", true),
            ("é?", "éü", true),
        ] {
            assert_eq!(Wildcard::parse(pattern).map(|glob| glob.matches(name)), Ok(want), "{pattern} {name}");
        }
    }

    #[test]
    fn malformed() {
        for pattern in ["[", "[]", "[a", "[^]", "[-a]", "[a-]", "a*[", "a\\", "[\\", "[]a]"] {
            assert_eq!(Wildcard::parse(pattern), Err(BadPattern), "{pattern}");
        }
    }

    /// The definition, read off the grammar, exponential.
    fn naive(terms: &[Term], name: &[char]) -> bool {
        match terms {
            [] => name.is_empty(),
            [Term::Run, rest @ ..] => {
                naive(rest, name)
                    || matches!(name, [letter, more @ ..] if *letter != '/' && naive(terms, more))
            }
            [one, rest @ ..] => {
                matches!(name, [letter, more @ ..] if one.matches(*letter) && naive(rest, more))
            }
        }
    }

    proptest! {
        #[test]
        fn as_the_definition(pattern in r"[ab/*?\[\]^\\-]{0,8}", name in "[ab/-]{0,8}") {
            if let Ok(glob) = Wildcard::parse(&pattern) {
                let letters: Vec<char> = name.chars().collect();
                prop_assert_eq!(glob.matches(&name), naive(&glob.0, &letters));
            }
        }

        #[test]
        fn a_name_is_its_own_pattern(name in "[a-z0-9.-]{0,20}") {
            prop_assert!(Wildcard::parse(&name).unwrap().matches(&name));
        }
    }
}
