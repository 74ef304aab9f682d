//! The annotations that this crate reads, by key.

use std::fmt;

/// An annotation that says which pools, subnets or routes a pod gets.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Key {
    /// On a pod: the pools of the NIC that asks.
    IpPool,
    /// On a pod: the pools of all NICs.
    IpPools,
    /// On a pod: routes besides those of the pools.
    Routes,
    /// On a pod: the subnets of which a pool is made for the pod's workload.
    Subnet,
    /// The same, NIC by NIC.
    Subnets,
    /// On a pod: whether that pool goes when the workload goes.
    Reclaim,
    /// On a namespace: IPv4 pools for pods that name none.
    DefaultV4,
    /// The same for IPv6.
    DefaultV6,
}

impl Key {
    /// The key as it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::IpPool => "ipam.spidernet.io/ippool",
            Self::IpPools => "ipam.spidernet.io/ippools",
            Self::Routes => "ipam.spidernet.io/routes",
            Self::Subnet => "ipam.spidernet.io/subnet",
            Self::Subnets => "ipam.spidernet.io/subnets",
            Self::Reclaim => "ipam.spidernet.io/ippool-reclaim",
            Self::DefaultV4 => "ipam.spidernet.io/default-ipv4-ippool",
            Self::DefaultV6 => "ipam.spidernet.io/default-ipv6-ippool",
        }
    }

    /// An example of a value, for messages.
    #[must_use]
    pub const fn form(self) -> &'static str {
        match self {
            Self::IpPool => r#"{"ipv4":["pool-a"],"ipv6":["pool-b"]}"#,
            Self::IpPools => {
                r#"[{"interface":"eth0","ipv4":["pool-a"],"ipv6":["pool-b"],"cleangateway":false}], with interface in all items or in none"#
            }
            Self::Routes => r#"[{"dst":"10.0.0.0/16","gw":"192.168.1.1"}]"#,
            Self::Subnet => r#"{"interface":"eth0","ipv4":["subnet-a"],"ipv6":["subnet-b"]}"#,
            Self::Subnets => {
                r#"[{"interface":"eth0","ipv4":["subnet-a"],"ipv6":["subnet-b"]}], one item for each NIC"#
            }
            Self::Reclaim => "1 t T TRUE true True 0 f F FALSE false False",
            Self::DefaultV4 | Self::DefaultV6 => r#"["pool-a","pool-b"]"#,
        }
    }

    /// The kind of object that bears it.
    #[must_use]
    pub const fn bearer(self) -> &'static str {
        match self {
            Self::DefaultV4 | Self::DefaultV6 => "Namespace",
            Self::IpPool | Self::IpPools | Self::Routes | Self::Subnet | Self::Subnets | Self::Reclaim => {
                "Pod"
            }
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
