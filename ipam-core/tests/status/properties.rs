//! Laws: what is written reads back the same, a rewrite of what was written changes no byte, a change touches one record.

use std::collections::BTreeMap;

use ipam_core::status::AllocatedIps;
use ipam_core::{Addr, Family, IpRange};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{pod, read};

/// Keys of both families in many spellings, and no keys at all.
fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (0_u8..30).prop_map(|last| format!("10.6.0.{last}")),
        2 => (0_u16..30).prop_map(|last| format!("fd00::{last:x}")),
        1 => (0_u16..30).prop_map(|last| format!("FD00:0::{last:04X}")),
        1 => (0_u8..30).prop_map(|last| format!("::ffff:10.6.0.{last}")),
        1 => ".{0,8}",
    ]
}

/// Texts with what JSON and HTML escape.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => "[a-z]{1,4}/[a-z]{1,4}",
        1 => r#"[<>&"\\/a\u{0}-\u{1f}\u{7f}\u{2028}\u{2029}é😀]{0,6}"#,
        1 => Just(String::new()),
    ]
}

fn family() -> impl Strategy<Value = Family> {
    prop_oneof![Just(Family::V4), Just(Family::V6)]
}

fn entries() -> impl Strategy<Value = Vec<(String, String, String)>> {
    prop::collection::vec((key(), text(), text()), 0..12)
}

/// The same by serde_json alone.
fn document(entries: &[(String, String, String)]) -> String {
    let pairs = entries.iter().map(|(key, pod, uid)| {
        format!("{}:{}", json!(key), json!({ "podUid": uid, "pod": pod, "interface": null }))
    });
    format!("{{{}}}", pairs.collect::<Vec<_>>().join(","))
}

proptest! {
    #[test]
    fn what_is_written_reads_back_the_same(family in family(), entries in entries()) {
        let ips = read(family, &document(&entries));
        let model: BTreeMap<&str, (&str, &str)> =
            entries.iter().map(|(key, pod, uid)| (key.as_str(), (pod.as_str(), uid.as_str()))).collect();
        let found: Vec<_> = ips.iter().map(|ip| (ip.key, (ip.pod, ip.uid))).collect();
        prop_assert_eq!(&found, &model.into_iter().collect::<Vec<_>>());
        prop_assert_eq!(found.len(), ips.len());

        let text = ips.to_text();
        let back = AllocatedIps::parse(family, text.as_deref()).unwrap();
        prop_assert_eq!(&back, &ips);
        prop_assert_eq!(&back.to_text(), &text);

        let mut document = String::new();
        prop_assert_eq!(ips.append_json(&mut document), text.is_some());
        if let Some(text) = text {
            let is_raw = text.contains(['<', '>', '&', '\u{2028}', '\u{2029}', '\n']);
            prop_assert!(!is_raw, "{}", text);
            prop_assert_eq!(serde_json::from_str::<Value>(&document).unwrap(), Value::String(text));
        }
    }

    #[test]
    fn a_change_touches_the_records_of_one_address(
        family in family(),
        entries in entries(),
        changes in prop::collection::vec((0_u128..30, prop::option::of("[a-c]{1,2}")), 0..20),
    ) {
        let mut ips = read(family, &document(&entries));
        let base = match family { Family::V4 => 0x0a06_0000, Family::V6 => 0xfd00 << 112 };
        for (offset, name) in changes {
            let address = Addr::new(family, base + offset).unwrap();
            let of_others = |ips: &AllocatedIps| {
                let others = ips.iter().filter(|ip| ip.address != Some(address));
                others.map(|ip| (ip.key.to_owned(), ip.pod.to_owned(), ip.uid.to_owned())).collect::<Vec<_>>()
            };
            let before = of_others(&ips);
            if let Some(name) = name {
                ips.set(address, &pod(&name, &name)).unwrap();
                let ip = ips.get(address).unwrap();
                prop_assert_eq!((ip.pod.to_owned(), ip.uid), (format!("t/{name}"), name.as_str()));
                prop_assert_eq!(ips.iter().filter(|ip| ip.address == Some(address)).count(), 1);
            } else {
                while let Some(uid) = ips.get(address).map(|ip| ip.uid.to_owned()) {
                    prop_assert!(ips.release(address, &uid));
                }
            }
            prop_assert_eq!(of_others(&ips), before);
            let space: IpRange = "10.6.0.0-10.6.0.29".parse().unwrap();
            if family == Family::V4 {
                let held = |ip: &ipam_core::status::AllocatedIp<'_>| ip.address.filter(|a| space.contains(*a));
                let held: std::collections::BTreeSet<Addr> = ips.iter().filter_map(|ip| held(&ip)).collect();
                let taken: Vec<Addr> = ips.occupancy(space.into()).iter_taken().collect();
                prop_assert_eq!(taken, held.into_iter().collect::<Vec<_>>());
            }
        }
        let text = ips.to_text();
        prop_assert_eq!(AllocatedIps::parse(family, text.as_deref()).unwrap(), ips);
    }

    #[test]
    fn no_text_makes_it_panic(text in ".{0,60}", family in family()) {
        if let Ok(ips) = AllocatedIps::parse(family, Some(&text)) {
            prop_assert_eq!(AllocatedIps::parse(family, ips.to_text().as_deref()).unwrap(), ips);
        }
    }
}
