//! The list of what a runtime still has.

use std::path::Path;

use anyhow::Context as _;
use ipam_core::{Nic, Owner};
use serde::Deserialize;

use crate::ctl::manifest::read_text;

/// An attachment in the form of the CNI specification (1.1.0, section 2, `GC`).
#[derive(Debug, Deserialize)]
struct Attachment {
    #[serde(rename = "containerID")]
    container: String,
    ifname: String,
}

/// A line takes about 70 bytes: more containers than a host has addresses.
const LIST_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Reads pairs of container id and interface name. Anything doubtful is an error: what is not understood would be freed.
pub(super) fn read(file: &Path) -> anyhow::Result<Vec<(String, String)>> {
    let name = if file == Path::new("-") { "standard input".into() } else { file.to_string_lossy() };
    let text = read_text(file, LIST_BYTES_MAX).with_context(|| format!("cannot read the list {name}"))?;
    parse(&text).map_err(|problem| anyhow::anyhow!("{name}: {problem}; nothing was freed"))
}

fn parse(text: &str) -> Result<Vec<(String, String)>, String> {
    if text.trim_start().starts_with(['[', '{']) {
        let wanted = r#"want [{"containerID": "…", "ifname": "…"}]"#;
        let list: Vec<Attachment> =
            serde_json::from_str(text).map_err(|error| format!("{error}, {wanted}"))?;
        let checked = list.into_iter().enumerate().map(|(index, Attachment { container, ifname })| {
            check(&container, &ifname).map_err(|problem| format!("[{index}]: {problem}"))?;
            Ok((container, ifname))
        });
        return checked.collect();
    }
    let mut pairs = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line_number = index.saturating_add(1);
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            [] => {}
            [first, ..] if first.starts_with('#') => {}
            [container, ifname] => {
                check(container, ifname).map_err(|problem| format!("line {line_number}: {problem}"))?;
                pairs.push(((*container).to_owned(), (*ifname).to_owned()));
            }
            _ => {
                return Err(format!(
                    "line {line_number}: {line:?} is not understood, want CONTAINERID IFNAME"
                ));
            }
        }
    }
    Ok(pairs)
}

fn check(container: &str, ifname: &str) -> Result<(), String> {
    Owner::container("network", container).map_err(|error| format!("container id: {error}"))?;
    ifname.parse::<Nic>().map(drop).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn both_forms_are_read() {
        let want = vec![("a1".to_owned(), "eth0".to_owned()), ("b2".to_owned(), "net1".to_owned())];
        assert_eq!(parse("# from the runtime\na1 eth0\n\n  b2\tnet1\n").unwrap(), want);
        let json = r#"[{"containerID":"a1","ifname":"eth0"},{"containerID":"b2","ifname":"net1"}]"#;
        assert_eq!(parse(json).unwrap(), want);
        assert_eq!(parse("").unwrap(), []);
        assert_eq!(parse("[]").unwrap(), []);
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let cases = [
            ("a1\n", "line 1: \"a1\" is not understood, want CONTAINERID IFNAME"),
            ("a1 eth0\na1 eth0 x\n", "line 2: \"a1 eth0 x\" is not understood, want CONTAINERID IFNAME"),
            ("a1 eth/0\n", "line 1: \"eth/0\" is not a valid interface name; want"),
            ("a/1 eth0\n", "line 1: container id: \"a/1\" is not a valid owner name; want"),
            ("{}", "invalid type: map, expected a sequence at line 1 column 0, want [{\"containerID\""),
            ("[{\"containerID\":\"a\"}]", "missing field `ifname` at line 1 column 20, want [{"),
            (
                "[{\"containerID\":\"\",\"ifname\":\"e\"}]",
                "[0]: container id: \"\" is not a valid owner name",
            ),
        ];
        for (text, want) in cases {
            let error = parse(text).unwrap_err();
            assert!(error.starts_with(want), "{text}: {error}");
        }
    }
}
