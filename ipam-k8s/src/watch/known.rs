//! Everything that is watched, for those who ask.

use std::sync::Arc;

use ipam_core::select::{Catalogue, ListedPool, Wildcard};
use ipam_core::{Class, Family, PoolSpec, RangeSet, StoreError};
use k8s_openapi::api::core::v1 as core;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout_at;

use super::follow::Followed;
use super::object::Object;
use super::pools::{PoolSeen, Pools};
use super::pulse::{Pulse, Source, SourceState};
use super::reserved::Reserved;
use super::split::{Split, fetch_wanted};
use super::subnets::{SubnetShelf, Subnets};
use super::whole::{Namespace, Node, Whole};
use crate::client::{CallError, Cluster, Deadline, Failure, Named};
use crate::crd::{IPPool, IPPoolSpec, ReservedIP, Subnet};
use crate::meta::Meta;
use crate::workload::Pod;

/// Pools that are read by name at most for one request, where the watch does not know them.
const NAMES_MAX: usize = 16;

/// What to watch.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WatchOptions {
    /// The node that this program runs on.
    pub node: String,
    /// Whether SpiderSubnets are of interest (`enableSpiderSubnet`).
    pub subnets: bool,
}

impl WatchOptions {
    /// For a node, without SpiderSubnets.
    pub fn new(node: impl Into<String>) -> Self {
        Self { node: node.into(), subnets: false }
    }
}

/// Why something cannot be told.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LookupError {
    /// There is no such pod. The words are the original's.
    #[error("failed to get Pod {namespace}/{name}: Pod {name:?} not found")]
    NoPod {
        /// The namespace.
        namespace: String,
        /// The name.
        name: String,
    },
    /// There is a pod of this name, and it is another one: the request is about one that is gone, or not there yet.
    #[error("failed to get Pod {namespace}/{name}: its uid is {found:?}, want {wanted:?}")]
    OtherPod {
        /// The namespace.
        namespace: String,
        /// The name.
        name: String,
        /// The uid of the pod that there is.
        found: String,
        /// The uid that was asked for.
        wanted: String,
    },
    /// There is no such namespace.
    #[error("failed to get Namespace {name}: Namespace {name:?} not found")]
    NoNamespace {
        /// The name.
        name: String,
    },
    /// The API server could not be asked.
    #[error("failed to get {what}")]
    Call {
        /// What was asked for: `Pod t/web-0`.
        what: String,
        /// Why.
        #[source]
        source: CallError,
    },
}

impl StoreError for LookupError {
    fn class(&self) -> Class {
        match self {
            Self::NoPod { .. } | Self::OtherPod { .. } | Self::NoNamespace { .. } => Class::Rejected,
            Self::Call { source, .. } => source.class(),
        }
    }
}

/// What is known of a cluster, as the [module](super) says. Clones share it; the watches end with the last of them.
///
/// ```no_run
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// use ipam_k8s::client::{Cluster, ClusterOptions, Deadline};
/// use ipam_k8s::watch::{Known, WatchOptions};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let config = kube::Config::infer().await?;
/// // Watches have connections of their own, so that no call waits behind them.
/// let options = ClusterOptions::new("example/0.1.0");
/// let (calls, watches) = (Cluster::new(config.clone(), &options)?, Cluster::new(config, &options)?);
/// let known = Known::start(calls, &watches, WatchOptions::new("n1"), Arc::new(()));
/// let deadline = Deadline::after(Duration::from_secs(10));
/// for pool in known.catalogue(deadline).await?.iter() {
///     println!("{} {}", pool.name(), pool.fields().subnet);
/// }
/// let pod = known.pod("default", "web-0", deadline).await?;
/// println!("{:?}", pod.phase);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Known(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    calls: Cluster,
    node: String,
    pools: Arc<Followed<Split<IPPool, Pools>>>,
    subnets: Option<Arc<Followed<Split<Subnet, SubnetShelf>>>>,
    reserved: Arc<Followed<Whole<Object<ReservedIP>>>>,
    reserved_now: watch::Receiver<Arc<Reserved>>,
    namespaces: Arc<Followed<Whole<Namespace>>>,
    nodes: Arc<Followed<Whole<Node>>>,
    pods: Arc<Followed<Whole<Pod>>>,
    /// They end when this is dropped.
    _tasks: JoinSet<()>,
}

impl Known {
    /// Opens the watches through `watches`; lookups go through `calls`. `seen` is told of each version of a pool. Must be called within
    /// a tokio runtime.
    #[must_use]
    pub fn start(calls: Cluster, watches: &Cluster, options: WatchOptions, seen: Arc<dyn PoolSeen>) -> Self {
        let WatchOptions { node, subnets } = options;
        let (reserved_sender, reserved_now) = watch::channel(Arc::default());
        let publish = move |objects: &std::collections::BTreeMap<_, Arc<Object<ReservedIP>>>| {
            let reserved = Reserved::from_objects(objects.values().map(Arc::as_ref));
            reserved_sender.send_replace(Arc::new(reserved));
        };
        let pulse = Pulse::new;
        let pools = Followed::new(Split::new(Pools::new(seen)), pulse(Source::Pools));
        let subnets =
            subnets.then(|| Followed::new(Split::new(SubnetShelf::default()), pulse(Source::Subnets)));
        let reserved = Followed::new(Whole::new(None, publish), pulse(Source::Reserved));
        let namespaces = Followed::new(Whole::new(None, |_| {}), pulse(Source::Namespaces));
        let of_node = |field: &str| Some(format!("{field}={node}"));
        let nodes = Followed::new(Whole::new(of_node("metadata.name"), |_| {}), pulse(Source::Node));
        let pods = Followed::new(Whole::new(of_node("spec.nodeName"), |_| {}), pulse(Source::Pods));
        let mut tasks = JoinSet::new();
        tasks.spawn(Arc::clone(&pools).follow(watches.clone()));
        tasks.spawn(fetch_wanted(Arc::clone(&pools), watches.clone()));
        if let Some(subnets) = &subnets {
            tasks.spawn(Arc::clone(subnets).follow(watches.clone()));
            tasks.spawn(fetch_wanted(Arc::clone(subnets), watches.clone()));
        }
        tasks.spawn(Arc::clone(&reserved).follow(watches.clone()));
        tasks.spawn(Arc::clone(&namespaces).follow(watches.clone()));
        tasks.spawn(Arc::clone(&nodes).follow(watches.clone()));
        tasks.spawn(Arc::clone(&pods).follow(watches.clone()));
        let inner = Inner {
            calls,
            node,
            pools,
            subnets,
            reserved,
            reserved_now,
            namespaces,
            nodes,
            pods,
            _tasks: tasks,
        };
        Self(Arc::new(inner))
    }

    /// How each watch fares.
    #[must_use]
    pub fn sources(&self) -> Vec<SourceState> {
        self.pulses().into_iter().map(Pulse::state).collect()
    }

    fn pulses(&self) -> Vec<&Pulse> {
        let Inner { pools, subnets, reserved, namespaces, nodes, pods, .. } = self.0.as_ref();
        let subnets = subnets.iter().map(|subnets| &subnets.pulse);
        let first = [&pools.pulse, &reserved.pulse, &namespaces.pulse, &nodes.pulse, &pods.pulse];
        first.into_iter().chain(subnets).collect()
    }

    /// Waits until every watch is open, or has nothing to watch. `false`: the deadline came first.
    ///
    /// Cancel safe: yes.
    pub async fn is_ready(&self, deadline: Deadline) -> bool {
        for pulse in self.pulses() {
            let mut changes = pulse.changes();
            let is_live = changes.wait_for(|_| pulse.is_live());
            if !matches!(timeout_at(deadline.instant(), is_live).await, Ok(Ok(_))) {
                return false;
            }
        }
        true
    }

    /// A pod: as the watch of this node's pods has it, else as it is now.
    ///
    /// Cancel safe: yes.
    ///
    /// # Errors
    /// [`LookupError::NoPod`], [`LookupError::Call`].
    pub async fn pod(
        &self,
        namespace: &str,
        name: &str,
        deadline: Deadline,
    ) -> Result<Arc<Pod>, LookupError> {
        let Inner { pods, .. } = self.0.as_ref();
        if pods.pulse.is_believed()
            && let Some(pod) = pods.keeper.get(namespace, name)
        {
            return Ok(pod);
        }
        self.pod_now(namespace, name, deadline).await
    }

    /// A pod by its uid too, where one is given: the watch may lag behind a pod that was deleted and made again, and addresses must
    /// not be booked on the dead one (chapter `ipam`, 5.1, step 1, mended).
    ///
    /// Cancel safe: yes.
    ///
    /// # Errors
    /// [`LookupError::OtherPod`], and as [`Known::pod`].
    pub async fn pod_of(
        &self,
        namespace: &str,
        name: &str,
        uid: &str,
        deadline: Deadline,
    ) -> Result<Arc<Pod>, LookupError> {
        let is_it = |pod: &Pod| uid.is_empty() || pod.meta.uid == uid;
        let pod = self.pod(namespace, name, deadline).await?;
        if is_it(&pod) {
            return Ok(pod);
        }
        let pod = self.pod_now(namespace, name, deadline).await?;
        if is_it(&pod) {
            return Ok(pod);
        }
        Err(LookupError::OtherPod {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            found: pod.meta.uid.clone(),
            wanted: uid.to_owned(),
        })
    }

    /// A pod as it is now, whatever the watch says.
    ///
    /// Cancel safe: yes.
    ///
    /// # Errors
    /// As [`Known::pod`].
    pub async fn pod_now(
        &self,
        namespace: &str,
        name: &str,
        deadline: Deadline,
    ) -> Result<Arc<Pod>, LookupError> {
        let none = || LookupError::NoPod { namespace: namespace.to_owned(), name: name.to_owned() };
        if !is_object_name(namespace) || !is_object_name(name) {
            return Err(none());
        }
        match self.0.calls.get_as::<core::Pod, Pod>(Named::within(namespace, name), deadline).await {
            Ok(pod) => Ok(Arc::new(pod)),
            Err(error) if error.is_not_found() => Err(none()),
            Err(source) => Err(LookupError::Call { what: format!("Pod {namespace}/{name}"), source }),
        }
    }

    /// The pods of this node, as the watch has them.
    #[must_use]
    pub fn pods(&self) -> Vec<Arc<Pod>> {
        self.0.pods.keeper.all()
    }

    /// A namespace's metadata.
    ///
    /// Cancel safe: yes.
    ///
    /// # Errors
    /// [`LookupError::NoNamespace`], [`LookupError::Call`].
    pub async fn namespace(&self, name: &str, deadline: Deadline) -> Result<Arc<Meta>, LookupError> {
        let Inner { namespaces, calls, .. } = self.0.as_ref();
        if namespaces.pulse.is_believed()
            && let Some(known) = namespaces.keeper.get("", name)
        {
            return Ok(Arc::clone(&known.metadata));
        }
        if !is_object_name(name) {
            return Err(LookupError::NoNamespace { name: name.to_owned() });
        }
        match calls.get_metadata::<core::Namespace>(Named::cluster(name), deadline).await {
            Ok(meta) => Ok(Arc::new(meta.into())),
            Err(error) if error.is_not_found() => Err(LookupError::NoNamespace { name: name.to_owned() }),
            Err(source) => Err(LookupError::Call { what: format!("Namespace {name}"), source }),
        }
    }

    /// A node's metadata; `None`: there is no such node. Only this node is watched.
    ///
    /// Cancel safe: yes.
    ///
    /// # Errors
    /// [`LookupError::Call`].
    pub async fn node(&self, name: &str, deadline: Deadline) -> Result<Option<Arc<Meta>>, LookupError> {
        let Inner { nodes, calls, node, .. } = self.0.as_ref();
        if name == node
            && nodes.pulse.is_believed()
            && let Some(known) = nodes.keeper.get("", name)
        {
            return Ok(Some(Arc::clone(&known.metadata)));
        }
        if !is_object_name(name) {
            return Ok(None);
        }
        match calls.get_metadata::<core::Node>(Named::cluster(name), deadline).await {
            Ok(meta) => Ok(Some(Arc::new(meta.into()))),
            Err(error) if error.is_not_found() => Ok(None),
            Err(source) => Err(LookupError::Call { what: format!("Node {name}"), source }),
        }
    }

    /// The pools, ready for selection.
    ///
    /// Cancel safe: yes.
    ///
    /// # Errors
    /// [`LookupError::Call`] while nothing is known and the API server cannot be asked.
    pub async fn catalogue(&self, deadline: Deadline) -> Result<Arc<Catalogue>, LookupError> {
        let Inner { pools, calls, .. } = self.0.as_ref();
        pools.ready(calls, deadline).await.map_err(of("SpiderIPPools"))?;
        Ok(pools.keeper.shelf.catalogue())
    }

    /// The same with these pools in it, if they exist: names that the watch does not know are read, for a pool may be used as soon as
    /// it is there. Patterns are passed over, and so are names after the sixteenth that is not known.
    ///
    /// Cancel safe: yes.
    ///
    /// # Errors
    /// As [`Known::catalogue`].
    pub async fn catalogue_with(
        &self,
        names: impl IntoIterator<Item = &str>,
        deadline: Deadline,
    ) -> Result<Arc<Catalogue>, LookupError> {
        let Inner { pools, calls, .. } = self.0.as_ref();
        let catalogue = self.catalogue(deadline).await?;
        let is_unknown = |name: &&str| {
            catalogue.get(name).is_none() && !Wildcard::is_pattern(name) && is_object_name(name)
        };
        let mut has_read = false;
        for name in names.into_iter().filter(is_unknown).take(NAMES_MAX) {
            match pools.keeper.fetch(calls, name, deadline).await {
                Ok(is_there) => has_read |= is_there,
                // Without the kind there is no such pool.
                Err(CallError { failure: Failure::NotFound(_), .. }) => {}
                Err(error) => return Err(of(&format!("SpiderIPPool {name}"))(error)),
            }
        }
        Ok(if has_read { pools.keeper.shelf.catalogue() } else { catalogue })
    }

    /// The catalogue at each of its changes, for those who wait for a pool.
    #[must_use]
    pub fn catalogue_changes(&self) -> watch::Receiver<Arc<Catalogue>> {
        self.0.pools.keeper.shelf.changes()
    }

    /// One pool; `None`: there is none of this name.
    ///
    /// Cancel safe: yes.
    ///
    /// # Errors
    /// As [`Known::catalogue`].
    pub async fn pool(&self, name: &str, deadline: Deadline) -> Result<Option<Arc<ListedPool>>, LookupError> {
        let Inner { pools, calls, .. } = self.0.as_ref();
        let known = || pools.keeper.shelf.catalogue().get(name).cloned();
        if pools.pulse.is_believed()
            && let Some(pool) = known()
        {
            return Ok(Some(pool));
        }
        if !is_object_name(name) {
            return Ok(None);
        }
        let is_there = pools.keeper.fetch(calls, name, deadline).await;
        let is_there = is_there.map_err(of(&format!("SpiderIPPool {name}")))?;
        Ok(if is_there { known() } else { None })
    }

    /// The pools whose metadata is as wanted, in order of name; each with its spec, or why that cannot be read. For pools that were made
    /// for an application, which are found by labels. A status that moves alone does not move the version here.
    #[must_use]
    pub fn pools_where(&self, is_wanted: impl Fn(&Meta) -> bool) -> Vec<(Meta, Result<IPPoolSpec, String>)> {
        let mut found = Vec::new();
        self.0.pools.keeper.each(|meta, spec| {
            if is_wanted(meta) {
                found.push((meta.clone(), spec.clone()));
            }
        });
        found
    }

    /// The addresses that no pool hands out.
    ///
    /// Cancel safe: yes.
    ///
    /// # Errors
    /// [`LookupError::Call`] while nothing is known and the API server cannot be asked.
    pub async fn reserved(&self, deadline: Deadline) -> Result<Arc<Reserved>, LookupError> {
        let Inner { reserved, calls, reserved_now, .. } = self.0.as_ref();
        reserved.ready(calls, deadline).await.map_err(of("SpiderReservedIPs"))?;
        Ok(Arc::clone(&reserved_now.borrow()))
    }

    /// The SpiderSubnets; none where they are not of interest.
    ///
    /// Cancel safe: yes.
    ///
    /// # Errors
    /// [`LookupError::Call`] while nothing is known and the API server cannot be asked.
    pub async fn subnets(&self, deadline: Deadline) -> Result<Arc<Subnets>, LookupError> {
        let Inner { subnets, calls, .. } = self.0.as_ref();
        let Some(subnets) = subnets else { return Ok(Arc::default()) };
        subnets.ready(calls, deadline).await.map_err(of("SpiderSubnets"))?;
        Ok(subnets.keeper.shelf.all())
    }

    /// The SpiderSubnets at each of their changes; `None` where they are not of interest.
    #[must_use]
    pub fn subnet_changes(&self) -> Option<watch::Receiver<Arc<Subnets>>> {
        self.0.subnets.as_ref().map(|subnets| subnets.keeper.shelf.changes())
    }

    /// Whether the watch of pools is open, so that [`PoolSeen`] is told of each version.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.0.pools.pulse.is_live()
    }

    /// The addresses of a family that no pool hands out, without asking; `None`: not known.
    #[must_use]
    pub fn reserved_now(&self, family: Family) -> Option<Arc<RangeSet>> {
        let is_known = self.0.reserved.pulse.is_believed();
        is_known.then(|| Arc::clone(self.0.reserved_now.borrow().of(family)))
    }

    /// All pools that can be used, without asking; `None`: not known.
    #[must_use]
    pub fn specs_now(&self) -> Option<Vec<Arc<PoolSpec>>> {
        let Inner { pools, .. } = self.0.as_ref();
        let catalogue = pools.pulse.is_believed().then(|| pools.keeper.shelf.catalogue())?;
        Some(catalogue.iter().filter_map(|pool| pool.spec().cloned()).collect())
    }
}

fn of(what: &str) -> impl FnOnce(CallError) -> LookupError {
    move |source| LookupError::Call { what: what.to_owned(), source }
}

/// Whether an object can have this name; what a request says becomes a part of a path.
fn is_object_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
    !name.is_empty() && name.len() <= 253 && name != "." && name != ".." && name.bytes().all(is_plain)
}
