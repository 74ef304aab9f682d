//! The control record as a value: the union beside it stays true.

use ipam_core::carve::{ControlRecord, ControlledPools};
use ipam_core::{Family, RangeSet};
use proptest::prelude::*;

use crate::{name, record, records, set};

#[test]
fn the_holder_of_addresses_is_found() {
    let all = records(&[("a", "1-3", None), ("b", "5", None)]);
    assert_eq!(all.holder(&set("3-5"), &name("a")), Some((&name("b"), set("5"))));
    assert_eq!(all.holder(&set("3-5"), &name("c")), Some((&name("a"), set("3"))));
    assert_eq!(all.holder(&set("4,6"), &name("c")), None);
    assert_eq!(all.holder(&RangeSet::whole(Family::V6), &name("c")), None);
}

#[test]
fn the_other_family_is_refused() {
    let six = ControlRecord { ranges: RangeSet::whole(Family::V6), application: None };
    let mut all = records(&[("a", "1", None)]);
    assert!(all.set(name("a"), six.clone()).is_err());
    assert_eq!(all.get(&name("a")), Some(&record("1", None)), "nothing has changed");
    assert!(ControlledPools::from_records(Family::V4, [(name("a"), six)]).is_err());
    let empty = ControlRecord { ranges: RangeSet::empty(Family::V6), application: None };
    all.set(name("a"), empty).unwrap();
    assert_eq!(all.get(&name("a")).unwrap().ranges, set(""));
}

fn spans() -> impl Strategy<Value = String> {
    prop::collection::vec((0_u8..40, 0_u8..6), 0..4).prop_map(|spans| {
        let items: Vec<String> =
            spans.iter().map(|(first, more)| format!("{first}-{}", first + more)).collect();
        items.join(",")
    })
}

proptest! {
    /// Also when records overlap, which only somebody else's writing can bring about.
    #[test]
    fn union_and_shared_are_those_of_all_records(steps in prop::collection::vec((0_u8..5, any::<bool>(), spans()), 1..20)) {
        let mut all = ControlledPools::new(Family::V4);
        for (pool, is_set, spans) in steps {
            let pool = name(&format!("p{pool}"));
            if is_set {
                all.set(pool, record(&spans, None)).unwrap();
            } else {
                all.remove(&pool);
            }
            let (mut union, mut shared) = (set(""), set(""));
            for (_, record) in all.iter() {
                shared = shared.union(&union.intersection(&record.ranges));
                union = union.union(&record.ranges);
            }
            prop_assert_eq!(all.union(), &union);
            prop_assert_eq!(all.shared(), &shared);
            let anew = ControlledPools::from_records(Family::V4, all.iter().map(|(pool, record)| (pool.clone(), record.clone()))).unwrap();
            prop_assert_eq!((anew.union(), anew.shared()), (&union, &shared));
        }
    }
}
