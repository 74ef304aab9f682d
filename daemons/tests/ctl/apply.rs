//! `apply`: what goes in, what is said, and what is refused.

use crate::bed::{Bed, manifests, pool, reserved};

#[test]
fn says_of_each_object_what_became_of_it() {
    let bed = Bed::new();
    let v4 = pool("v4", "10.6.0.0/24", "10.6.0.10-10.6.0.20", "");
    let both = format!("{v4}---\n{}", reserved("routers", "10.6.0.11"));
    let resource = |kind: &str, name: &str| format!("{kind}.spiderpool.spidernet.io/{name}");
    assert_eq!(
        bed.apply(&both).done(),
        format!(
            "{} created\n{} created\n",
            resource("spiderippool", "v4"),
            resource("spiderreservedip", "routers")
        )
    );
    let larger = both.replace("10.6.0.20", "10.6.0.30");
    assert_eq!(
        bed.apply(&larger).done(),
        format!(
            "{} configured\n{} unchanged\n",
            resource("spiderippool", "v4"),
            resource("spiderreservedip", "routers")
        )
    );
    let answer = bed.ctl_with(&["apply", "-f", "-", "-o", "json"], &larger).json();
    let unchanged =
        |kind: &str, name: &str| serde_json::json!({ "kind": kind, "name": name, "result": "unchanged" });
    assert_eq!(
        answer,
        serde_json::json!([unchanged("SpiderIPPool", "v4"), unchanged("SpiderReservedIP", "routers")])
    );
}

#[test]
fn a_dry_run_checks_all_and_makes_nothing() {
    let bed = Bed::new();
    let v4 = pool("v4", "10.6.0.0/24", "10.6.0.10-10.6.0.20", "");
    let dry = ["apply", "-f", "-", "--dry-run"];
    assert_eq!(bed.ctl_with(&dry, &v4).done(), "spiderippool.spiderpool.spidernet.io/v4 created (dry run)\n");
    assert!(!bed.store().exists(), "no store was made");
    bed.apply(&v4).done();
    let other = pool("w4", "10.6.0.0/24", "10.6.0.20-10.6.0.30", "");
    let refusal = bed.ctl_with(&dry, &other).failed(1);
    assert!(
        refusal
            .contains("standard input: document 1: SpiderIPPool.spiderpool.spidernet.io \"w4\" is invalid"),
        "{refusal}"
    );
    bed.ctl_with(&dry, &v4.replace("10.6.0.20", "10.6.0.30")).done();
    let stored = bed.ctl(&["get", "ippool", "v4", "-o", "yaml"]).done();
    assert!(stored.contains("10.6.0.10-10.6.0.20"), "{stored}");
}

#[test]
fn nothing_is_stored_unless_all_can_be() {
    let bed = Bed::new();
    let good = pool("a", "10.6.0.0/24", "10.6.0.10-10.6.0.20", "");
    let outside = pool("b", "10.7.0.0/24", "10.6.0.10", "");
    let overlaps = pool("c", "10.6.0.0/24", "10.6.0.20-10.6.0.21", "");
    let error = bed.apply(&format!("{good}---\n{outside}---\n{overlaps}")).failed(1);
    assert!(error.starts_with("error: nothing was applied, since 2 objects are refused\n"), "{error}");
    for want in [
        "standard input: document 2: SpiderIPPool.spiderpool.spidernet.io \"b\" is invalid: spec.ips[0]: Invalid value: \"10.6.0.10\": not match base subnet: 10.6.0.10",
        "standard input: document 3: SpiderIPPool.spiderpool.spidernet.io \"c\" is invalid: spec.ips: ",
    ] {
        assert!(error.contains(want), "{want}: {error}");
    }
    assert!(!bed.store().exists(), "a refused manifest makes no store");
}

#[test]
fn an_address_in_use_stays_in_its_pool() {
    let v4 = pool("v4", "10.6.0.0/24", "10.6.0.10-10.6.0.20", "");
    let bed = Bed::with(&[&v4]);
    assert_eq!(bed.take_at("net1", "c1", "v4", "10.6.0.15"), "10.6.0.15");
    let error = bed.apply(&v4.replace("10.6.0.20", "10.6.0.14")).failed(1);
    assert!(error.contains("10.6.0.15") && error.contains("container c1 on network net1"), "{error}");
    bed.apply(&v4.replace("10.6.0.20", "10.6.0.15")).done();
    let error = bed.apply(&v4.replace("10.6.0.0/24", "10.6.0.0/16")).failed(1);
    assert!(error.contains("spec.subnet: Forbidden: is not changeable, want 10.6.0.0/24"), "{error}");
}

#[test]
fn the_manifests_of_a_cluster_are_taken_as_they_are() {
    let expected = [
        ("basic/custom-ipv4-ippool.yaml", 1),
        ("basic/custom-ipv6-ippool.yaml", 1),
        ("ippool-multi/test-ipv4-ippools.yaml", 2),
        ("ippool-namespace/ns1-default-ipv4-ippool.yaml", 1),
        ("reserved-ip/already-in-use-ippool.yaml", 1),
        ("reserved-ip/created-by-someone-else-ippool.yaml", 1),
        ("reserved-ip/not-use-excludeips-ippool.yaml", 1),
        ("reserved-ip/test-ipv4-ippool.yaml", 1),
        ("reserved-ip/test-ipv4-reservedip.yaml", 1),
        ("reserved-ip/use-excludeips-ippool.yaml", 1),
        ("route/ippool-route.yaml", 1),
    ];
    for (file, objects) in expected {
        let bed = Bed::new();
        let path = manifests().join(file);
        let path = path.to_string_lossy();
        let out = bed.ctl(&["apply", "-f", &path]).done();
        assert_eq!(out.lines().filter(|line| line.ends_with(" created")).count(), objects, "{file}: {out}");
        let out = bed.ctl(&["apply", "-f", &path]).done();
        assert_eq!(out.lines().filter(|line| line.ends_with(" unchanged")).count(), objects, "{file}: {out}");
    }
    // Two of one folder contradict each other, as their names say.
    let bed = Bed::new();
    let folder = manifests().join("reserved-ip");
    let error = bed.ctl(&["apply", "-f", &folder.to_string_lossy()]).failed(1);
    assert!(error.contains("use-excludeips"), "{error}");
}

#[test]
fn other_kinds_are_left_out_with_a_note_or_refused_when_strict() {
    let bed = Bed::new();
    let deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n";
    let text = format!("{deployment}---\n{}", pool("v4", "10.6.0.0/24", "10.6.0.10", ""));
    let error = bed.ctl_with(&["apply", "-f", "-", "--strict"], &text).failed(1);
    assert!(error.starts_with("error: --strict: nothing was applied"), "{error}");
    assert!(!bed.store().exists());
    let run = bed.apply(&text);
    assert_eq!(
        run.err,
        "note: standard input: document 1: Deployment web is left out; a local store keeps SpiderIPPool and SpiderReservedIP\n"
    );
    assert_eq!(run.done(), "spiderippool.spiderpool.spidernet.io/v4 created\n");
    let error = bed.apply(deployment).failed(1);
    assert_eq!(
        error,
        "error: standard input: there is no SpiderIPPool or SpiderReservedIP (spiderpool.spidernet.io/v2beta1) to apply\n"
    );
}

#[test]
fn a_pool_of_a_network_is_changed_there_only() {
    let bed = Bed::with(&[&pool("own", "10.7.0.0/24", "10.7.0.1", "")]);
    let inline = ipam_core::PoolFields {
        subnet: "10.6.0.0/24".to_owned(),
        ips: vec!["10.6.0.10".to_owned()],
        ..ipam_core::PoolFields::default()
    };
    let source = ipam_local::Source::Network("net1".to_owned());
    let mut store = bed.open();
    let mut session = store.session(std::time::Duration::from_secs(60)).unwrap();
    session.apply_pool(&"v4".parse().unwrap(), &inline, &ipam_local::Metadata::default(), &source).unwrap();
    drop(session);
    let same = pool("v4", "10.6.0.0/24", "10.6.0.10", "");
    assert_eq!(bed.apply(&same).done(), "spiderippool.spiderpool.spidernet.io/v4 unchanged\n");
    let error = bed.apply(&same.replace("10.6.0.10", "10.6.0.11")).failed(1);
    assert_eq!(
        error,
        "error: nothing was applied: standard input: document 1: SpiderIPPool v4 comes from the configuration of network net1 \
         and cannot be changed by `spiderpoolctl apply`; change it there, or delete it first\n"
    );
    let gone = bed.ctl(&["delete", "ippool", "v4"]);
    assert_eq!(
        gone.err,
        "note: IPPool v4 comes from the configuration of network net1, whose next ADD loads it again\n"
    );
}

#[test]
fn a_misspelt_field_is_refused() {
    let bed = Bed::new();
    let text = pool("v4", "10.6.0.0/24", "10.6.0.10", "  gatway: 10.6.0.1\n");
    let file = bed.file("v4.yaml", &text);
    assert_eq!(
        bed.ctl(&["apply", "-f", &file]).failed(1),
        "error: DIR/v4.yaml: document 1 (SpiderIPPool v4): unknown field \"spec.gatway\", did you mean \"gateway\"?\n"
    );
    let missing = bed.path("nothing.yaml");
    assert_eq!(
        bed.ctl(&["apply", "-f", &missing.to_string_lossy()]).failed(1),
        "error: cannot read DIR/nothing.yaml: No such file or directory (os error 2)\n"
    );
}
