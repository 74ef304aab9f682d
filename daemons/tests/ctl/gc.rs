//! `gc`: by a list of the runtime, or by inference; and all the slips that must free nothing.

use crate::bed::{Bed, Run, pool};

fn bed() -> Bed {
    let bed = Bed::with(&[&pool("v4", "10.6.0.0/24", "10.6.0.10-10.6.0.20", "")]);
    bed.take("net1", "c1aaaaaaaaaaaa", "v4");
    bed.take("net1", "c2bbbbbbbbbbbb", "v4");
    bed.take("net2", "c3cccccccccccc", "v4");
    bed
}

fn by_list(bed: &Bed, list: &str, more: &[&str]) -> Run {
    bed.ctl_with(&[&["gc", "--network", "net1", "--valid", "-"], more].concat(), list)
}

/// The first two letters of each container that holds an address.
fn held(bed: &Bed) -> Vec<String> {
    let list = bed.ctl(&["ip", "list", "-o", "json"]).json();
    let ids = list.as_array().into_iter().flatten().filter_map(|one| one.pointer("/owner/id")?.as_str());
    ids.map(|id| id.chars().take(2).collect()).collect()
}

#[test]
fn what_the_list_does_not_name_is_freed_on_its_network_alone() {
    let bed = bed();
    let dry = by_list(&bed, "c1aaaaaaaaaaaa eth0\n", &["--dry-run"]).done();
    assert!(dry.contains("10.6.0.11   v4     eth0   container c2bbbbbbbbbbbb on network net1"), "{dry}");
    assert!(dry.ends_with("1 of 2 addresses would be freed\n"), "{dry}");
    assert_eq!(held(&bed), ["c1", "c2", "c3"]);
    let report =
        by_list(&bed, r#"[{"containerID":"c1aaaaaaaaaaaa","ifname":"eth0"}]"#, &["-o", "json"]).json();
    assert_eq!(report["freed"][0]["address"], "10.6.0.11");
    assert_eq!((report["isDryRun"].as_bool(), report["seen"].as_u64()), (Some(false), Some(2)));
    assert_eq!(held(&bed), ["c1", "c3"]);
    bed.ctl(&["fsck"]).done();
}

#[test]
fn slips_free_nothing() {
    let bed = bed();
    let cases = [
        (
            "",
            "error: the list for network net1 is empty, so all 2 addresses of it would be freed; if that is right, add --all-gone; nothing was freed\n",
        ),
        (
            "other eth0\n",
            "error: the list for network net1 names none that holds an address, so all 2 addresses of it would be freed; if that is right, add --all-gone; nothing was freed\n",
        ),
        (
            "c1aaaaaaaaaaaa eth0\nc2bbbb eth0\n",
            "error: the list has \"c2bbbb\", and \"c2bbbbbbbbbbbb\" holds an address: the list's ids seem to be cut short, want whole ones (as of `podman ps --no-trunc`); nothing was freed\n",
        ),
        (
            "c1aaaaaaaaaaaa\n",
            "error: standard input: line 1: \"c1aaaaaaaaaaaa\" is not understood, want CONTAINERID IFNAME; nothing was freed\n",
        ),
    ];
    for (list, want) in cases {
        assert_eq!(by_list(&bed, list, &[]).failed(1), want, "{list}");
    }
    let error = bed.ctl(&["gc", "--network", "net1", "--valid", "/nonexistent"]).failed(1);
    assert_eq!(error, "error: cannot read the list /nonexistent: No such file or directory (os error 2)\n");
    assert_eq!(held(&bed), ["c1", "c2", "c3"]);
    for args in [
        &["gc"][..],
        &["gc", "--network", "net1"],
        &["gc", "--valid", "-"],
        &["gc", "--network", "net1", "--valid", "-", "--inferred"],
        &["gc", "--inferred", "--all-gone"],
        &["gc", "--network", "net1", "--valid", "-", "--delay", "1s"],
    ] {
        bed.ctl(args).failed(2);
    }
    let misspelt = bed.ctl_with(&["gc", "--network", "net3", "--valid", "-"], "");
    assert_eq!(misspelt.err, "note: no address of network net3 is held, did you mean net1?\n");
    assert_eq!(misspelt.done(), "0 of 0 addresses freed\n");
}

#[test]
fn an_empty_list_that_is_meant_frees_all_of_the_network() {
    let bed = bed();
    assert!(by_list(&bed, "", &["--all-gone"]).done().ends_with("2 of 2 addresses freed\n"));
    assert_eq!(held(&bed), ["c3"]);
    by_list(&bed, "", &[]).done();
}

#[test]
fn records_of_an_earlier_boot_are_freed_after_the_delay() {
    let bed = bed();
    bed.take_before_boot("net1", "c4dddddddddddd", "v4");
    let early = bed.ctl(&["gc", "--inferred"]);
    assert!(early.err.starts_with("note: the store was first used in this boot "), "{early:?}");
    assert!(early.err.ends_with("at the soonest, or with a shorter --delay\n"), "{early:?}");
    assert!(early.done().starts_with("0 of "));
    assert_eq!(held(&bed), ["c1", "c2", "c3", "c4"]);
    let report = bed.ctl(&["gc", "--inferred", "--delay", "0s", "-o", "json"]).json();
    assert_eq!(report["freed"][0]["owner"]["id"], "c4dddddddddddd");
    assert_eq!(held(&bed), ["c1", "c2", "c3"]);
}
