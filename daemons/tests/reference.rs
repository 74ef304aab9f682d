//! The book's page about `spiderpoolctl` has the help of each command as the program prints it, and manifests in the Markdown of this
//! repository are ones that it takes.
//!
//! `UPDATE_DOCS=1 cargo test -p spiderpool-daemons --test reference` writes the page's generated part anew.

#![expect(clippy::unwrap_used, reason = "a page that is not as expected fails its test")]

mod page;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use page::{is_generated, root};

const PAGE: &str = "docs/reference/cli.md";

/// What stands below every command, and is shown once.
const COMMON: &str = "\nFor every command:\n";

fn ctl(args: &[&str], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spiderpoolctl"));
    command.args(args).env_remove("SPIDERPOOL_STORE").env_remove("KUBECONFIG").env("COLUMNS", "100");
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Help reads nothing.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

/// The long help, without blanks at the ends of lines.
fn help(command: &[&str]) -> String {
    let output = ctl(&[command, &["--help"]].concat(), "");
    assert!(output.status.success(), "{command:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap().lines().flat_map(|line| [line.trim_end(), "\n"]).collect()
}

/// The names below `Commands:`, less `help`.
fn commands(help: &str) -> Vec<String> {
    let list =
        help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    // A description that goes on stands further to the right.
    let names = list.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names = names.filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

/// A section for the program, then one for each command and each of its commands.
fn generated() -> String {
    let top = help(&[]);
    let mut text = format!("## spiderpoolctl\n\n```text\n{top}```\n");
    for name in commands(&top) {
        section(&[&name], &mut text);
    }
    text
}

fn section(command: &[&str], text: &mut String) {
    let help = help(command);
    let own = help.split(COMMON).next().unwrap();
    assert_ne!(own, help, "{command:?} does not end with what is for every command");
    let own = own.trim_end();
    text.push_str(&format!("\n## spiderpoolctl {}\n\n```text\n{own}\n```\n", command.join(" ")));
    for name in commands(&help) {
        section(&[command, &[&name]].concat(), text);
    }
}

#[test]
fn the_page_has_the_help_of_every_command() {
    is_generated(PAGE, &generated(), "reference");
}

/// All pages of Markdown.
fn pages(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !name.starts_with('.') && name != "target" {
            pages(&path, found);
        } else if name.ends_with(".md") {
            found.push(path);
        }
    }
}

#[test]
fn manifests_in_the_docs_are_taken() {
    let mut files = Vec::new();
    pages(&root(), &mut files);
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("ipam.db");
    let mut taken = 0;
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            if line.trim_start() != "```yaml" {
                continue;
            }
            let indent = line.len() - line.trim_start().len();
            let block = lines.by_ref().take_while(|line| line.trim() != "```");
            let block: String =
                block.flat_map(|line| [line.get(indent..).unwrap_or_default(), "\n"]).collect();
            if !block.contains("kind: Spider") {
                continue;
            }
            let store = store.to_str().unwrap();
            let output = ctl(&["--store", store, "apply", "--dry-run", "--strict", "-f", "-"], &block);
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{}: {said}{block}", file.display());
            taken += 1;
        }
    }
    assert!(taken >= 5, "only {taken} manifests were found");
}

/// Each rule by which an answer of the original's was mended has a recorded case that the page about differences names.
#[test]
fn each_mended_rule_is_told() {
    let page = fs::read_to_string(root().join("docs/reference/differences.md")).unwrap();
    let cases = fs::read_to_string(root().join("tests/golden/mended/admission.json")).unwrap();
    let cases: Vec<serde_json::Value> = serde_json::from_str(&cases).unwrap();
    let mut told = std::collections::BTreeMap::new();
    for case in &cases {
        let text = |key: &str| case.get(key).and_then(serde_json::Value::as_str).unwrap();
        *told.entry(text("rule")).or_insert(false) |= page.contains(&format!("| `{}` |", text("name")));
    }
    let untold: Vec<_> = told.iter().filter(|(_, is_told)| !**is_told).collect();
    assert!(untold.is_empty(), "docs/reference/differences.md has no case of {untold:?}");
}
