//! The calls.

use bytes::Bytes;
use http::{HeaderValue, Request, header};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams, Preconditions};
use kube::core::params::GetParams;
use kube::core::request;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::cluster::Cluster;
use super::deadline::Deadline;
use super::error::{Call, CallError, Failure};
use super::traffic::Verb;

/// Asks for the metadata of the object in place of the object: its bytes need not come back.
const METADATA: HeaderValue =
    HeaderValue::from_static("application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1");
/// The same for a list.
const METADATA_LIST: HeaderValue =
    HeaderValue::from_static("application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1");
/// Objects a page of [`Cluster::list`]: what kube and client-go take.
const PAGE_OBJECTS: u32 = 500;

/// Name and namespace of an object.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Named<'a> {
    /// The namespace; none for an object of the cluster.
    pub namespace: Option<&'a str>,
    /// The name.
    pub name: &'a str,
}

impl<'a> Named<'a> {
    /// An object of the cluster.
    #[must_use]
    pub const fn cluster(name: &'a str) -> Self {
        Self { namespace: None, name }
    }

    /// An object of a namespace.
    #[must_use]
    pub const fn within(namespace: &'a str, name: &'a str) -> Self {
        Self { namespace: Some(namespace), name }
    }
}

/// Which objects to list.
#[derive(Clone, Copy, Debug, Default)]
pub struct List<'a> {
    /// Only those of this namespace.
    pub namespace: Option<&'a str>,
    /// Only those with these labels, in Kubernetes' syntax.
    pub labels: Option<&'a str>,
    /// Only those with these fields, in Kubernetes' syntax: `spec.nodeName=n1`.
    pub fields: Option<&'a str>,
}

/// A page of a list.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The objects.
    pub items: Vec<T>,
    /// The version of the list: where a watch goes on.
    pub version: String,
    /// What to ask the next page with; none at the end.
    pub next: Option<String>,
}

#[derive(Deserialize)]
#[serde(bound = "T: Deserialize<'de>")]
struct Items<T> {
    #[serde(default)]
    metadata: ItemsMeta,
    // Go writes an empty list as null.
    items: Option<Vec<T>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ItemsMeta {
    resource_version: Option<String>,
    #[serde(rename = "continue")]
    next: Option<String>,
}

#[derive(Deserialize)]
struct Head {
    metadata: ObjectMeta,
}

/// Every call may fail with a [`CallError`], whose [`Failure`] says how. `T` is what the answer is read as: the object's type, or
/// one that has only the parts that are of interest.
///
/// Cancel safe: all of them; a dropped call leaves the outcome of a write unknown.
impl Cluster {
    /// Reads an object, as it is now.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn get<K: Resource<DynamicType = ()> + DeserializeOwned>(
        &self,
        named: Named<'_>,
        deadline: Deadline,
    ) -> Result<K, CallError> {
        self.get_as::<K, K>(named, deadline).await
    }

    /// Reads an object of kind `K` as another type.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn get_as<K: Resource<DynamicType = ()>, T: DeserializeOwned>(
        &self,
        named: Named<'_>,
        deadline: Deadline,
    ) -> Result<T, CallError> {
        let call = call::<K>(Verb::Get, named, None);
        let request = url::<K>(named.namespace).get(named.name, &GetParams::default());
        self.ask(call, request, None, deadline).await
    }

    /// The same, with the bytes of the answer.
    pub(crate) async fn get_measured<K: Resource<DynamicType = ()>, T: DeserializeOwned>(
        &self,
        named: Named<'_>,
        deadline: Deadline,
    ) -> Result<(T, usize), CallError> {
        let call = call::<K>(Verb::Get, named, None);
        let request = url::<K>(named.namespace).get(named.name, &GetParams::default());
        let answer = self.answer(&call, request, None, deadline).await?;
        Ok((understood(call, &answer)?, answer.len()))
    }

    /// Reads the metadata of an object.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn get_metadata<K: Resource<DynamicType = ()>>(
        &self,
        named: Named<'_>,
        deadline: Deadline,
    ) -> Result<ObjectMeta, CallError> {
        let call = call::<K>(Verb::Get, named, None);
        let request = url::<K>(named.namespace).get(named.name, &GetParams::default());
        self.ask(call, request, Some(METADATA), deadline).await.map(|Head { metadata }| metadata)
    }

    /// Reads one page of a list of kind `K`, of at most `limit` objects; the first, or the one after a page's `next`.
    ///
    /// # Errors
    /// [`Failure`]; [`Failure::Expired`] when `next` is too old: the list has to be read from its start.
    pub async fn list_page<K: Resource<DynamicType = ()>, T: DeserializeOwned>(
        &self,
        list: List<'_>,
        limit: u32,
        next: Option<&str>,
        deadline: Deadline,
    ) -> Result<Page<T>, CallError> {
        self.page::<K, T>(list, limit, next, None, deadline).await
    }

    /// Reads a list of kind `K` to its end, in pages of 500. [`Page::next`] is none.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn list<K: Resource<DynamicType = ()>, T: DeserializeOwned>(
        &self,
        list: List<'_>,
        deadline: Deadline,
    ) -> Result<Page<T>, CallError> {
        self.pages::<K, T>(list, None, deadline).await
    }

    /// Reads the metadata of a list of kind `K` to its end, in pages of 500.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn list_metadata<K: Resource<DynamicType = ()>>(
        &self,
        list: List<'_>,
        deadline: Deadline,
    ) -> Result<Page<ObjectMeta>, CallError> {
        let Page { items, version, next } =
            self.pages::<K, Head>(list, Some(METADATA_LIST), deadline).await?;
        Ok(Page { items: items.into_iter().map(|head| head.metadata).collect(), version, next })
    }

    /// Makes an object; its new metadata.
    ///
    /// # Errors
    /// [`Failure`]; [`Failure::AlreadyExists`] if there is one of that name.
    pub async fn create<K: Resource<DynamicType = ()>>(
        &self,
        named: Named<'_>,
        object: &(impl Serialize + Sync),
        deadline: Deadline,
    ) -> Result<ObjectMeta, CallError> {
        let call = call::<K>(Verb::Create, named, None);
        let body = json(&call, object)?;
        let request = url::<K>(named.namespace).create(&PostParams::default(), body);
        self.write(call, request, deadline).await
    }

    /// Replaces an object, all of it; its new metadata. Fields that the caller does not know are lost: prefer [`Cluster::merge_patch`].
    ///
    /// # Errors
    /// [`Failure`]; [`Failure::Conflict`] if it is not at the version that `object` names.
    pub async fn replace<K: Resource<DynamicType = ()>>(
        &self,
        named: Named<'_>,
        object: &(impl Serialize + Sync),
        deadline: Deadline,
    ) -> Result<ObjectMeta, CallError> {
        let call = call::<K>(Verb::Update, named, None);
        let body = json(&call, object)?;
        let request = url::<K>(named.namespace).replace(named.name, &PostParams::default(), body);
        self.write(call, request, deadline).await
    }

    /// Replaces the status of an object, all of it; its new metadata.
    ///
    /// # Errors
    /// [`Failure`]; [`Failure::Conflict`] if it is not at the version that `object` names, or has another uid.
    pub async fn replace_status<K: Resource<DynamicType = ()>>(
        &self,
        named: Named<'_>,
        object: &(impl Serialize + Sync),
        deadline: Deadline,
    ) -> Result<ObjectMeta, CallError> {
        let body = json(&call::<K>(Verb::Update, named, Some("status")), object)?;
        self.replace_status_text::<K>(named, body, deadline).await
    }

    /// The same with an object that is JSON already.
    pub(crate) async fn replace_status_text<K: Resource<DynamicType = ()>>(
        &self,
        named: Named<'_>,
        body: Vec<u8>,
        deadline: Deadline,
    ) -> Result<ObjectMeta, CallError> {
        let call = call::<K>(Verb::Update, named, Some("status"));
        let request =
            url::<K>(named.namespace).replace_subresource("status", named.name, &PostParams::default(), body);
        self.write(call, request, deadline).await
    }

    /// Changes parts of an object by a merge patch (RFC 7386); its new metadata. A patch with `metadata.resourceVersion` is refused
    /// if the object has moved on: [`Custom::object_patch`](crate::crd::Custom::object_patch) makes such.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn merge_patch<K: Resource<DynamicType = ()>>(
        &self,
        named: Named<'_>,
        patch: &(impl Serialize + Sync),
        deadline: Deadline,
    ) -> Result<ObjectMeta, CallError> {
        let call = call::<K>(Verb::Patch, named, None);
        let request =
            url::<K>(named.namespace).patch(named.name, &PatchParams::default(), &Patch::Merge(patch));
        self.write(call, request, deadline).await
    }

    /// Deletes an object, if it still has this uid and this version, where they are given. It stays, marked, as long as it has
    /// finalizers.
    ///
    /// # Errors
    /// [`Failure`]; [`Failure::Conflict`] if it is another object by now, or has moved on.
    pub async fn delete<K: Resource<DynamicType = ()>>(
        &self,
        named: Named<'_>,
        uid: Option<&str>,
        version: Option<&str>,
        deadline: Deadline,
    ) -> Result<(), CallError> {
        let call = call::<K>(Verb::Delete, named, None);
        let preconditions = (uid.is_some() || version.is_some()).then(|| Preconditions {
            uid: uid.map(ToOwned::to_owned),
            resource_version: version.map(ToOwned::to_owned),
        });
        let request = url::<K>(named.namespace)
            .delete(named.name, &DeleteParams { preconditions, ..DeleteParams::default() });
        let request = sendable(&call, request)?;
        // The answer is a status or an object; neither says more than that it was done.
        self.send(call, request, deadline).await.map(drop)
    }

    async fn pages<K: Resource<DynamicType = ()>, T: DeserializeOwned>(
        &self,
        list: List<'_>,
        accept: Option<HeaderValue>,
        deadline: Deadline,
    ) -> Result<Page<T>, CallError> {
        let mut all: Option<Page<T>> = None;
        loop {
            let next = all.as_mut().and_then(|page| page.next.take());
            let page =
                self.page::<K, T>(list, PAGE_OBJECTS, next.as_deref(), accept.clone(), deadline).await?;
            let all = match &mut all {
                None => all.insert(page),
                Some(all) => {
                    all.items.extend(page.items);
                    all.next = page.next;
                    all
                }
            };
            if all.next.is_none() {
                let version = std::mem::take(&mut all.version);
                return Ok(Page { items: std::mem::take(&mut all.items), version, next: None });
            }
        }
    }

    async fn page<K: Resource<DynamicType = ()>, T: DeserializeOwned>(
        &self,
        List { namespace, labels, fields }: List<'_>,
        limit: u32,
        next: Option<&str>,
        accept: Option<HeaderValue>,
        deadline: Deadline,
    ) -> Result<Page<T>, CallError> {
        let call = Call {
            verb: Verb::List,
            resource: K::plural(&()).into_owned(),
            namespace: namespace.map(ToOwned::to_owned),
            name: None,
        };
        let params = ListParams {
            label_selector: labels.map(ToOwned::to_owned),
            field_selector: fields.map(ToOwned::to_owned),
            limit: Some(limit),
            continue_token: next.map(ToOwned::to_owned),
            ..ListParams::default()
        };
        let request = url::<K>(namespace).list(&params);
        let Items { metadata, items } = self.ask(call, request, accept, deadline).await?;
        Ok(Page {
            items: items.unwrap_or_default(),
            version: metadata.resource_version.unwrap_or_default(),
            next: metadata.next.filter(|next| !next.is_empty()),
        })
    }

    async fn write(
        &self,
        call: Call,
        request: Result<Request<Vec<u8>>, request::Error>,
        deadline: Deadline,
    ) -> Result<ObjectMeta, CallError> {
        self.ask(call, request, Some(METADATA), deadline).await.map(|Head { metadata }| metadata)
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        call: Call,
        request: Result<Request<Vec<u8>>, request::Error>,
        accept: Option<HeaderValue>,
        deadline: Deadline,
    ) -> Result<T, CallError> {
        let answer = self.answer(&call, request, accept, deadline).await?;
        understood(call, &answer)
    }

    async fn answer(
        &self,
        call: &Call,
        request: Result<Request<Vec<u8>>, request::Error>,
        accept: Option<HeaderValue>,
        deadline: Deadline,
    ) -> Result<Bytes, CallError> {
        let mut request = sendable(call, request)?;
        let accept = accept.unwrap_or(HeaderValue::from_static("application/json"));
        request.headers_mut().insert(header::ACCEPT, accept);
        self.send(call.clone(), request, deadline).await
    }
}

fn understood<T: DeserializeOwned>(call: Call, answer: &[u8]) -> Result<T, CallError> {
    let is_write = call.verb.is_write();
    serde_json::from_slice(answer).map_err(|source| CallError {
        call: Box::new(call),
        failure: Failure::Unreadable { is_write, source },
    })
}

fn url<K: Resource<DynamicType = ()>>(namespace: Option<&str>) -> request::Request {
    request::Request::new(K::url_path(&(), namespace))
}

fn call<K: Resource<DynamicType = ()>>(verb: Verb, named: Named<'_>, subresource: Option<&str>) -> Call {
    let plural = K::plural(&());
    Call {
        verb,
        resource: subresource.map_or_else(|| plural.to_string(), |part| format!("{plural}/{part}")),
        namespace: named.namespace.map(ToOwned::to_owned),
        name: Some(named.name.to_owned()),
    }
}

fn json(call: &Call, object: &impl Serialize) -> Result<Vec<u8>, CallError> {
    serde_json::to_vec(object).map_err(|source| CallError {
        call: Box::new(call.clone()),
        failure: Failure::Unsendable(Box::new(source)),
    })
}

fn sendable(
    call: &Call,
    request: Result<Request<Vec<u8>>, request::Error>,
) -> Result<Request<Vec<u8>>, CallError> {
    request.map_err(|source| CallError {
        call: Box::new(call.clone()),
        failure: Failure::Unsendable(Box::new(source)),
    })
}
