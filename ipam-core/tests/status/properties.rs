//! Laws: what was written is read back, and a history of changes ends where a plain map ends.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// Text as it may stand in a record: what Go escapes, what it doesn't, and what is no ASCII.
fn any_text() -> impl Strategy<Value = String> {
    "[a-z/<>&\"\\\\\u{2028}\u{e4}\u{7f}\n\t ]{0,12}"
}

fn any_key() -> impl Strategy<Value = String> {
    prop_oneof![
        (0_u8..40).prop_map(|last| format!("10.6.0.{last}")),
        (0_u8..40).prop_map(|last| format!("::ffff:10.6.0.{last}")),
        any_text(),
    ]
}

/// A change of one address out of twenty by one uid out of three.
#[derive(Clone, Debug)]
enum Change {
    Set(u8, u8),
    Release(u8, u8),
}

fn any_change() -> impl Strategy<Value = Change> {
    let both = (0_u8..20, 0_u8..3);
    prop_oneof![
        both.clone().prop_map(|(address, uid)| Change::Set(address, uid)),
        both.prop_map(|(address, uid)| Change::Release(address, uid)),
    ]
}

fn at(last: u8) -> Addr {
    addr(&format!("10.6.0.{last}"))
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(records in prop::collection::btree_map(any_key(), (any_text(), any_text()), 0..12)) {
        let map: BTreeMap<&String, BTreeMap<&str, &String>> = records
            .iter()
            .map(|(key, (pod, uid))| (key, BTreeMap::from([("pod", pod), ("podUid", uid)])))
            .collect();
        let text = serde_json::to_string(&map).unwrap();
        let ips = v4(&text);
        prop_assert_eq!(ips.len(), records.len());
        for (ip, (key, (pod, uid))) in ips.iter().zip(&records) {
            prop_assert_eq!((ip.key, ip.pod, ip.uid), (key.as_str(), pod.as_str(), uid.as_str()));
        }
        let Some(written) = ips.to_text() else { return Ok(()) };
        prop_assert_eq!(&v4(&written), &ips);
        let mut document = String::new();
        ips.append_json(&mut document);
        prop_assert_eq!(serde_json::from_str::<String>(&document).unwrap(), written);
    }

    #[test]
    fn a_history_ends_where_a_plain_map_ends(changes in prop::collection::vec(any_change(), 0..120)) {
        let mut ips = AllocatedIps::new(Family::V4);
        let mut plain: BTreeMap<String, u8> = BTreeMap::new();
        for change in changes {
            match change {
                Change::Set(address, uid) => {
                    ips.set(at(address), &pod("web", &format!("u{uid}"))).unwrap();
                    plain.insert(at(address).to_string(), uid);
                }
                Change::Release(address, uid) => {
                    let key = at(address).to_string();
                    let is_held = plain.get(&key) == Some(&uid);
                    prop_assert_eq!(ips.release(at(address), &format!("u{uid}")), is_held);
                    if is_held {
                        plain.remove(&key);
                    }
                }
            }
            let listed: Vec<(String, String)> =
                ips.iter().map(|ip| (ip.key.to_owned(), ip.uid.to_owned())).collect();
            let want: Vec<(String, String)> = plain.iter().map(|(key, uid)| (key.clone(), format!("u{uid}"))).collect();
            prop_assert_eq!(listed, want);
        }
        prop_assert_eq!(ips.to_text().is_none(), plain.is_empty());
    }

    #[test]
    fn no_text_is_too_odd(text in "[{}\\[\\]\":,a-z0-9.\\\\u \u{e4}-]{0,60}") {
        if let Ok(ips) = AllocatedIps::parse(Family::V4, Some(&text)) {
            let again = AllocatedIps::parse(Family::V4, ips.to_text().as_deref()).unwrap();
            prop_assert_eq!(again, ips);
        }
    }
}
