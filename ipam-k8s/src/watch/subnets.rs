//! The SpiderSubnets.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;

use super::split::Shelf;
use crate::crd::{Subnet, SubnetSpec};
use crate::meta::Meta;

/// A SpiderSubnet as it is known, without its status.
#[derive(Clone, Debug, PartialEq)]
pub struct KnownSubnet {
    /// Name, uid, labels, whether it is being deleted.
    pub meta: Meta,
    /// The spec, or why it cannot be read.
    pub spec: Result<SubnetSpec, String>,
}

/// SpiderSubnets by name.
pub type Subnets = BTreeMap<String, Arc<KnownSubnet>>;

#[derive(Debug, Default)]
pub(super) struct SubnetShelf(watch::Sender<Arc<Subnets>>);

impl SubnetShelf {
    pub(super) fn all(&self) -> Arc<Subnets> {
        Arc::clone(&self.0.borrow())
    }

    pub(super) fn changes(&self) -> watch::Receiver<Arc<Subnets>> {
        self.0.subscribe()
    }
}

fn known(meta: &Meta, spec: &Result<SubnetSpec, String>) -> Arc<KnownSubnet> {
    Arc::new(KnownSubnet { meta: meta.clone(), spec: spec.clone() })
}

impl Shelf<Subnet> for SubnetShelf {
    fn put(&self, meta: &Meta, spec: &Result<SubnetSpec, String>) {
        self.0.send_modify(|all| {
            Arc::make_mut(all).insert(meta.name.clone(), known(meta, spec));
        });
    }

    fn remove(&self, name: &str) {
        self.0.send_modify(|all| {
            Arc::make_mut(all).remove(name);
        });
    }

    fn replace<'a>(&self, all: impl Iterator<Item = (&'a Meta, &'a Result<SubnetSpec, String>)>) {
        let all = all.map(|(meta, spec)| (meta.name.clone(), known(meta, spec))).collect();
        self.0.send_replace(Arc::new(all));
    }
}
