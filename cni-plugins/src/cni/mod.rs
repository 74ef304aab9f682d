//! The CNI protocol, for whoever writes a plugin.
//!
//! A plugin is a program that a container runtime runs once for each operation: parameters come in the environment, the
//! configuration on standard input, the answer goes to standard output. This module holds all of that, so that a plugin
//! is left with its own work: implement [`Plugin`], hand it to [`main`] (or to [`run`], with an environment and streams of
//! your own, in tests).
//!
//! Text from outside becomes a type at the border and only there:
//!
//! | Module | Turns | into |
//! |---|---|---|
//! | `env` | `CNI_*` variables | [`Parameters`] |
//! | `args` | `CNI_ARGS` | [`CniArgs`] |
//! | `json` | JSON, keys matched as Go does | [`Json`], [`Keys`], [`Field`] |
//! | `config` | standard input | [`NetConf`] |
//! | `result` | a result of any version | [`CniResult`], and back |
//! | `error`, `code` | what went wrong | [`Error`], [`CniError`] |
//!
//! The rules are those of the CNI specification 1.1.0 and of its older versions; where the text leaves a question open,
//! the reference implementation's answer is taken and named in the docs.

mod args;
mod code;
mod config;
mod env;
mod error;
mod ips;
mod json;
mod names;
mod panics;
mod result;
mod run;
mod version;

pub use args::CniArgs;
pub use code::{CniError, ErrorCode, PluginCode};
pub use config::NetConf;
pub use env::{Command, Environment, Invocation, Parameters, ProcessEnvironment};
pub use error::{Error, Malformed};
pub use ips::RequestedIp;
pub use json::{Field, Json, Keys};
pub use names::{Attachment, ContainerId, IfName, NetworkName};
pub use result::{CniResult, Dns, Interface, IpConfig, Route};
pub use run::{Call, Exit, Plugin, STDIN_BYTES_MAX, main, run};
pub use version::CniVersion;
