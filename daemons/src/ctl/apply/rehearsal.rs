//! What applying manifests would do, and everything that stands against it.
//!
//! The rules are `ipam-core`'s admission, the very functions that the store calls when it stores an object.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use ipam_core::admission::{
    Denial, FamilySettings, InUse, ObjectKind, pool_create, pool_update, reserved_create, reserved_update,
};
use ipam_core::{
    Addr, Origin, PoolFields, PoolName, PoolSpec, RangeSet, ReservedFields, ReservedName, ReservedSpec,
};
use ipam_local::{Applied, Metadata, Session, Source};

use crate::ctl::ip::each_record;
use crate::ctl::manifest::{Manifest, Object};

/// The objects of a store, and then those of the manifests too.
#[derive(Default)]
pub(super) struct Rehearsal {
    pools: BTreeMap<PoolName, Known<PoolSpec>>,
    reserved: BTreeMap<ReservedName, Known<ReservedSpec>>,
}

struct Known<Spec> {
    spec: Arc<Spec>,
    metadata: Metadata,
    source: Source,
}

/// Objects that cannot be applied.
#[derive(Debug, thiserror::Error)]
#[error("{}", Listed(.0))]
struct Refusals(Vec<String>);

struct Listed<'a>(&'a [String]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [one] => write!(f, "nothing was applied: {one}"),
            many => {
                write!(f, "nothing was applied, since {} objects are refused", many.len())?;
                many.iter().try_for_each(|one| write!(f, "\n  {one}"))
            }
        }
    }
}

impl Rehearsal {
    /// The objects that are there now.
    pub(super) fn of(session: &mut Session<'_>) -> Result<Self, ipam_local::Error> {
        let mut stage = Self::default();
        for entry in session.pools()? {
            let known = Known { spec: entry.spec, metadata: entry.metadata, source: entry.source };
            stage.pools.insert(known.spec.name().clone(), known);
        }
        for entry in session.reserved()? {
            let known = Known { spec: entry.spec, metadata: entry.metadata, source: entry.source };
            stage.reserved.insert(known.spec.name().clone(), known);
        }
        Ok(stage)
    }

    /// One object after the other, each upon those before it. Without a session there are no records.
    pub(super) fn perform(
        mut self,
        manifests: &[Manifest],
        mut session: Option<&mut Session<'_>>,
    ) -> anyhow::Result<Vec<Applied>> {
        let mut results = Vec::new();
        let mut refusals = Vec::new();
        for Manifest { place, object } in manifests {
            let result = match object {
                Object::Pool { name, fields, metadata } => {
                    self.pool(name, fields, metadata, session.as_deref_mut())?
                }
                Object::Reserved { name, fields, metadata } => self.reserved(name, fields, metadata),
            };
            match result {
                Ok(applied) => results.push(applied),
                Err(refusal) => refusals.push(format!("{place}: {refusal}")),
            }
        }
        if refusals.is_empty() { Ok(results) } else { Err(Refusals(refusals).into()) }
    }

    fn pool(
        &mut self,
        name: &PoolName,
        fields: &PoolFields,
        metadata: &Metadata,
        session: Option<&mut Session<'_>>,
    ) -> anyhow::Result<Result<Applied, String>> {
        let peers = || self.pools.values().map(|known| known.spec.as_ref());
        let (applied, spec) = match self.pools.get(name) {
            None => {
                let spec = pool_create(name, fields, Origin::User, peers(), FamilySettings::default());
                (Applied::Created, spec)
            }
            Some(old) => {
                let is_same = *old.spec.fields() == fields.normalised();
                if let Some(result) = old.settle(ObjectKind::IpPool, name.as_str(), is_same, metadata) {
                    return Ok(result);
                }
                let strays = strays(&old.spec, fields, session)?;
                let records = strays.iter().map(|(address, owner)| InUse::Held(*address, owner));
                let families = FamilySettings::default();
                let spec =
                    pool_update(name, old.spec.fields(), fields, Origin::User, peers(), records, families);
                (Applied::Changed, spec)
            }
        };
        Ok(spec.map_err(|refusal| refusal.to_string()).map(|spec| {
            let known = Known { spec: Arc::new(spec), metadata: metadata.clone(), source: Source::Applied };
            self.pools.insert(name.clone(), known);
            applied
        }))
    }

    fn reserved(
        &mut self,
        name: &ReservedName,
        fields: &ReservedFields,
        metadata: &Metadata,
    ) -> Result<Applied, String> {
        let told = |refusal: Denial| refusal.to_string();
        let families = FamilySettings::default();
        let (applied, spec) = match self.reserved.get(name) {
            None => (Applied::Created, reserved_create(name, fields, families).map_err(told)?),
            Some(old) => {
                let is_same = *old.spec.fields() == fields.normalised();
                if let Some(result) = old.settle(ObjectKind::ReservedIp, name.as_str(), is_same, metadata) {
                    return result;
                }
                (Applied::Changed, reserved_update(name, old.spec.fields(), fields, families).map_err(told)?)
            }
        };
        let known = Known { spec: Arc::new(spec), metadata: metadata.clone(), source: Source::Applied };
        self.reserved.insert(name.clone(), known);
        Ok(applied)
    }
}

impl<Spec> Known<Spec> {
    /// What applying comes to without a look at the rules: nothing is to change, or it is not ours to change.
    fn settle(
        &self,
        kind: ObjectKind,
        name: &str,
        is_same: bool,
        metadata: &Metadata,
    ) -> Option<Result<Applied, String>> {
        let is_ours = self.source == Source::Applied;
        if is_same && (!is_ours || self.metadata == *metadata) {
            return Some(Ok(Applied::Unchanged));
        }
        if is_ours {
            return None;
        }
        let error = ipam_local::Error::OtherSource {
            kind: kind.as_str(),
            name: name.to_owned(),
            stored: Box::new(self.source.clone()),
            asked: Box::new(Source::Applied),
        };
        Some(Err(error.to_string()))
    }
}

/// Records of a pool at addresses that it would no longer have.
fn strays(
    old: &PoolSpec,
    fields: &PoolFields,
    session: Option<&mut Session<'_>>,
) -> anyhow::Result<Vec<(Addr, String)>> {
    let Some(session) = session else { return Ok(Vec::new()) };
    // A pool that has faults of its own is refused for these.
    let left: RangeSet = match PoolSpec::new(old.name(), fields) {
        Ok(new) if !new.allocatable().is_superset(old.allocatable()) => new.allocatable().clone(),
        Ok(_) | Err(_) => return Ok(Vec::new()),
    };
    let mut strays = Vec::new();
    each_record(session, Some(old.name()), None, |holding| {
        if !left.contains(holding.record.address) {
            strays.push((holding.record.address, holding.record.owner.to_string()));
        }
    })?;
    Ok(strays)
}
