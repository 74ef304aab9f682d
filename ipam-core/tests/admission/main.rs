//! Replays what the Go original's webhooks answered (`tests/golden`, see the README there) against the pure rules.
//!
//! Each case is replayed, replayed against a mended answer, or left out by name with the reason. The numbers of all three
//! are asserted, so that no case drops out in silence.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test stops at the first surprise; the lints spare test functions only"
)]

mod golden;
mod replay;

use std::collections::{BTreeMap, BTreeSet};

use golden::{Case, Mended, cases, mended};
use replay::{Answer, replay};

/// Cases that need more than the rules of one kind of object.
const LEFT_OUT: &[(&str, &str, &[&str])] = &[
    (
        "spiderippool",
        "the pool belongs to a SpiderSubnet, a later issue",
        &[
            "adopted-inherits-gateway-and-routes",
            "adopted-own-gateway-kept",
            "adopted-own-routes-kept",
            "adopted-outside-subnet-ips",
            "adopted-in-subnet-excludes",
            "adopted-excess-several-ranges",
            "adopted-inherited-gateway-in-ips",
            "adopted-v6",
            "adopted-owner-label-by-user-corrected",
            "adopted-by-terminating-subnet",
            "owner-subnet-missing",
            "auto-pool-record-other-spelling",
            "auto-pool-differs-from-record",
            "auto-pool-no-record",
            "auto-pool-no-ips",
            "auto-pool-empty-affinity",
            "auto-pool-long-app-name",
            "update-adopts-later-subnet",
            "update-adopted-outside-subnet",
            "update-adopted-owner-removed-comes-back",
            "update-adopted-owner-label-changed",
            "update-auto-pool-label-only",
            "update-auto-pool-ips",
            "update-auto-pool-freed-by-operator",
        ],
    ),
    (
        "spiderippool",
        "the API server answers before admission: no such object",
        &["update-not-found", "delete-not-found"],
    ),
    (
        "spiderippool",
        "the API server answers a status write by the schema; no admission",
        &["status-update-negative-count", "status-update-records-as-object"],
    ),
    ("spiderreservedip", "the API server answers before admission: no such object", &["delete-not-found"]),
    ("spiderreservedip", "deletes of reserved ranges meet no admission", &["delete-with-foreign-finalizer"]),
];

#[test]
fn pools_are_answered_as_the_original_does() {
    check_file("spiderippool", &Counts { as_recorded: 137, mended: 26, left_out: 28 });
}

#[test]
fn reserved_ranges_are_answered_as_the_original_does() {
    check_file("spiderreservedip", &Counts { as_recorded: 32, mended: 2, left_out: 2 });
}

#[derive(Debug, Default, Eq, PartialEq)]
struct Counts {
    as_recorded: usize,
    mended: usize,
    left_out: usize,
}

fn check_file(file: &str, want: &Counts) {
    let mended: BTreeMap<String, Mended> = mended(file);
    let left_out: BTreeMap<&str, &str> = LEFT_OUT
        .iter()
        .filter(|(of, _, _)| *of == file)
        .flat_map(|(_, reason, names)| names.iter().map(move |name| (*name, *reason)))
        .collect();
    let mut counts = Counts::default();
    let mut seen = BTreeSet::new();
    let mut wrong = Vec::new();
    for case in cases(file) {
        seen.insert(case.name.clone());
        if let Some(reason) = left_out.get(case.name.as_str()) {
            counts.left_out += 1;
            println!("left out: {file}/{}: {reason}", case.name);
            continue;
        }
        let answer = replay(file, &case);
        let result = match mended.get(&case.name) {
            Some(mended) => {
                counts.mended += 1;
                check_mended(mended, &answer)
            }
            None => {
                counts.as_recorded += 1;
                check_recorded(&case, &answer)
            }
        };
        if let Err(problem) = result {
            wrong.push(format!("{file}/{}: {problem}\n  answer: {answer:?}", case.name));
        }
    }
    for name in mended.keys().map(String::as_str).chain(left_out.keys().copied()) {
        assert!(seen.contains(name), "{file}/{name} is in a table, but there is no such case");
    }
    assert!(wrong.is_empty(), "{} cases differ:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(&counts, want, "cases of {file} came or went: adapt the tables and these numbers");
}

/// The verdict, the class, the stored object; of a refusal the original's faults come first, in its words.
fn check_recorded(case: &Case, answer: &Answer) -> Result<(), String> {
    match answer {
        Answer::Undecodable if case.code == 400 => Ok(()),
        Answer::Undecodable => Err("the object does not decode".to_owned()),
        Answer::Allowed { spec, metadata } => {
            same("allowed", &case.allowed, &true)?;
            let Some(stored) = case.stored.as_ref().filter(|_| case.operation != "delete") else {
                return Ok(());
            };
            same("spec", &stored.spec, spec)?;
            if file_has_metadata(case) { same("metadata", &stored.metadata(), metadata) } else { Ok(()) }
        }
        Answer::Refused(refusal) => {
            same("allowed", &case.allowed, &false)?;
            same("code", &case.code, &refusal.http_status())?;
            same("reason", &case.reason.as_deref(), &Some(refusal.reason()))?;
            let faults: Vec<_> = refusal.faults().collect();
            if case.causes.is_empty() || faults.is_empty() {
                return starts_with(&refusal.to_string(), case.bare_message());
            }
            for (index, cause) in case.causes.iter().enumerate() {
                let fault = faults.get(index).ok_or_else(|| format!("no fault for {cause:?}"))?;
                same("field", &cause.field.as_str(), &fault.field())?;
                same("reason of the fault", &cause.reason.as_str(), &fault.kind().reason())?;
                let (ours, theirs) = comparable(&fault.body(), &cause.message);
                starts_with(&ours, &theirs)?;
            }
            Ok(())
        }
    }
}

/// Values printed as Go structs are no contract, nor are the words of Go's JSON reader.
fn comparable(ours: &str, theirs: &str) -> (String, String) {
    if theirs.contains("v1.LabelSelector{") {
        let tail = theirs.rsplit("}: ").next().unwrap_or_default();
        let at = ours.find(tail).unwrap_or(0);
        return (ours[at..].to_owned(), tail.to_owned());
    }
    if let Some((head, _)) =
        theirs.split_once(": invalid character").or_else(|| theirs.split_once(": unexpected end of JSON"))
    {
        return (ours.to_owned(), head.to_owned());
    }
    (ours.to_owned(), theirs.to_owned())
}

fn check_mended(mended: &Mended, answer: &Answer) -> Result<(), String> {
    assert!(mended.rule.starts_with("resources "), "{} names no rule", mended.name);
    match answer {
        Answer::Undecodable => Err("the object does not decode".to_owned()),
        Answer::Allowed { spec, metadata } => {
            same("allowed", &mended.allowed, &true)?;
            same("spec", &mended.spec, spec)?;
            match &mended.labels {
                Some(labels) => same("labels", labels, &metadata.labels),
                None => Ok(()),
            }
        }
        Answer::Refused(refusal) => {
            same("allowed", &mended.allowed, &false)?;
            let faults: Vec<_> = refusal.faults().collect();
            same("number of faults", &mended.faults.len(), &faults.len())?;
            for (want, fault) in mended.faults.iter().zip(faults) {
                same("field", &want.field.as_str(), &fault.field())?;
                same("reason", &want.reason.as_str(), &fault.kind().reason())?;
                same("value", &want.value.as_deref(), &fault.value())?;
                starts_with(fault.detail(), &want.detail)?;
            }
            Ok(())
        }
    }
}

/// A write that took the last finalizer away leaves nothing whose metadata could be compared.
fn file_has_metadata(case: &Case) -> bool {
    !case.gone
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, want: &T, got: &T) -> Result<(), String> {
    if want == got { Ok(()) } else { Err(format!("{what}: want {want:?}, got {got:?}")) }
}

fn starts_with(text: &str, head: &str) -> Result<(), String> {
    if text.starts_with(head) { Ok(()) } else { Err(format!("text: want {head:?}…, got {text:?}")) }
}
