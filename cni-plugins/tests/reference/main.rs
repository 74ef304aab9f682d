//! The reference pages of the book about the plugin say what the code does: every key, every error number with its text, every snippet.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a page that is not as expected fails its test"
)]

mod errors;
mod keys;
#[expect(dead_code, reason = "not every kind of answer is needed here")]
#[path = "../agent/server.rs"]
mod server;
mod snippets;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cni_plugins::cni;
use cni_plugins::spiderpool::Spiderpool;
use serde_json::Value;

/// A file of this repository.
fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Lines of tables below a heading, up to the next heading of any level: their cells.
fn rows(page: &str, heading: &str) -> Vec<Vec<String>> {
    let below = page.lines().skip_while(|line| *line != heading).skip(1);
    let table = below.take_while(|line| !line.starts_with('#')).filter(|line| line.starts_with('|'));
    let cells = |line: &str| {
        let inner = line.trim().trim_start_matches('|').trim_end_matches('|');
        inner.split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    // The head, and the line below it.
    let rows: Vec<Vec<String>> = table.map(cells).skip(2).collect();
    assert!(!rows.is_empty(), "there is no table below {heading:?}");
    rows
}

/// Blocks between code fences of this language, with the line where each begins.
fn blocks(page: &str, language: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut lines = page.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        let Some(info) = line.trim_start().strip_prefix("```") else { continue };
        let text: String = lines
            .by_ref()
            .take_while(|(_, line)| line.trim() != "```")
            .flat_map(|(_, line)| [line, "\n"])
            .collect();
        if info == language {
            found.push((number + 1, text));
        }
    }
    found
}

/// Calls the plugin in this process, with little patience. Its answer, if it has one.
fn call(env: &[(&'static str, &str)], stdin: &str) -> Option<Value> {
    call_as(Spiderpool::default().with_limit(Duration::from_millis(20)), env, stdin)
}

fn call_as(plugin: Spiderpool, env: &[(&'static str, &str)], stdin: &str) -> Option<Value> {
    let env: BTreeMap<&'static str, String> = env
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(key, value)| (*key, (*value).to_owned()))
        .collect();
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let _ = cni::run(&plugin, &env, &mut stdin.as_bytes(), &mut stdout, &mut stderr);
    if stdout.is_empty() { None } else { Some(serde_json::from_slice(&stdout).unwrap()) }
}
