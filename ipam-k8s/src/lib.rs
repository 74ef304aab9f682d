#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod causes;
#[cfg(feature = "client")]
pub mod client;
mod convert;
pub mod crd;
mod duration;
mod error;
#[cfg(feature = "client")]
pub mod events;
#[cfg(feature = "client")]
pub mod fsck;
#[cfg(feature = "client")]
pub mod iaas;
#[cfg(feature = "client")]
pub mod ipam;
mod meta;
#[cfg(feature = "client")]
pub mod observe;
mod patch;
#[cfg(feature = "client")]
pub mod snapshot;
#[cfg(feature = "client")]
pub mod store;
#[cfg(feature = "client")]
pub mod watch;
pub mod workload;

pub use causes::Causes;
pub use convert::{from_selector, to_selector};
pub use duration::parse_go_duration;
pub use error::Error;
pub use meta::{Deletion, Meta, OwnerRef};
