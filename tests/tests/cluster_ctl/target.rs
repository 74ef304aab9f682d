//! Which store or cluster is looked at, and what is said where that one cannot be.

use crate::bed::{Account, Bed};

#[test]
fn flags_come_before_variables_and_each_is_named() {
    let bed = Bed::new();
    bed.pool("v4", "10.6.0.0/24", "10.6.0.10-10.6.0.20", "");
    let viewer = bed.kubeconfig(Account::View);
    let store = bed.folder.path().join("none.db").to_string_lossy().into_owned();
    let names = |args: &[&str], variables: &[(&str, &str)]| {
        let args = [args, &["get", "ippool", "-o", "json"]].concat();
        let pools = bed.run(&args, variables).json();
        pools["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|pool| pool["metadata"]["name"].to_string())
            .collect::<String>()
    };
    let both = [("KUBECONFIG", viewer.as_str()), ("SPIDERPOOL_STORE", store.as_str())];
    assert_eq!(names(&["--kubeconfig", &viewer], &[]), "\"v4\"");
    assert_eq!(names(&["--cluster"], &both), "\"v4\"");
    assert_eq!(names(&[], &both[..1]), "\"v4\"");
    let error = bed.run(&["get"], &both).failed(3);
    assert!(error.starts_with(&format!("error: there is no store at {store}")), "{error}");
    assert!(
        error.ends_with(&format!(
            "note: the store {store} (by SPIDERPOOL_STORE) was chosen; a cluster is chosen by --cluster or --kubeconfig PATH\n"
        )),
        "{error}"
    );
    let error = bed.run(&["get"], &[]).failed(3);
    assert!(error.contains("/var/lib/spiderpool/ipam.db (by nothing else) was chosen"), "{error}");
    let error = bed.run(&["--store", &store, "get", "--cluster"], &[]).failed(2);
    assert_eq!(error, "error: --store and --cluster: want one of them, a store or a cluster\n");
    let error = bed.run(&["--context", "nowhere", "get"], &both).failed(3);
    assert!(error.contains("nowhere"), "{error}");
    let error = bed.run(&["--kubeconfig", "/nowhere", "get"], &both).failed(3);
    assert!(error.contains("/nowhere cannot be used"), "{error}");
}

#[test]
fn commands_of_a_store_are_refused_in_a_line() {
    let bed = Bed::new();
    let viewer = |args: &[&str]| bed.ctl(Account::View, args).failed(2);
    for (args, instead) in [
        (&["apply", "-f", "x"][..], "kubectl apply -f FILE"),
        (&["delete", "ippool", "v4"], "kubectl delete spiderippool NAME"),
        (&["gc", "--inferred"], "fsck --repair"),
        (&["export"], "kubectl get spiderippools,spiderreservedips,spiderendpoints"),
        (&["import", "-f", "x"], "kubectl apply -f FILE"),
    ] {
        let error = viewer(args);
        assert_eq!(error.lines().count(), 1, "{error}");
        let start = format!(
            "error: `{}` is for the store of one host, and the cluster (by KUBECONFIG) was chosen; ",
            args[0]
        );
        assert!(error.starts_with(&start) && error.contains(instead), "{error}");
    }
    assert!(viewer(&["ip", "list", "--network", "n"]).contains("use --namespace"));
    for option in ["--network", "--cooldown"] {
        let error = viewer(&["explain", "shop/a", option, "1s"]);
        assert!(
            error.contains(&format!(
                "{option} is for the store of a host, and the cluster (by KUBECONFIG) was chosen"
            )),
            "{error}"
        );
    }
    assert_eq!(viewer(&["explain", "a"]), "error: \"a\" is no pod of a cluster, want NAMESPACE/NAME\n");
    // And the other way round.
    let store = bed.folder.path().join("ipam.db").to_string_lossy().into_owned();
    let host = |args: &[&str]| bed.run(&[&["--store", &store], args].concat(), &[]).failed(2);
    assert!(host(&["explain", "a", "--network", "n", "--new"]).contains("--new is for a cluster"));
    assert!(host(&["explain", "a"]).contains("--network must be given"));
    assert!(host(&["ip", "release", "10.6.0.1", "--force"]).contains("--force is for a cluster"));
}

#[test]
fn a_server_that_does_not_answer_and_rights_that_are_missing() {
    let bed = Bed::new();
    // Nothing listens there.
    let file = bed.kubeconfig(Account::View);
    let text = std::fs::read_to_string(file).unwrap().replace(&bed.server(), "https://127.0.0.1:1");
    let file = bed.file("dead.kubeconfig", &text);
    let error = bed.run(&["--timeout", "2s", "pool", "show"], &[("KUBECONFIG", &file)]).failed(3);
    assert!(
        error.starts_with("error: cluster https://127.0.0.1:1/: no answer: cannot list spiderippools: "),
        "{error}"
    );
    assert!(
        error.contains(
            "note: the cluster (by KUBECONFIG) was chosen; a store of one host is chosen by --store PATH"
        ),
        "{error}"
    );

    for args in [
        &["pool", "show"][..],
        &["ip", "list"],
        &["ip", "who", "10.6.0.10"],
        &["fsck"],
        &["explain", "shop/a"],
    ] {
        let error = bed.ctl(Account::Nobody, args).failed(3);
        assert!(
            error.contains(
                "the account lacks a right; the roles that are needed are in daemons/rbac/ctl.yaml"
            ),
            "{error}"
        );
        assert!(
            error.contains("is forbidden: User \"system:serviceaccount:spiderpool:nobody\" cannot"),
            "{error}"
        );
    }
    bed.pool("v4", "10.6.0.0/24", "10.6.0.10-10.6.0.20", "");
    bed.records("v4", &[("10.6.0.10", "shop/gone", "u1")], 1);
    let error = bed.ctl(Account::View, &["ip", "release", "10.6.0.10", "--owner", "u1"]).failed(3);
    assert!(error.contains("cannot update resource \"spiderippools/status\""), "{error}");
    let report = bed.ctl(Account::View, &["fsck", "--repair"]);
    assert_eq!(report.code, 1);
    assert!(report.out.contains(": not repaired: ") && report.out.contains("is forbidden"), "{report:?}");
    assert_eq!(bed.stored("v4")["10.6.0.10"]["podUid"], "u1");
}
