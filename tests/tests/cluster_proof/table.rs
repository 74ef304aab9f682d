//! `docs/reference/checks.md` is whole, and names tests that exist.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// The numbers of the chapter that are not the plugin's.
const CHECKS: std::ops::RangeInclusive<u32> = 9..=60;
/// What was seen while the original was recorded.
const SEEN: std::ops::RangeInclusive<u32> = 1..=20;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The rows of the table under this head: number, and what holds it.
fn rows(page: &str, head: &str) -> BTreeMap<u32, Vec<String>> {
    let lines = page.lines().skip_while(|line| !line.starts_with(&format!("| {head} |"))).skip(2);
    let mut rows = BTreeMap::new();
    for line in lines.take_while(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [number, what, held_by] = cells.as_slice() else { panic!("not three cells: {line}") };
        assert!(!what.is_empty(), "{line}");
        let held_by: Vec<String> = held_by.split(", ").map(|one| one.trim_matches('`').to_owned()).collect();
        assert!(rows.insert(number.parse().unwrap(), held_by).is_none(), "twice: {line}");
    }
    rows
}

/// What is wrong with the name of a test.
fn flaw(name: &str) -> Option<String> {
    let root = root();
    if let Some(case) = name.strip_prefix("corpus ") {
        let (file, case) = case.split_once('/')?;
        let path = root.join("tests/golden/agent").join(format!("{file}.json"));
        let Ok(text) = fs::read_to_string(path) else { return Some(format!("{name}: no such file")) };
        let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
        let is_there = cases.iter().any(|one| one["name"] == case);
        return (!is_there).then(|| format!("{name}: no such case"));
    }
    let Some((file, test)) = name.split_once("::") else { return Some(format!("{name}: no test")) };
    let Ok(text) = fs::read_to_string(root.join(file)) else { return Some(format!("{name}: no such file")) };
    let lines: Vec<&str> = text.lines().map(str::trim_start).collect();
    let is_test = |line: &str| line.starts_with("#[test]") || line.starts_with("#[tokio::test");
    let is_it = |line: &str| {
        line.starts_with(&format!("fn {test}(")) || line.starts_with(&format!("async fn {test}("))
    };
    let is_there = lines.windows(2).any(|pair| is_test(pair[0]) && is_it(pair[1]));
    (!is_there).then(|| format!("{name}: no such test"))
}

#[test]
fn each_check_has_a_test_that_exists() {
    let page = fs::read_to_string(root().join("docs/reference/checks.md")).unwrap();
    for (head, numbers) in [("check", CHECKS), ("seen", SEEN)] {
        let rows = rows(&page, head);
        assert_eq!(rows.keys().copied().collect::<Vec<_>>(), numbers.collect::<Vec<_>>(), "{head}");
        let flaws: Vec<String> = rows.values().flatten().filter_map(|name| flaw(name)).collect();
        assert!(flaws.is_empty(), "{flaws:#?}");
    }
}

#[test]
fn a_name_that_leads_nowhere_is_seen() {
    for name in [
        "corpus basic/no-such-case",
        "corpus no-such-file/first-address-of-a-pool",
        "tests/tests/cluster_proof/table.rs::no_such_test",
        "tests/tests/cluster_proof/table.rs::root",
        "tests/tests/cluster_proof/gone.rs::root",
        "root",
    ] {
        assert!(flaw(name).is_some(), "{name}");
    }
    assert_eq!(flaw("corpus basic/first-address-of-a-pool"), None);
    assert_eq!(flaw("tests/tests/cluster_proof/table.rs::a_name_that_leads_nowhere_is_seen"), None);
}

/// A test that bears the number of a check is in the row of that number.
#[test]
fn each_test_with_a_number_is_in_its_row() {
    let page = fs::read_to_string(root().join("docs/reference/checks.md")).unwrap();
    let rows = rows(&page, "check");
    let mut found = 0;
    for file in ["cluster_proof/checks_asking.rs", "cluster_proof/checks_keeping.rs", "cluster_agent/lost.rs"]
    {
        let file = format!("tests/tests/{file}");
        let text = fs::read_to_string(root().join(&file)).unwrap();
        for line in text.lines() {
            let name = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn check_");
            let Some((number, rest)) = name.and_then(|name| name.split_once('_')) else { continue };
            let name = format!("{file}::check_{number}_{}", rest.split('(').next().unwrap());
            assert!(rows[&number.parse().unwrap()].contains(&name), "{name}");
            found += 1;
        }
    }
    assert_eq!(found, 20);
}
