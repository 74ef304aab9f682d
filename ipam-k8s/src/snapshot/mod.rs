//! A look at a cluster, for tools: pools with their records, reserved addresses, endpoints and pods, each as it was read. Feature `client`.
//!
//! What an agent knows comes of watches ([`watch`](crate::watch)) and is for choosing; this is for people, and for checks. Lists are read in
//! pages, and of each object only what is looked at is kept. Whatever cannot be understood is a part of the answer, with its field and value,
//! and not an error: one bad object hides no other.
//!
//! Several lists are no single state of a cluster: an ADD may come between them.

mod endpoint;
mod pool;
mod reserved;

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1 as core;
use kube::Resource;
use serde::de::DeserializeOwned;

pub use self::endpoint::{Endpoint, Named as NamedAddress, Unreadable};
pub use self::pool::Pool;
pub use self::reserved::Reserved;

use crate::client::{CallError, Cluster, Deadline, List, Named};
use crate::crd::{SpiderEndpoint, SpiderIPPool, SpiderReservedIP};
use crate::watch::is_object_name;
use crate::workload::Pod;

/// Pools a page: one may have more than a MiB.
const PAGE_POOLS: u32 = 50;
/// Other objects a page.
const PAGE_OBJECTS: u32 = 500;

/// Namespace and name.
pub type Place = (String, String);

/// Whether there can be an object of this name in a namespace of this name. The texts of records may say anything, and what a request
/// says of a name becomes a part of a path.
#[must_use]
pub fn can_be(namespace: &str, name: &str) -> bool {
    is_object_name(namespace) && is_object_name(name)
}

/// All pools, in order of name.
///
/// Cancel safe: yes, as all functions here; they read.
///
/// # Errors
/// [`CallError`].
pub async fn pools(cluster: &Cluster, deadline: Deadline) -> Result<Vec<Pool>, CallError> {
    let mut pools: Vec<Pool> = Vec::new();
    let keep = |written: pool::Written| pools.extend(Pool::read(written));
    pages::<SpiderIPPool, _>(cluster, List::default(), PAGE_POOLS, deadline, keep).await?;
    pools.sort_by(|one, other| one.name().cmp(other.name()));
    Ok(pools)
}

/// All SpiderReservedIPs that are not being deleted, in order of name.
///
/// # Errors
/// [`CallError`].
pub async fn reserved(cluster: &Cluster, deadline: Deadline) -> Result<Vec<Reserved>, CallError> {
    let mut all: Vec<Reserved> = Vec::new();
    let keep = |written: reserved::Written| all.extend(Reserved::read(written));
    pages::<SpiderReservedIP, _>(cluster, List::default(), PAGE_OBJECTS, deadline, keep).await?;
    all.sort_by(|one, other| one.meta.name.cmp(&other.meta.name));
    Ok(all)
}

/// All SpiderEndpoints, or those of one namespace.
///
/// # Errors
/// [`CallError`].
pub async fn endpoints(
    cluster: &Cluster,
    namespace: Option<&str>,
    deadline: Deadline,
) -> Result<BTreeMap<Place, Endpoint>, CallError> {
    let mut all = BTreeMap::new();
    let keep = |written: endpoint::Written| {
        let endpoint = Endpoint::read(written);
        all.insert((endpoint.namespace.clone(), endpoint.name.clone()), endpoint);
    };
    let list = List { namespace, ..List::default() };
    pages::<SpiderEndpoint, _>(cluster, list, PAGE_OBJECTS, deadline, keep).await?;
    Ok(all)
}

/// One SpiderEndpoint; `None`: there is none.
///
/// # Errors
/// [`CallError`].
pub async fn endpoint(
    cluster: &Cluster,
    namespace: &str,
    name: &str,
    deadline: Deadline,
) -> Result<Option<Endpoint>, CallError> {
    if !can_be(namespace, name) {
        return Ok(None);
    }
    let named = Named::within(namespace, name);
    let read = cluster.get_as::<SpiderEndpoint, endpoint::Written>(named, deadline).await;
    there(read).map(|found| found.map(Endpoint::read))
}

/// One pod; `None`: there is none of this name.
///
/// # Errors
/// [`CallError`].
pub async fn pod(
    cluster: &Cluster,
    namespace: &str,
    name: &str,
    deadline: Deadline,
) -> Result<Option<Pod>, CallError> {
    if !can_be(namespace, name) {
        return Ok(None);
    }
    there(cluster.get_as::<core::Pod, Pod>(Named::within(namespace, name), deadline).await)
}

fn there<T>(read: Result<T, CallError>) -> Result<Option<T>, CallError> {
    match read {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Which pods there are, by namespace and uid: an address may be recorded under another name than its pod's, that of a virtual machine.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Pods {
    living: BTreeSet<Place>,
    dead: BTreeSet<Place>,
}

impl Pods {
    /// All pods, or those of one namespace.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn read(
        cluster: &Cluster,
        namespace: Option<&str>,
        deadline: Deadline,
    ) -> Result<Self, CallError> {
        let mut pods = Self::default();
        if namespace.is_some_and(|namespace| !is_object_name(namespace)) {
            return Ok(pods);
        }
        let list = List { namespace, ..List::default() };
        pages::<core::Pod, _>(cluster, list, PAGE_OBJECTS, deadline, |pod: Pod| pods.insert(&pod)).await?;
        Ok(pods)
    }

    /// Notes a pod.
    pub fn insert(&mut self, pod: &Pod) {
        let key = (pod.meta.namespace.clone(), pod.meta.uid.clone());
        if pod.is_alive() {
            self.living.insert(key)
        } else {
            self.dead.insert(key)
        };
    }

    /// Whether the pod lives.
    #[must_use]
    pub fn is_alive(&self, namespace: &str, uid: &str) -> bool {
        self.living.contains(&(namespace.to_owned(), uid.to_owned()))
    }

    /// Whether there is such a pod, alive or not.
    #[must_use]
    pub fn is_there(&self, namespace: &str, uid: &str) -> bool {
        self.is_alive(namespace, uid) || self.dead.contains(&(namespace.to_owned(), uid.to_owned()))
    }
}

/// Reads a list page by page; what is not kept of a page is dropped before the next one comes.
async fn pages<K: Resource<DynamicType = ()>, T: DeserializeOwned>(
    cluster: &Cluster,
    list: List<'_>,
    limit: u32,
    deadline: Deadline,
    mut keep: impl FnMut(T),
) -> Result<(), CallError> {
    let mut next: Option<String> = None;
    loop {
        let page = cluster.list_page::<K, T>(list, limit, next.as_deref(), deadline).await?;
        page.items.into_iter().for_each(&mut keep);
        next = page.next;
        if next.is_none() {
            return Ok(());
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    //! Objects as the API server would bring them.

    use serde_json::Value;

    use super::{Endpoint, Pool};

    pub(crate) fn pool(object: Value) -> Pool {
        Pool::read(serde_json::from_value(object).unwrap()).unwrap()
    }

    pub(crate) fn endpoint(object: Value) -> Endpoint {
        Endpoint::read(serde_json::from_value(object).unwrap())
    }
}
