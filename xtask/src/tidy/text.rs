//! Rules for one file's text.

use super::Finding;

/// Above this a `.rs` file is refused, and above the lower number it is time to cut it.
const LINES_MAX: usize = 500;
const LINES_WANTED: usize = 400;

/// Names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] = &["utils", "util", "common", "helpers", "helper", "types", "constants", "misc"];

/// Where people and their machines keep things; such a path works for nobody else. Written in two halves so that
/// this file passes its own rule.
const PRIVATE_ROOTS: &[&str] =
    &[concat!("/ho", "me/"), concat!("/ro", "ot/"), concat!("/wo", "rk/"), concat!("/tmp/tar", "get-")];

/// Words that promise later work.
const PROMISES: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];

/// Checks one file; `path` is relative to the tree's root.
pub(super) fn check(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    if is_recorded(path) {
        return findings;
    }
    let is_rust = path.ends_with(".rs");
    if is_rust {
        findings.extend(length(text));
        findings.extend(module_docs(text));
        findings.extend(file_name(path));
    }
    let is_code = is_rust || [".toml", ".sh", ".yml", ".yaml", ".go"].iter().any(|end| path.ends_with(end));
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        if line.ends_with(' ') || line.ends_with('\t') || line.ends_with('\r') {
            findings.push(Finding::error(number, "white space at the end of the line"));
        }
        if let Some(root) = PRIVATE_ROOTS.iter().find(|root| has_absolute(line, root)) {
            findings.push(Finding::error(
                number,
                format!("a path of one machine ({root}…); say where it comes from"),
            ));
        }
        if is_code {
            findings.extend(promise(number, line));
        }
        if is_rust {
            findings.extend(rust_line(number, line));
        }
    }
    if !text.is_empty() && !text.ends_with('\n') {
        findings.push(Finding::error(text.lines().count(), "no line end at the end of the file"));
    }
    findings
}

/// Data that was recorded from other programs keeps its bytes.
fn is_recorded(path: &str) -> bool {
    let is_data_folder = path
        .split('/')
        .any(|part| matches!(part, "golden" | "corpus" | "proptest-regressions" | "snapshots"));
    (is_data_folder && !path.ends_with(".rs"))
        || path.ends_with(".snap")
        || path == "LICENSE"
        || path.ends_with("/LICENSE")
}

fn length(text: &str) -> Option<Finding> {
    let lines = text.lines().count();
    if lines > LINES_MAX {
        let message = format!("{lines} lines; a file holds one concept, in at most {LINES_MAX} lines");
        return Some(Finding::error(lines, message));
    }
    let message = format!("{lines} lines; cut it at {LINES_WANTED} or soon after");
    (lines > LINES_WANTED).then(|| Finding::warning(lines, message))
}

fn module_docs(text: &str) -> Option<Finding> {
    let first = text.lines().find(|line| !line.trim().is_empty() && !line.starts_with("#!/"));
    let is_documented = first.is_some_and(|line| line.starts_with("//!") || line.starts_with("#![doc = "));
    let message = "the file must begin with `//!`: what is its concept, and why?";
    (!is_documented).then(|| Finding::error(1, message))
}

fn file_name(path: &str) -> Option<Finding> {
    let parts = path.strip_suffix(".rs").unwrap_or(path).split('/');
    let name = parts.into_iter().find(|part| EMPTY_NAMES.contains(part))?;
    Some(Finding::error(1, no_concept(name)))
}

fn rust_line(number: usize, line: &str) -> Option<Finding> {
    let trimmed = line.trim_start();
    if line.contains('\t') {
        return Some(Finding::error(number, "a tab"));
    }
    if trimmed.starts_with(concat!("#[", "ignore]")) {
        return Some(Finding::error(number, "an ignored test must say why: #[ignore = \"…\"]"));
    }
    let declared = ["mod ", "pub mod ", "pub(crate) mod ", "pub(super) mod "]
        .iter()
        .find_map(|start| trimmed.strip_prefix(start))?
        .split([' ', ';', '{'])
        .next()?;
    EMPTY_NAMES.contains(&declared).then(|| Finding::error(number, no_concept(declared)))
}

fn no_concept(name: &str) -> String {
    format!("a module named `{name}` has no concept; name it for what it holds")
}

/// A promise must name the issue that keeps it: `#12`.
fn promise(number: usize, line: &str) -> Option<Finding> {
    let word = PROMISES.iter().find(|word| has_word(line, word))?;
    let has_issue = line.split('#').skip(1).any(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    (!has_issue).then(|| Finding::error(number, format!("{word} without an issue's number (#12)")))
}

fn has_word(line: &str, word: &str) -> bool {
    let is_part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    line.match_indices(word).any(|(at, _)| {
        let (before, rest) = line.split_at(at);
        let after = rest.strip_prefix(word).and_then(|after| after.chars().next());
        !is_part(before.chars().next_back()) && !is_part(after)
    })
}

/// Whether an absolute path under `root` is in the line; the same letters inside a URL or a longer path are fine.
fn has_absolute(line: &str, root: &str) -> bool {
    line.match_indices(root).any(|(at, _)| {
        let before = line.split_at(at).0.chars().next_back();
        !before.is_some_and(|c| {
            c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '~' | '}' | ')' | '/' | '>' | '$' | '*')
        })
    })
}

#[cfg(test)]
mod tests {
    use super::check;

    /// Messages of the findings, each cut at its first words.
    fn found(path: &str, text: &str) -> Vec<String> {
        let short = |message: String| message.split_whitespace().take(3).collect::<Vec<_>>().join(" ");
        check(path, text)
            .into_iter()
            .map(|finding| format!("{}: {}", finding.line, short(finding.message)))
            .collect()
    }

    #[test]
    fn one_rule_at_a_time() {
        let private = concat!("//! See /ho", "me/me/notes.\n");
        let promise = concat!("//! Docs.\n// TO", "DO: later\n");
        let kept = concat!("//! Docs.\n// TO", "DO(#12): later\n");
        let ignored = concat!("//! Docs.\n#[", "ignore]\nfn f() {}\n");
        let reasoned = concat!("//! Docs.\n#[", "ignore = \"slow\"]\nfn f() {}\n");
        let cases: &[(&str, &str, &str, &[&str])] = &[
            ("clean", "a/src/lib.rs", "//! Docs.\n", &[]),
            ("readme as docs", "a/src/lib.rs", "#![doc = include_str!(\"../README.md\")]\n", &[]),
            ("no docs", "a/src/x.rs", "use std::io;\n", &["1: the file must"]),
            ("empty", "a/src/x.rs", "", &["1: the file must"]),
            ("trailing blank", "a/src/x.rs", "//! Docs. \n", &["1: white space at"]),
            ("trailing blank in prose", "README.md", "# A\n\nText\t\n", &["3: white space at"]),
            ("no last line end", "README.md", "# A", &["1: no line end"]),
            ("tab", "a/src/x.rs", "//! Docs.\n\tfn f() {}\n", &["2: a tab"]),
            ("private path", "a/src/x.rs", private, &["1: a path of"]),
            ("private path in a recording", "tests/golden/a.json", private, &[]),
            ("url", "README.md", concat!("https://example.org/ho", "me/x\n"), &[]),
            ("variable", "README.md", concat!("$HOME/wo", "rk/x and ~/wo", "rk/x\n"), &[]),
            ("promise", "a/src/x.rs", promise, &[concat!("2: TO", "DO without an")]),
            ("kept promise", "a/src/x.rs", kept, &[]),
            ("promise inside a word", "a/src/x.rs", concat!("//! Docs.\nconst TO", "DOS: u8 = 1;\n"), &[]),
            ("ignored", "a/src/x.rs", ignored, &["2: an ignored test"]),
            ("ignored with a reason", "a/src/x.rs", reasoned, &[]),
            ("name of a file", "a/src/utils.rs", "//! Docs.\n", &["1: a module named"]),
            ("name of a folder", "a/tests/common/mod.rs", "//! Docs.\n", &["1: a module named"]),
            ("name of a module", "a/src/x.rs", "//! Docs.\npub mod types {\n}\n", &["2: a module named"]),
            ("part of a name", "a/src/types_of_link.rs", "//! Docs.\nmod common_name;\n", &[]),
        ];
        for (name, path, text, want) in cases {
            assert_eq!(found(path, text), *want, "{name}");
        }
    }

    #[test]
    fn length_warns_before_it_refuses() {
        let lines = |count: usize| format!("//! Docs.\n{}", "fn f() {}\n".repeat(count - 1));
        assert_eq!(check("a.rs", &lines(400)), []);
        let soon = check("a.rs", &lines(401));
        assert!(soon.len() == 1 && soon[0].is_warning, "{soon:?}");
        assert!(check("a.rs", &lines(500))[0].is_warning);
        let long = check("a.rs", &lines(501));
        assert!(long.len() == 1 && !long[0].is_warning, "{long:?}");
        assert_eq!(check("a.md", &lines(2000)), []);
    }
}
