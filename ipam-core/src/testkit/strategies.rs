//! Proptest strategies of the crate's values, and of what can be done with a store.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::sample::select;

use crate::addr::{Addr, Family};
use crate::ledger::Policy;
use crate::pool::{PoolFields, PoolSpec};
use crate::range::IpRange;
use crate::rangeset::RangeSet;
use crate::request::Follow;
use crate::store::Start;
use crate::testkit::conformance::{Action, Setup};

/// Addresses of one family. Half of them are near an end or a border of 2^16, where arithmetic goes wrong.
pub fn addrs(family: Family) -> impl Strategy<Value = Addr> {
    let max = family.max_bits();
    let near =
        (any::<u8>(), select(vec![0, 1 << 16, 1 << 17, max])).prop_map(move |(step, border): (u8, u128)| {
            let (step, centre) = (u128::from(step % 8), border);
            centre.saturating_add(step).saturating_sub(4).min(max)
        });
    prop_oneof![near, 0..=max].prop_filter_map("bits of the family", move |bits| Addr::new(family, bits))
}

/// Ranges of one family, of up to a few thousand addresses or of any length.
pub fn ranges(family: Family) -> impl Strategy<Value = IpRange> {
    let max = family.max_bits();
    (addrs(family), prop_oneof![0..4_u128, 0..5_000_u128, 0..=max]).prop_filter_map(
        "a range",
        move |(first, more)| {
            let last = Addr::new(family, first.bits().saturating_add(more).min(max))?;
            IpRange::new(first, last).ok()
        },
    )
}

/// Sets of up to eight ranges of one family.
pub fn range_sets(family: Family) -> impl Strategy<Value = RangeSet> {
    vec(ranges(family), 0..8).prop_map(move |ranges| {
        let mut set = RangeSet::empty(family);
        ranges.into_iter().for_each(|range| set.insert(range));
        set
    })
}

/// Small pools for [`against_model`](crate::testkit::conformance::against_model): two of one v4 subnet, one of v6, one that is
/// disabled. Some of their addresses are excluded, some reserved.
pub fn setups() -> impl Strategy<Value = Setup> {
    (1..5_u8, 1..9_u8, 1..4_u8, any::<[bool; 2]>()).prop_filter_map(
        "pools",
        |(a, b, c, [excluded, reserved])| {
            let fields = |subnet: &str, ips: String| PoolFields {
                subnet: subnet.to_owned(),
                ips: vec![ips],
                ..PoolFields::default()
            };
            let one = fields("10.6.0.0/24", format!("10.6.0.8-10.6.0.{}", 8_u8.saturating_add(a)));
            let mut two = fields("10.6.0.0/24", format!("10.6.0.100-10.6.0.{}", 100_u8.saturating_add(b)));
            if excluded {
                two.exclude_ips = vec!["10.6.0.101".to_owned()];
            }
            let six = fields("fd00:6::/64", format!("fd00:6::ffff-fd00:6::1:{c}"));
            let off =
                PoolFields { disable: Some(true), ..fields("10.9.0.0/24", "10.9.0.1-10.9.0.2".to_owned()) };
            let named = [("one", one), ("two", two), ("six", six), ("off", off)];
            let pools: Option<Vec<PoolSpec>> =
                named.iter().map(|(name, fields)| PoolSpec::new(&name.parse().ok()?, fields).ok()).collect();
            let reserved = if reserved {
                ["10.6.0.9", "fd00:6::1:0"].iter().filter_map(|text| text.parse().ok()).collect()
            } else {
                Vec::new()
            };
            Some(Setup::new(pools?, reserved))
        },
    )
}

/// Sequences of actions with every policy.
pub fn actions() -> impl Strategy<Value = Vec<Action>> {
    actions_with(vec![Policy::Lowest, Policy::Spread, Policy::Rotate])
}

/// Sequences of actions with these policies: a store that does not remember the address given last is compared without
/// [`Policy::Rotate`].
pub fn actions_with(policies: Vec<Policy>) -> impl Strategy<Value = Vec<Action>> {
    vec(action(policies), 1..40)
}

fn action(policies: Vec<Policy>) -> impl Strategy<Value = Action> {
    let starts = if policies.contains(&Policy::Rotate) {
        vec![Start::Lowest, Start::Rotate]
    } else {
        vec![Start::Lowest]
    };
    let starts = prop_oneof![select(starts), any::<u128>().prop_map(Start::Spread)];
    let follow = select(vec![Follow::Never, Follow::WhilePoolsMatch, Follow::Always]);
    let who = (any::<u8>(), any::<u8>());
    let allocate =
        (who, any::<u8>(), pool_masks(), follow, select(policies), option::weighted(0.2, any::<u16>()));
    let allocate = allocate.prop_map(|((owner, incarnation), nics, pools, follow, policy, ask)| {
        Action::Allocate { owner, incarnation, nics, pools, follow, policy, ask }
    });
    let release = (who, any::<u8>(), any::<u16>()).prop_map(|((owner, incarnation), scope, which)| {
        Action::Release { owner, incarnation, scope, which }
    });
    let take = (who, any::<u8>(), any::<u16>(), any::<bool>()).prop_map(
        |((owner, incarnation), pool, address, again)| Action::Take {
            owner,
            incarnation,
            pool,
            address,
            again,
        },
    );
    let free = (any::<u16>(), any::<bool>(), option::of(any::<bool>()))
        .prop_map(|(record, rightly, seen)| Action::Free { record, rightly, seen });
    let confirm =
        (any::<u16>(), any::<bool>()).prop_map(|(record, rightly)| Action::Confirm { record, rightly });
    let two = (any::<u8>(), any::<u8>(), any::<[u16; 2]>())
        .prop_map(|(owner, pool, addresses)| Action::TakeTwo { owner, pool, addresses });
    let pick = (any::<u8>(), starts, any::<[u16; 2]>()).prop_map(|(pool, start, except)| Action::Pick {
        pool,
        start,
        except,
    });
    let pick_one = (any::<u8>(), any::<u16>(), any::<bool>())
        .prop_map(|(pool, address, again)| Action::PickOne { pool, address, again });
    let collect = any::<u8>().prop_map(|alive| Action::Collect { alive });
    let pass = any::<u8>().prop_map(|millis| Action::Pass { millis: millis % 80 });
    prop_oneof![
        8 => allocate, 5 => release, 2 => take, 2 => free, 1 => confirm, 1 => two, 2 => pick, 2 => pick_one, 1 => collect,
        1 => pass,
    ]
}

/// Bits of pools; all of them more often than chance would have it, since a request without candidates is dull.
fn pool_masks() -> impl Strategy<Value = u8> {
    prop_oneof![3 => Just(u8::MAX), 2 => any::<u8>()]
}
