//! Explanations: what they say by tables, and that they say what an allocation then does.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops at the first surprise; the lint spares test functions only"
)]

use std::sync::Arc;

use ipam_core::explain::{Explain, Explanation, Outcome, Question, Room};
use ipam_core::select::{PoolNames, PoolSource};
use ipam_core::testkit::{ManualClock, MemoryStore};
use ipam_core::{
    Addr, Allocate, AllocationRequest, Assignment, Family, Nic, Owner, PoolFields, PoolSpec, RangeSet,
    Refusal, Time, run,
};
use proptest::collection::vec;
use proptest::prelude::*;

/// Pools of a host: a small one, a reserved one, a closed one, one that is restricted, and two of IPv6.
struct Host {
    store: MemoryStore,
    pools: Vec<Arc<PoolSpec>>,
}

fn fields(subnet: &str, ips: &str) -> PoolFields {
    PoolFields { subnet: subnet.into(), ips: vec![ips.into()], ..PoolFields::default() }
}

fn host() -> Host {
    let restricted = PoolFields { node_name: vec!["n1".into()], ..fields("10.6.3.0/24", "10.6.3.1") };
    let pools = [
        ("a4", fields("10.6.0.0/24", "10.6.0.10-10.6.0.11")),
        ("b4", fields("10.6.1.0/24", "10.6.1.10-10.6.1.19")),
        ("closed4", PoolFields { disable: Some(true), ..fields("10.6.2.0/24", "10.6.2.1-10.6.2.9") }),
        ("rack4", restricted),
        ("a6", fields("fd00::/64", "fd00::1-fd00::2")),
        ("b6", fields("fd01::/64", "fd01::1")),
    ];
    let store = MemoryStore::atomic();
    let spec = |(name, fields): (&str, PoolFields)| {
        let spec = PoolSpec::new(&name.parse().unwrap(), &fields).unwrap();
        let mut reserved = RangeSet::empty(spec.family());
        if name == "b4" {
            reserved.insert("10.6.1.10".parse().unwrap());
        }
        store.put_pool(spec.clone(), reserved).unwrap();
        Arc::new(spec)
    };
    let pools = pools.into_iter().map(spec).collect();
    Host { store, pools }
}

fn names(list: &[&str]) -> Vec<String> {
    list.iter().map(|name| (*name).to_owned()).collect()
}

fn owner(id: &str) -> Owner {
    Owner::container("net", id).unwrap()
}

fn request(id: &str, asks: &[&str]) -> (AllocationRequest, Vec<Addr>) {
    let request = AllocationRequest::new(owner(id), Time::from_millis(u64::MAX));
    (request, asks.iter().map(|ask| ask.parse().unwrap()).collect())
}

impl Host {
    fn explain(&self, id: &str, nic: &str, v4: &[&str], v6: &[&str], asks: &[&str]) -> Explanation {
        let (request, asks) = request(id, asks);
        let source = PoolSource::Named(PoolNames { v4: names(v4), v6: names(v6) });
        let nic: Nic = nic.parse().unwrap();
        let mut request = request;
        let mut wanted = ipam_core::NicRequest::new(nic.clone());
        wanted.asks = asks;
        request.nics.push(wanted);
        let mut question = Question::new(request, "the test".into());
        for family in [Family::V4, Family::V6] {
            question.select(&nic, family, source.family(&nic, family, &self.pools));
        }
        let commits = self.store.calls().0;
        let explanation =
            run(Explain::new(question), &mut self.store.clone(), &mut ManualClock::default()).unwrap();
        assert_eq!(self.store.calls().0, commits, "nothing is written");
        explanation
    }

    /// What the plugin does: selection, then allocation.
    fn allocate(
        &self,
        id: &str,
        nic: &str,
        v4: &[&str],
        v6: &[&str],
        asks: &[&str],
    ) -> Result<Vec<Assignment>, String> {
        let (mut request, asks) = request(id, asks);
        let nic: Nic = nic.parse().unwrap();
        let source = PoolSource::Named(PoolNames { v4: names(v4), v6: names(v6) });
        let found = source.candidates(&nic, &self.pools).map_err(|error| error.to_string())?;
        let mut wanted = ipam_core::NicRequest::new(nic);
        (wanted.v4, wanted.v6, wanted.asks) = (found.v4, found.v6, asks);
        request.nics.push(wanted);
        let done =
            run(Allocate::new(request, true), &mut self.store.clone(), &mut ManualClock::default()).unwrap();
        let done = done.map_err(|refusal: Refusal| refusal.to_string())?;
        Ok(done.attachments.into_iter().flat_map(|one| one.assignments).collect())
    }
}

#[test]
fn pool_by_pool() {
    let host = host();
    host.allocate("c1", "eth0", &["a4"], &[], &[]).unwrap();
    host.allocate("c2", "eth0", &["a4"], &["b6"], &[]).unwrap();
    let says =
        |id, v4: &[&str], v6: &[&str], asks: &[&str]| host.explain(id, "eth0", v4, v6, asks).to_string();
    assert_eq!(
        says("new", &["a4", "closed4", "b4", "rack4", "a6"], &["?6"], &[]),
        "container new on network net, pools named by the test\n\
         eth0 IPv4: would get 10.6.1.11 of IPPool b4\n  \
           a4: all IP addresses used out in IPPool a4 (it can give out 2)\n  \
           closed4: disabled IPPool closed4\n  \
           b4: gives 10.6.1.11\n  \
           rack4: IPPool rack4 is restricted by spec.nodeName, which nothing on a host without Kubernetes can meet\n  \
           a6: expect an IPv4 IPPool, but the version of the IPPool a6 is IPv6\n\
         eth0 IPv6: would get fd00::1 of IPPool a6\n  \
           a6: gives fd00::1\n  \
           b6: all IP addresses used out in IPPool b6 (it can give out 1)\n"
    );
    // The same owner again, with other pools before its own.
    assert_eq!(
        says("c1", &["b4", "a4"], &[], &[]),
        "container c1 on network net, pools named by the test\n\
         eth0 IPv4: holds 10.6.0.10 of IPPool a4\n  \
           b4: could give 10.6.1.11\n  \
           a4: 10.6.0.10 is held by this owner\n"
    );
    // One family is not to be had: the other one is not given either.
    assert_eq!(
        says("new", &["b4"], &["b6"], &[]),
        "container new on network net, pools named by the test\n\
         eth0 IPv4: nothing, because the request is refused as a whole\n  \
           b4: could give 10.6.1.11\n\
         eth0 IPv6: nothing, because failed to allocate any IPv6 IP address to NIC eth0 from IPPools [b6]: \
         all IP addresses used out in IPPool b6 (it can give out 1)\n  \
           b6: all IP addresses used out in IPPool b6 (it can give out 1)\n\
         refused as a whole: failed to allocate any IPv6 IP address to NIC eth0 from IPPools [b6]: \
         all IP addresses used out in IPPool b6 (it can give out 1), for container new on network net\n"
    );
    assert_eq!(
        says("new", &["rack4"], &[], &[]),
        "container new on network net, pools named by the test\n\
         eth0 IPv4: nothing, because no IPPool available, all IPv4 IPPools [rack4] of eth0 filtered out: \
         IPPool rack4 is restricted by spec.nodeName, which nothing on a host without Kubernetes can meet\n  \
           rack4: IPPool rack4 is restricted by spec.nodeName, which nothing on a host without Kubernetes can meet\n\
         refused as a whole: no IPPool available, all IPv4 IPPools [rack4] of eth0 filtered out: \
         IPPool rack4 is restricted by spec.nodeName, which nothing on a host without Kubernetes can meet\n"
    );
    for (ask, why) in [
        ("10.6.0.11", "10.6.0.11 of IPPool a4 is held by container c2 on network net, NIC eth0"),
        ("10.6.0.12", "it is not among the addresses that IPPool a4 gives out"),
    ] {
        let text = says("new", &["a4"], &[], &[ask]);
        assert!(text.contains(&format!("cannot give {ask} to NIC eth0: {why}\n  a4: {why}\n")), "{text}");
    }
    let text = says("new", &[], &[], &[]);
    assert!(text.ends_with("refused as a whole: no IPPool available, no pool selection rules of any type are specified; name pools, or make one the default\n"), "{text}");
}

#[test]
fn for_programs() {
    let host = host();
    let room =
        |name: &ipam_core::PoolName| (name.as_str() == "b4").then_some(Room { free: 9, capacity: u128::MAX });
    let explanation = host.explain("c1", "eth0", &["closed4", "b4", "rack4"], &[], &[]).with_room(room);
    assert!(explanation.to_string().contains(&format!("  b4: gives 10.6.1.11; 9 of {} free\n", u128::MAX)));
    assert_eq!(
        serde_json::to_value(&explanation).unwrap(),
        serde_json::json!({
            "owner": { "kind": "container", "scope": "net", "name": "c1", "uid": "net/c1" },
            "source": "the test",
            "slots": [{
                "nic": "eth0",
                "family": 4,
                "outcome": "wouldGet",
                "pool": "b4",
                "address": "10.6.1.11",
                "pools": [
                    { "pool": "closed4", "finding": "cannot", "obstacle": "disabled", "why": "disabled IPPool closed4" },
                    { "pool": "b4", "finding": "gives", "address": "10.6.1.11", "free": 9, "capacity": i64::MAX },
                    {
                        "pool": "rack4",
                        "finding": "rejected",
                        "reason": "restricted",
                        "by": "nodeName",
                        "why": "IPPool rack4 is restricted by spec.nodeName, which nothing on a host without Kubernetes can meet",
                    },
                ],
            }],
        })
    );
}

const POOLS: [&str; 7] = ["a4", "b4", "closed4", "rack4", "a6", "b6", "?4"];

fn lists() -> impl Strategy<Value = Vec<&'static str>> {
    vec(proptest::sample::select(&POOLS[..]), 0..4)
}

proptest! {
    /// Whatever happened before: an allocation does what its explanation said, or is refused in the words that it gave.
    #[test]
    fn what_is_said_is_done(
        steps in vec((0..5_u8, proptest::bool::weighted(0.2), lists(), lists(), proptest::option::weighted(0.2, 8..22_u8)), 1..20),
    ) {
        let host = host();
        for (id, is_second, v4, v6, ask) in steps {
            let (id, nic) = (format!("c{id}"), if is_second { "net1" } else { "eth0" });
            let ask = ask.map(|last| format!("10.6.{}.{last}", last % 2));
            let asks: Vec<&str> = ask.iter().map(String::as_str).collect();
            let explanation = host.explain(&id, nic, &v4, &v6, &asks);
            let said: Vec<Assignment> = explanation
                .slots
                .iter()
                .filter_map(|slot| match &slot.outcome {
                    Outcome::Holds(one) | Outcome::WouldGet(one) => Some(one.clone()),
                    Outcome::Nothing { .. } => None,
                })
                .collect();
            match (host.allocate(&id, nic, &v4, &v6, &asks), explanation.refusal) {
                (Ok(given), None) => prop_assert_eq!(given, said),
                (Err(error), Some(refusal)) => prop_assert_eq!(error, refusal),
                (done, refusal) => prop_assert!(false, "{:?} against {:?}", done, refusal),
            }
        }
    }
}
