//! Which pools are for a request: the tests of a cluster, and those of a single host.
//!
//! The order of the tests is the original's, so that a pool against which several things speak is rejected with the same words. Two
//! of its tests are mended: the Multus network counts only for pools that name one, and a match there does not switch off the test of
//! the master's subnet.

use std::collections::BTreeMap;

use super::error::SelectError;
use super::listed::{Gate, ListedPool};
use super::names::{Listing, Named};
use super::reason::{Constraint, Reason, Rejected};
use super::subject::{Network, Subject};
use crate::addr::{Addr, Family};
use crate::owner::Nic;
use crate::pool::{PoolFields, PoolSpec};
use crate::range::IpRange;

impl ListedPool {
    /// The first thing that speaks against this pool for a NIC of this subject.
    #[must_use]
    pub fn verdict(&self, nic: &Nic, family: Family, subject: &Subject) -> Option<Reason> {
        self.general(family)
            .or_else(|| self.of_node(subject))
            .or_else(|| self.of_namespace(subject))
            .or_else(|| self.of_pod(nic, subject))
            .or_else(|| self.of_itself())
    }

    fn general(&self, wanted: Family) -> Option<Reason> {
        let fields = self.fields();
        if self.standing.is_terminating {
            Some(Reason::Terminating)
        } else if fields.disable.unwrap_or(false) {
            Some(Reason::Disabled)
        } else {
            match self.version {
                Some(version) if version == wanted => None,
                Some(_) => Some(Reason::WrongFamily { wanted }),
                None if self.is_unreadable() => self.of_itself(),
                None if fields.ip_version.is_none() || self.spec().is_some() => Some(Reason::NoVersion),
                // A number that is no version is one of the faults.
                None => self.of_itself(),
            }
        }
    }

    fn of_node(&self, subject: &Subject) -> Option<Reason> {
        let unmatched = |by| Some(Reason::Unmatched { by });
        match &self.node {
            Gate::Open => None,
            Gate::Names if self.fields().node_name.contains(&subject.node) => None,
            Gate::Names => unmatched(Constraint::NodeName),
            Gate::Malformed(fault) => malformed(Constraint::NodeAffinity, fault),
            Gate::Labels(_) if subject.node_labels.is_none() => {
                Some(Reason::NoNode { node: subject.node.clone() })
            }
            Gate::Labels(selector) if selector.matches(|key| subject.node_label(key)) => None,
            Gate::Labels(_) => unmatched(Constraint::NodeAffinity),
        }
    }

    fn of_namespace(&self, subject: &Subject) -> Option<Reason> {
        let unmatched = |by| Some(Reason::Unmatched { by });
        match &self.namespace {
            Gate::Open => None,
            Gate::Names if self.fields().namespace_name.contains(&subject.namespace) => None,
            Gate::Names => unmatched(Constraint::NamespaceName),
            Gate::Malformed(fault) => malformed(Constraint::NamespaceAffinity, fault),
            Gate::Labels(selector) if selector.matches(|key| text(&subject.namespace_labels, key)) => None,
            Gate::Labels(_) => unmatched(Constraint::NamespaceAffinity),
        }
    }

    /// The pod, and unless the pool was made for its workload, what its NIC hangs on.
    fn of_pod(&self, nic: &Nic, subject: &Subject) -> Option<Reason> {
        if let Some(affinity) = self.fields().pod_affinity.as_ref().filter(|_| self.standing.is_auto) {
            let is_its = |controller: &super::Controller| controller.has_affinity(&affinity.match_labels);
            let is_other = !subject.controller.as_ref().is_some_and(is_its);
            return is_other.then_some(Reason::OtherApplication);
        }
        let reason = match &self.pod {
            Gate::Open | Gate::Names => None,
            Gate::Malformed(fault) => malformed(Constraint::PodAffinity, fault),
            Gate::Labels(selector) if selector.matches(|key| text(&subject.pod_labels, key)) => None,
            Gate::Labels(_) => Some(Reason::Unmatched { by: Constraint::PodAffinity }),
        };
        reason.or_else(|| self.of_network(nic, subject)).or_else(|| self.of_master(nic, subject))
    }

    fn of_network(&self, nic: &Nic, subject: &Subject) -> Option<Reason> {
        let wanted = &self.fields().multus_name;
        if wanted.is_empty() {
            return None;
        }
        match subject.uplinks.get(nic).map(|uplink| &uplink.network) {
            None => Some(Reason::UnknownNetwork {
                why: format!("unknown: no matched multus object for NIC '{nic}'."),
            }),
            Some(Network::Unset) => Some(Reason::NoNetwork { multus_name: wanted.clone() }),
            Some(Network::Unresolved(why)) => Some(Reason::UnknownNetwork { why: why.clone() }),
            Some(Network::Named { namespace, name }) => {
                let is_it = |written: &String| {
                    let own = (subject.agent_namespace.as_str(), written.as_str());
                    written.split_once('/').unwrap_or(own) == (namespace, name)
                };
                let network = || format!("{namespace}/{name}");
                (!wanted.iter().any(is_it)).then(|| Reason::OtherNetwork {
                    multus_name: wanted.clone(),
                    nic: nic.clone(),
                    network: network(),
                })
            }
        }
    }

    fn of_master(&self, nic: &Nic, subject: &Subject) -> Option<Reason> {
        let addresses = match subject.uplinks.get(nic)?.master.as_ref()? {
            Ok(addresses) => addresses,
            Err(why) => return Some(Reason::UnknownMaster { why: why.clone() }),
        };
        // Without a subnet that can be read the pool has a fault, which is told instead.
        let subnet = self.spec()?.subnet();
        let is_in = |address: &Addr| IpRange::of_net(&subnet).contains(*address);
        (!addresses.iter().any(is_in))
            .then(|| Reason::OffMaster { nic: nic.clone(), subnet: self.fields().subnet.clone() })
    }

    fn of_itself(&self) -> Option<Reason> {
        self.spec().is_none().then(|| Reason::Invalid { faults: self.faults().to_vec() })
    }
}

fn malformed(by: Constraint, fault: &str) -> Option<Reason> {
    Some(Reason::Malformed { by, fault: fault.to_owned() })
}

fn text<'a>(labels: &'a BTreeMap<String, String>, key: &str) -> Option<&'a str> {
    labels.get(key).map(String::as_str)
}

/// The first thing that speaks against a pool on a single host.
///
/// An empty selector matches everything and restricts nothing. Whether the pool is disabled or full is no matter here: the store
/// says so as it picks, and who holds an address of it already gets that again.
pub(super) fn on_host(pool: &PoolSpec, wanted: Family) -> Option<Reason> {
    if pool.family() != wanted {
        return Some(Reason::WrongFamily { wanted });
    }
    restriction(pool.fields()).map(|by| Reason::Restricted { by })
}

fn restriction(fields: &PoolFields) -> Option<Constraint> {
    let selects = |selector: &Option<crate::selector::LabelSelector>| {
        selector.as_ref().is_some_and(|one| !one.is_empty())
    };
    [
        (Constraint::NodeName, !fields.node_name.is_empty()),
        (Constraint::NodeAffinity, selects(&fields.node_affinity)),
        (Constraint::NamespaceName, !fields.namespace_name.is_empty()),
        (Constraint::NamespaceAffinity, selects(&fields.namespace_affinity)),
        (Constraint::PodAffinity, selects(&fields.pod_affinity)),
        (Constraint::MultusName, !fields.multus_name.is_empty()),
    ]
    .into_iter()
    .find_map(|(by, restricts)| restricts.then_some(by))
}

/// The pools that are left, in order, and why the others are not.
pub(super) fn sift<P: Listing>(
    pools: Vec<P>,
    verdict: impl Fn(P) -> Option<Reason>,
) -> (Vec<P>, Vec<Rejected>) {
    let (mut kept, mut rejected) = (Vec::new(), Vec::new());
    for pool in pools {
        match verdict(pool) {
            Some(reason) => rejected.push(Rejected { pool: pool.called().clone(), reason }),
            None => kept.push(pool),
        }
    }
    (kept, rejected)
}

/// What is left of the pools that were named for a family.
///
/// # Errors
/// [`SelectError::FilteredOut`] if some were named and nothing is left.
pub(super) fn left_of<P: Listing>(
    named: Named<P>,
    nic: &Nic,
    family: Family,
    verdict: impl Fn(P) -> Option<Reason>,
) -> Result<(Vec<P>, Vec<Rejected>), SelectError> {
    let Named { pools, unmatched } = named;
    let is_named = !pools.is_empty() || !unmatched.is_empty();
    let (kept, rejected) = sift(pools, verdict);
    if kept.is_empty() && is_named {
        return Err(SelectError::FilteredOut { nic: nic.clone(), family, rejected, unmatched });
    }
    Ok((kept, rejected))
}
