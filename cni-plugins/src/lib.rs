#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod cni;
pub mod log;
pub mod spiderpool;
