//! Annotations that name subnets: `subnets`, `subnet`, and `ippool-reclaim`.

use super::error::AnnotationError;
use super::key::Key;
use super::malformed;
use crate::addr::Family;
use crate::go_json::{JsonError, Place, Value};
use crate::owner::Nic;

/// The subnets of one NIC: one for a family, and at least one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SubnetNames(Names);

#[derive(Clone, Debug, Eq, PartialEq)]
enum Names {
    V4(String),
    V6(String),
    Both(String, String),
}

impl SubnetNames {
    /// The subnet of a family. Of several in the list the first counts.
    #[must_use]
    pub fn of(&self, family: Family) -> Option<&str> {
        match (&self.0, family) {
            (Names::V4(name) | Names::Both(name, _), Family::V4)
            | (Names::V6(name) | Names::Both(_, name), Family::V6) => Some(name),
            (Names::V4(_), Family::V6) | (Names::V6(_), Family::V4) => None,
        }
    }
}

/// Which subnets the pools of a pod's workload are made of.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum SubnetChoice {
    /// `subnets`: at least one NIC, each once, no subnet twice.
    ByNic(Vec<(Nic, SubnetNames)>),
    /// `subnet`: one choice for whatever NIC asks.
    Single {
        /// The NIC that the controller makes pools for; `eth0` unless the annotation says otherwise. A NIC of another name finds one
        /// only if somebody else has made it.
        made_for: Nic,
        /// The subnets.
        names: SubnetNames,
    },
}

/// An item as written.
#[derive(Default)]
struct Item {
    interface: String,
    v4: Vec<String>,
    v6: Vec<String>,
}

impl Item {
    /// In Go's manner; `owner` is the type of the original.
    fn read(value: Value<'_>) -> Result<Self, JsonError> {
        let field = |key| Place::Field("AnnoSubnetItem", key);
        let mut item = Self::default();
        for member in value.members(Place::Root("types.AnnoSubnetItem"))? {
            if member.is("interface") {
                item.interface = member.value.text(field("interface"))?.unwrap_or(item.interface);
            } else if member.is("ipv4") {
                item.v4 = member.value.texts(field("ipv4"))?;
            } else if member.is("ipv6") {
                item.v6 = member.value.texts(field("ipv6"))?;
            }
        }
        Ok(item)
    }

    fn names(&self, key: Key, value: &str) -> Result<SubnetNames, AnnotationError> {
        let first = |list: &[String], family| match list.first() {
            Some(name) if name.is_empty() => {
                Err(AnnotationError::EmptySubnet { key, value: value.to_owned(), family })
            }
            name => Ok(name.cloned()),
        };
        match (first(&self.v4, Family::V4)?, first(&self.v6, Family::V6)?) {
            (Some(v4), Some(v6)) => Ok(SubnetNames(Names::Both(v4, v6))),
            (Some(v4), None) => Ok(SubnetNames(Names::V4(v4))),
            (None, Some(v6)) => Ok(SubnetNames(Names::V6(v6))),
            (None, None) => Err(AnnotationError::NoFamily { key, value: value.to_owned() }),
        }
    }
}

/// `subnets`.
pub(super) fn parse_several(text: &str) -> Result<SubnetChoice, AnnotationError> {
    let key = Key::Subnets;
    let value = || text.to_owned();
    let items = || -> Result<Vec<Item>, JsonError> {
        Value::parse(text.as_bytes())?.items(Place::Root("[]types.AnnoSubnetItem"))?.map(Item::read).collect()
    };
    let items = items().map_err(malformed(key, text))?;
    if items.is_empty() {
        return Err(AnnotationError::NoSubnets { key, value: value() });
    }
    let mut choices = Vec::new();
    for item in &items {
        choices.push((item, item.names(key, text)?));
    }
    let mut by_nic: Vec<(Nic, SubnetNames)> = Vec::new();
    for (item, (written, names)) in choices.iter().enumerate() {
        let others = choices.get(..item).unwrap_or_default();
        let shared = [Family::V4, Family::V6].into_iter().find_map(|family| {
            let own = names.of(family)?;
            others.iter().any(|(_, other)| other.of(family) == Some(own)).then_some(own)
        });
        if let Some(subnet) = shared {
            let subnet = subnet.to_owned();
            return Err(AnnotationError::SharedSubnet { key, value: value(), subnet });
        }
        if written.interface.is_empty() {
            return Err(AnnotationError::NoInterface { key, value: value(), item });
        }
        let nic = super::nic(key, &written.interface)?;
        if by_nic.iter().any(|(known, _)| *known == nic) {
            return Err(AnnotationError::SharedInterface { key, value: value(), nic });
        }
        by_nic.push((nic, names.clone()));
    }
    Ok(SubnetChoice::ByNic(by_nic))
}

/// `subnet`.
pub(super) fn parse_single(text: &str) -> Result<SubnetChoice, AnnotationError> {
    let key = Key::Subnet;
    let whole = Value::parse(text.as_bytes()).map_err(malformed(key, text))?;
    if whole.is_null() {
        return Err(AnnotationError::NoSubnets { key, value: text.to_owned() });
    }
    let item = Item::read(whole).map_err(malformed(key, text))?;
    let names = item.names(key, text)?;
    let interface = if item.interface.is_empty() { super::FIRST_NIC } else { &item.interface };
    Ok(SubnetChoice::Single { made_for: super::nic(key, interface)?, names })
}

/// `ippool-reclaim`, by Go's `ParseBool`.
pub(super) fn parse_reclaim(text: &str) -> Result<bool, AnnotationError> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
        _ => Err(AnnotationError::BadTruth { key: Key::Reclaim, value: text.to_owned() }),
    }
}
