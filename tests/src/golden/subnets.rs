//! Subnets: requests about them, and the ones that pools find.

use ipam_core::Family;
use ipam_core::admission::{
    Metadata, Peer, StoredSubnet, Subnets, mutate_subnet, subnet_create, subnet_delete, subnet_name,
    subnet_update, subnet_update_terminating,
};
use ipam_core::subnet::SubnetFields;

use super::case::{Case, Object};
use super::records::Preallocations;
use super::replay::{Answer, Replay, before, decode, left_alone, pools, stored_spec};

/// The subnets of a case, owned, since the rules only borrow.
#[derive(Debug)]
pub(super) struct Stored {
    is_on: bool,
    subnets: Vec<Owned>,
}

#[derive(Debug)]
struct Owned {
    name: String,
    uid: String,
    fields: SubnetFields,
    metadata: Metadata,
    records: Preallocations,
}

impl Stored {
    pub(super) fn of(case: &Case) -> Result<Self, String> {
        let given = case.given.iter().filter(|object| object.is("SpiderSubnet"));
        let subnets: Result<Vec<Owned>, String> = given.map(Owned::of).collect();
        Ok(Self { is_on: case.is_on("enableSpiderSubnet", true), subnets: subnets? })
    }

    pub(super) fn told(&self) -> Vec<StoredSubnet<'_>> {
        let told = self.subnets.iter().map(|one| {
            StoredSubnet::new(&one.name, &one.uid, &one.fields, &one.metadata)
                .with_records(one.records.told())
        });
        told.collect()
    }

    pub(super) const fn subnets<'a>(&self, told: &'a [StoredSubnet<'a>]) -> Subnets<'a> {
        if self.is_on { Subnets::On(told) } else { Subnets::Off }
    }
}

impl Owned {
    fn of(object: &Object) -> Result<Self, String> {
        let fields: SubnetFields = stored_spec(object)?;
        let records = Preallocations::of(&object.status, fields.family().unwrap_or(Family::V4));
        let (name, uid) = (object.metadata.name.clone(), object.uid());
        Ok(Self { name, uid, fields, metadata: object.metadata(), records })
    }
}

pub(super) fn write(case: &Case) -> Replay {
    let Some(sent) = decode::<SubnetFields>(&case.object.spec) else { return Ok(Answer::Undecodable) };
    let name = match subnet_name(&case.object.metadata.name) {
        Ok(name) => name,
        Err(refusal) => return Ok(Answer::Refused(refusal)),
    };
    let (fields, metadata) = mutate_subnet(&sent, &case.object.metadata());
    if case.operation == "create" {
        let stored = Stored::of(case)?;
        let subnets = stored.told();
        let pools = pools(case)?;
        let peers = pools.iter().map(|(name, fields)| Peer::stored(name, fields));
        let checked = subnet_create(&name, &fields, stored.subnets(&subnets), peers, case.families());
        return Answer::of(checked, &fields, metadata);
    }
    if metadata.terminating {
        return Answer::of(subnet_update_terminating(name.as_str(), &metadata), &fields, metadata);
    }
    let old = Owned::of(before(case)?)?;
    let checked = subnet_update(&name, &old.fields, &fields, old.records.told(), case.families());
    Answer::of(checked, &fields, metadata)
}

pub(super) fn delete(case: &Case) -> Replay {
    let object = before(case)?;
    let is_guarded = case.is_on("enableValidatingResourcesDeletedWebhook", false);
    Ok(match subnet_delete(&object.metadata.name, object.allocated_count(), is_guarded) {
        Ok(()) => left_alone(object),
        Err(refusal) => Answer::Refused(refusal),
    })
}
