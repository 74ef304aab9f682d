//! A stored pool, ready to be held against requests.

use std::sync::Arc;

use super::reason::Constraint;
use crate::addr::Family;
use crate::pool::{Examined, Origin, PoolFields, PoolName, PoolSpec};
use crate::selector::{LabelSelector, Selector};

/// A pool as a [`Catalogue`](super::Catalogue) lists it: its fields, what of the object counts besides, and its selectors read.
///
/// Anything that is stored can be listed. What breaks our rules, because it was written past admission or by another release, is
/// listed with its faults: it is rejected where it is named, and other pools go on.
#[derive(Clone, Debug)]
pub struct ListedPool {
    name: PoolName,
    body: Body,
    /// As `spec.ipVersion` says it, not as it could be derived.
    pub(super) version: Option<Family>,
    pub(super) standing: Standing,
    pub(super) node: Gate,
    pub(super) namespace: Gate,
    pub(super) pod: Gate,
    pub(super) rank: Rank,
}

/// What of the object counts, beside its spec.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Standing {
    /// It is being deleted.
    pub is_terminating: bool,
    /// It was made for one workload: it has the label `ipam.spidernet.io/owner-application-name`. Its `podAffinity` names that
    /// workload and is never held against labels of pods.
    pub is_auto: bool,
}

#[derive(Clone, Debug)]
enum Body {
    Valid(Arc<PoolSpec>),
    Faulty(Box<(PoolFields, Vec<String>)>),
    /// Not even its fields are known.
    Unreadable(Box<(PoolFields, Vec<String>)>),
}

/// A condition that a name or labels have to meet.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Gate {
    Open,
    /// One of the names that the fields have.
    Names,
    Labels(Selector),
    /// Nothing meets it; why.
    Malformed(String),
}

impl Gate {
    fn new(names: &[String], selector: Option<&LabelSelector>, by: Constraint) -> Self {
        match selector {
            _ if !names.is_empty() => Self::Names,
            None => Self::Open,
            Some(written) => match written.compile(by.field()) {
                Ok(selector) => Self::Labels(selector),
                Err(faults) => {
                    Self::Malformed(unknown_operator(written).unwrap_or_else(|| faults.to_string()))
                }
            },
        }
    }
}

/// The original's words for the fault that people make most.
fn unknown_operator(written: &LabelSelector) -> Option<String> {
    let operators = written.match_expressions.iter().map(|one| one.operator.as_str());
    let unknown =
        operators.into_iter().find(|one| !matches!(*one, "In" | "NotIn" | "Exists" | "DoesNotExist"))?;
    Some(format!("{unknown:?} is not a valid label selector operator"))
}

/// How far ahead of others a pool is that may be used: one bit a condition it sets, the weightiest first.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Rank(u8);

impl Rank {
    /// Of a pool that sets no condition.
    pub(super) const NONE: Self = Self(0);

    fn new(fields: &PoolFields) -> Self {
        let bits = [
            fields.pod_affinity.is_some(),
            !fields.node_name.is_empty(),
            fields.node_affinity.is_some(),
            !fields.namespace_name.is_empty(),
            fields.namespace_affinity.is_some(),
            !fields.multus_name.is_empty(),
        ];
        Self(bits.into_iter().fold(0, |rank, bit| rank << 1 | u8::from(bit)))
    }
}

impl ListedPool {
    /// A pool as it is stored, whatever is stored.
    ///
    /// ```
    /// use ipam_core::PoolFields;
    /// use ipam_core::select::{ListedPool, Standing};
    /// let fields = PoolFields { subnet: "10.6.0.0/33".into(), ..PoolFields::default() };
    /// let pool = ListedPool::new("v4".parse()?, &fields, Standing::default());
    /// assert!(pool.spec().is_none());
    /// assert!(pool.faults()[0].starts_with("spec.ipVersion: Invalid value"));
    /// # Ok::<(), ipam_core::Error>(())
    /// ```
    #[must_use]
    pub fn new(name: PoolName, fields: &PoolFields, standing: Standing) -> Self {
        // Who made it matters for its affinity only, which is judged elsewhere.
        let mut examined = Examined::pool(fields, Origin::User);
        examined.forgive_stored();
        let version = fields.ip_version.and_then(Family::from_number);
        let body = match PoolSpec::from_examined(&name, examined) {
            Ok(spec) => Body::Valid(Arc::new(spec)),
            Err(faults) => {
                let faults = faults.into_iter().map(|fault| fault.to_string()).collect();
                Body::Faulty(Box::new((fields.clone(), faults)))
            }
        };
        Self::of(name, body, version, standing)
    }

    /// A pool that is known to be valid.
    #[must_use]
    pub fn from_spec(spec: Arc<PoolSpec>, standing: Standing) -> Self {
        let (name, family) = (spec.name().clone(), spec.family());
        Self::of(name, Body::Valid(spec), Some(family), standing)
    }

    /// A pool whose spec cannot be read at all, and why: a field of another type than any release has written. It is rejected where it
    /// is named.
    #[must_use]
    pub fn unreadable(name: PoolName, fault: String, standing: Standing) -> Self {
        let body = Body::Unreadable(Box::new((PoolFields::default(), vec![fault])));
        Self::of(name, body, None, standing)
    }

    fn of(name: PoolName, body: Body, version: Option<Family>, standing: Standing) -> Self {
        let fields = body.fields();
        let pod = match &fields.pod_affinity {
            Some(_) if standing.is_auto => Gate::Open,
            selector => Gate::new(&[], selector.as_ref(), Constraint::PodAffinity),
        };
        Self {
            node: Gate::new(&fields.node_name, fields.node_affinity.as_ref(), Constraint::NodeAffinity),
            namespace: Gate::new(
                &fields.namespace_name,
                fields.namespace_affinity.as_ref(),
                Constraint::NamespaceAffinity,
            ),
            pod,
            rank: Rank::new(fields),
            name,
            body,
            version,
            standing,
        }
    }

    /// The pool's name.
    #[must_use]
    pub const fn name(&self) -> &PoolName {
        &self.name
    }

    /// The fields: normalised in a valid pool, as they are stored in another one.
    #[must_use]
    pub fn fields(&self) -> &PoolFields {
        self.body.fields()
    }

    /// The checked pool, if it is one.
    #[must_use]
    pub const fn spec(&self) -> Option<&Arc<PoolSpec>> {
        match &self.body {
            Body::Valid(spec) => Some(spec),
            Body::Faulty(_) | Body::Unreadable(_) => None,
        }
    }

    /// What is wrong with a pool that is not valid. A malformed selector is none of it: that is told to who asks.
    #[must_use]
    pub fn faults(&self) -> &[String] {
        match &self.body {
            Body::Valid(_) => &[],
            Body::Faulty(faulty) | Body::Unreadable(faulty) => &faulty.1,
        }
    }

    pub(super) const fn is_unreadable(&self) -> bool {
        matches!(self.body, Body::Unreadable(_))
    }

    /// What of the object counts beside the spec.
    #[must_use]
    pub const fn standing(&self) -> Standing {
        self.standing
    }
}

impl Body {
    fn fields(&self) -> &PoolFields {
        match self {
            Self::Valid(spec) => spec.fields(),
            Self::Faulty(faulty) | Self::Unreadable(faulty) => &faulty.0,
        }
    }
}
