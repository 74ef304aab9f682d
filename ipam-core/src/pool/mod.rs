//! Pools: a network, the addresses of it that may be handed out, and who may ask for them.
//!
//! Two states, two types: [`PoolFields`] is what someone wrote, [`PoolSpec`] is a pool that obeys every rule that needs
//! nothing but the pool itself. Rules about other objects (overlap, addresses in use) are in [`admission`](crate::admission).

mod examine;
mod fields;
#[cfg(feature = "serde")]
pub(crate) mod wire;

use ipnet::IpNet;

pub use self::examine::Origin;
pub(crate) use self::examine::{APP_KEYS, Examined, NetworkFields, ReadItem, Written, inheritable};
pub use self::fields::{PoolFields, RouteFields};
pub(crate) use self::fields::{merge, written_version};
pub use crate::name::PoolName;

use crate::addr::{Addr, Family};
use crate::fault::Faults;
use crate::rangeset::RangeSet;
use crate::route::Route;

/// A checked pool. Its sets are computed once; nothing in it is ever enumerated.
///
/// ```
/// use ipam_core::{PoolFields, PoolSpec};
/// let fields = PoolFields {
///     subnet: "10.6.0.0/16".into(),
///     ips: vec!["10.6.0.10-10.6.255.250".into()],
///     exclude_ips: vec!["10.6.0.100".into()],
///     gateway: Some("10.6.0.1".into()),
///     ..PoolFields::default()
/// };
/// let pool = PoolSpec::new(&"v4".parse()?, &fields)?;
/// assert_eq!(pool.allocatable().to_string(), "10.6.0.10-10.6.0.99,10.6.0.101-10.6.255.250");
/// assert_eq!(pool.subnet_prefix(), 16);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PoolSpec {
    name: PoolName,
    fields: PoolFields,
    family: Family,
    subnet: IpNet,
    ips: RangeSet,
    excluded: RangeSet,
    allocatable: RangeSet,
    gateway: Option<Addr>,
    routes: Vec<Route>,
}

impl PoolSpec {
    /// Checks a pool as a user writes it. The fields are normalised first ([`PoolFields::normalised`]), which changes
    /// nothing in a pool that was accepted before.
    ///
    /// # Errors
    /// All faults of the object, each with the path of its field.
    pub fn new(name: &PoolName, fields: &PoolFields) -> Result<Self, Faults> {
        Self::with_origin(name, fields, Origin::User)
    }

    /// The same for a pool that someone else than a user may have made.
    ///
    /// # Errors
    /// As [`PoolSpec::new`].
    pub fn with_origin(name: &PoolName, fields: &PoolFields, origin: Origin) -> Result<Self, Faults> {
        Self::from_examined(name, Examined::pool(fields, origin))
    }

    pub(crate) fn from_examined(name: &PoolName, examined: Examined<PoolFields>) -> Result<Self, Faults> {
        let (Some(family), Some(subnet), Some(allocatable)) =
            (examined.family, examined.net, examined.whole_total())
        else {
            return Err(examined.into_faults());
        };
        let (ips, excluded) = (examined.ips.set(family), examined.excluded.set(family));
        let (gateway, routes, fields) = (examined.gateway, examined.routes.clone(), examined.fields.clone());
        examined.into_faults().into_result()?;
        Ok(Self { name: name.clone(), fields, family, subnet, ips, excluded, allocatable, gateway, routes })
    }

    /// The pool's name.
    #[must_use]
    pub const fn name(&self) -> &PoolName {
        &self.name
    }

    /// IPv4 or IPv6.
    #[must_use]
    pub const fn family(&self) -> Family {
        self.family
    }

    /// The network the addresses live in.
    #[must_use]
    pub const fn subnet(&self) -> IpNet {
        self.subnet
    }

    /// The prefix length that every address of the pool is assigned with: the subnet's.
    #[must_use]
    pub fn subnet_prefix(&self) -> u8 {
        self.subnet.prefix_len()
    }

    /// `ips` as a set.
    #[must_use]
    pub const fn ips(&self) -> &RangeSet {
        &self.ips
    }

    /// `excludeIPs` as a set; it need not lie inside [`PoolSpec::ips`].
    #[must_use]
    pub const fn excluded(&self) -> &RangeSet {
        &self.excluded
    }

    /// What may be handed out: `ips` less `excludeIPs`, and never IPv4-mapped addresses. Network, broadcast and gateway addresses get no special treatment.
    #[must_use]
    pub const fn allocatable(&self) -> &RangeSet {
        &self.allocatable
    }

    /// The default gateway.
    #[must_use]
    pub const fn gateway(&self) -> Option<Addr> {
        self.gateway
    }

    /// Further routes.
    #[must_use]
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// Whether the pool is used where nothing names one.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.fields.default.unwrap_or(false)
    }

    /// Whether no new address is handed out; releases and retries go on.
    #[must_use]
    pub fn is_disabled(&self) -> bool {
        self.fields.disable.unwrap_or(false)
    }

    /// The normalised fields, as they are stored.
    #[must_use]
    pub const fn fields(&self) -> &PoolFields {
        &self.fields
    }
}
