//! A subnet that obeys every rule about itself.

use ipnet::IpNet;

use super::fields::SubnetFields;
use crate::addr::{Addr, Family};
use crate::fault::Faults;
use crate::name::SubnetName;
use crate::pool::{Examined, RouteFields, inheritable};
use crate::rangeset::RangeSet;
use crate::route::Route;

/// A checked subnet. Its total is computed once; nothing in it is ever enumerated.
///
/// ```
/// use ipam_core::subnet::{SubnetFields, SubnetSpec};
/// let fields = SubnetFields {
///     subnet: "10.6.0.0/16".into(),
///     ips: vec!["10.6.168.101-10.6.168.110".into()],
///     exclude_ips: vec!["10.6.168.105".into()],
///     ..SubnetFields::default()
/// };
/// let subnet = SubnetSpec::new(&"subnet-6".parse()?, &fields)?;
/// assert_eq!(subnet.total().to_string(), "10.6.168.101-10.6.168.104,10.6.168.106-10.6.168.110");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SubnetSpec {
    name: SubnetName,
    fields: SubnetFields,
    family: Family,
    subnet: IpNet,
    total: RangeSet,
    gateway: Option<Addr>,
    routes: Vec<Route>,
    inherited_routes: Vec<RouteFields>,
}

impl SubnetSpec {
    /// Checks a subnet. The fields are normalised first ([`SubnetFields::normalised`]), which changes nothing in a subnet
    /// that was accepted before.
    ///
    /// # Errors
    /// All faults of the object, each with the path of its field.
    pub fn new(name: &SubnetName, fields: &SubnetFields) -> Result<Self, Faults> {
        Self::from_examined(name, Examined::of(fields.normalised()))
    }

    pub(crate) fn from_examined(name: &SubnetName, examined: Examined<SubnetFields>) -> Result<Self, Faults> {
        let (Some(family), Some(subnet), Some(total)) =
            (examined.family, examined.net, examined.whole_total())
        else {
            return Err(examined.into_faults());
        };
        let (gateway, routes, fields) = (examined.gateway, examined.routes.clone(), examined.fields.clone());
        examined.into_faults().into_result()?;
        let inherited_routes = inheritable(fields.routes.as_deref().unwrap_or_default(), family);
        Ok(Self { name: name.clone(), fields, family, subnet, total, gateway, routes, inherited_routes })
    }

    /// The subnet's name.
    #[must_use]
    pub const fn name(&self) -> &SubnetName {
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

    /// What pools may be given: `ips` less `excludeIPs`, and never IPv4-mapped addresses. Reserved ranges are not taken
    /// out.
    #[must_use]
    pub const fn total(&self) -> &RangeSet {
        &self.total
    }

    /// The gateway that pools inherit.
    #[must_use]
    pub const fn gateway(&self) -> Option<Addr> {
        self.gateway
    }

    /// All its routes.
    #[must_use]
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// The routes that pools inherit, as they are written. Destinations of a subnet are compared as text, those of a pool as networks:
    /// `0.0.0.1/0` is no default route there and would be one in a pool, so pools do without it.
    #[must_use]
    pub fn inherited_routes(&self) -> &[RouteFields] {
        &self.inherited_routes
    }

    /// The normalised fields, as they are stored.
    #[must_use]
    pub const fn fields(&self) -> &SubnetFields {
        &self.fields
    }
}
