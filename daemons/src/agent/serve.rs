//! The agent as it runs: its listeners from the first probe to the last answer.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tracing::info;

use super::api::{self, IpamApi};
use super::connection;
use super::health::{self, Probes, SelfCheckError};
use super::ipam::Ipam;
use super::listen::{self, ListenError, Peers, Socket};
use super::metrics::{self, Metrics};
use super::settings::Settings;

/// Why the agent does not serve.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The socket was opened and the agent does not answer on it.
    #[error("{}: the agent's own socket", .path.display())]
    SelfCheck {
        /// The socket.
        path: PathBuf,
        /// What is wrong.
        source: SelfCheckError,
    },
    /// A part of the agent has ended in the middle of its work.
    #[error("a listener has died, which is a bug")]
    Died(#[source] JoinError),
}

/// The open socket and ports.
#[derive(Debug)]
pub struct Listeners {
    path: PathBuf,
    socket: Socket,
    health: TcpListener,
    metrics: Option<TcpListener>,
}

impl Listeners {
    /// Opens the socket and the ports that the settings name. `peers` says who may connect to the socket: [`Peers::root_and_own`].
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`ListenError`]: one of them cannot be opened.
    pub async fn open(settings: &Settings, peers: Peers) -> Result<Self, ListenError> {
        let socket = Socket::open(&settings.socket, peers)?;
        let health = listen::port(settings.health_port).await?;
        let metrics = match settings.metric_port {
            Some(port) => Some(listen::port(port).await?),
            None => None,
        };
        Ok(Self { path: settings.socket.clone(), socket, health, metrics })
    }

    /// The port of the probes.
    #[must_use]
    pub fn health_port(&self) -> Option<u16> {
        port_of(&self.health)
    }

    /// The port of the metrics, if they are served.
    #[must_use]
    pub fn metric_port(&self) -> Option<u16> {
        self.metrics.as_ref().and_then(port_of)
    }
}

fn port_of(listener: &TcpListener) -> Option<u16> {
    listener.local_addr().ok().map(|address| address.port())
}

/// Serves the API, the probes and the metrics until `stop` is done; then answers what is under way, for at most 25 s, and removes
/// the socket. The startup probe passes once the agent has reached itself over its socket.
///
/// # Errors
/// [`ServeError`]: the socket does not answer, or a listener dies.
pub async fn serve<I: Ipam>(
    listeners: Listeners,
    ipam: Arc<I>,
    metrics: Arc<Metrics>,
    stop: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let Listeners { path, socket, health, metrics: metric_port } = listeners;
    let (stopped, watch_stop) = watch::channel(false);
    let mut tasks = JoinSet::new();

    let backend = Arc::new(IpamApi::new(ipam, Arc::clone(&metrics)));
    tasks.spawn(connection::serve(socket, watch_stop.clone(), move |request| {
        let backend = Arc::clone(&backend);
        async move { api::answer(&*backend, request).await }
    }));
    let probes = Arc::new(Probes::new(path.clone()));
    let backend = Arc::clone(&probes);
    tasks.spawn(connection::serve(health, watch_stop.clone(), move |request| {
        let backend = Arc::clone(&backend);
        async move { api::answer(&*backend, request).await }
    }));
    if let Some(listener) = metric_port {
        tasks.spawn(connection::serve(listener, watch_stop, move |request| {
            let reply = metrics::serve(&metrics, &request);
            async move { reply }
        }));
    }

    let serving = async {
        let checked = health::check(&path).await;
        checked.map_err(|source| ServeError::SelfCheck { path: path.clone(), source })?;
        probes.started();
        info!(socket = %path.display(), "ready");
        stop.await;
        info!("stopping");
        Ok(())
    };
    let mut result = tokio::select! {
        served = serving => served,
        // None ends by itself before it is told to.
        Some(Err(error)) = tasks.join_next() => Err(ServeError::Died(error)),
    };
    // Nobody listens only where all have died.
    let _ = stopped.send(true);
    while let Some(ended) = tasks.join_next().await {
        result = result.and(ended.map_err(ServeError::Died));
    }
    result
}
