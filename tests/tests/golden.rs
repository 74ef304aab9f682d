//! Admission beside the recorded answers of the Go original (`golden/`, see the README there).

#![expect(
    clippy::unwrap_used,
    reason = "a test stops at the first surprise; the lint spares test functions only"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use spiderpool_tests::golden::{
    Counts, Folder, KINDS, Mended, Outcome, Replayed, home, mended, replay_folder,
};

fn replayed() -> Vec<Replayed> {
    replay_folder(&Folder::open(&home().join("admission")).unwrap()).unwrap()
}

fn table() -> Vec<Mended> {
    KINDS.iter().flat_map(|kind| mended(kind).unwrap().into_values()).collect()
}

#[test]
fn admission_answers_as_recorded_or_as_mended() {
    let replayed = replayed();
    let wrong: Vec<String> = replayed
        .iter()
        .filter(|one| matches!(one.outcome, Outcome::Unexplained { .. }))
        .map(ToString::to_string)
        .collect();
    assert!(wrong.is_empty(), "{} cases differ:\n{}", wrong.len(), wrong.join("\n"));
    let counts: Vec<(&str, Counts)> = KINDS
        .iter()
        .map(|kind| (*kind, Counts::of(replayed.iter().filter(|one| one.kind == *kind))))
        .collect();
    let counted = |as_recorded, mended, left_out| Counts { as_recorded, mended, left_out, unexplained: 0 };
    let want = [
        ("spiderippool", counted(161, 26, 4)),
        ("spiderreservedip", counted(33, 2, 1)),
        ("spidersubnet", counted(72, 4, 2)),
    ];
    assert_eq!(counts, want, "cases came or went: adapt the table and these numbers");
}

#[test]
fn only_what_the_api_server_answers_is_left_out() {
    let replayed = replayed();
    let left_out: BTreeSet<String> = replayed
        .iter()
        .filter(|one| matches!(one.outcome, Outcome::LeftOut(_)))
        .map(|one| {
            println!("{one}");
            format!("{}/{}", one.kind, one.name)
        })
        .collect();
    let want = [
        "spiderippool/delete-not-found",
        "spiderippool/status-update-negative-count",
        "spiderippool/status-update-records-as-object",
        "spiderippool/update-not-found",
        "spiderreservedip/delete-not-found",
        "spidersubnet/delete-not-found",
        "spidersubnet/update-not-found",
    ];
    assert_eq!(left_out, want.map(str::to_owned).into());
}

#[test]
fn each_mended_answer_has_its_case_and_its_line_in_the_book() {
    let mut cases: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for one in replayed() {
        cases.entry(one.kind).or_default().insert(one.name);
    }
    let page = fs::read_to_string(home().join("../../docs/reference/differences.md")).unwrap();
    let told: BTreeSet<&str> = page.lines().filter_map(difference).collect();
    let mut used = BTreeSet::new();
    for Mended { file, name, difference, rule, .. } in &table() {
        assert!(cases[file.as_str()].contains(name), "{file}/{name}: there is no such case");
        assert!(
            told.contains(difference.as_str()),
            "{file}/{name}: no row of the book begins with `{difference}`"
        );
        assert!(
            rule.starts_with("resources ") || rule.starts_with("subnet "),
            "{file}/{name}: names no chapter"
        );
        used.insert(difference.clone());
    }
    let agent = fs::read_to_string(home().join("../../tests/golden/mended/agent.json")).unwrap();
    for entry in serde_json::from_str::<Vec<serde_json::Value>>(&agent).unwrap() {
        let name = entry["difference"].as_str().unwrap();
        assert!(told.contains(name), "{}: no row of the book begins with `{name}`", entry["name"]);
        used.insert(name.to_owned());
    }
    let unused: Vec<&&str> = told.iter().filter(|one| !used.contains(**one)).collect();
    assert!(unused.is_empty(), "no mended answer is an example of {unused:?}");
}

/// The name in the first column of a row, where that is all there is in it.
fn difference(line: &str) -> Option<&str> {
    let (name, _) = line.strip_prefix("| `")?.split_once("` |")?;
    Some(name)
}

#[test]
fn a_folder_from_elsewhere_is_replayed_by_the_same_table() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Folder::open(folder.path());
    assert!(open().unwrap_err().to_string().contains("no file of spiderippool"));
    fs::write(folder.path().join("spidermultusconfig.json"), "[]").unwrap();
    fs::write(folder.path().join("README.md"), "").unwrap();
    let case = |name: &str, allowed: bool, code: u16| {
        serde_json::json!({
            "name": name, "config": {}, "given": [], "operation": "create", "allowed": allowed, "code": code,
            "object": {"kind": "SpiderSubnet", "metadata": {"name": "s"}, "spec": {"subnet": "10.6.0.0/16", "ips": ["::ffff:10.6.0.1"]}},
            "message": null, "stored": null
        })
    };
    let cases = [
        case("item-v4-mapped", true, 201),
        case("not-in-the-table", true, 201),
        case("as-we-answer", false, 422),
        serde_json::json!({"name": "no-case"}),
    ];
    // The third has to say why, else nothing is compared.
    let mut cases = cases;
    cases[2]["reason"] = "Invalid".into();
    cases[2]["causes"] = serde_json::json!([{
        "field": "spec.ips[0]", "reason": "FieldValueInvalid",
        "message": "Invalid value: \"::ffff:10.6.0.1\": invalid IP range format in IPv4 '::ffff:10.6.0.1'"
    }]);
    fs::write(folder.path().join("spidersubnet.json"), serde_json::to_string(&cases).unwrap()).unwrap();
    let folder = open().unwrap();
    assert_eq!(folder.ignored, ["spidermultusconfig.json"]);
    let replayed = replay_folder(&folder).unwrap();
    assert_eq!(Counts::of(&replayed), Counts { as_recorded: 1, mended: 1, left_out: 0, unexplained: 2 });
    assert!(
        replayed[1].to_string().starts_with("spidersubnet/not-in-the-table: UNEXPLAINED: allowed: want true")
    );
    assert!(replayed[3].to_string().contains("the case cannot be read"));
}
