//! What the Go original wrote, and what Go's `encoding/json` makes of foreign texts.

use ipam_core::status::{AllocatedIps, StatusError};
use ipam_core::{Addr, Family};
use serde::Deserialize;

use crate::{golden, read};

/// A status that the Go agent left behind.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    case: String,
    count: usize,
    #[serde(rename = "allocatedIPs")]
    text: String,
}

/// What `encoding/json` did with a text.
#[derive(Deserialize)]
struct Answer {
    text: String,
    error: Option<String>,
    rewritten: Option<String>,
    nested: Option<String>,
}

/// As a value of a document.
fn nested(ips: &AllocatedIps) -> Option<String> {
    let mut document = String::new();
    ips.append_json(&mut document).then_some(document)
}

#[test]
fn what_the_agent_wrote_is_written_again_byte_for_byte() {
    let all: Vec<Written> = golden("agent.json");
    assert_eq!(all.len(), 58);
    for Written { case, count, text } in all {
        for family in [Family::V4, Family::V6] {
            let ips = read(family, &text);
            assert_eq!(ips.len(), count, "{case}");
            assert_eq!(ips.to_text().as_ref(), Some(&text), "{case}");
            assert_eq!(nested(&ips), Some(serde_json::to_string(&text).unwrap()), "{case}");
            let flaws: Vec<String> = ips.flaws().map(|flaw| flaw.to_string()).collect();
            let foreign = ips.iter().filter(|ip| ip.key.parse::<Addr>().is_ok_and(|a| a.family() != family));
            assert_eq!(flaws.len(), foreign.count(), "{case}: {flaws:?}");
        }
    }
}

#[test]
fn go_and_we_do_the_same_with_foreign_texts() {
    let all: Vec<Answer> = golden("go.json");
    assert_eq!(all.len(), 260);
    assert_eq!(judge(&all), (43, 217));
}

/// How many texts were read, how many were refused, as in Go.
fn judge(answers: &[Answer]) -> (usize, usize) {
    let (mut read, mut refused) = (0, 0);
    for Answer { text, error, rewritten, nested: document } in answers {
        match (AllocatedIps::parse(Family::V4, Some(text)), error) {
            (Ok(ips), None) => {
                assert_eq!(ips.to_text().as_ref(), rewritten.as_ref(), "{text}");
                assert_eq!(nested(&ips).as_ref(), document.as_ref(), "{text}");
                read += 1;
            }
            (Err(error), Some(wanted)) => {
                assert_eq!(&problem(&error), wanted, "{text}");
                assert!(error.to_string().starts_with(wanted.as_str()), "{error}");
                refused += 1;
            }
            (ours, theirs) => assert_eq!(ours.is_ok(), theirs.is_none(), "{text}: {ours:?}, Go: {theirs:?}"),
        }
    }
    (read, refused)
}

fn problem(error: &StatusError) -> String {
    match error {
        StatusError::Unreadable(problem) => problem.to_string(),
        StatusError::Unwritable { .. } | StatusError::OtherFamily { .. } | _ => {
            "not a problem of reading".to_owned()
        }
    }
}

#[test]
fn go_stops_at_a_depth_that_no_stack_would_bear() {
    let deep = |depth: usize| format!(r#"{{"a":{{"x":{}{}}}}}"#, "[".repeat(depth), "]".repeat(depth));
    assert!(AllocatedIps::parse(Family::V4, Some(&deep(9_998))).is_ok());
    let broken = format!("{}x", deep(9_999));
    let error = AllocatedIps::parse(Family::V4, Some(&broken)).unwrap_err();
    assert_eq!(problem(&error), "invalid character '[' exceeded max depth");
}
