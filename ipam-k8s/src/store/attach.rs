//! Commits of attachments: one request makes or changes a whole SpiderEndpoint.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ipam_core::{Assignment, Attachment, AttachmentOp, Owner, PoolName, PoolSpec, Version};
use serde_json::json;

use super::ClusterStore;
use super::draft::{EndpointDraft, NicDetail, OnClear, PlacedNic};
use super::endpoint::{Entry, FINALIZER, apply, attachments, entries, object, place, written};
use super::error::ClusterStoreError;
use super::holdings::{ABSENT, version_of};
use super::read::Want;
use super::shelf::EndpointKnown;
use crate::client::Named;
use crate::crd::{EndpointAddress, SpiderEndpoint};

type Known = Option<Arc<SpiderEndpoint>>;

impl ClusterStore {
    pub(super) async fn attach(
        &self,
        owner: &Owner,
        version: &Version,
        ops: &[AttachmentOp],
    ) -> Result<Version, ClusterStoreError> {
        let (namespace, name) =
            place(owner).ok_or_else(|| ClusterStoreError::NoEndpoint(Box::new(owner.clone())))?;
        let named = Named::within(namespace, name);
        let known = self.endpoint_at(named, version).await?;
        let draft = self.draft_of(owner);
        let sets = ops.iter().any(|op| matches!(op, AttachmentOp::Set(_)));
        let wanted = match known.as_deref() {
            Some(endpoint) if lets_go(ops, draft.as_deref()) => without_finalizer(endpoint),
            _ => self.wanted(owner, draft.as_deref(), known.as_deref(), ops).await?,
        };
        match (&known, wanted) {
            (None, None) => Ok(Version::new(ABSENT)),
            (Some(endpoint), None) => Ok(version_of(endpoint)),
            (None, Some(wanted)) => self.create_endpoint(named, wanted).await,
            // It cannot be kept any more, only be made anew.
            (Some(endpoint), Some(wanted)) if sets && endpoint.metadata.deletion_timestamp.is_some() => {
                self.let_go(named, endpoint).await?;
                self.create_endpoint(named, afresh(wanted)).await
            }
            (Some(endpoint), Some(wanted)) => self.patch_endpoint(named, endpoint, wanted).await,
        }
    }

    /// The endpoint that a change was planned on.
    async fn endpoint_at(&self, named: Named<'_>, version: &Version) -> Result<Known, ClusterStoreError> {
        let (namespace, name) = (named.namespace.unwrap_or_default(), named.name);
        if version.as_str() == ABSENT {
            // Whether that is true the creation will tell.
            return match self.endpoints.get(namespace, name) {
                EndpointKnown::Known(..) => Err(moved_on(named)),
                EndpointKnown::Untouched | EndpointKnown::Unsure => Ok(None),
            };
        }
        if let EndpointKnown::Known(endpoint, _) = self.endpoints.get(namespace, name)
            && *version == version_of(&endpoint)
        {
            return Ok(Some(endpoint));
        }
        let endpoint = self.fetch_endpoint(named).await?;
        let present = endpoint.as_deref().map_or(Version::new(ABSENT), version_of);
        if version.allows(&present) { Ok(endpoint) } else { Err(moved_on(named)) }
    }

    /// The endpoint as the operations make it; `None`: as it is.
    async fn wanted(
        &self,
        owner: &Owner,
        draft: Option<&EndpointDraft>,
        known: Option<&SpiderEndpoint>,
        ops: &[AttachmentOp],
    ) -> Result<Option<SpiderEndpoint>, ClusterStoreError> {
        let mut list = entries(known);
        let held = self.held_of(owner, known, ops).await?;
        let renews = draft.is_some_and(|draft| draft.renews);
        for op in ops {
            apply(&mut list, op, renews, |one| held.contains(one));
        }
        let sets = ops.iter().any(|op| matches!(op, AttachmentOp::Set(_)));
        if known.is_none() && !sets {
            return Ok(None);
        }
        let ips = self.written(owner, draft, list).await?;
        if sets {
            return Ok(Some(object(owner, draft, ips, known)));
        }
        Ok(known.and_then(|known| {
            let mut wanted = known.clone();
            let status = wanted.status.get_or_insert_default();
            let before = std::mem::replace(&mut status.current.ips, ips);
            (before != status.current.ips).then_some(wanted)
        }))
    }

    /// Which of the assignments that are to be forgotten are still held, in whatever incarnation.
    async fn held_of(
        &self,
        owner: &Owner,
        known: Option<&SpiderEndpoint>,
        ops: &[AttachmentOp],
    ) -> Result<BTreeSet<Assignment>, ClusterStoreError> {
        let mut held = BTreeSet::new();
        let set = ops.iter().filter_map(|op| {
            let AttachmentOp::Set(attachment) = op else { return None };
            Some(attachment.clone())
        });
        let named: Vec<Attachment> =
            known.map(attachments).unwrap_or_default().into_iter().chain(set).collect();
        for op in ops {
            let AttachmentOp::Forget(address) = op else { continue };
            for one in named.iter().flat_map(|attachment| &attachment.assignments) {
                if one.address != *address {
                    continue;
                }
                let Some(pool) = self.pool(&one.pool, Want::Present).await? else { continue };
                pool.readable()?;
                let is_held = pool.state().record(*address).is_some_and(|record| {
                    (record.owner.scope(), record.owner.name()) == (owner.scope(), owner.name())
                });
                if is_held {
                    held.insert(one.clone());
                }
            }
        }
        Ok(held)
    }

    /// The entries as they are to be written, in order.
    async fn written(
        &self,
        owner: &Owner,
        draft: Option<&EndpointDraft>,
        list: Vec<Entry>,
    ) -> Result<Vec<EndpointAddress>, ClusterStoreError> {
        let mut specs: BTreeMap<PoolName, Arc<PoolSpec>> = BTreeMap::new();
        let mut placed = Vec::new();
        for entry in &list {
            let Entry::New(attachment, _) = entry else { continue };
            let mut addresses = Vec::new();
            for one in &attachment.assignments {
                let spec = match specs.get(&one.pool) {
                    Some(spec) => Arc::clone(spec),
                    None => {
                        let pool = self.pool(&one.pool, Want::Any).await?;
                        let pool = pool.ok_or_else(|| ClusterStoreError::NoPool(one.pool.clone()))?;
                        specs.insert(one.pool.clone(), Arc::clone(&pool.spec));
                        Arc::clone(&pool.spec)
                    }
                };
                addresses.push((one.clone(), spec));
            }
            placed.push(PlacedNic { nic: attachment.nic.clone(), addresses });
        }
        let details = match draft.and_then(|draft| draft.details.as_ref()) {
            Some(details) if !placed.is_empty() => details
                .details(&placed)
                .await
                .map_err(|source| ClusterStoreError::Details { owner: Box::new(owner.clone()), source })?,
            _ => placed.iter().map(NicDetail::of_pools).collect(),
        };
        let mut new = placed.iter().zip(details.into_iter().map(Some).chain(std::iter::repeat(None)));
        let write = |entry| match entry {
            Entry::Kept(entry, _) => Some(*entry),
            Entry::New(_, before) => {
                let (placed, detail) = new.next()?;
                let detail = detail.unwrap_or_else(|| NicDetail::of_pools(placed));
                let is_nameless = draft.is_some_and(|draft| draft.nameless.contains(&placed.nic));
                Some(written(placed, detail, is_nameless, before.map(|before| *before)))
            }
        };
        Ok(list.into_iter().filter_map(write).collect())
    }

    async fn create_endpoint(
        &self,
        named: Named<'_>,
        wanted: SpiderEndpoint,
    ) -> Result<Version, ClusterStoreError> {
        // Until the answer is there, there may be one.
        self.unsure(named);
        let metadata = self.cluster.create::<SpiderEndpoint>(named, &wanted, self.deadline()).await?;
        Ok(self.keep(named, SpiderEndpoint { metadata, ..wanted }))
    }

    async fn patch_endpoint(
        &self,
        named: Named<'_>,
        read: &SpiderEndpoint,
        wanted: SpiderEndpoint,
    ) -> Result<Version, ClusterStoreError> {
        // Where nothing differs, the version alone is sent: the API server stores nothing, but says whether it is the present one.
        let patch = match read.object_patch(&wanted)? {
            Some(patch) => patch,
            None => json!({ "metadata": { "resourceVersion": read.metadata.resource_version } }),
        };
        self.unsure(named);
        let metadata = self.cluster.merge_patch::<SpiderEndpoint>(named, &patch, self.deadline()).await;
        let metadata = match metadata {
            // Gone, and so is what the change was planned on.
            Err(error) if error.is_not_found() => return Err(moved_on(named)),
            answer => answer?,
        };
        Ok(self.keep(named, SpiderEndpoint { metadata, ..wanted }))
    }

    /// Removes the finalizer, so that an object that is being deleted goes.
    async fn let_go(&self, named: Named<'_>, read: &SpiderEndpoint) -> Result<(), ClusterStoreError> {
        let Some(wanted) = without_finalizer(read) else { return Ok(()) };
        self.patch_endpoint(named, read, wanted).await.map(drop)
    }

    fn unsure(&self, named: Named<'_>) {
        self.endpoints.put(named.namespace.unwrap_or_default(), named.name, None);
    }

    /// Keeps what was written or read, without what nobody needs.
    pub(super) fn keep(&self, named: Named<'_>, mut endpoint: SpiderEndpoint) -> Version {
        endpoint.metadata.managed_fields = None;
        let version = version_of(&endpoint);
        self.endpoints.put(named.namespace.unwrap_or_default(), named.name, Some(Arc::new(endpoint)));
        version
    }

    /// Reads an endpoint; `None`: there is none.
    pub(super) async fn fetch_endpoint(&self, named: Named<'_>) -> Result<Known, ClusterStoreError> {
        let namespace = named.namespace.unwrap_or_default();
        match self.cluster.get::<SpiderEndpoint>(named, self.deadline()).await {
            Ok(endpoint) => {
                self.keep(named, endpoint.clone());
                Ok(Some(Arc::new(endpoint)))
            }
            Err(error) if error.is_not_found() => {
                self.endpoints.note_gone(namespace, named.name);
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Clears an owner's endpoint of which no entry can be read: such entries are no attachments, so a release passes over them. Nothing
    /// happens to any other.
    ///
    /// # Errors
    /// As [`commit`](ipam_core::AsyncStore::commit).
    pub async fn clear_unreadable(&self, owner: &Owner) -> Result<(), ClusterStoreError> {
        let Some(endpoint) = self.endpoint(owner).await? else { return Ok(()) };
        let is_its = super::endpoint::bound(&endpoint, owner).is_some_and(|bound| bound.same_holder(owner));
        if !is_its || entries(Some(&endpoint)).is_empty() || !attachments(&endpoint).is_empty() {
            return Ok(());
        }
        self.attach(owner, &version_of(&endpoint), &[AttachmentOp::Clear]).await.map(drop)
    }

    /// Deletes an owner's endpoint, if it is still the one of this uid, and lets it go; nothing happens if there is none. Its records
    /// are another matter.
    ///
    /// # Errors
    /// As [`commit`](ipam_core::AsyncStore::commit).
    pub async fn delete_endpoint(&self, owner: &Owner) -> Result<(), ClusterStoreError> {
        let (namespace, name) =
            place(owner).ok_or_else(|| ClusterStoreError::NoEndpoint(Box::new(owner.clone())))?;
        let named = Named::within(namespace, name);
        let Some(endpoint) = self.fetch_endpoint(named).await? else { return Ok(()) };
        let holder = super::endpoint::bound(&endpoint, owner);
        if holder.is_some_and(|holder| !holder.same_holder(owner)) {
            return Ok(());
        }
        self.let_go(named, &endpoint).await?;
        // The version that was judged: the next pod of the name may have made this object its own meanwhile.
        let known = match self.endpoints.get(namespace, name) {
            EndpointKnown::Known(known, _) => known,
            EndpointKnown::Untouched | EndpointKnown::Unsure => endpoint,
        };
        self.unsure(named);
        let (uid, version) = (known.metadata.uid.as_deref(), known.metadata.resource_version.as_deref());
        match self.cluster.delete::<SpiderEndpoint>(named, uid, version, self.deadline()).await {
            Err(error) if !error.is_not_found() => return Err(error.into()),
            Ok(()) | Err(_) => self.endpoints.note_gone(namespace, name),
        }
        Ok(())
    }
}

fn moved_on(named: Named<'_>) -> ClusterStoreError {
    let what = format!("SpiderEndpoint {}/{}", named.namespace.unwrap_or_default(), named.name);
    ClusterStoreError::Stale { what }
}

/// Whether the owner is to have nothing, and its endpoint to stay as it is.
fn lets_go(ops: &[AttachmentOp], draft: Option<&EndpointDraft>) -> bool {
    matches!(ops, [AttachmentOp::Clear]) && draft.is_some_and(|draft| draft.on_clear == OnClear::LetGo)
}

/// `None`: it has none.
fn without_finalizer(endpoint: &SpiderEndpoint) -> Option<SpiderEndpoint> {
    let mut wanted = endpoint.clone();
    let finalizers = wanted.metadata.finalizers.as_mut()?;
    let before = finalizers.len();
    finalizers.retain(|one| one != FINALIZER);
    (finalizers.len() < before).then_some(wanted)
}

/// A new object with the contents of an old one.
fn afresh(mut wanted: SpiderEndpoint) -> SpiderEndpoint {
    let metadata = std::mem::take(&mut wanted.metadata);
    let new = &mut wanted.metadata;
    (new.name, new.namespace) = (metadata.name, metadata.namespace);
    (new.labels, new.annotations) = (metadata.labels, metadata.annotations);
    new.owner_references = metadata.owner_references;
    new.finalizers = Some(vec![FINALIZER.to_owned()]);
    wanted
}
