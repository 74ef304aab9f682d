//! Single changes to the records, and what can not be written.

use ipam_core::status::{AllocatedIps, StatusError, Workload};
use ipam_core::{Family, Owner, OwnerKind};

use crate::{addr, pod, read};

#[test]
fn keys_are_in_order_as_text() {
    let mut ips = AllocatedIps::new(Family::V4);
    for address in ["10.6.0.9", "10.6.0.100", "9.255.0.1", "10.6.0.10", "10.6.0.1"] {
        ips.set(addr(address), &pod("a", "u")).unwrap();
    }
    let keys: Vec<_> = ips.iter().map(|ip| ip.key).collect();
    assert_eq!(keys, ["10.6.0.1", "10.6.0.10", "10.6.0.100", "10.6.0.9", "9.255.0.1"]);
}

#[test]
fn an_owner_reads_back_as_it_was_written() {
    let vm = Owner::virtual_machine("t", "vm1", "launcher-uid").unwrap();
    let mut ips = AllocatedIps::new(Family::V4);
    ips.set(addr("10.6.0.10"), &vm).unwrap();
    assert_eq!(ips.to_text().unwrap(), r#"{"10.6.0.10":{"pod":"t/vm1","podUid":"launcher-uid"}}"#);
    let ip = ips.get(addr("10.6.0.10")).unwrap();
    assert_eq!(ip.owner(Workload::VirtualMachine), Ok(vm.clone()));
    let as_pod = ip.owner(Workload::Pod).unwrap();
    assert_eq!(as_pod.kind(), OwnerKind::Pod);
    assert!(as_pod.same_holder(&vm) && vm.same_holder(&as_pod), "a release looks at the uid only");
    assert!(!as_pod.same_identity(&vm));
}

#[test]
fn uids_of_other_kinds_are_other_uids() {
    let pod = Owner::pod("t", "a", "u").unwrap();
    let claim = Owner::claim("t", "a", "u").unwrap();
    let kept = Owner::reservation("u").unwrap();
    assert!(!pod.same_holder(&claim) && !pod.same_holder(&kept) && !claim.same_holder(&kept));
    assert!(!pod.same_holder(&Owner::pod("t", "a", "w").unwrap()));
}

#[test]
fn a_release_is_by_uid() {
    let mut ips = read(Family::V4, r#"{"10.6.0.1":{"pod":"t/a","podUid":"u"}}"#);
    assert!(!ips.release(addr("10.6.0.1"), "w") && !ips.release(addr("10.6.0.2"), "u"));
    assert_eq!(ips.len(), 1);
    assert!(ips.release(addr("10.6.0.1"), "u"));
    assert!(!ips.release(addr("10.6.0.1"), "u"));
    assert_eq!(ips.to_text(), None);
}

#[test]
fn what_readers_would_misunderstand_is_not_written() {
    let text = r#"{"10.6.0.1":{"pod":"t/a","podUid":"u"}}"#;
    let mut ips = read(Family::V4, text);
    let others = [
        Owner::container("net", "c1").unwrap(),
        Owner::claim("t", "c", "u").unwrap(),
        Owner::reservation("printer").unwrap(),
    ];
    for owner in others {
        let error = ips.set(addr("10.6.0.1"), &owner).unwrap_err();
        assert!(matches!(error, StatusError::Unwritable { .. }));
        assert_eq!(
            error.to_string(),
            format!(
                "10.6.0.1 cannot be given to {owner} in status.allocatedIPs; want a pod or a virtual machine"
            )
        );
    }
    let error = ips.set(addr("fd00::1"), &pod("a", "u")).unwrap_err();
    assert_eq!(error.to_string(), "fd00::1 cannot stand in status.allocatedIPs of this pool; want IPv4");
    assert_eq!(ips.to_text().as_deref(), Some(text), "nothing has changed");
}
