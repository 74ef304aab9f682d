//! The commands on a cluster: the connection, and what only a cluster needs.
//!
//! Everything is read when it is asked for, nothing is watched: a command is short. Each request, and each list as a whole, may take
//! the time of `--timeout`.

mod books;
pub(super) mod explain;
pub(super) mod fsck;
pub(super) mod release;

use std::time::Duration;

use anyhow::Context as _;
use ipam_k8s::client::{Cluster, ClusterOptions, Deadline, Failure};
use kube::Config;
use kube::config::{KubeConfigOptions, Kubeconfig};
use tokio::runtime::{Builder, Runtime};

pub(super) use self::books::Books;
use super::target::Access;

/// A connection, and what carries it out.
#[derive(Debug)]
pub(super) struct Connection {
    runtime: Runtime,
    pub(super) cluster: Cluster,
    pub(super) timeout: Duration,
    server: String,
}

/// The cluster cannot be asked: not configured, not reached, or no right to. The cause is its source.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Unusable(String);

impl Connection {
    pub(super) fn open(access: &Access, timeout: Duration) -> anyhow::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build().context("cannot start a runtime")?;
        let unusable = || Unusable(format!("{access} cannot be used"));
        let options = ClusterOptions::new(format!("spiderpoolctl/{}", env!("CARGO_PKG_VERSION")));
        let (cluster, server) = runtime.block_on(async {
            let config = configuration(access).await.with_context(unusable)?;
            let server = config.cluster_url.to_string();
            let cluster = Cluster::new(config, &options).with_context(unusable)?;
            anyhow::Ok((cluster, server))
        })?;
        Ok(Self { runtime, cluster, timeout, server })
    }

    /// Carries out some work.
    pub(super) fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// The URL of the API server.
    pub(super) fn server(&self) -> &str {
        &self.server
    }

    pub(super) fn deadline(&self) -> Deadline {
        Deadline::after(self.timeout)
    }

    /// A read, with the cluster named in its error.
    pub(super) fn ask<T, E>(&self, work: impl Future<Output = Result<T, E>>) -> anyhow::Result<T>
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        self.block_on(work).map_err(|error| self.told(error.into()))
    }

    /// Names the cluster, and what can be done, if the cluster itself is what failed.
    pub(super) fn told(&self, error: anyhow::Error) -> anyhow::Error {
        let failure = error.chain().find_map(|cause| cause.downcast_ref::<Failure>());
        let advice = match failure {
            Some(Failure::Forbidden(_)) => {
                "the account lacks a right; the roles that are needed are in daemons/rbac/ctl.yaml"
            }
            Some(Failure::Unauthorized(_)) => "the credentials are not accepted",
            Some(Failure::NotFound(_)) => "the kind is not installed there, or the object is gone",
            Some(Failure::Broken(_) | Failure::NoAnswer | Failure::Throttled { .. }) => "no answer",
            _ => return error,
        };
        error.context(Unusable(format!("cluster {}: {advice}", self.server)))
    }
}

/// Where and as whom.
async fn configuration(access: &Access) -> anyhow::Result<Config> {
    let options = KubeConfigOptions { context: access.context.clone(), ..KubeConfigOptions::default() };
    Ok(match (&access.kubeconfig, &access.context) {
        (Some(file), _) => Config::from_custom_kubeconfig(Kubeconfig::read_from(file)?, &options).await?,
        (None, Some(_)) => Config::from_kubeconfig(&options).await?,
        (None, None) => Config::infer().await?,
    })
}
