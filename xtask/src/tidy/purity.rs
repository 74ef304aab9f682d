//! `ipam-core` is pure: no file, socket, clock, thread, environment, process or random number, in its own code or below it.
//!
//! Two nets, since each has holes. Clippy knows what a name stands for, but only names that `ipam-core/clippy.toml` lists;
//! this rule reads text only, but everything of `std` that is not listed as pure is refused. The third part is what the crate
//! depends on.

use std::iter::Peekable;

use super::{Finding, rust};

/// The crate that is held to this.
const CRATE: &str = "ipam-core";

/// Where its code is.
const SOURCES: &str = "ipam-core/src/";

/// What it may use of `std`: modules and items that compute.
const PURE: &[&str] = &[
    "any",
    "array",
    "ascii",
    "borrow",
    "boxed",
    "cell",
    "char",
    "clone",
    "cmp",
    "collections",
    "convert",
    "default",
    "error",
    "fmt",
    "future",
    "hash",
    "hint",
    "iter",
    "marker",
    "mem",
    "net::AddrParseError",
    "net::IpAddr",
    "net::Ipv4Addr",
    "net::Ipv6Addr",
    "num",
    "ops",
    "option",
    "pin",
    "rc",
    "result",
    "slice",
    "str",
    "string",
    "sync",
    "task",
    "time::Duration",
    "vec",
];

/// What those have beside it: keys from the system's source of random numbers.
const IMPURE: &[&str] = &["collections::hash_map::RandomState", "hash::RandomState"];

/// What takes such keys unless it is told otherwise.
const KEYED: &[&str] =
    &["collections::HashMap", "collections::HashSet", "collections::hash_map", "collections::hash_set"];

/// What tells it otherwise, in the files that have the former.
const FIXED: &str = "hash::BuildHasherDefault";

/// Crates of its tree, without the feature `testkit` that is for tests: they compute, or run at build time only.
const KNOWN: &[&str] = &[
    "bitvec",
    "cfg-if",
    "funty",
    "ipnet",
    "itoa",
    "memchr",
    "proc-macro2",
    "quote",
    "radium",
    "serde",
    "serde_core",
    "serde_derive",
    "serde_json",
    "syn",
    "tap",
    "thiserror",
    "thiserror-impl",
    "unicode-ident",
    "wyz",
    "zmij",
];

/// The crates of a tree that nobody has looked at.
pub(super) fn foreign_dependencies(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).filter(|name| !KNOWN.contains(name)).collect()
}

/// Impure parts of `std` in a file of the crate.
pub(super) fn check(path: &str, text: &str) -> Vec<Finding> {
    if !path.starts_with(SOURCES) || !path.ends_with(".rs") {
        return Vec::new();
    }
    let named = paths_of_std(text);
    let has_fixed_keys = named.iter().any(|(_, path)| path == FIXED);
    let found =
        named.into_iter().filter(|(_, path)| !is_pure(path) || !has_fixed_keys && is_below(path, KEYED));
    let message = |path: &str| {
        format!(
            "std::{path}: {CRATE} is pure; take what it would give as an argument, give a table of hashes fixed keys, or list it in xtask/src/tidy/purity.rs"
        )
    };
    found.map(|(line, path)| Finding::error(line, message(&path))).collect()
}

fn is_pure(path: &str) -> bool {
    is_below(path, PURE) && !is_below(path, IMPURE)
}

fn is_below(path: &str, wholes: &[&str]) -> bool {
    let is_within = |whole: &&str| {
        let rest = path.strip_prefix(*whole);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    };
    wholes.iter().any(is_within)
}

/// Line and path of everything that the code names below `std`, groups unfolded, comments and texts left out.
fn paths_of_std(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut tokens = rust::tokens(text).into_iter().peekable();
    let mut before = String::new();
    while let Some((line, token)) = tokens.next() {
        if token == "std" {
            if tokens.next_if(|(_, next)| next == "::").is_some() {
                unfold("", &mut tokens, &mut found);
            } else if before == "use" || before == "crate" {
                // Under another name nobody finds it again.
                found.push((line, "*".to_owned()));
            }
        }
        before = token;
    }
    found
}

/// The paths that follow `prefix::`.
fn unfold(
    prefix: &str,
    tokens: &mut Peekable<impl Iterator<Item = (usize, String)>>,
    found: &mut Vec<(usize, String)>,
) {
    let Some((line, token)) = tokens.next_if(|(_, token)| token != "}") else { return };
    if token == "{" {
        while tokens.next_if(|(_, token)| token == "}").is_none() && tokens.peek().is_some() {
            unfold(prefix, tokens, found);
            // Up to the next part of the group: a comma, or another name for this one.
            while tokens.next_if(|(_, token)| token != "," && token != "}").is_some() {}
            tokens.next_if(|(_, token)| token == ",");
        }
        return;
    }
    let path = match (prefix, token.as_str()) {
        (_, "self") => prefix.to_owned(),
        ("", name) => name.to_owned(),
        (_, name) => format!("{prefix}::{name}"),
    };
    let is_generic =
        |tokens: &mut Peekable<_>| tokens.peek().is_some_and(|(_, token): &(usize, String)| token == "<");
    if tokens.next_if(|(_, token)| token == "::").is_some() && !is_generic(tokens) {
        unfold(&path, tokens, found);
    } else {
        found.push((line, path));
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};
    use std::process::Command;

    use super::{check, foreign_dependencies};

    fn found(text: &str) -> Vec<String> {
        let findings = check("ipam-core/src/x/y.rs", text);
        let short = |message: &str| message.split(": ").next().unwrap_or_default().to_owned();
        findings.into_iter().map(|finding| format!("{} {}", finding.line, short(&finding.message))).collect()
    }

    #[test]
    fn what_is_not_listed_as_pure_is_found() {
        let cases: &[(&str, &[&str])] = &[
            (
                "use std::fmt;\nuse std::collections::{BTreeMap, HashMap};\nlet x = std::mem::size_of::<u8>();",
                &["2 std::collections::HashMap"],
            ),
            (
                "use std::collections::HashSet;\nuse std::hash::{BuildHasherDefault, DefaultHasher};\nlet x = std::mem::size_of::<u8>();",
                &[],
            ),
            ("use std::net::{IpAddr, Ipv4Addr};\nuse std::time::Duration;", &[]),
            ("use std::fs;", &["1 std::fs"]),
            (
                "use std::{fmt, fs::{self, File}, time::{Duration, Instant as Now}};\n",
                &["1 std::fs", "1 std::fs::File", "1 std::time::Instant"],
            ),
            ("use std::net::{\n    IpAddr,\n    TcpStream,\n};", &["3 std::net::TcpStream"]),
            ("use std::net;", &["1 std::net"]),
            ("use std::net::*;", &["1 std::net::*"]),
            ("use std::*;", &["1 std::*"]),
            ("use std as other;", &["1 std::*"]),
            ("extern crate std as other;", &["1 std::*"]),
            (
                "fn f() -> ::std::time::SystemTime { std::thread::spawn(|| ()); std::env::var(\"X\") }",
                &["1 std::time::SystemTime", "1 std::thread::spawn", "1 std::env::var"],
            ),
            (
                "std::process::exit(1);\nstd::io::stdout();\nuse std::os::unix::fs::MetadataExt;",
                &["1 std::process::exit", "2 std::io::stdout", "3 std::os::unix::fs::MetadataExt"],
            ),
            (
                "use std::hash::{Hash, RandomState};\nuse std::collections::hash_map::{Entry, RandomState};",
                &[
                    "1 std::hash::RandomState",
                    "2 std::collections::hash_map::Entry",
                    "2 std::collections::hash_map::RandomState",
                ],
            ),
            (
                "// std::fs\n/// std::fs\n/* std::fs /* std::env */ std::fs */\nlet x = \"std::fs\"; let y = r#\"\"std::fs\"#; let z = '\"'; let s: &'static str;",
                &[],
            ),
            ("let c = '\\''; std::fs::read(x);", &["1 std::fs::read"]),
            ("std ::\n  fs :: read(x);", &["2 std::fs::read"]),
            ("use std::{fs", &["1 std::fs"]),
            ("use std::{fs::{", &[]),
        ];
        for (text, want) in cases {
            assert_eq!(found(text), *want, "{text}");
        }
        assert_eq!(check("ipam-local/src/x.rs", "use std::fs;"), []);
        assert_eq!(check("ipam-core/tests/x.rs", "use std::fs;"), []);
    }

    #[test]
    fn unknown_crates_are_named() {
        let names = ["ipnet".to_owned(), "tokio".to_owned(), "mio".to_owned()];
        assert_eq!(foreign_dependencies(&names), ["tokio", "mio"]);
    }
    /// What clippy says of a crate with this code and the settings of ours.
    fn clippy(code: &str) -> String {
        let settings = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ipam-core/clippy.toml");
        let folder = std::env::temp_dir().join(format!("spiderpool-purity-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("src")).unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
        write("Cargo.toml", "[package]\nname = \"planted\"\nedition = \"2024\"\n[workspace]\n");
        write("clippy.toml", &std::fs::read_to_string(settings).unwrap());
        write("src/lib.rs", code);
        let mut cargo = Command::new("cargo");
        cargo.args(["clippy", "--quiet", "--offline", "--message-format", "short", "--target-dir", "target"]);
        let output = cargo.current_dir(&folder).env_remove("CARGO_TARGET_DIR").output().unwrap();
        std::fs::remove_dir_all::<PathBuf>(folder).unwrap();
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    #[test]
    fn clippy_finds_what_is_planted() {
        let planted = [
            "let _ = std::fs::read(\"x\");",
            "let _: Option<std::fs::File> = None;",
            "let _: Option<std::net::TcpStream> = None;",
            "let _: Option<std::net::UdpSocket> = None;",
            "let _ = std::time::Instant::now();",
            "let _ = std::time::SystemTime::now();",
            "std::thread::spawn(|| ());",
            "let _ = std::env::var(\"X\");",
            "let _: Option<std::process::Command> = None;",
            "let _ = std::io::stdout();",
            "let _ = std::path::Path::new(\"x\").exists();",
        ];
        let body: String = planted.iter().map(|line| format!("    {line}\n")).collect();
        let said = clippy(&format!("pub fn f() {{\n{body}}}\n"));
        for (index, line) in planted.iter().enumerate() {
            let place = format!("src/lib.rs:{}:", index + 2);
            assert!(
                said.lines().any(|said| said.starts_with(&place) && said.contains("disallowed")),
                "{line}\n{said}"
            );
        }
        let said = clippy(
            "pub fn f(x: std::net::IpAddr) -> std::time::Duration {\n    let _ = x;\n    std::time::Duration::ZERO\n}\n",
        );
        assert!(!said.contains("disallowed"), "{said}");
    }

    #[test]
    fn the_crate_keeps_the_settings_of_the_workspace() {
        let read = |name: &str| {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
            std::fs::read_to_string(path).unwrap()
        };
        let ours = read("ipam-core/clippy.toml");
        for line in read("clippy.toml").lines().filter(|line| !line.is_empty()) {
            assert!(ours.lines().any(|one| one == line), "ipam-core/clippy.toml lacks: {line}");
        }
    }
}
