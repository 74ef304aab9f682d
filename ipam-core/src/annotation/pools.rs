//! Annotations that name pools: `ippool` and `ippools` of a pod, the defaults of a namespace.

use super::error::AnnotationError;
use super::key::Key;
use super::malformed;
use crate::go_json::{JsonError, Place, Value};
use crate::owner::Nic;
use crate::select::PoolNames;

/// The items of `ippools`: at least one, and either each for a NIC of its own or all in the order of the NICs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PoolItems(Items);

#[derive(Clone, Debug, Eq, PartialEq)]
enum Items {
    Named(Vec<(Nic, NicPools)>),
    InOrder(Vec<NicPools>),
}

/// The items of `ippools`, as they say whom they are for.
#[derive(Clone, Copy, Debug)]
pub enum ItemsView<'a> {
    /// Each names its NIC, and no two the same.
    Named(&'a [(Nic, NicPools)]),
    /// None names a NIC: the first is for the pod's first NIC, the next for the next.
    InOrder(&'a [NicPools]),
}

/// What an item of `ippools` says for its NIC.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct NicPools {
    /// Names and patterns, in order. Perhaps none.
    pub pools: PoolNames,
    /// Whether the NIC gets no default route.
    pub clean_gateway: bool,
}

impl PoolItems {
    /// The items.
    #[must_use]
    pub fn view(&self) -> ItemsView<'_> {
        match &self.0 {
            Items::Named(items) => ItemsView::Named(items),
            Items::InOrder(items) => ItemsView::InOrder(items),
        }
    }

    /// Rules of the items among each other, in the original's order.
    pub(super) fn parse(text: &str) -> Result<Self, AnnotationError> {
        let key = Key::IpPools;
        let value = || text.to_owned();
        let items = written_items(text).map_err(malformed(key, text))?;
        let Some((first, _)) = items.first() else {
            return Err(AnnotationError::NoItems { key, value: value() });
        };
        let is_named = !first.is_empty();
        let mut named: Vec<(Nic, NicPools)> = Vec::new();
        let mut in_order = Vec::new();
        for (item, (interface, pools)) in items.into_iter().enumerate() {
            if interface.is_empty() == is_named {
                return Err(AnnotationError::MixedItems { key, value: value(), item, is_named: !is_named });
            }
            if !is_named {
                in_order.push(pools);
                continue;
            }
            let nic = super::nic(key, &interface)?;
            if named.iter().any(|(known, _)| *known == nic) {
                return Err(AnnotationError::DuplicateInterface { key, nic });
            }
            named.push((nic, pools));
        }
        Ok(Self(if is_named { Items::Named(named) } else { Items::InOrder(in_order) }))
    }
}

/// The items with their interfaces as written.
fn written_items(text: &str) -> Result<Vec<(String, NicPools)>, JsonError> {
    const LIST: Place = Place::Root("types.AnnoPodIPPoolsValue");
    const ITEM: Place = Place::Root("types.AnnoIPPoolItem");
    let field = |key| Place::Field("AnnoIPPoolItem", key);
    let mut items = Vec::new();
    for item in Value::parse(text.as_bytes())?.items(LIST)? {
        let (mut interface, mut own) = (String::new(), NicPools::default());
        for member in item.members(ITEM)? {
            // Of equal keys the last wins; but `null` changes nothing where a single value stands.
            if member.is("interface") {
                interface = member.value.text(field("interface"))?.unwrap_or(interface);
            } else if member.is("ipv4") {
                own.pools.v4 = member.value.texts(field("ipv4"))?;
            } else if member.is("ipv6") {
                own.pools.v6 = member.value.texts(field("ipv6"))?;
            } else if member.is("cleangateway") {
                let clean = member.value.truth(field("cleangateway"))?;
                own.clean_gateway = clean.unwrap_or(own.clean_gateway);
            }
        }
        items.push((interface, own));
    }
    Ok(items)
}

/// `ippool`.
pub(super) fn parse_single(text: &str) -> Result<PoolNames, AnnotationError> {
    written_single(text).map_err(malformed(Key::IpPool, text))
}

fn written_single(text: &str) -> Result<PoolNames, JsonError> {
    const WHOLE: Place = Place::Root("types.AnnoPodIPPoolValue");
    let field = |key| Place::Field("AnnoPodIPPoolValue", key);
    let mut pools = PoolNames::default();
    for member in Value::parse(text.as_bytes())?.members(WHOLE)? {
        if member.is("ipv4") {
            pools.v4 = member.value.texts(field("ipv4"))?;
        } else if member.is("ipv6") {
            pools.v6 = member.value.texts(field("ipv6"))?;
        }
    }
    Ok(pools)
}

/// One of the defaults of a namespace.
pub(super) fn parse_default(key: Key, text: &str) -> Result<Vec<String>, AnnotationError> {
    let list = Value::parse(text.as_bytes()).and_then(|value| value.texts(Place::Root("[]string")));
    list.map_err(malformed(key, text))
}
