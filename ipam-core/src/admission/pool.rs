//! Writes to pools.

use super::controlled::{Change, PoolRules};
use super::denial::{Denial, ObjectKind};
use super::peer::Peer;
use super::{unchangeable, version_changed};
use crate::addr::Addr;
use crate::fault::{Fault, Faults};
use crate::name::MAX_NAME;
use crate::pool::{Examined, Origin, PoolFields, PoolName, PoolSpec};
use crate::rangeset::RangeSet;
use crate::selector::SUBDOMAIN_RULE;

const KIND: ObjectKind = ObjectKind::IpPool;

/// One record of a pool, for the rule that an address in use stays in its pool.
#[derive(Clone, Copy, Debug)]
pub enum InUse<'a> {
    /// An address and who holds it, with the kind: `Pod default/db-0`.
    Held(Addr, &'a str),
    /// A key that is no canonical address, and who is recorded under it. Release and garbage collection look the text up,
    /// so such a pool cannot be edited before the record is repaired.
    Foreign(&'a str, &'a str),
    /// The records cannot be read at all.
    Unreadable(&'a str),
}

impl<'a> InUse<'a> {
    /// A record by the text of its key.
    #[must_use]
    pub fn under_key(key: &'a str, holder: &'a str) -> Self {
        match key.parse::<Addr>() {
            Ok(addr) if addr.to_string() == key => Self::Held(addr, holder),
            Ok(_) | Err(_) => Self::Foreign(key, holder),
        }
    }
}

impl<'a> From<(Addr, &'a str)> for InUse<'a> {
    fn from((addr, holder): (Addr, &'a str)) -> Self {
        Self::Held(addr, holder)
    }
}

/// A name for a new pool.
///
/// # Errors
/// [`Denial::Invalid`] on `metadata.name`, as the API server says it.
pub fn pool_name(text: &str) -> Result<PoolName, Denial> {
    text.parse().map_err(|_| Denial::invalid(KIND, text, name_fault(text)))
}

pub(super) fn name_fault(text: &str) -> Fault {
    let detail = if text.len() > MAX_NAME {
        format!("must be no more than {MAX_NAME} bytes")
    } else {
        SUBDOMAIN_RULE.to_owned()
    };
    Fault::invalid("metadata.name", text, detail)
}

/// Whether a pool may be created beside `peers`, which are all pools there are, of both families. `rules` may be
/// [`FamilySettings`](super::FamilySettings) alone where SpiderSubnets are off.
///
/// # Errors
/// [`Denial::AlreadyExists`] if a peer has the name, whatever else is wrong; otherwise [`Denial::Invalid`] with all faults.
pub fn pool_create<'a, 's, P>(
    name: &PoolName,
    new: &PoolFields,
    origin: Origin,
    peers: impl IntoIterator<Item = P>,
    rules: impl Into<PoolRules<'s>>,
) -> Result<PoolSpec, Denial>
where
    P: Into<Peer<'a>>,
{
    let rules = rules.into();
    let peers: Vec<Peer<'a>> = peers.into_iter().map(Into::into).collect();
    if peers.iter().any(|peer| peer.name() == name.as_str()) {
        return Err(Denial::AlreadyExists { kind: KIND, name: name.as_str().to_owned() });
    }
    let mut examined = Examined::pool(new, origin);
    let others = Others {
        disabled: examined.family.and_then(|family| rules.families.fault(family)),
        subnets: examined
            .net
            .iter()
            .flat_map(|net| peers.iter().filter_map(|peer| peer.subnet_fault(net)))
            .collect(),
        ranges: range_faults(&examined, &peers),
    };
    others.put_into(&mut examined);
    if let Some(change) = Change::of(name, origin, &examined, None, &peers) {
        examined.late_faults.extend(rules.controller.faults(&change));
    }
    PoolSpec::from_examined(name, examined).map_err(|faults| Denial::invalid(KIND, name.as_str(), faults))
}

/// Whether a live pool may be changed to `new`. `records` are those of the store, not what a client sent.
///
/// `peers` may hold the pool itself. A pool that is being deleted has a rule of its own,
/// [`pool_update_terminating`](super::pool_update_terminating).
///
/// # Errors
/// [`Denial::Invalid`] with all faults. Every update meets every rule, also one that touches labels only: a pool that
/// became invalid, say since its family was disabled, has to be repaired first.
pub fn pool_update<'a, 'r, 's, P, R>(
    name: &PoolName,
    old: &PoolFields,
    new: &PoolFields,
    origin: Origin,
    peers: impl IntoIterator<Item = P>,
    records: impl IntoIterator<Item = R>,
    rules: impl Into<PoolRules<'s>>,
) -> Result<PoolSpec, Denial>
where
    P: Into<Peer<'a>>,
    R: Into<InUse<'r>>,
{
    let rules = rules.into();
    let mut examined = Examined::pool(new, origin);
    let changed: Vec<Fault> = version_changed(old.ip_version, examined.fields.ip_version)
        .into_iter()
        .chain((old.subnet != examined.fields.subnet).then(|| unchangeable("spec.subnet", &old.subnet)))
        .collect();
    if !changed.is_empty() {
        // Addresses, gateway and routes would be held against the wrong network; only the affinity stands alone.
        let faults: Faults = changed.into_iter().chain(examined.affinity_faults).collect();
        return Err(Denial::invalid(KIND, name.as_str(), faults));
    }
    examined.forgive_spelling();
    let peers: Vec<Peer<'a>> =
        peers.into_iter().map(Into::into).filter(|peer| peer.name() != name.as_str()).collect();
    let others = Others {
        disabled: examined.family.and_then(|family| rules.families.fault(family)),
        subnets: Vec::new(),
        ranges: range_faults(&examined, &peers),
    };
    others.put_into(&mut examined);
    // Without all items read nobody knows which addresses are left.
    if let Some(change) = Change::of(name, origin, &examined, Some(old), &peers) {
        let in_use = in_use_fault(name, &change.total, records.into_iter().map(Into::into));
        let late: Vec<Fault> = in_use.into_iter().chain(rules.controller.faults(&change)).collect();
        examined.late_faults.extend(late);
    }
    PoolSpec::from_examined(name, examined).map_err(|faults| Denial::invalid(KIND, name.as_str(), faults))
}

/// Whether a pool with `allocated` addresses in use may be deleted. Where deletes are not guarded
/// (`enableValidatingResourcesDeletedWebhook`) it always may: the finalizer keeps it until the last record is released.
///
/// # Errors
/// [`Denial::InUse`].
pub fn pool_delete(name: &str, allocated: u64, is_guarded: bool) -> Result<(), Denial> {
    if is_guarded && allocated > 0 {
        return Err(Denial::InUse { kind: KIND, name: name.to_owned(), count: allocated });
    }
    Ok(())
}

/// Faults from outside the object, to be put between its own in the order of the original's steps.
struct Others {
    disabled: Option<Fault>,
    subnets: Vec<Fault>,
    ranges: Vec<Fault>,
}

impl Others {
    fn put_into(self, examined: &mut Examined<PoolFields>) {
        examined.disabled_fault = self.disabled;
        examined.subnet_faults.extend(self.subnets);
        examined.peer_faults.extend(self.ranges);
    }
}

fn range_faults(examined: &Examined<PoolFields>, peers: &[Peer<'_>]) -> Vec<Fault> {
    let (Some(net), Some(own)) = (&examined.net, examined.total()) else { return Vec::new() };
    peers.iter().filter_map(|peer| peer.ranges_fault(net, &own)).collect()
}

/// Names one offender, the first met, and counts the others.
fn in_use_fault<'r>(
    name: &PoolName,
    left: &RangeSet,
    records: impl Iterator<Item = InUse<'r>>,
) -> Option<Fault> {
    let mut first: Option<(String, &str)> = None;
    let mut more: u64 = 0;
    for record in records {
        let offender = match record {
            InUse::Held(addr, _) if left.contains(addr) => continue,
            InUse::Held(addr, holder) => (addr.to_string(), holder),
            InUse::Foreign(key, holder) => (key.to_owned(), holder),
            InUse::Unreadable(problem) => {
                let detail =
                    format!("failed to unmarshal the allocated IP records of IPPool {name}: {problem}");
                return Some(Fault::internal("spec.ips", detail));
            }
        };
        if first.is_none() {
            first = Some(offender);
        } else {
            more = more.saturating_add(1);
        }
    }
    let (address, holder) = first?;
    let others = if more == 0 { String::new() } else { format!(", and {more} more in use would be removed") };
    let detail = format!(
        "remove an IP address {address} that is being used by {holder}, total IP addresses of an IPPool are \
         jointly determined by 'spec.ips' and 'spec.excludeIPs'{others}"
    );
    Some(Fault::forbidden("spec.ips", detail))
}
