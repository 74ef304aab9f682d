//! Runs every example and compares what it prints with what the book says it prints.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "an example that is not as expected fails its test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Each program, and how its output ends.
const PROGRAMS: [(&str, &str, &str); 3] = [
    (
        "allocate_in_memory",
        env!("CARGO_BIN_EXE_allocate_in_memory"),
        "blue gave back 4 addresses, 0 are held",
    ),
    ("custom_store", env!("CARGO_BIN_EXE_custom_store"), "the store keeps no attachment without a record"),
    ("local_store", env!("CARGO_BIN_EXE_local_store"), "10.6.0.10 is free"),
];

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

#[test]
fn every_program_is_run_and_listed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/bin");
    let files: BTreeSet<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    let run: BTreeSet<String> = PROGRAMS.iter().map(|(name, ..)| (*name).to_owned()).collect();
    assert_eq!(run, files);
    let list = read("README.md");
    for name in &run {
        assert!(list.contains(&format!("(src/bin/{name}.rs)")), "README.md does not list {name}");
    }
}
