//! Where the pools of a pod's NICs are named, and what is named there.
//!
//! There are seven sources. The first that says anything wins as a whole: where it names pools of one family only, the NIC gets an
//! address of that family only, whatever a later source says. A missing family is never an error; nothing at all is one.
//!
//! ```
//! use std::collections::BTreeMap;
//! use ipam_core::annotation::{NamespaceAnnotations, PodAnnotations};
//! use ipam_core::select::PoolNames;
//! use ipam_core::select::source::{Asked, PoolsAsked, Question, Source, Switches};
//!
//! let on_namespace = BTreeMap::from([("ipam.spidernet.io/default-ipv4-ippool".to_owned(), r#"["v4-*"]"#.to_owned())]);
//! let on_pod = BTreeMap::new();
//! let question = Question {
//!     nic: "eth0".parse()?,
//!     pod: PodAnnotations::new(&on_pod),
//!     namespace: NamespaceAnnotations::new(&on_namespace),
//!     configured: PoolNames { v4: vec![], v6: vec!["v6-a".to_owned()] },
//!     clean_gateway: false,
//! };
//! let asked = Asked::new(&question, Switches::default())?;
//! assert_eq!(asked.source(), Source::Namespace);
//! assert_eq!(asked.nics()[0].v4(), Some(&PoolsAsked::Named(vec!["v4-*".to_owned()])));
//! assert_eq!(asked.nics()[0].v6(), None);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;

use std::fmt;

pub use error::SourceError;

use super::PoolNames;
use super::slot::Slot;
use crate::addr::Family;
use crate::annotation::{
    AnnotationError, ItemsView, Key, NamespaceAnnotations, NicPools, PodAnnotations, PoolItems, SubnetChoice,
};
use crate::owner::Nic;

/// What an ADD says, and the annotations it is about.
#[derive(Clone, Debug)]
pub struct Question<'a> {
    /// The NIC of the request.
    pub nic: Nic,
    /// The pod's annotations.
    pub pod: PodAnnotations<'a>,
    /// The annotations of the pod's namespace.
    pub namespace: NamespaceAnnotations<'a>,
    /// The pools of the CNI configuration (`default_ipv4_ippool`, `default_ipv6_ippool`).
    pub configured: PoolNames,
    /// `clean_gateway` of the CNI configuration. Items of `ippools` have their own.
    pub clean_gateway: bool,
}

/// The switches of the cluster that matter here (`conf.yml`).
#[derive(Clone, Copy, Debug)]
pub struct Switches {
    /// `enableIPv4`.
    pub v4: bool,
    /// `enableIPv6`.
    pub v6: bool,
    /// `enableSpiderSubnet` and `enableAutoPoolForApplication`.
    pub subnets: SubnetFeature,
}

/// Both families, no subnets.
impl Default for Switches {
    fn default() -> Self {
        Self { v4: true, v6: true, subnets: SubnetFeature::Off }
    }
}

/// What becomes of `subnets` and `subnet`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SubnetFeature {
    /// `enableSpiderSubnet: false`: they are ignored.
    Off,
    /// `enableAutoPoolForApplication: false`: to use them is an error.
    WithoutAutoPools,
    /// Pools are made of the subnets that they name.
    AutoPools,
}

/// Where pools are named.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Source {
    /// The pod's `subnets`.
    Subnets,
    /// The pod's `subnet`.
    Subnet,
    /// The pod's `ippools`.
    IpPools,
    /// The pod's `ippool`.
    IpPool,
    /// The defaults of the pod's namespace.
    Namespace,
    /// The CNI configuration.
    CniConfiguration,
    /// The pools with `spec.default: true`.
    ClusterDefault,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Subnets => write!(f, "Pod annotation '{}'", Key::Subnets),
            Self::Subnet => write!(f, "Pod annotation '{}'", Key::Subnet),
            Self::IpPools => write!(f, "Pod annotation '{}'", Key::IpPools),
            Self::IpPool => write!(f, "Pod annotation '{}'", Key::IpPool),
            Self::Namespace => {
                write!(f, "the Namespace annotations '{}' and '{}'", Key::DefaultV4, Key::DefaultV6)
            }
            Self::CniConfiguration => f.write_str("the CNI configuration"),
            Self::ClusterDefault => f.write_str("the cluster default IPPools"),
        }
    }
}

/// What is asked for one family of one NIC.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum PoolsAsked {
    /// Names and patterns, at least one, in order.
    Named(Vec<String>),
    /// The pool that is made of a subnet for the pod's workload.
    OfSubnet {
        /// The subnet.
        subnet: String,
        /// The NIC that the controller makes pools for. For another one nobody makes a pool, unless the workload is of a kind for
        /// which the agent itself does, so that waiting for it is in vain.
        made_for: Nic,
    },
    /// The pools with `spec.default: true`.
    ClusterDefault,
}

/// What is asked for one NIC: at least one family.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NicAsked {
    slot: Slot,
    clean_gateway: bool,
    v4: Option<PoolsAsked>,
    v6: Option<PoolsAsked>,
}

impl NicAsked {
    /// The NIC, or its place if nothing names it.
    #[must_use]
    pub const fn slot(&self) -> &Slot {
        &self.slot
    }

    /// Whether it gets no default route.
    #[must_use]
    pub const fn clean_gateway(&self) -> bool {
        self.clean_gateway
    }

    /// Pools for an IPv4 address; none: no such address is wanted.
    #[must_use]
    pub const fn v4(&self) -> Option<&PoolsAsked> {
        self.v4.as_ref()
    }

    /// The same for IPv6.
    #[must_use]
    pub const fn v6(&self) -> Option<&PoolsAsked> {
        self.v6.as_ref()
    }

    /// What is asked, IPv4 first.
    pub fn families(&self) -> impl Iterator<Item = (Family, &PoolsAsked)> {
        let both = [(Family::V4, self.v4()), (Family::V6, self.v6())];
        both.into_iter().filter_map(|(family, pools)| Some((family, pools?)))
    }

    /// `None` if no family is left.
    fn new(slot: Slot, clean_gateway: bool, families: [Option<PoolsAsked>; 2], on: Switches) -> Option<Self> {
        let [v4, v6] = families;
        let asked = Self { slot, clean_gateway, v4: v4.filter(|_| on.v4), v6: v6.filter(|_| on.v6) };
        (asked.v4.is_some() || asked.v6.is_some()).then_some(asked)
    }

    fn named(slot: Slot, item: NicPools, on: Switches) -> Option<Self> {
        let named = |names: Vec<String>| (!names.is_empty()).then_some(PoolsAsked::Named(names));
        Self::new(slot, item.clean_gateway, [named(item.pools.v4), named(item.pools.v6)], on)
    }
}

/// Which pools a request asks for: at least one NIC, each once.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Asked {
    source: Source,
    nics: Vec<NicAsked>,
}

impl Asked {
    /// What a request asks for: the first source that says anything, without the families that are switched off.
    ///
    /// # Errors
    /// [`SourceError`]: a malformed annotation in the source that wins (or in the namespace, if it comes to that), or nothing asked
    /// for the NIC of the request.
    pub fn new(question: &Question<'_>, switches: Switches) -> Result<Self, SourceError> {
        let pod = &question.pod;
        if let Some(asked) = of_subnets(question, switches)? {
            return Ok(asked);
        }
        if let Some(items) = pod.ippools()? {
            return of_items(&items, question, switches);
        }
        let (source, names) = if let Some(pools) = pod.ippool()? {
            (Source::IpPool, pools)
        } else {
            let pools = question.namespace.default_pools()?;
            if !pools.is_empty() {
                (Source::Namespace, pools)
            } else if !question.configured.is_empty() {
                (Source::CniConfiguration, question.configured.clone())
            } else {
                let both = [Some(PoolsAsked::ClusterDefault), Some(PoolsAsked::ClusterDefault)];
                return one(Source::ClusterDefault, both, question, switches);
            }
        };
        let item = NicPools { pools: names, clean_gateway: question.clean_gateway };
        let nic = NicAsked::named(Slot::Named(question.nic.clone()), item, switches);
        only(source, nic, question, switches)
    }

    /// Where it is said.
    #[must_use]
    pub const fn source(&self) -> Source {
        self.source
    }

    /// The NICs, in the order in which they are named.
    #[must_use]
    pub fn nics(&self) -> &[NicAsked] {
        &self.nics
    }

    /// Whether the NICs are told by their places only, so that each ADD claims one ([`claim`](super::claim)).
    #[must_use]
    pub fn is_in_order(&self) -> bool {
        self.nics.iter().any(|nic| matches!(nic.slot, Slot::Position(_)))
    }
}

fn of_subnets(question: &Question<'_>, on: Switches) -> Result<Option<Asked>, SourceError> {
    match on.subnets {
        SubnetFeature::Off => return Ok(None),
        SubnetFeature::WithoutAutoPools if question.pod.has_subnets() => {
            return Err(SourceError::AutoPoolsOff);
        }
        SubnetFeature::WithoutAutoPools | SubnetFeature::AutoPools => {}
    }
    let Some(choice) = question.pod.subnets().map_err(SourceError::Subnets)? else { return Ok(None) };
    let nic = &question.nic;
    let (source, made_for, names) = match &choice {
        SubnetChoice::Single { made_for, names } => (Source::Subnet, made_for, names),
        SubnetChoice::ByNic(items) => {
            let Some((made_for, names)) = items.iter().find(|(own, _)| own == nic) else {
                let listed = items.iter().map(|(own, _)| own.clone()).collect();
                return Err(SourceError::NicNotListed { nic: nic.clone(), listed });
            };
            (Source::Subnets, made_for, names)
        }
    };
    let pools = |family| {
        let subnet = names.of(family)?.to_owned();
        Some(PoolsAsked::OfSubnet { subnet, made_for: made_for.clone() })
    };
    one(source, [pools(Family::V4), pools(Family::V6)], question, on).map(Some)
}

fn of_items(items: &PoolItems, question: &Question<'_>, on: Switches) -> Result<Asked, SourceError> {
    let key = Key::IpPools;
    let nics = match items.view() {
        ItemsView::Named(items) => {
            let nic = &question.nic;
            if !items.iter().any(|(own, _)| own == nic) {
                let listed = items.iter().map(|(own, _)| own.clone()).collect();
                return Err(AnnotationError::NicNotListed { key, nic: nic.clone(), listed }.into());
            }
            let asked =
                |(own, item): &(Nic, NicPools)| NicAsked::named(Slot::Named(own.clone()), item.clone(), on);
            // An item for another NIC may be empty: that NIC's own request is told then.
            let nics: Vec<NicAsked> = items.iter().filter_map(asked).collect();
            let is_asked = nics.iter().any(|one| matches!(&one.slot, Slot::Named(own) if own == nic));
            if is_asked { nics } else { Vec::new() }
        }
        ItemsView::InOrder(items) => {
            let mut nics: Vec<NicAsked> = Vec::new();
            for (place, item) in items.iter().enumerate() {
                let Some(asked) = NicAsked::named(Slot::Position(place), item.clone(), on) else { continue };
                if nics.len() != place {
                    let disabled = disabled(on);
                    return Err(SourceError::Gap { position: nics.len(), next: place, disabled });
                }
                nics.push(asked);
            }
            nics
        }
    };
    if nics.is_empty() {
        return Err(nothing(Source::IpPools, question, on));
    }
    Ok(Asked { source: Source::IpPools, nics })
}

/// For the NIC of the request alone.
fn one(
    source: Source,
    families: [Option<PoolsAsked>; 2],
    question: &Question<'_>,
    on: Switches,
) -> Result<Asked, SourceError> {
    let slot = Slot::Named(question.nic.clone());
    only(source, NicAsked::new(slot, question.clean_gateway, families, on), question, on)
}

fn only(
    source: Source,
    nic: Option<NicAsked>,
    question: &Question<'_>,
    on: Switches,
) -> Result<Asked, SourceError> {
    let nics = vec![nic.ok_or_else(|| nothing(source, question, on))?];
    Ok(Asked { source, nics })
}

fn nothing(source: Source, question: &Question<'_>, on: Switches) -> SourceError {
    SourceError::NothingAsked { from: source, nic: question.nic.clone(), disabled: disabled(on) }
}

fn disabled(on: Switches) -> Vec<Family> {
    [(Family::V4, on.v4), (Family::V6, on.v6)]
        .into_iter()
        .filter_map(|(family, is_on)| (!is_on).then_some(family))
        .collect()
}
