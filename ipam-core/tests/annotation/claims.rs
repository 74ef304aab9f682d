//! Lists without names: who gets which item.

use ipam_core::Nic;
use ipam_core::select::{Claim, Slot, claim};

fn nic(name: &str) -> Nic {
    name.parse().unwrap()
}

#[test]
fn entries_are_claimed_in_order() {
    for (stored, asks, want) in [
        (&[][..], "eth0", Some(Claim::All)),
        (&[], "net1", Some(Claim::All)),
        (&["eth0", "", ""], "eth0", Some(Claim::Own(0))),
        (&["eth0", "", ""], "net1", Some(Claim::Rename(1))),
        (&["eth0", "net1", ""], "net1", Some(Claim::Own(1))),
        (&["eth0", "net1", ""], "net2", Some(Claim::Rename(2))),
        // Out of order: who comes first takes the next.
        (&["eth0", "", ""], "net2", Some(Claim::Rename(1))),
        // Its own name counts wherever it stands.
        (&["eth0", "", "net2"], "net2", Some(Claim::Own(2))),
        (&["eth0", "net1", "net2"], "net3", None),
        (&["eth0"], "net1", None),
    ] {
        assert_eq!(claim(stored, &nic(asks)).ok(), want, "{stored:?} {asks}");
    }
    let error = claim(&["eth0", "net1"], &nic("net2")).unwrap_err().to_string();
    assert!(error.starts_with("no IPPool available, NIC net2 has no item in Pod annotation"), "{error}");
    assert!(error.contains("all 2 items"), "{error}");
}

#[test]
fn names_of_places() {
    for (slot, stored, answered) in [
        (Slot::Position(0), "eth0", "eth0"),
        (Slot::Position(1), "", "1"),
        (Slot::Position(2), "", "2"),
        (Slot::Named(nic("net1")), "net1", "net1"),
    ] {
        assert_eq!((slot.stored_name(), slot.nic().as_str()), (stored, answered));
    }
}

#[test]
fn as_many_nics_as_items_get_one_each_in_any_order() {
    let mut stored: Vec<String> =
        (0..4).map(|place| Slot::Position(place).stored_name().to_owned()).collect();
    for name in ["net3", "net1", "eth0", "net1", "net2"] {
        match claim(&stored, &nic(name)).unwrap() {
            Claim::Rename(at) => name.clone_into(&mut stored[at]),
            Claim::Own(at) => assert_eq!(stored[at], name),
            Claim::All => unreachable!(),
        }
    }
    assert_eq!(stored, ["eth0", "net3", "net1", "net2"]);
}
