//! Between the text and the ledger: what makes no sense is kept, and its address is not given out.

use std::sync::Arc;

use ipam_core::status::Workload;
use ipam_core::{PickQuery, PoolFields, PoolOp, PoolSpec, PoolState, Record, Start, Time, Want};

use super::*;

fn spec() -> Arc<PoolSpec> {
    let fields = PoolFields {
        subnet: "10.6.0.0/24".into(),
        ips: vec!["10.6.0.1-10.6.0.9".into()],
        ..PoolFields::default()
    };
    Arc::new(PoolSpec::new(&"p".parse().unwrap(), &fields).unwrap())
}

fn state(ips: &AllocatedIps) -> PoolState {
    ips.pool_state(spec(), |_| Workload::Pod)
}

fn apply(state: &mut PoolState, op: PoolOp) {
    state.apply(&[op], Time::default(), std::time::Duration::ZERO).unwrap();
}

fn first_free(state: &mut PoolState) -> Addr {
    state
        .pick(&PickQuery {
            pool: "p".parse().unwrap(),
            want: Want::Any(Start::Lowest),
            except: Vec::new(),
            now: Time::default(),
            cooldown: std::time::Duration::ZERO,
        })
        .unwrap()
}

const ODD: &str = r#"{"10.6.0.1":{"pod":"no-slash","podUid":"u1"},"10.6.0.2":{"pod":"t/b","podUid":""},"10.6.0.3":null,"::ffff:10.6.0.4":{"pod":"t/d","podUid":"u4"},"10.6.0.5":{"pod":"t/e","podUid":"u5"},"::ffff:10.6.0.5":{"pod":"t/f","podUid":"u6"},"fd00::1":{"pod":"t/g","podUid":"u7"},"nonsense":{"pod":"t/h","podUid":"u8"}}"#;

#[test]
fn each_flaw_is_named() {
    let ips = v4(ODD);
    let said: Vec<String> = ips.flaws().map(|flaw| flaw.to_string()).collect();
    let want = [
        "record \"10.6.0.1\" in status.allocatedIPs names no owner: ",
        "record \"10.6.0.2\" in status.allocatedIPs names no owner: ",
        "record \"10.6.0.3\" in status.allocatedIPs names no owner: ",
        "record \"10.6.0.5\" of \"t/e\" (uid \"u5\") in status.allocatedIPs is one of several of 10.6.0.5",
        "record \"::ffff:10.6.0.5\" of \"t/f\" (uid \"u6\") in status.allocatedIPs is one of several of 10.6.0.5",
        "invalid IP range format in IPv4 'fd00::1'",
        "invalid IP range format in IPv4 'nonsense'",
    ];
    assert_eq!(said.len(), want.len(), "{said:#?}");
    assert!(said.iter().zip(want).all(|(said, want)| said.starts_with(want)), "{said:#?}");
    assert!(v4(r#"{"10.6.0.1":{"pod":"t/a","podUid":"u"}}"#).flaws().next().is_none());
}

#[test]
fn what_makes_no_sense_is_held_and_stays() {
    let mut ips = v4(ODD);
    let before = ips.to_text();
    let mut ledger = state(&ips);
    assert_eq!(first_free(&mut ledger), addr("10.6.0.6"), "1 to 5 are held");
    assert_eq!(ips.occupancy(spec().allocatable().clone()).taken(), 5);
    ips.update(&ledger).unwrap();
    assert_eq!(ips.to_text(), before, "nothing has changed");
    // Neither the owner that stands there nor anybody else can release it by mistake.
    for uid in ["u1", "u5", "u6", "unreadable"] {
        let owner = pod("x", uid);
        apply(&mut ledger, PoolOp::Release { address: addr("10.6.0.1"), owner: owner.clone(), seen: None });
        apply(&mut ledger, PoolOp::Release { address: addr("10.6.0.5"), owner, seen: None });
    }
    let take = Record { address: addr("10.6.0.6"), owner: pod("new", "u9"), stamp: None };
    apply(&mut ledger, PoolOp::Take(take));
    let gone = Owner::pod("t", "d", "u4").unwrap();
    apply(&mut ledger, PoolOp::Release { address: addr("10.6.0.4"), owner: gone, seen: None });
    ips.update(&ledger).unwrap();
    let text = ips.to_text().unwrap();
    for kept in
        ["\"10.6.0.1\"", "\"10.6.0.2\"", "\"10.6.0.3\"", "\"::ffff:10.6.0.5\"", "\"fd00::1\"", "\"nonsense\""]
    {
        assert!(text.contains(kept), "{kept}: {text}");
    }
    assert!(text.contains(r#""10.6.0.6":{"pod":"default/new","podUid":"u9"}"#), "{text}");
    assert!(!text.contains("10.6.0.4"), "{text}");
    assert_eq!(v4(&text), ips);
}

#[test]
fn a_record_of_a_virtual_machine_is_its_pods() {
    let ips = v4(r#"{"10.6.0.1":{"pod":"t/vm-1","podUid":"u"}}"#);
    let mut ledger = ips.pool_state(spec(), |_| Workload::VirtualMachine);
    let of_pod = Owner::pod("t", "virt-launcher-vm-1-x", "u").unwrap();
    apply(&mut ledger, PoolOp::Release { address: addr("10.6.0.1"), owner: of_pod, seen: None });
    assert_eq!(ledger.len(), 0, "the uid decides");
}

#[test]
fn owners_without_a_form_are_refused_and_nothing_changes() {
    let mut ips = v4(r#"{"10.6.0.1":{"pod":"t/a","podUid":"u"}}"#);
    let before = ips.clone();
    let container = Owner::container("net", "c").unwrap();
    assert_eq!(
        ips.set(addr("10.6.0.2"), &container).unwrap_err().to_string(),
        "10.6.0.2 cannot be given to container c on network net in status.allocatedIPs; want a pod or a virtual machine"
    );
    let other = ips.set(addr("fd00::1"), &pod("a", "u")).unwrap_err().to_string();
    assert_eq!(other, "fd00::1 cannot stand in status.allocatedIPs of this pool; want IPv4");
    let mut ledger = state(&ips);
    apply(&mut ledger, PoolOp::Take(Record { address: addr("10.6.0.2"), owner: container, stamp: None }));
    assert!(ips.update(&ledger).is_err());
    assert_eq!(ips, before);
}
