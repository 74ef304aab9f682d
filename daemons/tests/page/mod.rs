//! Pages of the book with a generated part.

use std::fs;
use std::path::{Path, PathBuf};

const BEGIN: &str = "<!-- generated: begin -->\n";
const END: &str = "<!-- generated: end -->\n";

/// The folder of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The generated part must be this; with `UPDATE_DOCS` it is written anew. `test` is the test's name for Cargo.
#[track_caller]
pub(crate) fn is_generated(page: &str, wanted: &str, test: &str) {
    let path = root().join(page);
    let text = fs::read_to_string(&path).unwrap();
    let (head, rest) = text.split_once(BEGIN).unwrap();
    let (shown, tail) = rest.split_once(END).unwrap();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, format!("{head}{BEGIN}{wanted}{END}{tail}")).unwrap();
        return;
    }
    let differs = shown.lines().zip(wanted.lines()).find(|(shown, wanted)| shown != wanted);
    assert!(
        shown == wanted,
        "{page} is not what is generated, first at {differs:?}; update it with UPDATE_DOCS=1 cargo test -p spiderpool-daemons --test {test}"
    );
}
