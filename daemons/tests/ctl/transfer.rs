//! `export`, `import`, and the way over from host-local.

use crate::bed::{Bed, pool, reserved};

fn bed() -> Bed {
    let bed = Bed::with(&[
        &pool("v4", "10.6.0.0/24", "10.6.0.10-10.6.0.20", "  gateway: 10.6.0.1\n"),
        &pool("v6", "fd00::/64", "fd00::1-fd00::ff", ""),
        &reserved("routers", "10.6.0.11"),
    ]);
    bed.take("net1", "c1", "v4");
    bed.take("net1", "c2", "v6");
    bed.take_before_boot("net2", "c3", "v4");
    bed
}

#[test]
fn what_was_exported_comes_back() {
    let bed = bed();
    let text = bed.ctl(&["export"]).done();
    assert!(text.starts_with("format: spiderpool-local\nversion: 1\n"), "{text}");
    let (yaml, json) = (bed.path("out.yaml"), bed.path("out.json"));
    let run = bed.ctl(&["export", "-f", &yaml.to_string_lossy()]);
    assert_eq!(run.err, "note: 2 pools, 1 reserved ranges and 3 records written to DIR/out.yaml\n");
    assert_eq!(std::fs::read_to_string(&yaml).unwrap(), text);
    bed.ctl(&["export", "-f", &json.to_string_lossy()]).done();
    assert!(std::fs::read_to_string(&json).unwrap().starts_with('{'));
    for file in [&yaml, &json] {
        let other = Bed::new();
        let import = ["import", "-f", &file.to_string_lossy()];
        assert_eq!(
            other.ctl(&import).done(),
            "3 pools and reserved ranges and 3 records imported, 0 of both were there already\n"
        );
        assert_eq!(other.ctl(&["export"]).done(), text);
        assert_eq!(
            other.ctl(&[&import[..], &["-o", "json"]].concat()).json(),
            serde_json::json!({ "objects": 0, "records": 0, "unchanged": 6 })
        );
        other.ctl(&["fsck"]).done();
    }
    let folder = bed.path("").to_string_lossy().into_owned();
    let left = std::fs::read_dir(folder)
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().ends_with(".partial"));
    assert_eq!(left.count(), 0);
}

#[test]
fn an_import_that_contradicts_the_store_changes_nothing() {
    let bed = bed();
    let text = bed.ctl(&["export"]).done();
    let other = Bed::with(&[&pool("v4", "10.6.0.0/24", "10.6.0.10-10.6.0.20", "  gateway: 10.6.0.1\n")]);
    other.take("net1", "x1", "v4");
    let before = other.ctl(&["export"]).done();
    let error = other.ctl_with(&["import", "-f", "-"], &text).failed(1);
    assert!(error.contains("record of 10.6.0.10: it is held by container x1 on network net1"), "{error}");
    assert_eq!(other.ctl(&["export"]).done(), before);
    let cases = [
        ("", "error: standard input: there is nothing in it\n"),
        ("a: 1\n---\nb: 2\n", "error: standard input: there are 2 documents, want one\n"),
        ("{}", "error: standard input: missing field `format`, want a file that `export` wrote\n"),
    ];
    for (text, want) in cases {
        assert_eq!(other.ctl_with(&["import", "-f", "-"], text).failed(1), want);
    }
    let manifest = pool("v5", "10.7.0.0/24", "10.7.0.1", "");
    let error = other.ctl_with(&["import", "-f", "-"], &manifest).failed(1);
    assert!(
        error.ends_with("want a file that `export` wrote; manifests are loaded by `apply -f`\n"),
        "{error}"
    );
    let newer = text.replace("version: 1", "version: 2");
    let error = other.ctl_with(&["import", "-f", "-"], &newer).failed(1);
    assert!(error.contains("version 2"), "{error}");
}

#[test]
fn a_host_local_folder_is_taken_over() {
    let bed = Bed::with(&[&pool("v4", "10.6.0.0/24", "10.6.0.10-10.6.0.20", "")]);
    let folder = bed.path("net1");
    std::fs::create_dir(&folder).unwrap();
    for (name, text) in [
        ("10.6.0.10", "c1\r\neth0"),
        ("10.6.0.11", "c2\r\neth0"),
        ("10.6.0.12", ""),
        ("last_reserved_ip.0", "10.6.0.12"),
        ("lock", ""),
        ("notes.txt", "mine"),
    ] {
        std::fs::write(folder.join(name), text).unwrap();
    }
    let import = ["import", "host-local", &folder.to_string_lossy(), "--network", "net1"];
    let run = bed.ctl(&import);
    assert_eq!(
        run.err,
        "note: 10.6.0.12 has no owner in the folder; it is kept until `ip release 10.6.0.12`\n\
         note: DIR/net1/notes.txt is no file of host-local, and is left out\n"
    );
    assert_eq!(run.done(), "3 addresses of network net1 taken over, 0 were here already\n");
    assert!(
        bed.ctl(&import).done().starts_with("0 addresses of network net1 taken over, 3 were here already")
    );
    let who = bed.ctl(&["ip", "who", "10.6.0.11"]).done();
    assert!(who.starts_with("10.6.0.11 is held by container c2 on network net1 (eth0)\n"), "{who}");
    bed.ctl(&["ip", "release", "10.6.0.12"]).done();

    std::fs::write(folder.join("10.9.0.1"), "c9\r\neth0").unwrap();
    let error = bed.ctl(&import).failed(1);
    assert!(error.contains("10.9.0.1 of container c9 on network net1 is in no IPPool"), "{error}");
    bed.ctl(&["import", "host-local", "/nowhere"]).failed(2);
    bed.ctl(&["import"]).failed(2);
    bed.ctl(&["fsck"]).done();
}
