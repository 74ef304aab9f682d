//! Runs every example and compares what it prints with what the book says it prints.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "an example that is not as expected fails its test")]

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Each program, and how its output ends.
const PROGRAMS: [(&str, &str, &str); 5] = [
    (
        "allocate_in_memory",
        env!("CARGO_BIN_EXE_allocate_in_memory"),
        "blue gave back 4 addresses, 0 are held",
    ),
    ("custom_store", env!("CARGO_BIN_EXE_custom_store"), "67 cases hold, 0 do not apply"),
    ("group_commit", env!("CARGO_BIN_EXE_group_commit"), "cost 2 commits and 80 ms"),
    ("local_store", env!("CARGO_BIN_EXE_local_store"), "10.6.0.10 is free"),
    ("resource_claims", env!("CARGO_BIN_EXE_resource_claims"), "printer gives back 1"),
];

/// The one that a container runtime starts.
const PLUGIN: (&str, &str) = ("cni_plugin", env!("CARGO_BIN_EXE_cni_plugin"));

/// Lines of a store of one's own, all told.
const STORE_LINES_MAX: usize = 99;

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

#[test]
fn they_print_what_the_book_says() {
    let book = read("../docs/how-to/embed.md");
    for (name, program, end) in PROGRAMS {
        let output = Command::new(program).output().unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(printed.trim_end().ends_with(end), "{name} printed:\n{printed}");
        let block = format!("```text\n{printed}```\n");
        assert!(book.contains(&block), "docs/how-to/embed.md lacks the output of {name}:\n{block}");
    }
}

/// Starts the plugin as a runtime does.
fn plugin(command: &str, container: &str, config: &str) -> Output {
    let mut child = Command::new(PLUGIN.1)
        .env_clear()
        .envs([("CNI_COMMAND", command), ("CNI_CONTAINERID", container)])
        .envs([("CNI_NETNS", "/run/netns/blue"), ("CNI_IFNAME", "eth0")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(config.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn the_plugin_answers_a_runtime_as_the_book_says() {
    let book = read("../docs/how-to/embed.md");
    let folder = tempfile::tempdir().unwrap();
    let block = |language: &str| {
        let (_, after) = book.split_once(&format!("## Your own CNI plugin: `{}`", PLUGIN.0)).unwrap();
        let (_, after) = after.split_once(&format!("```{language}\n")).unwrap();
        after.split_once("```\n").unwrap().0.to_owned()
    };
    let path = folder.path().join("ipam.db");
    let config = block("json").replace("/var/lib/one-range/ipam.db", path.to_str().unwrap());
    let mut said = String::new();
    for (command, container) in
        [("ADD", "blue"), ("ADD", "blue"), ("ADD", "green"), ("DEL", "blue"), ("DEL", "blue")]
    {
        let output = plugin(command, container, &config);
        assert!(output.status.success(), "{command}: {output:?}");
        let answer = String::from_utf8(output.stdout).unwrap();
        said.push_str(format!("{command} {container} {answer}").trim_end());
        said.push('\n');
    }
    assert_eq!(said, block("text"));
    assert!(plugin("CHECK", "green", &config).status.success());
    let gone = plugin("CHECK", "blue", &config);
    assert!(
        !gone.status.success() && String::from_utf8_lossy(&gone.stdout).contains("\"code\":7"),
        "{gone:?}"
    );
    let wrong = plugin("ADD", "blue", &config.replace("\"range\"", "\"rnge\""));
    assert!(String::from_utf8_lossy(&wrong.stdout).contains("ipam.range is missing"), "{wrong:?}");
}

#[test]
fn a_store_of_ones_own_is_short() {
    let lines = read("src/bin/custom_store.rs").lines().count();
    assert!(lines <= STORE_LINES_MAX, "{lines} lines");
}

#[test]
fn every_program_is_run_and_listed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/bin");
    let files: BTreeSet<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    let run: BTreeSet<String> =
        PROGRAMS.iter().map(|(name, ..)| *name).chain([PLUGIN.0]).map(str::to_owned).collect();
    assert_eq!(run, files);
    let (list, book) = (read("README.md"), read("../docs/how-to/embed.md"));
    for name in &run {
        assert!(list.contains(&format!("(src/bin/{name}.rs)")), "README.md does not list {name}");
        assert!(book.contains(&format!(": `{name}`\n")), "docs/how-to/embed.md does not explain {name}");
    }
}
