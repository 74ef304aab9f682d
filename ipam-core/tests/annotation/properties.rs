//! Laws.

use ipam_core::annotation::{ItemsView, Key, NamespaceAnnotations, NetworkScope, PodAnnotations};
use ipam_core::go_json::{Place, Value};
use ipam_core::select::source::{Asked, Question, SubnetFeature, Switches};
use ipam_core::select::{PoolNames, Slot};
use proptest::prelude::*;
use serde::de::IgnoredAny;
use serde_json::{Value as Json, json};

use crate::annotations;

/// Texts of which many are almost JSON.
fn nearly_json() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        r#"[\[\]{},:"\\utrefalsn0-9eE.+ -]{0,16}"#,
        proptest::collection::vec(
            prop_oneof![
                Just("{"),
                Just("}"),
                Just("["),
                Just("]"),
                Just(","),
                Just(":"),
                Just("null"),
                Just("true"),
                Just("1.5e3"),
                Just(r#""interface""#),
                Just(r#""eth0""#),
                Just(r#""net1""#),
                Just(r#""ipv4""#),
                Just(r#""IPV4""#),
                Just(r#""ipv6""#),
                Just(r#""cleangateway""#),
                Just(r#""dst""#),
                Just(r#""gw""#),
                Just(r#""10.0.0.0/8""#),
                Just(r#""name""#),
                Just(r#""\ud800""#),
                Just("a/b@c"),
            ],
            0..24
        )
        .prop_map(|parts| parts.concat()),
    ]
}

/// Lists and objects of the right shape, with names that clash, are empty or missing.
fn nearly_right() -> impl Strategy<Value = String> {
    let list = || proptest::collection::vec("s?|t|a\\*", 0..3);
    let nic = proptest::option::of("eth0|net1|a/b|");
    // A missing interface is as good as `null`.
    let item = (nic, proptest::option::of(list()), list())
        .prop_map(|(nic, v4, v6)| json!({ "interface": nic, "ipv4": v4, "ipv6": v6 }));
    prop_oneof![
        item.clone().prop_map(|item| item.to_string()),
        proptest::collection::vec(item, 0..3).prop_map(|items| Json::from(items).to_string()),
    ]
}

/// Values as another program might write them, some of the shape that is wanted.
fn json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<String>().prop_map(Json::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Json::from),
            proptest::collection::btree_map("ipv4|ipv6|interface|\\PC{0,6}", inner, 0..6)
                .prop_map(|members| Json::Object(members.into_iter().collect())),
        ]
    })
}

/// Reads all of a value and holds it against what it was written from.
fn agree(read: Value<'_>, want: &Json) -> Result<(), TestCaseError> {
    let place = Place::Root("T");
    prop_assert_eq!(read.is_null(), want.is_null());
    prop_assert_eq!(read.truth(place).ok().flatten(), want.as_bool());
    let text = read.text(place).ok().flatten();
    prop_assert_eq!(text.as_deref(), want.as_str());
    if let Some(items) = want.as_array() {
        let own: Vec<_> = read.items(place).unwrap().collect();
        prop_assert_eq!(own.len(), items.len());
        own.into_iter().zip(items).try_for_each(|(own, item)| agree(own, item))?;
    }
    if let Some(members) = want.as_object() {
        let own: Vec<_> = read.members(place).unwrap().collect();
        prop_assert_eq!(own.len(), members.len());
        own.into_iter().zip(members).try_for_each(|(own, (_, value))| agree(own.value, value))?;
    }
    Ok(())
}

/// The same key with some letters changed to others of the same fold.
fn other_case(key: &'static str) -> impl Strategy<Value = String> {
    proptest::collection::vec(any::<bool>(), key.len()).prop_map(move |changes| {
        let letter = |(letter, change): (char, bool)| match letter {
            _ if !change => letter,
            's' => 'ſ',
            other => other.to_ascii_uppercase(),
        };
        key.chars().zip(changes).map(letter).collect()
    })
}

fn pool_names() -> impl Strategy<Value = PoolNames> {
    let list = || proptest::collection::vec("[a-z0-9.*-]{0,8}|\\PC{0,4}", 0..3);
    (list(), list()).prop_map(|(v4, v6)| PoolNames { v4, v6 })
}

proptest! {
    #[test]
    fn what_is_json_agrees_with_another_reader(text in nearly_json()) {
        // That one has a limit of depth of its own, which texts as short as these do not reach.
        let other = serde_json::from_str::<IgnoredAny>(&text);
        prop_assert_eq!(Value::parse(text.as_bytes()).is_ok(), other.is_ok(), "{:?}", other);
    }

    #[test]
    fn what_is_written_is_read(value in json(), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
        agree(Value::parse(text.as_bytes()).unwrap(), &value)?;
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
        if let Ok(value) = Value::parse(&bytes) {
            let _ = (value.text(Place::Root("T")), value.texts(Place::Root("T")));
        }
        let quoted = [b"\"".as_slice(), &bytes, b"\""].concat();
        let is_plain = !bytes.iter().any(|byte| *byte < 0x20 || matches!(byte, b'"' | b'\\'));
        if is_plain {
            let text = Value::parse(&quoted).unwrap().text(Place::Root("T")).unwrap().unwrap();
            if let Ok(valid) = std::str::from_utf8(&bytes) {
                prop_assert_eq!(text, valid);
            } else {
                prop_assert!(text.contains(char::REPLACEMENT_CHARACTER));
            }
        }
    }

    #[test]
    fn any_annotation_is_followed_or_refused_with_its_key(
        text in prop_oneof![nearly_json(), nearly_right()], nic in "eth0|net1"
    ) {
        for key in [
            Key::IpPool, Key::IpPools, Key::Routes, Key::Subnet, Key::Subnets, Key::Reclaim, Key::DefaultV4, Key::DefaultV6,
        ] {
            let all = annotations(&[(key.as_str(), &text)]);
            let pod = PodAnnotations::new(&all);
            let results = [
                pod.ippool().err(), pod.ippools().err(), pod.routes().err(), pod.subnets().err(), pod.reclaim().err(),
                NamespaceAnnotations::new(&all).default_pools().err(),
            ];
            for error in results.into_iter().flatten() {
                prop_assert!(error.to_string().contains(key.as_str()), "{}", error);
            }
            let question = Question {
                nic: nic.parse().unwrap(),
                pod,
                namespace: NamespaceAnnotations::new(&all),
                configured: PoolNames::default(),
                clean_gateway: false,
            };
            let on = Switches { subnets: SubnetFeature::AutoPools, ..Switches::default() };
            match Asked::new(&question, on) {
                Ok(asked) => {
                    prop_assert!(!asked.nics().is_empty());
                    prop_assert!(asked.nics().iter().all(|nic| nic.families().next().is_some()));
                }
                Err(error) => prop_assert!(error.to_string().contains(key.as_str()), "{}", error),
            }
        }
        let networks = annotations(&[("k8s.v1.cni.cncf.io/networks", &text), ("v1.multus-cni.io/default-network", &text)]);
        let scope = NetworkScope { pod_namespace: "t", agent_namespace: "s", cluster_network: None };
        let slot = Slot::Named(nic.parse().unwrap());
        if let Ok(network) = PodAnnotations::new(&networks).networks().of(&slot, scope) {
            prop_assert!(!network.namespace.is_empty() && !network.name.is_empty());
        }
    }

    #[test]
    fn the_case_of_keys_is_no_matter(
        interface in other_case("interface"), ipv4 in other_case("ipv4"), clean in other_case("cleangateway"), dst in other_case("dst")
    ) {
        let own = annotations(&[
            ("ippools", &json!([{ interface: "net1", ipv4: ["p4"], clean: true }]).to_string()),
            ("routes", &json!([{ dst: "10.0.0.0/8", "gw": "10.0.0.1" }]).to_string()),
        ]);
        let plain = annotations(&[
            ("ippools", r#"[{"interface":"net1","ipv4":["p4"],"cleangateway":true}]"#),
            ("routes", r#"[{"dst":"10.0.0.0/8","gw":"10.0.0.1"}]"#),
        ]);
        let (own, plain) = (PodAnnotations::new(&own), PodAnnotations::new(&plain));
        prop_assert_eq!(own.ippools().unwrap(), plain.ippools().unwrap());
        prop_assert_eq!(own.routes().unwrap(), plain.routes().unwrap());
    }

    #[test]
    fn pools_that_are_written_are_read(pools in pool_names(), items in proptest::collection::vec((pool_names(), any::<bool>()), 1..4)) {
        let written = |pools: &PoolNames| json!({ "ipv4": pools.v4, "ipv6": pools.v6 });
        let in_order: Vec<Json> = items.iter().map(|(pools, clean)| {
            let mut item = written(pools);
            item["cleangateway"] = (*clean).into();
            item
        }).collect();
        let named: Vec<Json> = in_order.iter().cloned().enumerate().map(|(at, mut item)| {
            item["interface"] = format!("net{at}").into();
            item
        }).collect();
        let single = annotations(&[("ippool", &written(&pools).to_string())]);
        prop_assert_eq!(PodAnnotations::new(&single).ippool().unwrap(), Some(pools));
        for list in [in_order, named] {
            let all = annotations(&[("ippools", &Json::from(list).to_string())]);
            let read = PodAnnotations::new(&all).ippools().unwrap().unwrap();
            let own: Vec<_> = match read.view() {
                ItemsView::InOrder(own) => own.to_vec(),
                ItemsView::Named(own) => {
                    let is_in_place = own.iter().enumerate().all(|(at, (nic, _))| nic.as_str() == format!("net{at}"));
                    prop_assert!(is_in_place);
                    own.iter().map(|(_, item)| item.clone()).collect()
                }
            };
            let own: Vec<_> = own.into_iter().map(|item| (item.pools, item.clean_gateway)).collect();
            prop_assert_eq!(&own, &items);
        }
    }
}
