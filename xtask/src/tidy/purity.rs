//! `ipam-core` has no outside: no file, socket, clock, thread, environment or process.
//!
//! Clippy refuses the usual ones by name (`ipam-core/clippy.toml`). This refuses whole modules of the standard library, so that an
//! item which no list names is caught as well, and crates that could do what the standard library may not.

use super::Finding;

/// Modules of the standard library that reach outside.
const MODULES: &[&str] = &["fs", "io", "env", "os", "process", "thread", "backtrace"];
/// Items that reach outside, in modules where others don't.
const ITEMS: &[&str] = &["Instant", "SystemTime", "TcpStream", "TcpListener", "UdpSocket", "ToSocketAddrs"];

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

/// Every way out in a file of the crate.
pub(super) fn check(text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let code = line.split("//").next().unwrap_or_default();
        for word in ways_out(code) {
            let message = format!(
                "{word}: ipam-core has no outside (files, sockets, clocks, threads, environment, processes)"
            );
            findings.push(Finding::error(index + 1, message));
        }
    }
    findings
}

fn ways_out(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for after in code.split("std::").skip(1) {
        // A group names several modules at once: `use std::{fs, iter};`.
        let group = after.strip_prefix('{').and_then(|rest| rest.split('}').next());
        let roots = group.map_or_else(|| vec![after], |group| group.split(',').collect());
        for root in roots {
            let name: String =
                root.trim().chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect();
            if MODULES.contains(&name.as_str()) {
                found.push(format!("std::{name}"));
            }
        }
    }
    let words = code.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
    found.extend(words.filter(|word| ITEMS.contains(word)).map(str::to_owned));
    if code.contains("use std as ") || code.contains("extern crate std") {
        found.push("std under another name".to_owned());
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{check, foreign_dependencies};

    #[test]
    fn ways_out_are_found() {
        for (line, want) in [
            ("use std::fs;", 1),
            ("use std::{iter, io, fs};", 2),
            ("let home = std::env::var_os(name);", 1),
            ("use std::time::{Duration, Instant};", 1),
            ("    let now = SystemTime::now();", 1),
            ("use std::net::{IpAddr, TcpStream};", 1),
            ("std::thread::yield_now();", 1),
            ("use std as outside;", 1),
            ("use std::net::IpAddr;", 0),
            ("use std::time::Duration;", 0),
            ("use std::iter;", 0),
            ("use std::{fmt, iter};", 0),
            ("use crate::io::Thing; // like std::fs", 0),
            ("//! reads no `std::env`", 0),
        ] {
            assert_eq!(check(line).len(), want, "{line}");
        }
    }

    #[test]
    fn unknown_crates_are_named() {
        let names = ["ipnet".to_owned(), "tokio".to_owned(), "mio".to_owned()];
        assert_eq!(foreign_dependencies(&names), ["tokio", "mio"]);
    }
}
