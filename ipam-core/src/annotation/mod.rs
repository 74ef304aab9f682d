//! Annotations of pods and namespaces: what they ask for, checked.
//!
//! Each is read when it is asked for and not before: a pod with a malformed `routes` still releases its addresses, and a malformed
//! `ippool` does no harm where `ippools` wins.
//!
//! ```
//! use std::collections::BTreeMap;
//! use ipam_core::annotation::{ItemsView, PodAnnotations};
//!
//! let on_pod = BTreeMap::from([(
//!     "ipam.spidernet.io/ippools".to_owned(),
//!     r#"[{"interface":"eth0","ipv4":["v4-a"]},{"interface":"net1","ipv4":["v4-b"],"cleangateway":true}]"#.to_owned(),
//! )]);
//! let pod = PodAnnotations::new(&on_pod);
//! let items = pod.ippools()?.unwrap();
//! let ItemsView::Named(items) = items.view() else { unreachable!() };
//! assert_eq!(items[1].0.as_str(), "net1");
//! assert!(items[1].1.clean_gateway);
//! assert_eq!(pod.ippool()?, None);
//! # Ok::<(), ipam_core::annotation::AnnotationError>(())
//! ```

mod error;
mod key;
mod multus;
mod pools;
mod routes;
mod subnets;

use std::collections::BTreeMap;

pub use error::AnnotationError;
pub use key::Key;
pub use multus::{BadNetworks, Network, NetworkError, NetworkScope, Networks};
pub use pools::{ItemsView, NicPools, PoolItems};
pub use routes::CustomRoute;
pub use subnets::{SubnetChoice, SubnetNames};

use crate::go_json::JsonError;
use crate::owner::Nic;
use crate::select::PoolNames;

/// The NIC that every pod has, as runtimes name it.
pub(crate) const FIRST_NIC: &str = "eth0";

/// The annotations of a pod.
#[derive(Clone, Copy, Debug)]
pub struct PodAnnotations<'a>(&'a BTreeMap<String, String>);

impl<'a> PodAnnotations<'a> {
    /// All annotations of the pod, foreign ones as well.
    #[must_use]
    pub const fn new(annotations: &'a BTreeMap<String, String>) -> Self {
        Self(annotations)
    }

    fn get(&self, key: &str) -> Option<&'a str> {
        self.0.get(key).map(String::as_str)
    }

    /// `ippool`: the pools of the NIC that asks.
    ///
    /// # Errors
    /// [`AnnotationError::Malformed`].
    pub fn ippool(&self) -> Result<Option<PoolNames>, AnnotationError> {
        self.get(Key::IpPool.as_str()).map(pools::parse_single).transpose()
    }

    /// `ippools`: the pools of all NICs.
    ///
    /// # Errors
    /// [`AnnotationError`]: malformed, no item, some items with a NIC and some without, a NIC twice or with an impossible name.
    pub fn ippools(&self) -> Result<Option<PoolItems>, AnnotationError> {
        self.get(Key::IpPools.as_str()).map(PoolItems::parse).transpose()
    }

    /// `routes`: routes besides those of the pools. A destination may have host bits.
    ///
    /// # Errors
    /// [`AnnotationError::Malformed`], [`AnnotationError::BadRoute`].
    pub fn routes(&self) -> Result<Vec<CustomRoute>, AnnotationError> {
        self.get(Key::Routes.as_str()).map_or_else(|| Ok(Vec::new()), routes::parse)
    }

    /// Whether `subnets` or `subnet` is there, whatever it says.
    #[must_use]
    pub fn has_subnets(&self) -> bool {
        [Key::Subnets, Key::Subnet].iter().any(|key| self.get(key.as_str()).is_some())
    }

    /// `subnets`, else `subnet`. No wildcards.
    ///
    /// # Errors
    /// [`AnnotationError`]: malformed, nothing named, an empty name, a NIC or a subnet twice, an item without interface.
    pub fn subnets(&self) -> Result<Option<SubnetChoice>, AnnotationError> {
        if let Some(text) = self.get(Key::Subnets.as_str()) {
            return subnets::parse_several(text).map(Some);
        }
        self.get(Key::Subnet.as_str()).map(subnets::parse_single).transpose()
    }

    /// `ippool-reclaim`: whether a pool that was made for the pod's workload goes with it. It does unless the annotation says otherwise.
    ///
    /// # Errors
    /// [`AnnotationError::BadTruth`].
    pub fn reclaim(&self) -> Result<bool, AnnotationError> {
        self.get(Key::Reclaim.as_str()).map_or(Ok(true), subnets::parse_reclaim)
    }

    /// The Multus networks of the pod's NICs.
    #[must_use]
    pub fn networks(&self) -> Networks<'a> {
        Networks::new(self.get(multus::DEFAULT_NETWORK), self.get(multus::NETWORKS))
    }
}

/// The annotations of a namespace.
#[derive(Clone, Copy, Debug)]
pub struct NamespaceAnnotations<'a>(&'a BTreeMap<String, String>);

impl<'a> NamespaceAnnotations<'a> {
    /// All annotations of the namespace, foreign ones as well.
    #[must_use]
    pub const fn new(annotations: &'a BTreeMap<String, String>) -> Self {
        Self(annotations)
    }

    /// `default-ipv4-ippool` and `default-ipv6-ippool`: pools for pods that name none.
    ///
    /// # Errors
    /// [`AnnotationError::Malformed`].
    pub fn default_pools(&self) -> Result<PoolNames, AnnotationError> {
        let list = |key: Key| {
            self.0.get(key.as_str()).map_or_else(|| Ok(Vec::new()), |text| pools::parse_default(key, text))
        };
        Ok(PoolNames { v4: list(Key::DefaultV4)?, v6: list(Key::DefaultV6)? })
    }
}

fn malformed(key: Key, value: &str) -> impl FnOnce(JsonError) -> AnnotationError {
    let value = value.to_owned();
    move |problem| AnnotationError::Malformed { key, value, problem }
}

fn nic(key: Key, text: &str) -> Result<Nic, AnnotationError> {
    text.parse().map_err(|_| AnnotationError::BadInterface { key, text: text.to_owned() })
}
