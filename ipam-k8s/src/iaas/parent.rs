//! Which networks are the provider's, and on which interface of the host they are.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ipam_core::Nic;
use ipam_core::annotation::Network;

use super::mac::{Mac, MacError};
use crate::client::CallError;
use crate::crd::{CniType, MultusConfigSpec, VlanConfig, VlanMode};

/// Why the interface of the host that a network's NICs are on cannot be told.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ParentError {
    /// The network's SpiderMultusConfig cannot be read.
    #[error("the SpiderMultusConfig of network {network} cannot be read")]
    Unread {
        /// The network.
        network: Network,
        /// Why.
        #[source]
        source: CallError,
    },
    /// It names no interface of the host.
    #[error("SpiderMultusConfig {network}: spec.vlan.master: [], want an interface of the host")]
    NoMaster {
        /// The network.
        network: Network,
    },
    /// It names several and no bond.
    #[error(
        "SpiderMultusConfig {network}: spec.vlan.bond.name: empty, want the name of the bond of {masters} interfaces"
    )]
    NoBond {
        /// The network.
        network: Network,
        /// How many it names.
        masters: usize,
    },
    /// What it names can be no interface.
    #[error("SpiderMultusConfig {network}: {field}")]
    BadName {
        /// The network.
        network: Network,
        /// `spec.vlan.master` or `spec.vlan.bond.name`.
        field: &'static str,
        /// Why.
        #[source]
        source: Box<ipam_core::Error>,
    },
    /// The host has no such interface, or does not tell its address.
    #[error("network {network}: no hardware address of the host's interface {interface} in {}", path.display())]
    NotOnHost {
        /// The network.
        network: Network,
        /// The interface.
        interface: Nic,
        /// Where it was looked for.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The interface is no Ethernet interface.
    #[error("network {network}: the host's interface {interface}")]
    NoEthernet {
        /// The network.
        network: Network,
        /// The interface.
        interface: Nic,
        /// Why.
        #[source]
        source: MacError,
    },
}

/// Whether the addresses of NICs on this network are bound by the provider: those on which the VLAN is not known beforehand.
#[must_use]
pub fn is_eligible(spec: &MultusConfigSpec) -> bool {
    eligible_vlan(spec).is_some()
}

fn eligible_vlan(spec: &MultusConfigSpec) -> Option<&VlanConfig> {
    let is_vlan = spec.cni_type == Some(CniType::Vlan);
    spec.vlan.as_ref().filter(|vlan| is_vlan && vlan.vlan_mode == Some(VlanMode::Auto))
}

/// The interface of the host that the NICs of a network are on: its master, or the bond of several. `None`: the network is none of the
/// provider's.
///
/// # Errors
/// [`ParentError::NoMaster`], [`ParentError::NoBond`], [`ParentError::BadName`].
pub fn parent_interface(network: &Network, spec: &MultusConfigSpec) -> Result<Option<Nic>, ParentError> {
    let Some(vlan) = eligible_vlan(spec) else { return Ok(None) };
    let (field, name) = match vlan.master.as_slice() {
        [] => return Err(ParentError::NoMaster { network: network.clone() }),
        [master] => ("spec.vlan.master", master.as_str()),
        masters => {
            let name = vlan.bond.as_ref().map(|bond| bond.name.as_str()).filter(|name| !name.is_empty());
            let no_bond = || ParentError::NoBond { network: network.clone(), masters: masters.len() };
            ("spec.vlan.bond.name", name.ok_or_else(no_bond)?)
        }
    };
    let bad = |source| ParentError::BadName { network: network.clone(), field, source: Box::new(source) };
    name.parse().map(Some).map_err(bad)
}

/// The interfaces of the host, as its kernel tells them.
#[derive(Clone, Debug)]
pub struct HostInterfaces {
    class: PathBuf,
}

impl HostInterfaces {
    /// Below this root, which is `/` but in tests. The process must see the host's `/sys` and be in its network namespace.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self { class: root.join("sys/class/net") }
    }

    /// The hardware address of an interface, as it is now.
    ///
    /// # Errors
    /// [`ParentError::NotOnHost`], [`ParentError::NoEthernet`].
    pub fn mac(&self, network: &Network, interface: &Nic) -> Result<Mac, ParentError> {
        // Of a name without '/', so that it stays below.
        let path = self.class.join(interface.as_str()).join("address");
        // A few bytes out of the kernel's memory: not worth another thread.
        let text = fs::read_to_string(&path).map_err(|source| ParentError::NotOnHost {
            network: network.clone(),
            interface: interface.clone(),
            path,
            source,
        })?;
        text.trim().parse().map_err(|source| ParentError::NoEthernet {
            network: network.clone(),
            interface: interface.clone(),
            source,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network() -> Network {
        Network { namespace: "ns".into(), name: "smc".into() }
    }

    fn parent(spec: &str) -> Result<Option<String>, String> {
        let spec: MultusConfigSpec = serde_json::from_str(spec).unwrap();
        let found = parent_interface(&network(), &spec);
        assert_eq!(is_eligible(&spec), !matches!(found, Ok(None)));
        found.map(|found| found.map(|nic| nic.as_str().to_owned())).map_err(|error| error.to_string())
    }

    #[test]
    fn one_master_or_the_bond_of_several() {
        let one = r#"{"cniType":"vlan","vlan":{"master":["ens1"],"vlanMode":"auto"}}"#;
        assert_eq!(parent(one), Ok(Some("ens1".into())));
        let unused = r#"{"cniType":"vlan","vlan":{"master":["ens1"],"vlanMode":"auto","bond":{"name":"b"}}}"#;
        assert_eq!(parent(unused), Ok(Some("ens1".into())));
        let two = r#"{"cniType":"vlan","vlan":{"master":["ens1","ens2"],"vlanMode":"auto","bond":{"name":"bond0","mode":1}}}"#;
        assert_eq!(parent(two), Ok(Some("bond0".into())));
    }

    #[test]
    fn only_vlans_that_are_not_known_beforehand() {
        for spec in [
            "{}",
            r#"{"cniType":"macvlan","macvlan":{"master":["ens1"]}}"#,
            r#"{"cniType":"macvlan","vlan":{"master":["ens1"],"vlanMode":"auto"}}"#,
            r#"{"vlan":{"master":["ens1"],"vlanMode":"auto"}}"#,
            r#"{"cniType":"vlan"}"#,
            r#"{"cniType":"vlan","vlan":{"master":["ens1"]}}"#,
            r#"{"cniType":"vlan","vlan":{"master":["ens1"],"vlanMode":"manual","vlanID":100}}"#,
            r#"{"cniType":"vlan","vlan":{"master":["ens1"],"vlanMode":"AUTO"}}"#,
        ] {
            assert_eq!(parent(spec), Ok(None), "{spec}");
        }
    }

    #[test]
    fn what_names_no_interface_is_told() {
        for (vlan, words) in [
            (r#"{"vlanMode":"auto"}"#, "SpiderMultusConfig ns/smc: spec.vlan.master: []"),
            (
                r#"{"vlanMode":"auto","master":["a","b"]}"#,
                "SpiderMultusConfig ns/smc: spec.vlan.bond.name: empty",
            ),
            (r#"{"vlanMode":"auto","master":["a","b"],"bond":{"mode":1}}"#, "spec.vlan.bond.name: empty"),
            (r#"{"vlanMode":"auto","master":["../eth0"]}"#, "spec.vlan.master"),
            (r#"{"vlanMode":"auto","master":["a","b"],"bond":{"name":".."}}"#, "spec.vlan.bond.name"),
        ] {
            let told = parent(&format!(r#"{{"cniType":"vlan","vlan":{vlan}}}"#)).unwrap_err();
            assert!(told.contains(words), "{told}");
        }
    }
}
