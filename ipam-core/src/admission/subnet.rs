//! Writes to SpiderSubnets.

use super::denial::{Denial, ObjectKind};
use super::peer::Peer;
use super::pool::name_fault;
use super::stored::{Preallocated, StoredSubnet, Subnets};
use super::{FamilySettings, MAX_NAMED, named_ranges, unchangeable, version_changed};
use crate::cidr::{net_family, nets_overlap, parse_net};
use crate::fault::{Fault, Faults};
use crate::items::strict_total;
use crate::pool::Examined;
use crate::rangeset::RangeSet;
use crate::subnet::{SubnetFields, SubnetName, SubnetSpec};

const KIND: ObjectKind = ObjectKind::Subnet;

/// A name for a new subnet.
///
/// # Errors
/// [`Denial::Invalid`] on `metadata.name`, as the API server says it.
pub fn subnet_name(text: &str) -> Result<SubnetName, Denial> {
    text.parse().map_err(|_| Denial::invalid(KIND, text, name_fault(text)))
}

/// Whether a subnet may be created beside all `subnets` and `pools` there are, of both families, in the order in which the
/// API lists them.
///
/// # Errors
/// [`Denial::FeatureOff`]; [`Denial::AlreadyExists`] if the name is taken and nothing stood against the subnet before that
/// was seen; otherwise [`Denial::Invalid`] with all faults.
pub fn subnet_create<'a, P>(
    name: &SubnetName,
    new: &SubnetFields,
    subnets: Subnets<'a>,
    pools: impl IntoIterator<Item = P>,
    families: FamilySettings,
) -> Result<SubnetSpec, Denial>
where
    P: Into<Peer<'a>>,
{
    let subnets = subnets.for_create(name.as_str())?;
    let taken = || Denial::AlreadyExists { kind: KIND, name: name.as_str().to_owned() };
    let mut examined = Examined::of(new.normalised());
    examined.disabled_fault = examined.family.and_then(|family| families.fault(family));
    for subnet in subnets.iter().filter(|subnet| subnet.fields().family() == examined.family) {
        if subnet.name() == name.as_str() {
            let is_blamed = examined.version_fault.is_some()
                || examined.disabled_fault.is_some()
                || !examined.subnet_faults.is_empty();
            if !is_blamed {
                return Err(taken());
            }
        } else if let Some(fault) = overlap_fault(&examined, subnet) {
            examined.subnet_faults.push(fault);
        }
    }
    let faults = pool_faults(name, &examined, pools.into_iter().map(Into::into));
    examined.subnet_faults.extend(faults);
    let spec = SubnetSpec::from_examined(name, examined)
        .map_err(|faults| Denial::invalid(KIND, name.as_str(), faults))?;
    // Of the other family: an API server says so after the webhooks.
    if subnets.iter().any(|subnet| subnet.name() == name.as_str()) {
        return Err(taken());
    }
    Ok(spec)
}

/// Whether a live subnet may be changed to `new`, also while the feature is off. `records` are those of the store
/// (`status.controlledIPPools`), not what a client sent. Overlaps are not looked for again.
///
/// A subnet that is being deleted has a rule of its own,
/// [`subnet_update_terminating`](super::subnet_update_terminating).
///
/// # Errors
/// [`Denial::Invalid`] with all faults. Every update meets every rule, also one that touches labels only.
pub fn subnet_update<'r, R>(
    name: &SubnetName,
    old: &SubnetFields,
    new: &SubnetFields,
    records: impl IntoIterator<Item = R>,
    families: FamilySettings,
) -> Result<SubnetSpec, Denial>
where
    R: Into<Preallocated<'r>>,
{
    let mut examined = Examined::of(new.normalised());
    let changed: Faults = version_changed(old.ip_version, examined.fields.ip_version)
        .into_iter()
        .chain((old.subnet != examined.fields.subnet).then(|| unchangeable("spec.subnet", &old.subnet)))
        .collect();
    if !changed.is_empty() {
        // The rest would be held against the wrong network.
        return Err(Denial::invalid(KIND, name.as_str(), changed));
    }
    examined.disabled_fault = examined.family.and_then(|family| families.fault(family));
    examined.forgive_spelling();
    // Without all items read nobody knows which addresses are left.
    if let Some(total) = examined.whole_total() {
        examined.late_faults.extend(in_use_faults(name, &total, records.into_iter().map(Into::into)));
    }
    SubnetSpec::from_examined(name, examined).map_err(|faults| Denial::invalid(KIND, name.as_str(), faults))
}

/// Whether a subnet of which pools hold `allocated` addresses may be deleted, also while the feature is off. Where deletes
/// are not guarded (`enableValidatingResourcesDeletedWebhook`) it always may: the finalizer keeps it until no pool holds any.
///
/// # Errors
/// [`Denial::InUse`].
pub fn subnet_delete(name: &str, allocated: u64, is_guarded: bool) -> Result<(), Denial> {
    if is_guarded && allocated > 0 {
        return Err(Denial::InUse { kind: KIND, name: name.to_owned(), count: allocated });
    }
    Ok(())
}

/// Two subnets share nothing, not even a network that is equal.
fn overlap_fault(new: &Examined<SubnetFields>, other: &StoredSubnet<'_>) -> Option<Fault> {
    let net = new.net?;
    let theirs = parse_net(&other.fields().subnet)?.trunc();
    (net_family(&net) == net_family(&theirs) && nets_overlap(&net, &theirs)).then(|| {
        let detail =
            format!("overlap with Subnet {} which 'spec.subnet' is {}", other.name(), other.fields().subnet);
        Fault::invalid("spec.subnet", &new.fields.subnet, detail)
    })
}

/// Pools of the family: none in a part of the network, and what those of the same network hold must be the subnet's.
fn pool_faults<'a>(
    name: &SubnetName,
    new: &Examined<SubnetFields>,
    pools: impl Iterator<Item = Peer<'a>>,
) -> Vec<Fault> {
    let (Some(family), Some(net)) = (new.family, new.net) else { return Vec::new() };
    let total = strict_total(family, &new.fields.ips, &new.fields.exclude_ips);
    let mut faults = Vec::new();
    let mut is_total_told = false;
    for pool in pools {
        faults.extend(pool.orphan_fault(&net, &new.fields.subnet));
        if !pool.is_of(family, &new.fields.subnet) {
            continue;
        }
        let assembled = |what: &str, name: &str, problem: &str| {
            let detail =
                format!("failed to assemble the total IP addresses of the {what} '{name}', error: {problem}");
            Fault::internal("spec.ips", detail)
        };
        match (pool.total(family), &total) {
            (Err(problem), _) => faults.push(assembled("IPPool", pool.name(), &problem)),
            (Ok(_), Err(problem)) => {
                if !is_total_told {
                    faults.push(assembled("Subnet", name.as_str(), problem));
                }
                is_total_told = true;
            }
            (Ok(held), Ok(total)) => {
                let outside = held.difference(total);
                if !outside.is_empty() {
                    let detail = format!(
                        "SpiderIPPool '{}' owns some IP addresses that SpiderSubnet '{name}' can't control, want {} \
                         in 'spec.ips' and not in 'spec.excludeIPs'",
                        pool.name(),
                        named_ranges(&outside)
                    );
                    faults.push(Fault::invalid_object("spec.ips", go_list(&new.fields.ips), detail));
                }
            }
        }
    }
    faults
}

/// A list as the original prints it.
fn go_list(items: &[String]) -> String {
    if items.is_empty() {
        return "[]string(nil)".to_owned();
    }
    let items: Vec<String> = items.iter().map(|item| format!("{item:?}")).collect();
    format!("[]string{{{}}}", items.join(", "))
}

/// One fault for each pool that would lose addresses, up to a number.
fn in_use_faults<'r>(
    name: &SubnetName,
    total: &RangeSet,
    records: impl Iterator<Item = Preallocated<'r>>,
) -> Vec<Fault> {
    const FIELD: &str = "status.controlledIPPools";
    let faults = records.filter_map(|record| match record {
        Preallocated::Held { pool, addresses, .. } => {
            let lost = if addresses.family() == total.family() {
                addresses.difference(total)
            } else {
                addresses.clone()
            };
            (!lost.is_empty()).then(|| {
                let ranges = named_ranges(&lost);
                let detail = format!(
                    "remove some IP ranges {ranges} that is being used by IPPool {pool}, total IP addresses of an \
                     Subnet are jointly determined by 'spec.ips' and 'spec.excludeIPs'"
                );
                Fault::forbidden("spec.ips", detail)
            })
        }
        Preallocated::Malformed { pool, problem } => {
            let detail = format!("failed to parse the pre-allocation of the IPPool {pool}: {problem}");
            Some(Fault::internal(FIELD, detail))
        }
        Preallocated::Unreadable(problem) => {
            let detail = format!("failed to unmarshal the controlled IPPools of Subnet {name}: {problem}");
            Some(Fault::internal(FIELD, detail))
        }
    });
    faults.take(MAX_NAMED).collect()
}
