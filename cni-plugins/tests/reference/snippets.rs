//! Every configuration in the Markdown of this repository is one that the plugin takes, without a key that it does not know.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::{blocks, call, root};

fn pages(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !name.starts_with('.') && name != "target" && name != "book" {
            pages(&path, found);
        } else if name.ends_with(".md") {
            found.push(path);
        }
    }
}

/// All `ipam` objects of our type within a value.
fn ours(value: &Value, found: &mut Vec<Value>) {
    match value {
        Value::Object(object) => {
            if object.get("type") == Some(&json!("spiderpool")) && !object.contains_key("ipam") {
                found.push(value.clone());
            }
            object.values().for_each(|value| ours(value, found));
        }
        Value::Array(list) => list.iter().for_each(|value| ours(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn configurations_in_the_docs_are_taken() {
    let mut files = Vec::new();
    pages(&root(), &mut files);
    let mut taken = 0;
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        for (line, block) in blocks(&text, "json") {
            let place = format!("{}:{line}", file.display());
            let value: Value =
                serde_json::from_str(&block).unwrap_or_else(|error| panic!("{place}: {error}"));
            let mut found = Vec::new();
            ours(&value, &mut found);
            for ipam in found {
                take(&place, ipam);
                taken += 1;
            }
        }
    }
    assert!(taken >= 5, "only {taken} configurations were found");
}

/// Asks for the status, which reads all that an ADD reads. The store, or the agent's socket, is another one, that does not exist.
fn take(place: &str, mut ipam: Value) {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let why = if ipam.get("store").is_some() {
        ipam["store"]["path"] = json!(folder.path().join("ipam.db"));
        "there is no store"
    } else {
        ipam["ipam_unix_socket_path"] = json!(folder.path().join("agent.sock"));
        "unhealthy spiderpool-agent backend"
    };
    ipam["log_file_path"] = json!(log);
    let config = json!({"cniVersion": "1.1.0", "name": "net", "ipam": ipam}).to_string();
    if let Some(answer) = call(&[("CNI_COMMAND", "STATUS")], &config) {
        // Without pools of its own it says that there is no store yet, and without a store that there is no agent.
        assert_eq!(answer["code"], 50, "{place}: {answer}");
        assert!(answer["msg"].as_str().unwrap().contains(why), "{place}: {answer}");
    }
    let log = fs::read_to_string(log).unwrap_or_default();
    assert!(!log.contains("unknown key"), "{place}: {log}");
}
