//! One case through the pure rules, in the order in which an API server calls them: mutate, then validate.

use ipam_core::admission::{
    Controller, Denial, Metadata, Peer, PoolRules, mutate_pool, mutate_reserved, pool_create, pool_delete,
    pool_name, pool_update, pool_update_terminating, reserved_create, reserved_name, reserved_update,
    reserved_update_terminating,
};
use ipam_core::{PoolFields, ReservedFields};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::case::{Case, Object};
use super::records::Allocations;
use super::subnets::{self, Stored};

/// What became of a request.
#[derive(Debug)]
pub(super) enum Answer {
    /// The API server answers without admission, for this reason.
    NotAsked(&'static str),
    /// The object does not decode.
    Undecodable,
    /// The object as it is stored.
    Allowed {
        spec: Value,
        metadata: Metadata,
    },
    Refused(Denial),
}

impl Answer {
    /// A verdict of validation on what mutation made.
    pub(super) fn of<T>(checked: Result<T, Denial>, fields: &impl Serialize, metadata: Metadata) -> Replay {
        match checked {
            Ok(_) => {
                let spec = serde_json::to_value(fields).map_err(|error| error.to_string())?;
                Ok(Self::Allowed { spec, metadata })
            }
            Err(refusal) => Ok(Self::Refused(refusal)),
        }
    }

    /// For people.
    pub(super) fn told(&self) -> String {
        match self {
            Self::NotAsked(reason) => (*reason).to_owned(),
            Self::Undecodable => "400 the object does not decode".to_owned(),
            Self::Allowed { spec, metadata } => format!("allowed {spec} {metadata:?}"),
            Self::Refused(refusal) => format!("{} {refusal}", refusal.http_status()),
        }
    }
}

/// An answer, or why the case cannot be replayed.
pub(super) type Replay = Result<Answer, String>;

pub(super) fn replay(kind: &str, case: &Case) -> Replay {
    if case.subresource.is_some() {
        return Ok(Answer::NotAsked("a status write meets the schema only"));
    }
    if case.operation != "create" && case.before().is_none() {
        return Ok(Answer::NotAsked("there is no such object, which the API server says before admission"));
    }
    match (kind, case.operation.as_str()) {
        ("spiderippool", "create" | "update") => write_pool(case),
        ("spiderippool", "delete") => delete_pool(case),
        ("spiderreservedip", "create" | "update") => write_reserved(case),
        // No webhook is registered for it.
        ("spiderreservedip", "delete") => Ok(left_alone(before(case)?)),
        ("spidersubnet", "create" | "update") => subnets::write(case),
        ("spidersubnet", "delete") => subnets::delete(case),
        (_, operation) => Err(format!("no replay for {operation:?} of {kind}")),
    }
}

fn write_pool(case: &Case) -> Replay {
    let Some(sent) = decode::<PoolFields>(&case.object.spec) else { return Ok(Answer::Undecodable) };
    let name = match pool_name(&case.object.metadata.name) {
        Ok(name) => name,
        Err(refusal) => return Ok(Answer::Refused(refusal)),
    };
    let stored = Stored::of(case)?;
    let subnets = stored.told();
    let subnets = stored.subnets(&subnets);
    let (fields, metadata) = mutate_pool(&sent, &case.object.metadata(), subnets);
    if case.operation == "update" && metadata.terminating {
        return Answer::of(pool_update_terminating(name.as_str(), &metadata), &fields, metadata);
    }
    let pools = pools(case)?;
    let peers = pools.iter().map(|(name, fields)| Peer::stored(name, fields));
    let rules = PoolRules { families: case.families(), controller: Controller::of(&metadata, subnets) };
    let checked = if case.operation == "create" {
        pool_create(&name, &fields, metadata.origin(), peers, rules)
    } else {
        let old = before(case)?;
        let records = Allocations::of(&old.status);
        let old: PoolFields = stored_spec(old)?;
        pool_update(&name, &old, &fields, metadata.origin(), peers, records.in_use(), rules)
    };
    Answer::of(checked, &fields, metadata.clone())
}

fn delete_pool(case: &Case) -> Replay {
    let object = before(case)?;
    let is_guarded = case.is_on("enableValidatingResourcesDeletedWebhook", false);
    Ok(match pool_delete(&object.metadata.name, object.allocated_count(), is_guarded) {
        Ok(()) => left_alone(object),
        Err(refusal) => Answer::Refused(refusal),
    })
}

fn write_reserved(case: &Case) -> Replay {
    let Some(sent) = decode::<ReservedFields>(&case.object.spec) else { return Ok(Answer::Undecodable) };
    let name = match reserved_name(&case.object.metadata.name) {
        Ok(name) => name,
        Err(refusal) => return Ok(Answer::Refused(refusal)),
    };
    let metadata = case.object.metadata();
    let fields = mutate_reserved(&sent, &metadata);
    if case.operation == "create" {
        return Answer::of(reserved_create(&name, &fields, case.families()), &fields, metadata);
    }
    let old: ReservedFields = stored_spec(before(case)?)?;
    if metadata.terminating {
        return Answer::of(reserved_update_terminating(name.as_str(), &old, &fields), &fields, metadata);
    }
    Answer::of(reserved_update(&name, &old, &fields, case.families()), &fields, metadata)
}

/// All pools that were there before.
pub(super) fn pools(case: &Case) -> Result<Vec<(&str, PoolFields)>, String> {
    let pools = case.given.iter().filter(|object| object.is("SpiderIPPool"));
    pools.map(|object| Ok((object.metadata.name.as_str(), stored_spec(object)?))).collect()
}

pub(super) fn before(case: &Case) -> Result<&Object, String> {
    case.before().ok_or_else(|| "the object is not among those given".to_owned())
}

pub(super) fn left_alone(object: &Object) -> Answer {
    Answer::Allowed { spec: object.spec.clone(), metadata: object.metadata() }
}

/// An absent spec is an empty one.
pub(super) fn decode<T: DeserializeOwned + Default>(spec: &Value) -> Option<T> {
    if spec.is_null() { Some(T::default()) } else { serde_json::from_value(spec.clone()).ok() }
}

pub(super) fn stored_spec<T: DeserializeOwned + Default>(object: &Object) -> Result<T, String> {
    let name = &object.metadata.name;
    decode(&object.spec).ok_or_else(|| format!("the spec of {name} among those given does not decode"))
}
