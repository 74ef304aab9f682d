//! A control plane of a test's own, that ends with the value that started it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::cluster::Cluster;
use crate::command::{Outcome, pause};
use crate::keeper;
use crate::kubectl::Kubectl;
use crate::layout::{Component, Layout, Life};
use crate::named;
use crate::programs::Programs;
use crate::sweeper::Sweeper;

/// How long a program may take to end when it is asked to. An API server finishes its requests, and a watch may be one.
const ENDS_WITHIN: Duration = Duration::from_secs(30);

/// A running control plane. Tests of one binary share it: all of it works by `&self`.
#[derive(Debug)]
pub struct ControlPlane {
    cluster: Cluster,
    own: Option<Own>,
    folder: Folder,
}

/// Goes with the value, and with the process.
#[derive(Debug)]
struct Folder {
    path: PathBuf,
    _sweeper: Sweeper,
}

impl Folder {
    fn new() -> Result<Self> {
        let path = TempDir::with_prefix("control-plane-").context("make a folder")?.keep();
        let sweeper = Sweeper::new(&path)?;
        Ok(Self { path, _sweeper: sweeper })
    }
}

/// What was started here.
#[derive(Debug)]
struct Own {
    layout: Layout,
    running: Mutex<BTreeMap<Component, Child>>,
}

impl ControlPlane {
    /// Starts all of it and waits until it is ready; or takes the cluster of `KUBECONFIG`.
    ///
    /// # Errors
    /// A program is missing, or ends or hangs on its way; the error shows the end of its log.
    pub fn start() -> Result<Self> {
        if let Some(foreign) = Self::foreign()? {
            return Ok(foreign);
        }
        Self::start_own()
    }

    /// Starts all of it and waits until it is ready, whatever `KUBECONFIG` names.
    ///
    /// # Errors
    /// A program is missing, or ends or hangs on its way; the error shows the end of its log.
    pub fn start_own() -> Result<Self> {
        let folder = Folder::new()?;
        let layout = Layout::new(&folder.path, Programs::find(None)?)?;
        let cluster = Cluster::new(layout.kubectl(), layout.server(), &folder.path);
        let own = Own { layout, running: Mutex::default() };
        for component in Component::ALL {
            own.run(component)?;
        }
        Ok(Self { cluster, own: Some(own), folder })
    }

    /// The cluster of `KUBECONFIG`, if that is set.
    ///
    /// # Errors
    /// It cannot be reached, or is neither on loopback nor named by `SPIDERPOOL_TEST_CLUSTER`: tests make and delete objects.
    pub fn foreign() -> Result<Option<Self>> {
        let Some(config) = named("KUBECONFIG") else { return Ok(None) };
        let folder = Folder::new()?;
        let cluster = Cluster::foreign(&config, &folder.path)?;
        Ok(Some(Self { cluster, own: None, folder }))
    }

    /// The file by which clients find it, as `system:masters`.
    #[must_use]
    pub fn kubeconfig(&self) -> PathBuf {
        self.cluster.kubectl().kubeconfig().to_owned()
    }

    /// The file by which an agent finds it, with an agent's rights; by a service account with the role of `daemons/rbac/agent.yaml` and a token of the TokenRequest API that holds for a day. Made at the first call.
    ///
    /// # Errors
    /// kubectl failed.
    pub fn agent_kubeconfig(&self) -> Result<PathBuf> {
        self.cluster.agent_kubeconfig()
    }

    /// Brings in the CustomResourceDefinitions of `ipam-k8s/crds`, and waits until their kinds are served.
    ///
    /// # Errors
    /// kubectl failed.
    pub fn install_crds(&self) -> Result<()> {
        self.cluster.install_crds()
    }

    /// The URL of the API server.
    #[must_use]
    pub fn server(&self) -> &str {
        self.cluster.server()
    }

    /// The folder of the programs' logs and data.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder.path
    }

    /// Whether its programs can be stopped; those of a cluster of `KUBECONFIG` cannot.
    #[must_use]
    pub fn is_own(&self) -> bool {
        self.own.is_some()
    }

    /// Runs kubectl as a user would.
    ///
    /// # Errors
    /// It could not be started.
    pub fn kubectl<const N: usize>(&self, args: [&str; N]) -> Result<Outcome> {
        self.cluster.kubectl().run(args)
    }

    /// kubectl as the user of another file.
    #[must_use]
    pub fn kubectl_as(&self, kubeconfig: &Path) -> Kubectl {
        self.cluster.kubectl().with(kubeconfig)
    }

    /// Applies manifests from memory.
    ///
    /// # Errors
    /// kubectl failed.
    pub fn apply(&self, manifests: &str) -> Result<String> {
        self.cluster.kubectl().apply(manifests)
    }

    /// Ends a program as an operator does: asked to, and killed only if it does not end. Nothing happens if it does not run.
    ///
    /// # Errors
    /// The cluster is not ours.
    pub fn stop(&self, component: Component) -> Result<()> {
        self.own()?.end(component, Some(ENDS_WITHIN))
    }

    /// Ends a program at once, as a crash does: it can say goodbye to nobody. Nothing happens if it does not run.
    ///
    /// # Errors
    /// The cluster is not ours.
    pub fn kill(&self, component: Component) -> Result<()> {
        self.own()?.end(component, None)
    }

    /// Starts a program that was stopped, with the data and the address that it had, and waits until it serves. Nothing happens if it
    /// runs.
    ///
    /// # Errors
    /// The cluster is not ours; the program ends or hangs on its way.
    pub fn run(&self, component: Component) -> Result<()> {
        self.own()?.run(component)
    }

    fn own(&self) -> Result<&Own> {
        self.own.as_ref().context("the cluster of KUBECONFIG is not ours to stop")
    }
}

impl Own {
    fn running(&self) -> MutexGuard<'_, BTreeMap<Component, Child>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, component: Component) -> Result<()> {
        let mut running = self.running();
        if let Some(child) = running.get_mut(&component) {
            if child.try_wait().context("look after a program")?.is_none() {
                return Ok(());
            }
            running.remove(&component);
        }
        let Some(command) = self.layout.command(component, Life::WithParent)? else { return Ok(()) };
        running.insert(component, keeper::spawn(command)?);
        self.layout.wait_for(component, || first_dead(&mut running))
    }

    /// With a limit it is asked to end first, and waited for so long.
    fn end(&self, component: Component, ask: Option<Duration>) -> Result<()> {
        let Some(mut child) = self.running().remove(&component) else { return Ok(()) };
        if let Some(limit) = ask {
            // It may have ended by itself.
            let _ = kill_process(Pid::from_child(&child), Signal::TERM);
            let deadline = Instant::now() + limit;
            while child.try_wait().context("look after a program")?.is_none() && Instant::now() < deadline {
                pause(Duration::from_millis(20));
            }
        }
        end(&mut child);
        Ok(())
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        for child in self.running().values_mut().rev() {
            end(child);
        }
    }
}

fn end(child: &mut Child) {
    // It may have ended by itself; nothing more can be done about a failure here.
    let _ = child.kill();
    let _ = child.wait();
}

fn first_dead(running: &mut BTreeMap<Component, Child>) -> Result<Option<Component>> {
    for (component, child) in running {
        if child.try_wait().context("look after a program")?.is_some() {
            return Ok(Some(*component));
        }
    }
    Ok(None)
}
