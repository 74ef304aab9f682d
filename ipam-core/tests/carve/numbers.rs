//! How many addresses are wanted: the annotation, the kinds, and the texts of what is refused.

use ipam_core::carve::{IpNumber, NumberError, Wanted, Workload, desired};

use crate::app;

#[test]
fn the_annotation_is_read_strictly() {
    let good = [
        ("0", IpNumber::Fixed(0)),
        ("5", IpNumber::Fixed(5)),
        ("007", IpNumber::Fixed(7)),
        ("+0", IpNumber::Flexible(0)),
        ("+5", IpNumber::Flexible(5)),
        ("9223372036854775807", IpNumber::Fixed(9_223_372_036_854_775_807)),
    ];
    for (text, want) in good {
        assert_eq!(text.parse(), Ok(want), "{text}");
    }
    let key = "ipam.spidernet.io/ippool-ip-number";
    let bad = [
        ("", r#"invalid input '': strconv.Atoi: parsing "": invalid syntax"#.to_owned()),
        ("+", r#"invalid input '+': strconv.Atoi: parsing "": invalid syntax"#.to_owned()),
        ("a", r#"invalid input 'a': strconv.Atoi: parsing "a": invalid syntax"#.to_owned()),
        ("1.5", r#"invalid input '1.5': strconv.Atoi: parsing "1.5": invalid syntax"#.to_owned()),
        (" 1", r#"invalid input ' 1': strconv.Atoi: parsing " 1": invalid syntax"#.to_owned()),
        (
            "9223372036854775808",
            r#"invalid input '9223372036854775808': strconv.Atoi: parsing "9223372036854775808": value out of range"#
                .to_owned(),
        ),
        ("++1", "invalid input '++1'".to_owned()),
        ("+1+1", "invalid input '+1+1'".to_owned()),
        // Mended: the original reads +2.
        ("7+2", "invalid input '7+2'".to_owned()),
        ("-1", format!("subnet '{key}' value must equal or greater than 0")),
        ("+-1", format!("subnet '{key}' value must equal or greater than 0")),
    ];
    for (text, want) in bad {
        let error = text.parse::<IpNumber>().unwrap_err().to_string();
        assert!(error.starts_with(&want), "{text}: {error}");
    }
}

#[test]
fn pods_by_kind() {
    let job = |parallelism, completions| Workload::Job { parallelism, completions }.pods();
    assert_eq!(Workload::Replicas(Some(3)).pods(), 3);
    assert_eq!(Workload::Replicas(None).pods(), 0);
    assert_eq!(Workload::Replicas(Some(-1)).pods(), 0);
    assert_eq!(Workload::DaemonSet(7).pods(), 7);
    assert_eq!([job(Some(4), Some(2)), job(None, Some(2)), job(None, Some(0))], [2, 2, 1]);
    assert_eq!([job(Some(4), None), job(Some(0), None), job(None, None)], [4, 1, 1]);
}

#[test]
fn who_has_pools_of_its_own() {
    let own = Workload::has_own_pools;
    let deployment = Some(("apps/v1", "Deployment"));
    assert!(own(&app("apps_v1_Deployment_ns_a"), None));
    assert!(own(&app("apps_v1_ReplicaSet_ns_a"), None));
    assert!(!own(&app("apps_v1_ReplicaSet_ns_a"), deployment));
    assert!(own(&app("apps_v1_ReplicaSet_ns_a"), Some(("argoproj.io/v1alpha1", "Rollout"))));
    assert!(!own(&app("batch_v1_Job_ns_a"), Some(("batch/v1", "CronJob"))));
    assert!(own(&app("batch_v1_Job_ns_a"), deployment));
    assert!(own(&app("apps_v1_StatefulSet_ns_a"), Some(("example.com/v1", "Database"))));
    assert!(!own(&app("v1_Pod_ns_a"), None));
    assert!(!own(&app("apps.kruise.io_v1alpha1_CloneSet_ns_a"), None));
}

#[test]
fn desired_numbers() {
    let built_in = app("apps_v1_Deployment_t_app");
    let other = app("apps.kruise.io_v1alpha1_CloneSet_t_clone");
    let wanted = |count, text: &str| Ok(Wanted { count, annotation: text.to_owned() });
    assert_eq!(desired(&built_in, 2, Some(IpNumber::Flexible(1)), 0), wanted(3, "+1"));
    assert_eq!(desired(&built_in, 2, Some(IpNumber::Fixed(5)), 0), wanted(5, "5"));
    assert_eq!(desired(&built_in, 2, None, 0), wanted(2, "+0"));
    assert_eq!(desired(&built_in, 2, None, 3), wanted(5, "+3"));
    assert_eq!(desired(&other, 2, Some(IpNumber::Fixed(5)), 3), wanted(5, "5"));
    assert_eq!(
        desired(&other, 2, Some(IpNumber::Flexible(2)), 3),
        wanted(2, "2"),
        "as the original records it"
    );
    let refused = desired(&other, 2, None, 3).unwrap_err().to_string();
    assert!(
        refused.starts_with("CloneSet/t/clone only supports fixed auto-created IPPool IP Number"),
        "{refused}"
    );

    assert_eq!(
        desired(&built_in, 7, Some(IpNumber::Fixed(u32::MAX.into())), 0),
        wanted(u32::MAX, "4294967295")
    );
    for number in
        [IpNumber::Flexible(u32::MAX.into()), IpNumber::Fixed(1 << 32), IpNumber::Flexible(u64::MAX)]
    {
        let refused = desired(&built_in, 1, Some(number), 0).unwrap_err();
        assert!(matches!(refused, NumberError::TooMany { .. }), "{number}");
    }
}
