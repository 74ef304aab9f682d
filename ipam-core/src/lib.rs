#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
// An address that overflows is another address.
#![warn(clippy::arithmetic_side_effects)]

mod addr;
pub mod admission;
pub mod annotation;
pub mod batch;
mod books;
pub mod carve;
mod cidr;
mod death;
mod drive;
mod error;
pub mod explain;
mod fault;
pub mod go_json;
mod items;
mod ledger;
mod machine;
mod name;
#[expect(
    clippy::arithmetic_side_effects,
    reason = "positions and counts are bounded by the space they count; debug builds assert it"
)]
mod occupancy;
mod owner;
mod pool;
#[expect(clippy::arithmetic_side_effects, reason = "the difference of two bounds that are in order")]
mod range;
#[expect(
    clippy::arithmetic_side_effects,
    reason = "bounds are in order and apart, which each change asserts"
)]
mod rangeset;
mod record;
mod request;
mod reserved;
mod route;
pub mod select;
mod selector;
mod spelling;
#[cfg(feature = "json")]
#[expect(clippy::arithmetic_side_effects, reason = "positions and lengths within a text that is in memory")]
pub mod status;
mod store;
pub mod subnet;
#[cfg(feature = "testkit")]
#[expect(clippy::arithmetic_side_effects, reason = "counts of a test run")]
pub mod testkit;

pub use addr::{Addr, Family};
pub use books::{Books, BooksError, Saved};
pub use death::{Death, EarlierBoot, InferredDeath, Judge, RuntimeList, Sighting};
pub use drive::{AsyncClock, Clock, DriveError, run, run_async};
pub use error::Error;
pub use fault::{Fault, FaultKind, Faults};
pub use ledger::{Demand, Policy, PoolState, Served, owner_hash};
pub use machine::{
    Allocate, Allocation, Collect, Collected, Confirm, Confirmed, GiveUp, Input, Machine, Refusal, Release,
    Released, SlotRefusal, Step, Unconfirmed, Verdict, Why,
};
pub use occupancy::{Occupancy, Taken};
pub use owner::{NIC_BYTES_MAX, Nic, OWNER_PART_BYTES_MAX, Owner, OwnerKind};
pub use pool::{Origin, PoolFields, PoolName, PoolSpec, RouteFields};
pub use range::IpRange;
pub use rangeset::RangeSet;
pub use record::{Assignment, Attachment, Record, Stamp, Time};
pub use request::{AllocationRequest, Follow, NicRequest, ReleaseRequest, ReleaseScope};
pub use reserved::{ReservedFields, ReservedName, ReservedSpec};
pub use route::Route;
pub use selector::{LabelRequirement, LabelSelector, Selector};
pub use spelling::nearest;
pub use store::{
    AsyncStore, AttachmentOp, Change, Class, Holding, Holdings, Obstacle, PageQuery, PageView, PickQuery,
    PickView, PoolOp, Query, Start, Store, StoreError, Version, View, Want,
};
