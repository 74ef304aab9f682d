//! Who may say that an owner is dead.
//!
//! There are two authorities, and they are different types. The *runtime's list* ([`RuntimeList`]) is final for its network and acts
//! at once. *Inferred death* ([`InferredDeath`]) is a conclusion from two sightings a full delay apart, of which the
//! second was read afresh. Absence of evidence is neither. Both end in a [`Death`], the only thing that collection acts on.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::addr::Addr;
use crate::owner::{Owner, OwnerKind};
use crate::record::{Record, Stamp, Time};
use crate::store::{Holding, PoolOp};

/// The attachments to one network that a runtime declares valid (CNI specification 1.1.0, section 2, `GC`: `cni.dev/valid-attachments`).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct RuntimeList {
    network: String,
    valid: BTreeSet<(String, String)>,
}

impl RuntimeList {
    /// The list of a network: pairs of container id and interface name, as the runtime gave them. Everything else on this network is dead.
    #[must_use]
    pub fn new(network: &str, valid: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { network: network.to_owned(), valid: valid.into_iter().collect() }
    }

    /// The network.
    #[must_use]
    pub fn network(&self) -> &str {
        &self.network
    }

    /// The verdict on a record: `None` where the list says that it lives, or says nothing of it (another network, another kind of owner).
    ///
    /// A record whose NIC is not known dies only when no interface of its container is valid.
    #[must_use]
    pub fn judge(&self, holding: &Holding) -> Option<Death> {
        let owner = &holding.record.owner;
        if owner.kind() != OwnerKind::Container || owner.scope() != self.network {
            return None;
        }
        let alive = self.valid.iter().any(|(id, nic)| {
            id == owner.name() && holding.nic.as_ref().is_none_or(|holding_nic| holding_nic.as_str() == nic)
        });
        (!alive).then(|| Death::of(&holding.record))
    }
}

/// One look at a record whose owner seems to be gone.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Sighting {
    address: Addr,
    owner: Owner,
    stamp: Option<Stamp>,
    at: Time,
}

impl Sighting {
    /// The record seemed ownerless at this time.
    #[must_use]
    pub fn new(record: &Record, at: Time) -> Self {
        Self { address: record.address, owner: record.owner.clone(), stamp: record.stamp.clone(), at }
    }

    /// The time of the look.
    #[must_use]
    pub const fn at(&self) -> Time {
        self.at
    }
}

/// A conclusion from two sightings of the same record, unconfirmed in between.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct InferredDeath(Death);

impl InferredDeath {
    /// Concludes, if `first` lies at least `delay` before `now` and the record, *read afresh* for this call, is still the one
    /// that was seen: same holder, same stamp.
    #[must_use]
    pub fn conclude(first: &Sighting, fresh: &Record, now: Time, delay: Duration) -> Option<Self> {
        let same = first.address == fresh.address && first.owner == fresh.owner && first.stamp == fresh.stamp;
        (same && now.since(first.at) >= delay && now >= first.at).then(|| Self(Death::of(fresh)))
    }
}

impl From<InferredDeath> for Death {
    fn from(inferred: InferredDeath) -> Self {
        inferred.0
    }
}

/// The death of the holder of one record, by either authority. It frees the record only while that is as it was when judged.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Death {
    address: Addr,
    owner: Owner,
    stamp: Option<Stamp>,
}

impl Death {
    fn of(record: &Record) -> Self {
        Self { address: record.address, owner: record.owner.clone(), stamp: record.stamp.clone() }
    }

    /// The address that becomes free.
    #[must_use]
    pub const fn address(&self) -> Addr {
        self.address
    }

    /// The dead owner.
    #[must_use]
    pub const fn owner(&self) -> &Owner {
        &self.owner
    }

    /// The release that follows from it.
    #[must_use]
    pub fn release(&self) -> PoolOp {
        PoolOp::Release { address: self.address, owner: self.owner.clone(), seen: self.stamp.clone() }
    }
}

/// Judges records for [`Collect`](crate::Collect).
pub trait Judge {
    /// Which records to look at: an owner's kind and scope, or all.
    fn scope(&self) -> Option<(OwnerKind, String)>;

    /// The verdict on a record that was just read.
    fn judge(&self, holding: &Holding, now: Time) -> Option<Death>;
}

impl Judge for RuntimeList {
    fn scope(&self) -> Option<(OwnerKind, String)> {
        Some((OwnerKind::Container, self.network.clone()))
    }

    fn judge(&self, holding: &Holding, _now: Time) -> Option<Death> {
        Self::judge(self, holding)
    }
}

/// Infers death from another boot: containers do not outlive the machine's run, unless their runtime brings them back,
/// which confirms their records within the delay.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EarlierBoot {
    /// The boot that runs now.
    pub boot: String,
    /// When this boot was first seen by the store: the first sighting of every record of an earlier one.
    pub first_seen: Time,
    /// How long after that a runtime may take to bring its containers back.
    pub delay: Duration,
}

impl Judge for EarlierBoot {
    fn scope(&self) -> Option<(OwnerKind, String)> {
        None
    }

    fn judge(&self, holding: &Holding, now: Time) -> Option<Death> {
        let record = &holding.record;
        let stamp = record.stamp.as_ref()?;
        // Reservations are no processes; pods and claims have judges of their own in a cluster.
        if record.owner.kind() != OwnerKind::Container || stamp.boot == self.boot {
            return None;
        }
        let first = Sighting::new(record, self.first_seen);
        InferredDeath::conclude(&first, record, now, self.delay).map(Death::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holding(network: &str, id: &str, nic: Option<&str>, boot: &str) -> Holding {
        Holding {
            pool: "v4".parse().unwrap(),
            record: Record {
                address: "10.6.0.9".parse().unwrap(),
                owner: Owner::container(network, id).unwrap(),
                stamp: Some(Stamp { boot: boot.to_owned(), at: Time::from_millis(5) }),
            },
            nic: nic.map(|nic| nic.parse().unwrap()),
        }
    }

    #[test]
    fn the_list_is_final_for_its_network_only() {
        let list = RuntimeList::new("net", [("a".to_owned(), "eth0".to_owned())]);
        let cases = [
            ("listed", holding("net", "a", Some("eth0"), "b"), false),
            ("other interface", holding("net", "a", Some("eth1"), "b"), true),
            ("other container", holding("net", "c", Some("eth0"), "b"), true),
            ("other network", holding("web", "c", Some("eth0"), "b"), false),
            ("interface unknown, container listed", holding("net", "a", None, "b"), false),
            ("interface unknown, container not listed", holding("net", "c", None, "b"), true),
        ];
        for (name, holding, dead) in cases {
            assert_eq!(list.judge(&holding).is_some(), dead, "{name}");
        }
    }

    #[test]
    fn another_boot_is_death_only_after_the_delay() {
        let judge = EarlierBoot {
            boot: "now".to_owned(),
            first_seen: Time::from_millis(1_000),
            delay: Duration::from_secs(60),
        };
        let old = holding("net", "a", Some("eth0"), "before");
        assert_eq!(judge.judge(&old, Time::from_millis(60_999)), None);
        assert!(judge.judge(&old, Time::from_millis(61_000)).is_some());
        assert_eq!(judge.judge(&holding("net", "a", None, "now"), Time::from_millis(99_000)), None);
    }

    #[test]
    fn a_confirmed_record_is_not_the_one_that_was_seen() {
        let first = Sighting::new(&holding("net", "a", None, "before").record, Time::from_millis(0));
        let mut fresh = holding("net", "a", None, "before").record;
        let late = Time::from_millis(1_000_000);
        assert!(InferredDeath::conclude(&first, &fresh, late, Duration::from_secs(1)).is_some());
        fresh.stamp = Some(Stamp { boot: "now".to_owned(), at: late });
        assert_eq!(InferredDeath::conclude(&first, &fresh, late, Duration::from_secs(1)), None);
    }
}
