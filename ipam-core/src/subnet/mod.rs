//! SpiderSubnets: reservoirs of addresses in one network, from which pools are made.
//!
//! Two states, two types, as with pools: [`SubnetFields`] is what someone wrote, [`SubnetSpec`] is a subnet that obeys
//! every rule that needs nothing but the subnet itself. Rules about other objects (overlap, pools that hold addresses of
//! it) are in [`admission`](crate::admission).

mod fields;
mod spec;

pub use self::fields::SubnetFields;
pub use self::spec::SubnetSpec;
pub use crate::name::SubnetName;
