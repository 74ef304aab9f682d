//! An error as one line.

use std::error::Error;
use std::fmt;

/// An error with what led to it, as one line: `no address: the pool is full`. What an error has said already is not said again: some say what
/// their cause says.
#[derive(Clone, Copy, Debug)]
pub struct Causes<'e>(pub &'e dyn Error);

impl fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = self.0.to_string();
        let mut next = self.0.source();
        while let Some(cause) = next {
            let told = cause.to_string();
            if !text.contains(&told) {
                text.push_str(": ");
                text.push_str(&told);
            }
            next = cause.source();
        }
        f.write_str(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Told {
        text: &'static str,
        source: Option<Box<Told>>,
    }

    fn told(texts: &[&'static str]) -> Option<Box<Told>> {
        let (text, rest) = texts.split_first()?;
        Some(Box::new(Told { text, source: told(rest) }))
    }

    #[test]
    fn each_cause_is_told_once() {
        for (texts, want) in [
            (&["no address"][..], "no address"),
            (&["no address", "the pool is full"], "no address: the pool is full"),
            (&["no address: full", "full", "of pods"], "no address: full: of pods"),
        ] {
            assert_eq!(Causes(&*told(texts).unwrap()).to_string(), want);
        }
    }
}
