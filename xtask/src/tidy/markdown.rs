//! Rules for Markdown: links within the tree lead somewhere, and the book's table of contents is complete.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use super::Finding;

/// Links of `text` to files of the tree that are not there; `path` and what `exists` is asked are relative to the root.
pub(super) fn broken_links(path: &str, text: &str, exists: impl Fn(&Path) -> bool) -> Vec<Finding> {
    let folder = Path::new(path).parent().unwrap_or(Path::new(""));
    let mut findings = Vec::new();
    for (line, target) in links(text) {
        let Some(file) = local(&target) else { continue };
        match resolve(folder, file) {
            Some(resolved) if exists(&resolved) => {}
            Some(_) => findings.push(Finding::error(line, format!("the link to {target} leads to nothing"))),
            None => findings.push(Finding::error(line, format!("the link to {target} leaves the tree"))),
        }
    }
    findings
}

/// Pages below the book's source `folder` (with its slash) that its table of contents does not name.
pub(super) fn missing_pages(folder: &str, summary: &str, files: &BTreeSet<String>) -> Vec<Finding> {
    let base = Path::new(folder);
    let named: BTreeSet<PathBuf> =
        links(summary).filter_map(|(_, target)| resolve(base, local(&target)?)).collect();
    let pages = files.iter().filter(|file| file.starts_with(folder) && file.ends_with(".md"));
    let missing =
        pages.filter(|page| !page.ends_with("SUMMARY.md") && !named.contains(Path::new(page.as_str())));
    missing
        .map(|page| Finding::error(1, format!("the page {page} is not in the table of contents")))
        .collect()
}

/// The file part of a link, unless it leads out of the tree, within the page, or to an item of rustdoc's.
fn local(target: &str) -> Option<&str> {
    let file = target.split('#').next().unwrap_or_default();
    let is_item =
        file.contains("::") || file.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '@' || c == '`');
    let is_elsewhere = file.contains("://") || file.starts_with("mailto:") || file.starts_with("data:");
    (!is_item && !is_elsewhere).then_some(file)
}

/// `folder/file` without `.` and `..`; none when that leaves the tree.
fn resolve(folder: &Path, file: &str) -> Option<PathBuf> {
    let mut resolved = PathBuf::new();
    for component in folder.join(file).components() {
        match component {
            Component::Normal(name) => resolved.push(name),
            Component::ParentDir => {
                if !resolved.pop() {
                    return None;
                }
            }
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(resolved)
}

/// Line number and target of each link, code left out: `[x](target)`, `[x](target "title")`, `[x]: target`.
fn links(text: &str) -> impl Iterator<Item = (usize, String)> {
    let mut found = Vec::new();
    let mut fence: Option<&str> = None;
    for (index, line) in text.lines().enumerate() {
        let trimmed = line.trim_start();
        let mark = ["```", "~~~"].into_iter().find(|mark| trimmed.starts_with(mark));
        if fence.is_some() {
            if mark == fence {
                fence = None;
            }
            continue;
        }
        if mark.is_some() {
            fence = mark;
            continue;
        }
        let prose = without_code(line);
        for (at, _) in prose.match_indices("](") {
            let rest = prose.get(at + 2..).unwrap_or_default();
            let target = rest.split([')', ' ']).next().unwrap_or_default();
            found.push((index + 1, target.trim_matches(['<', '>']).to_owned()));
        }
        if trimmed.starts_with('[')
            && let Some((_, target)) = prose.split_once("]: ")
        {
            let target = target.split_whitespace().next().unwrap_or_default();
            found.push((index + 1, target.trim_matches(['<', '>']).to_owned()));
        }
    }
    found.into_iter()
}

/// The line with what stands between backticks left out. A link's own text may be code; its target never is.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join("`")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{broken_links, missing_pages};

    fn broken(path: &str, text: &str) -> Vec<String> {
        let tree = ["README.md", "LICENSE", "docs", "docs/src/a.md", "ipam-core/README.md"];
        let exists = |path: &Path| tree.iter().any(|file| Path::new(file) == path);
        broken_links(path, text, exists).into_iter().map(|f| format!("{}: {}", f.line, f.message)).collect()
    }

    #[test]
    fn links_must_lead_somewhere() {
        let cases: &[(&str, &str, &str, &[&str])] = &[
            ("same folder", "README.md", "[core](ipam-core/README.md) and [docs](docs/)", &[]),
            ("up and over", "docs/src/b.md", "x\n[a](a.md#part) [r](../../README.md)", &[]),
            ("gone", "README.md", "\n[x](docs/b.md)", &["2: the link to docs/b.md leads to nothing"]),
            ("with a title", "README.md", "[x](b.md \"B\")", &["1: the link to b.md leads to nothing"]),
            ("a definition", "README.md", "[x]: ./b.md", &["1: the link to ./b.md leads to nothing"]),
            (
                "two on a line",
                "README.md",
                "[x](b.md)[y](c.md)",
                &["1: the link to b.md leads to nothing", "1: the link to c.md leads to nothing"],
            ),
            (
                "out of the tree",
                "docs/a.md",
                "[x](../../a.md)",
                &["1: the link to ../../a.md leaves the tree"],
            ),
            ("elsewhere", "README.md", "[x](https://example.org/a.md) [y](mailto:a@b.c) [z](#part)", &[]),
            (
                "rustdoc",
                "ipam-core/README.md",
                "[`Pool`](crate::pool::Pool) [x](Addr)\n[y]: crate::Addr",
                &[],
            ),
            ("code", "README.md", "`[x](b.md)`\n```text\n[x](b.md)\n```\n[y](LICENSE)", &[]),
            ("code as text", "README.md", "[`x`](b.md)", &["1: the link to b.md leads to nothing"]),
        ];
        for (name, path, text, want) in cases {
            assert_eq!(broken(path, text), *want, "{name}");
        }
    }

    #[test]
    fn every_page_is_in_the_table_of_contents() {
        let files = [
            "docs/src/SUMMARY.md",
            "docs/src/a.md",
            "docs/src/how-to/b.md",
            "docs/OTHER.md",
            "docs/src/x.png",
        ];
        let files = files.iter().map(|&file| file.to_owned()).collect();
        let found = |summary: &str| missing_pages("docs/src/", summary, &files).len();
        assert_eq!(found("# Summary\n- [A](a.md)\n  - [B](./how-to/b.md)\n"), 0);
        assert_eq!(found("# Summary\n- [A](a.md)\n"), 1);
        assert_eq!(found("# Summary\n"), 2);
    }
}
