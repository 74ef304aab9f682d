//! The kinds of the group `spiderpool.spidernet.io/v2beta1`, as they are on the wire.
//!
//! Types here hold what is written, not what is right: any text fits in. The checked forms are those of `ipam-core`.
//!
//! # Unknown fields
//!
//! A newer Go controller or another tool may write fields that these types do not have, and a write of ours must not lose
//! them. Two ways were weighed.
//!
//! *A map for the rest at each level*, read and written back with everything else. It works as long as each caller builds what it
//! writes from what it read; the first one that fills a fresh status loses the rest without a sign. It is also a field that every
//! literal of every type must carry.
//!
//! *Writing only what changed.* [`Custom::object_patch`] and [`Custom::status_patch`] give a merge patch (RFC 7386) of the
//! differences between the object that was read and the one that is wanted, with the `resourceVersion` that was read, so that it is
//! refused when somebody else wrote in between. What these types do not know cannot be in it, and so stays. This is the
//! way here: a caller cannot forget it.
//!
//! A merge patch replaces a list as a whole. So the items of lists, and only they ([`Route`], [`EndpointAddress`],
//! [`TrunkRange`]), carry a map for the rest: `other`. The items of a label selector do not; Kubernetes has closed that type,
//! and we write no selector that we read.
//!
//! Neither helps against a Go process in the same fleet: its writers are typed and drop what they do not know.

mod attachment;
mod coordinator;
#[cfg(feature = "schema")]
mod definition;
mod endpoint;
mod ippool;
mod kind;
mod multus;
mod object;
mod reserved;
mod route;
mod subnet;
mod wire;
mod word;

pub use attachment::{Attachment, AttachmentSpec, NetworkAttachmentDefinition};
pub use coordinator::{
    Coordinator, CoordinatorMode, CoordinatorPhase, CoordinatorSpec, CoordinatorStatus, PodCIDRType,
    SpiderCoordinator,
};
#[cfg(feature = "schema")]
pub use definition::definitions;
pub use endpoint::{Endpoint, EndpointAddress, EndpointAllocation, EndpointStatus, SpiderEndpoint};
pub use ippool::{IPPool, IPPoolSpec, IPPoolStatus, SpiderIPPool};
pub use kind::{Column, Kind, Nothing, Scope, StatusPlace, StatusSubresource};
pub use multus::{
    Bond, CniType, DefaultPools, IbSriovConfig, IpoibConfig, IpvlanConfig, LinkState, MacvlanConfig,
    MultusConfig, MultusConfigSpec, OvsConfig, SpiderMultusConfig, SriovConfig, TrunkRange, VlanConfig,
    VlanMode,
};
pub use object::Custom;
pub use reserved::{ReservedIP, ReservedIPSpec, SpiderReservedIP};
pub use route::Route;
pub use subnet::{SpiderSubnet, Subnet, SubnetSpec, SubnetStatus};
