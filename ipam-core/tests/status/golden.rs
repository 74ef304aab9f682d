//! What Go's `encoding/json` makes of texts (`tests/golden/status`), and the statuses that the original's agent wrote.

use std::path::PathBuf;

use serde_json::Value;

use super::*;

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/golden").join(name)
}

fn cases(file: &str) -> Vec<Value> {
    let path = folder(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap()
}

#[test]
fn texts_are_read_and_rewritten_as_go_does() {
    let cases = cases("status/go.json");
    for case in &cases {
        let text = |key: &str| case.get(key).and_then(Value::as_str);
        let written = text("text").unwrap();
        let parsed = AllocatedIps::parse(Family::V4, Some(written));
        match (parsed, text("error")) {
            (Ok(ips), None) => {
                assert_eq!(ips.to_text().as_deref(), text("rewritten"), "{written}");
                let mut document = String::from("x");
                assert_eq!(ips.append_json(&mut document), text("nested").is_some(), "{written}");
                assert_eq!(document.strip_prefix('x'), Some(text("nested").unwrap_or_default()), "{written}");
            }
            (Err(error), Some(want)) => {
                let said = error.to_string();
                assert!(said.starts_with(want), "{written}: {said}; want {want}");
                assert!(said.contains("status.allocatedIPs"), "{said}");
            }
            (parsed, want) => panic!("{written}: {parsed:?}, want {want:?}"),
        }
    }
    assert_eq!(cases.len(), 260, "recorded texts came or went");
}

/// Every status that the agent left in a pool is written again byte for byte.
#[test]
fn statuses_of_the_agent_survive() {
    let mut seen = 0;
    for file in
        ["affinity", "annotations", "basic", "dual-stack", "errors", "multi-nic", "reserved-ip", "selection"]
    {
        for case in cases(&format!("agent/{file}.json")) {
            let pools = case.pointer("/after/pools").and_then(Value::as_object).cloned().unwrap_or_default();
            for (pool, state) in pools {
                let Some(text) = state.pointer("/status/allocatedIPs").and_then(Value::as_str) else {
                    continue;
                };
                let Ok(ips) = AllocatedIps::parse(Family::V4, Some(text)) else { continue };
                assert_eq!(ips.to_text().as_deref(), Some(text), "{file}/{}: {pool}", case["name"]);
                let count = state.pointer("/status/allocatedIPCount").and_then(Value::as_u64);
                assert_eq!(u64::try_from(ips.len()).ok(), count, "{file}/{}: {pool}", case["name"]);
                seen += 1;
            }
        }
    }
    assert!(seen > 100, "only {seen} statuses");
}
