//! The provider of a cloud: who binds an address to a node's interface and tells its hardware address and VLAN. Feature `client`.
//!
//! On a cloud an address that a pool has given does nothing until the cloud's network knows it. Where `iaasNetworkProvider.serverUrl` is
//! set, the agent asks a service of the cluster for that, in the words of the Go original: [`Provider`] makes the two calls,
//! [`Parents`] knows which networks they are for, and [`Cloud`] does both for a pod.
//!
//! | | Bind | Give back |
//! |---|---|---|
//! | when | ADD, after the records are in the pools, before the endpoint | DEL, before the records go; collection of a controller, after |
//! | how often | one call for all addresses of the pod | one for each address, of both families |
//! | not without | 48 s until the caller's deadline, or the configured timeout where that is shorter | 1 s |
//! | a failure | fails the ADD; the records stay, and the next ADD asks for the same addresses | fails the DEL; nothing is freed, the next one repeats all |
//!
//! - **Eligible** is a NIC whose Multus network is a SpiderMultusConfig with `cniType: vlan` and `vlan.vlanMode: auto`. Others are never
//!   told to the provider. What was bound once is given back, whatever the network says by then.
//! - **Nothing is repeated here.** Binding again and giving back again are the provider's to bear: both name the same addresses.
//! - **Certificates are verified,** unless the configuration says in so many words that they are not.
//! - **A password in the URL** is sent, as Go does, and is in no error, log or `Debug`.

mod binding;
mod budget;
mod cloud;
mod error;
mod mac;
mod parent;
mod parents;
mod provider;
mod request;
mod settings;
mod tls;
mod url;

pub use binding::{Binding, Bindings};
pub use cloud::{Cloud, CloudNic};
pub use error::{ApiCall, BindError, Failed, ProviderError, UnbindError};
pub use mac::{Mac, MacError, Vlan};
pub use parent::{HostInterfaces, ParentError, is_eligible, parent_interface};
pub use parents::{Parents, Unbinding};
pub use provider::Provider;
pub use request::{AllocateRequest, Assigned, PodRef, ReleaseRequest};
pub use settings::{ProviderFields, ProviderSettings, SettingsError, Trust};
