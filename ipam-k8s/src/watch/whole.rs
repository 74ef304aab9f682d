//! Kinds of which all that is watched is kept: small objects, and metadata.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use k8s_openapi::api::core::v1 as core;
use kube::Resource;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::follow::Keeper;
use super::object::Object;
use crate::client::{CallError, Cluster, Deadline, List, Page};
use crate::crd::{Custom, Kind};
use crate::meta::Meta;
use crate::workload::Pod;

/// An object that is kept as it comes.
pub(super) trait Kept: DeserializeOwned + Send + Sync + 'static {
    /// The kind that is asked for.
    type Kind: Resource<DynamicType = ()>;
    /// Whether its metadata is all.
    const AS_METADATA: bool;

    fn meta(&self) -> &Meta;
    /// All that there are.
    fn list(
        cluster: &Cluster,
        list: List<'_>,
        deadline: Deadline,
    ) -> impl Future<Output = Result<Page<Self>, CallError>> + Send;
}

type Place = (String, String);

/// Objects by namespace and name.
pub(super) struct Whole<T> {
    objects: RwLock<BTreeMap<Place, Arc<T>>>,
    fields: Option<String>,
    /// Called after each change, one call at a time.
    changed: Changed<T>,
}

type Changed<T> = Box<dyn Fn(&BTreeMap<Place, Arc<T>>) + Send + Sync>;

impl<T> std::fmt::Debug for Whole<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Whole").field("fields", &self.fields).finish_non_exhaustive()
    }
}

impl<T> Whole<T> {
    pub(super) fn new(
        fields: Option<String>,
        changed: impl Fn(&BTreeMap<Place, Arc<T>>) + Send + Sync + 'static,
    ) -> Self {
        Self { objects: RwLock::default(), fields, changed: Box::new(changed) }
    }

    pub(super) fn get(&self, namespace: &str, name: &str) -> Option<Arc<T>> {
        let objects = self.objects.read().unwrap_or_else(PoisonError::into_inner);
        objects.get(&(namespace.to_owned(), name.to_owned())).cloned()
    }

    pub(super) fn all(&self) -> Vec<Arc<T>> {
        let objects = self.objects.read().unwrap_or_else(PoisonError::into_inner);
        objects.values().cloned().collect()
    }

    fn change(&self, change: impl FnOnce(&mut BTreeMap<Place, Arc<T>>)) {
        let mut objects = self.objects.write().unwrap_or_else(PoisonError::into_inner);
        change(&mut objects);
        (self.changed)(&objects);
    }
}

fn place(meta: &Meta) -> Place {
    (meta.namespace.clone(), meta.name.clone())
}

impl<T: Kept> Keeper for Whole<T> {
    type Kind = T::Kind;
    type Item = T;
    type Listing = Vec<T>;

    const AS_METADATA: bool = T::AS_METADATA;

    fn fields(&self) -> Option<&str> {
        self.fields.as_deref()
    }

    async fn list(&self, cluster: &Cluster, deadline: Deadline) -> Result<(Vec<T>, String), CallError> {
        let list = List { fields: self.fields(), ..List::default() };
        T::list(cluster, list, deadline).await.map(|page| (page.items, page.version))
    }

    fn replace(&self, listing: Vec<T>) {
        let all = listing.into_iter().map(|item| (place(item.meta()), Arc::new(item))).collect();
        self.change(|objects| *objects = all);
    }

    fn put(&self, item: T) {
        self.change(|objects| {
            objects.insert(place(item.meta()), Arc::new(item));
        });
    }

    fn remove(&self, meta: &Meta) {
        self.change(|objects| {
            objects.remove(&place(meta));
        });
    }

    fn clear(&self) {
        self.change(BTreeMap::clear);
    }
}

impl Kept for Pod {
    type Kind = core::Pod;

    // Phase, policy and reason are not metadata.
    const AS_METADATA: bool = false;

    fn meta(&self) -> &Meta {
        &self.meta
    }

    async fn list(cluster: &Cluster, list: List<'_>, deadline: Deadline) -> Result<Page<Self>, CallError> {
        cluster.list::<core::Pod, Self>(list, deadline).await
    }
}

impl<C: Kind> Kept for Object<C> {
    type Kind = Custom<C>;

    const AS_METADATA: bool = false;

    fn meta(&self) -> &Meta {
        &self.meta
    }

    async fn list(cluster: &Cluster, list: List<'_>, deadline: Deadline) -> Result<Page<Self>, CallError> {
        cluster.list::<Custom<C>, Self>(list, deadline).await
    }
}

/// Declares kinds of which metadata is all that is kept.
macro_rules! headed {
    ($($name:ident of $kind:ty),+ $(,)?) => {$(
        #[derive(Clone, Debug, Deserialize)]
        pub(super) struct $name {
            #[serde(deserialize_with = "shared")]
            pub(super) metadata: Arc<Meta>,
        }

        impl Kept for $name {
            type Kind = $kind;

            const AS_METADATA: bool = true;

            fn meta(&self) -> &Meta {
                &self.metadata
            }

            async fn list(cluster: &Cluster, list: List<'_>, deadline: Deadline) -> Result<Page<Self>, CallError> {
                let Page { items, version, next } = cluster.list_metadata::<$kind>(list, deadline).await?;
                let read = |meta| Self { metadata: Arc::new(Meta::from(meta)) };
                Ok(Page { items: items.into_iter().map(read).collect(), version, next })
            }
        }
    )+};
}

headed! {
    Namespace of core::Namespace,
    Node of core::Node,
}

fn shared<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Arc<Meta>, D::Error> {
    Meta::deserialize(deserializer).map(Arc::new)
}
