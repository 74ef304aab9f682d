//! Everything that is watched, for those who ask.

use std::sync::{Arc, Weak};

use ipam_core::{Class, StoreError};
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
use super::subnets::SubnetShelf;
use super::whole::{Namespace, Node, Whole};
use crate::client::{CallError, Cluster, Deadline, Named};
use crate::crd::{IPPool, ReservedIP, Subnet};
use crate::meta::Meta;
use crate::workload::Pod;

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
/// let known = Known::start(calls, &watches, WatchOptions::new("n1"));
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
pub struct Known(pub(super) Arc<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) calls: Cluster,
    node: String,
    pub(super) pools: Arc<Followed<Split<IPPool, Pools>>>,
    pub(super) subnets: Option<Arc<Followed<Split<Subnet, SubnetShelf>>>>,
    pub(super) reserved: Arc<Followed<Whole<Object<ReservedIP>>>>,
    pub(super) reserved_now: watch::Receiver<Arc<Reserved>>,
    namespaces: Arc<Followed<Whole<Namespace>>>,
    nodes: Arc<Followed<Whole<Node>>>,
    pods: Arc<Followed<Whole<Pod>>>,
    /// They end when this is dropped.
    _tasks: JoinSet<()>,
}

impl Known {
    /// Opens the watches through `watches`; lookups go through `calls`. Must be called within
    /// a tokio runtime.
    #[must_use]
    pub fn start(calls: Cluster, watches: &Cluster, options: WatchOptions) -> Self {
        let WatchOptions { node, subnets } = options;
        let (reserved_sender, reserved_now) = watch::channel(Arc::default());
        let publish = move |objects: &std::collections::BTreeMap<_, Arc<Object<ReservedIP>>>| {
            let reserved = Reserved::from_objects(objects.values().map(Arc::as_ref));
            reserved_sender.send_replace(Arc::new(reserved));
        };
        let pulse = Pulse::new;
        let pools = Followed::new(Split::new(Pools::default()), pulse(Source::Pools));
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

    /// From now on tells of each version of a pool, beginning with those that are known. It is not kept alive by this.
    pub fn tell<S: PoolSeen + 'static>(&self, seen: &Arc<S>) {
        let weak: Weak<S> = Arc::downgrade(seen);
        self.0.pools.keeper.shelf.tell(weak);
        self.0.pools.keeper.tell_again();
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

    /// Whether this pod appeared on this node while its pods were watched. So nobody but this process can have served it, unless another
    /// agent runs beside it.
    #[must_use]
    pub fn has_appeared(&self, pod: &Pod) -> bool {
        self.0.pods.pulse.is_believed() && self.0.pods.keeper.has_appeared(&pod.meta)
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
}

pub(super) fn of(what: &str) -> impl FnOnce(CallError) -> LookupError {
    move |source| LookupError::Call { what: what.to_owned(), source }
}

/// Whether an object can have this name; what a request says becomes a part of a path.
pub(crate) fn is_object_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
    !name.is_empty() && name.len() <= 253 && name != "." && name != ".." && name.bytes().all(is_plain)
}
