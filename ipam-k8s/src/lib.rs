#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

#[cfg(feature = "client")]
pub mod client;
mod convert;
pub mod crd;
mod error;
mod patch;
#[cfg(feature = "client")]
pub mod store;

pub use convert::{from_selector, to_selector};
pub use error::Error;
