//! The control record as JSON, byte for byte.

use ipam_core::Family;
use ipam_core::carve::{Application, ControlledPools, Demand, Stock};
use proptest::prelude::*;

use crate::{app, name, records, set, subnet};

fn parse(text: &str) -> ControlledPools {
    ControlledPools::from_json(Family::V4, Some(text)).expect(text)
}

/// Texts of recorded statuses of the original, and the forms of the chapter.
#[test]
fn what_go_wrote_is_written_again() {
    let texts = [
        r#"{"auto4-test-app-1-eth0-a5bd3":{"ips":["10.6.168.101-10.6.168.103"],"application":"apps_v1_Deployment_default_test-app-1"},"ippool-test":{"ips":["10.6.168.108-10.6.168.110"]}}"#,
        r#"{"auto4-clone-eth0-00000":{"ips":["10.16.0.12","10.16.0.14-10.16.0.15"],"application":"apps.kruise.io_v1alpha1_CloneSet_t_clone"},"manual":{"ips":["10.16.0.10-10.16.0.11"]}}"#,
        r#"{"auto4-rc-eth0-00000":{"ips":["10.16.0.10-10.16.0.11"],"application":"v1_ReplicationController_t_rc"}}"#,
        r#"{"auto4-web-eth0-00000":{"ips":null,"application":"apps_v1_StatefulSet_t_web"}}"#,
        r#"{"a":{"ips":["10.0.0.3"]},"a-b":{"ips":["10.0.0.2"]},"a.b":{"ips":["10.0.0.1"]},"a0":{"ips":["10.0.0.4"]}}"#,
    ];
    for text in texts {
        let all = parse(text);
        assert_eq!(all.unreadable().count(), 0, "{text}");
        assert_eq!(all.to_json().as_deref(), Some(text));
    }
    let six = r#"{"auto6-clone-eth0-00000":{"ips":["fd00:16::10-fd00:16::12"],"application":"apps.kruise.io_v1alpha1_CloneSet_t_clone"}}"#;
    let all = ControlledPools::from_json(Family::V6, Some(six)).unwrap();
    assert_eq!(all.to_json().as_deref(), Some(six));
}

#[test]
fn no_record_is_an_absent_field() {
    assert_eq!(ControlledPools::new(Family::V4).to_json(), None);
    for text in [None, Some("null"), Some("{}"), Some(" {} ")] {
        let all = ControlledPools::from_json(Family::V4, text).unwrap();
        assert!(all.is_empty());
        assert_eq!(all.to_json(), None, "{text:?}");
    }
    let mut all = parse(r#"{"p":{"ips":["10.6.0.1"]}}"#);
    all.remove(&name("p"));
    assert_eq!(all.to_json(), None);
}

#[test]
fn other_spellings_are_read_and_written_in_the_usual_one() {
    let text = r#" {"p" : {"IPs":["10.6.0.3","10.6.0.1-10.6.0.2"],"application":null,"more":1}, "q":null,"r":{"ips":[]} }"#;
    let want = r#"{"p":{"ips":["10.6.0.1-10.6.0.3"]},"q":{"ips":null},"r":{"ips":null}}"#;
    assert_eq!(parse(text).to_json().as_deref(), Some(want));
}

/// As Go does, which matches keys in any case.
#[test]
fn of_equal_keys_the_last_counts() {
    let cases = [
        (r#"{"p":{"ips":["10.6.0.1"],"IPS":["10.6.0.2"]}}"#, r#"{"p":{"ips":["10.6.0.2"]}}"#),
        (r#"{"p":{"IPS":["10.6.0.1"],"ips":["10.6.0.2"]}}"#, r#"{"p":{"ips":["10.6.0.2"]}}"#),
        (r#"{"p":{"ips":["10.6.0.1"],"ips":null}}"#, r#"{"p":{"ips":null}}"#),
        (r#"{"p":{"ips":["10.6.0.1"]},"p":{"ips":["10.6.0.2"]}}"#, r#"{"p":{"ips":["10.6.0.2"]}}"#),
        (r#"{"p":{"ips":["10.6.0.1"]},"p":7}"#, r#"{"p":7}"#),
        (r#"{"p":7,"p":{"ips":["10.6.0.1"]}}"#, r#"{"p":{"ips":["10.6.0.1"]}}"#),
        (r#"{"P":7,"P":{"ips":[ 7 ]}}"#, r#"{"P":{"ips":[7]}}"#),
    ];
    for (text, want) in cases {
        assert_eq!(parse(text).to_json().as_deref(), Some(want), "{text}");
    }
}

#[test]
fn an_entry_that_cannot_be_read_is_kept_apart() {
    let cases = [
        (r#"{"ips":["zz"]}"#, "ips[0]: \"zz\" is not an IP range", ""),
        (r#"{"ips":["10.6.0.1","10.6.0.9-10.6.0.8"]}"#, "ips[1]: range 10.6.0.9-10.6.0.8 is reversed", "1"),
        (r#"{"ips":["fd00::1"]}"#, "ips[0]: fd00::1 is IPv6; want IPv4", ""),
        (r#"{"ips":[7]}"#, "ips[0]: 7 is no text", ""),
        (r#"{"ips":"10.6.0.1"}"#, "ips is \"10.6.0.1\"; want a list of ranges", ""),
        (
            r#"{"application":"Deployment_x","ips":["10.6.0.1"]}"#,
            "\"Deployment_x\" is not a valid application",
            "1",
        ),
        (r#"{"application":true,"ips":["10.6.0.1-10.6.0.2"]}"#, "application is true; want a text", "1-2"),
        ("[]", "the entry is no object", ""),
    ];
    for (entry, problem, held) in cases {
        let text = format!(r#"{{"a":{{"ips":["10.6.0.50"]}},"bad":{entry},"c":{{"ips":["10.6.0.51"]}}}}"#);
        let mut all = parse(&text);
        let (bad, why) = all.unreadable().next().expect(entry);
        assert!(bad == "bad" && why.problem.starts_with(problem), "{entry}: {}", why.problem);
        assert_eq!(all.iter().count(), 2, "the others are read");
        assert_eq!(all.union(), &set(&format!("{held},50,51")), "{entry}: what can be read is held");
        assert_eq!(all.to_json().as_deref(), Some(text.as_str()), "nothing is lost");

        // A new record takes its place and frees what it held.
        all.set(name("bad"), crate::record("9", None)).unwrap();
        assert_eq!(all.unreadable().count(), 0);
        assert_eq!(all.union(), &set("9,50,51"), "{entry}");
    }
    let all = parse(r#"{"Bad_Name":{"ips":["10.6.0.1"]}}"#);
    assert_eq!((all.iter().count(), all.unreadable().count(), all.is_empty()), (0, 1, false));
}

#[test]
fn a_pool_whose_entry_cannot_be_read_keeps_its_addresses() {
    let total = set("1-10");
    let all = parse(r#"{"p":{"ips":["10.6.0.4-10.6.0.5"],"application":"?"}}"#);
    let mut stock = Stock::new(subnet(&total), all, [], []).unwrap();
    assert_eq!(stock.free(), &set("1-3,6-10"));
    let (pool, application) = (name("p"), app("apps_v1_Deployment_default_web"));
    let demand = Demand { pool: &pool, application: &application, desired: 3, present: None };
    let carving = stock.plan(&demand).unwrap();
    assert_eq!(carving.ranges, set("1,4-5"));
    stock.apply(&carving).unwrap();
    assert_eq!((stock.free(), stock.records().unreadable().count()), (&set("2-3,6-10"), 0));
}

#[test]
fn strings_are_escaped_as_go_escapes_them() {
    let text = r#"{"bad":{"ips":["<>&\u2028\u2029\u0001\b\f\n\r\t\"\\/é"]}}"#;
    let want = r#"{"bad":{"ips":["\u003c\u003e\u0026\u2028\u2029\u0001\b\f\n\r\t\"\\/é"]}}"#;
    assert_eq!(parse(text).to_json().as_deref(), Some(want));
}

#[test]
fn a_text_that_is_no_object_is_an_error() {
    for text in ["", "{", "[]", "7", "\"x\"", "{\"a\":}", &"[".repeat(100_000)] {
        let error = ControlledPools::from_json(Family::V4, Some(text)).unwrap_err().to_string();
        assert!(error.starts_with("status.controlledIPPools cannot be read: "), "{error}");
    }
}

#[test]
fn applications_are_read_strictly() {
    let good = [
        ("apps_v1_Deployment_default_test-app-1", "apps/v1"),
        ("v1_ReplicationController_t_rc", "v1"),
        ("apps.kruise.io_v1alpha1_CloneSet_t_clone", "apps.kruise.io/v1alpha1"),
    ];
    for (text, api_version) in good {
        let one = app(text);
        assert_eq!((one.to_string().as_str(), one.api_version().as_str()), (text, api_version));
        let again = Application::new(api_version, one.kind(), one.namespace(), one.name());
        assert_eq!(again.as_ref(), Ok(&one));
        let labels = Application::from_label_texts(
            &one.group_version_label(),
            one.kind(),
            one.namespace(),
            one.name(),
        );
        assert_eq!(labels, Ok(one));
    }
    let bad = [
        "",
        "Deployment_default_a",
        "_v1_Deployment_default_a",
        "apps_v1_Deployment_default_a_b",
        "apps_v1_Deployment_default_",
        "apps_v1_Deployment__a",
        "apps_v1__default_a",
        "apps__Deployment_default_a",
        "apps_v1_Deployment_Default_a",
        "apps_v1_De ployment_default_a",
        "apps_v1_Deployment_default_a ",
        "Apps_v1_Deployment_default_a",
        "apps_v1.1_Deployment_default_a",
        "apps/v1_Deployment_default_a",
    ];
    for text in bad {
        assert!(text.parse::<Application>().is_err(), "{text:?}");
    }
}

proptest! {
    #[test]
    fn no_text_panics_and_what_is_written_reads_back(text in r#"(\{|\}|\[|\]|,|:|"ips"|"application"|"p[0-9]"|"10\.6\.0\.[0-9]{1,2}(-10\.6\.0\.[0-9]{1,2})?"|"v1_Pod_a_b"|null|1|"<"){0,24}"#) {
        if let Ok(all) = ControlledPools::from_json(Family::V4, Some(&text)) {
            let written = all.to_json();
            let again = ControlledPools::from_json(Family::V4, written.as_deref()).unwrap();
            prop_assert_eq!(again.to_json(), written);
        }
    }

    #[test]
    fn records_round_trip(pools in prop::collection::btree_map("[a-z][a-z0-9]{0,5}([.-][a-z0-9]{1,3})?", (0_u8..200, 0_u8..50, any::<bool>()), 0..8)) {
        let texts: Vec<(String, String, bool)> = pools.into_iter().map(|(pool, (first, more, auto))| (pool, format!("{first}-{}", first + more), auto)).collect();
        let entries: Vec<_> = texts.iter().map(|(pool, ranges, auto)| (pool.as_str(), ranges.as_str(), auto.then_some("apps_v1_Deployment_ns_a"))).collect();
        let all = records(&entries);
        let again = ControlledPools::from_json(Family::V4, all.to_json().as_deref()).unwrap();
        prop_assert_eq!((again.union(), again.shared()), (all.union(), all.shared()));
        prop_assert_eq!(again, all);
    }
}
