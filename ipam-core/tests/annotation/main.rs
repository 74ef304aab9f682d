//! Annotations and the order of sources: a table a rule, texts as the original has them, laws.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops at the first surprise; the lints spare test functions only"
)]

mod claims;
mod json;
mod multus;
mod pools;
mod properties;
mod routes;
mod sources;
mod subnets;

use std::collections::BTreeMap;

/// Annotations from keys without the common prefix; a key with a domain of its own is taken as it is.
fn annotations(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let full =
        |key: &str| if key.contains('/') { key.to_owned() } else { format!("ipam.spidernet.io/{key}") };
    pairs.iter().map(|(key, value)| (full(key), (*value).to_owned())).collect()
}

/// Asserts that an error begins with the original's words, and says more after them.
#[track_caller]
fn begins(error: &impl ToString, words: &str) {
    let text = error.to_string();
    assert!(text.starts_with(words), "\n{text}\ndoes not begin with\n{words}");
}
