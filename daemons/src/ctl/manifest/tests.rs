//! Tables of texts and what is read from them.

use std::fs;
use std::path::PathBuf;

use super::*;

fn file(folder: &tempfile::TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    path
}

fn files(files: Vec<PathBuf>, recursive: bool) -> Files {
    Files { files, recursive }
}

fn read_one(text: &str) -> Result<Found, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder, "m.yaml", text);
    let prefix = format!("{}/", folder.path().display());
    read(&files(vec![path], false)).map_err(|error| error.to_string().replace(&prefix, ""))
}

const POOL: &str = "apiVersion: spiderpool.spidernet.io/v2beta1\nkind: SpiderIPPool\nmetadata: {name: v4}\nspec: {subnet: 10.6.0.0/24}\n";

fn described(found: &Found) -> Vec<String> {
    let one = |one: &Manifest| {
        let place = one.place.to_string();
        let place = place.rsplit('/').next().unwrap_or_default();
        format!("{} {} at {place}", one.object.kind(), one.object.name())
    };
    found.manifests.iter().map(one).collect()
}

#[test]
fn documents_lists_and_json_are_read() {
    let json = r#"{"apiVersion":"spiderpool.spidernet.io/v2beta1","kind":"SpiderReservedIP","metadata":{"name":"r"},"spec":{"ips":["10.6.0.1"]}}"#;
    let list = format!(r#"{{"apiVersion":"v1","kind":"List","items":[{json}]}}"#);
    let typed = r#"{"kind":"SpiderIPPoolList","apiVersion":"spiderpool.spidernet.io/v2beta1","items":[{"metadata":{"name":"a"},"spec":{}},{"metadata":{"name":"b"},"spec":{}}]}"#;
    let cases: [(&str, String, &[&str]); 6] = [
        ("one", POOL.to_owned(), &["SpiderIPPool v4 at m.yaml: document 1"]),
        (
            "empty documents do not count",
            format!("---\n# nothing\n---\n{POOL}---\n"),
            &["SpiderIPPool v4 at m.yaml: document 1"],
        ),
        (
            "two",
            format!("{POOL}---\n{json}\n"),
            &["SpiderIPPool v4 at m.yaml: document 1", "SpiderReservedIP r at m.yaml: document 2"],
        ),
        ("a list", list, &["SpiderReservedIP r at m.yaml: document 1, items[0]"]),
        (
            "a typed list",
            typed.to_owned(),
            &[
                "SpiderIPPool a at m.yaml: document 1, items[0]",
                "SpiderIPPool b at m.yaml: document 1, items[1]",
            ],
        ),
        (
            "JSON values in a row",
            format!("{json}\n{}", json.replace("\"r\"", "\"s\"")),
            &["SpiderReservedIP r at m.yaml: document 1", "SpiderReservedIP s at m.yaml: document 2"],
        ),
    ];
    for (name, text, want) in cases {
        assert_eq!(described(&read_one(&text).unwrap()), want, "{name}");
    }
}

#[test]
fn other_kinds_are_named_and_left_out() {
    let text = format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\n---\n{POOL}---\napiVersion: spiderpool.spidernet.io/v2beta1\nkind: SpiderSubnet\nmetadata: {{name: s}}\n"
    );
    let found = read_one(&text).unwrap();
    assert_eq!(found.manifests.len(), 1);
    assert_eq!(found.skipped, 2);
    let left_out = "is left out; a local store keeps SpiderIPPool and SpiderReservedIP";
    assert!(
        found.notes[0].ends_with(&format!("m.yaml: document 1: Deployment web {left_out}")),
        "{:?}",
        found.notes
    );
    assert!(
        found.notes[1].ends_with(&format!("m.yaml: document 3: SpiderSubnet s {left_out}")),
        "{:?}",
        found.notes
    );
}

#[test]
fn mistakes_name_file_document_field_and_what_is_wanted() {
    let cases = [
        (
            "empty",
            "",
            "m.yaml: there is no SpiderIPPool or SpiderReservedIP (spiderpool.spidernet.io/v2beta1) to apply",
        ),
        (
            "not an object",
            "- a\n",
            r#"m.yaml: document 1: ["a"] is a list, want an object with apiVersion, kind, metadata and spec"#,
        ),
        (
            "no kind",
            "apiVersion: v1\n",
            "m.yaml: document 1: kind is missing, want SpiderIPPool or SpiderReservedIP",
        ),
        (
            "no version",
            "kind: SpiderIPPool\n",
            "m.yaml: document 1 (SpiderIPPool): apiVersion is missing, want spiderpool.spidernet.io/v2beta1",
        ),
        (
            "old version",
            "kind: SpiderIPPool\napiVersion: spiderpool.spidernet.io/v1\n",
            "m.yaml: document 1 (SpiderIPPool): apiVersion: \"spiderpool.spidernet.io/v1\" is not supported, want \"spiderpool.spidernet.io/v2beta1\"",
        ),
        (
            "misspelt kind",
            "kind: SpiderIpPol\napiVersion: spiderpool.spidernet.io/v2beta1\n",
            "m.yaml: document 1: kind: \"SpiderIpPol\" is not known in spiderpool.spidernet.io, did you mean \"SpiderIPPool\"?",
        ),
        (
            "no name",
            "kind: SpiderIPPool\napiVersion: spiderpool.spidernet.io/v2beta1\nmetadata: {}\n",
            "m.yaml: document 1 (SpiderIPPool): metadata.name is missing, want a lower-case name such as \"v4\"",
        ),
        (
            "number as name",
            "kind: SpiderIPPool\napiVersion: spiderpool.spidernet.io/v2beta1\nmetadata: {name: 4}\n",
            "m.yaml: document 1 (SpiderIPPool): metadata.name: 4 is a number, want a text; put it in quotes",
        ),
        (
            "bad name",
            "kind: SpiderIPPool\napiVersion: spiderpool.spidernet.io/v2beta1\nmetadata: {name: V4}\nspec: {}\n",
            "m.yaml: document 1 (SpiderIPPool V4): metadata.name: \"V4\" is not a valid pool name; want",
        ),
        (
            "no spec",
            "kind: SpiderIPPool\napiVersion: spiderpool.spidernet.io/v2beta1\nmetadata: {name: v4}\n",
            "m.yaml: document 1 (SpiderIPPool v4): spec is missing, want the object's fields there",
        ),
        (
            "key twice",
            "kind: A\nkind: B\n",
            "m.yaml: is not YAML: duplicate mapping key: kind at line 2, column 1",
        ),
        ("broken", "kind: [a\n", "m.yaml: is not YAML: unclosed bracket '[' at line 1, column 7"),
        (
            "broken JSON",
            "{\"kind\": \"A\"",
            "m.yaml: is not JSON: EOF while parsing an object at line 1 column 12",
        ),
        (
            "key twice in JSON",
            "{\"kind\":1,\"kind\":2}",
            "m.yaml: key \"kind\" comes twice in one object, want it once",
        ),
    ];
    for (name, text, want) in cases {
        let error = read_one(text).unwrap_err();
        assert!(error.starts_with(want), "{name}: {error}");
    }
}

#[test]
fn all_mistakes_are_told_at_once_and_an_object_comes_once() {
    let text = format!("{POOL}---\n{POOL}---\n{}", POOL.replace("subnet", "subnit").replace("v4", "w"));
    let error = read_one(&text).unwrap_err();
    assert_eq!(
        error,
        "2 mistakes in the manifests\n  m.yaml: document 2: SpiderIPPool v4 is given twice, first in m.yaml: document 1\n  \
         m.yaml: document 3 (SpiderIPPool w): unknown field \"spec.subnit\", did you mean \"subnet\"?"
    );
}

#[test]
fn a_folder_is_read_in_order_of_name() {
    let folder = tempfile::tempdir().unwrap();
    for (name, pool) in [("b.yaml", "b"), ("a.json", "a"), ("deep/c.yml", "c"), ("notes.txt", "d")] {
        file(&folder, name, &POOL.replace("v4", pool));
    }
    let names = |recursive| {
        let found = read(&files(vec![folder.path().to_owned()], recursive)).unwrap();
        found.manifests.iter().map(|one| one.object.name().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(false), ["a", "b"]);
    assert_eq!(names(true), ["a", "b", "c"]);
    let empty = folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let error = read(&files(vec![empty], false)).unwrap_err().to_string();
    assert!(error.contains("no file ends in .yaml"), "{error}");
}

#[test]
fn names_are_read_from_manifests_that_are_not_valid() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder, "m.yaml", &POOL.replace("subnet", "whatever"));
    let names = read_names(&files(vec![path], false)).unwrap();
    assert_eq!(names, [(ObjectKind::IpPool, "v4".to_owned())]);
}
