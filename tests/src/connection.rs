//! Connections to a control plane, of kube's client.

use std::path::Path;

use anyhow::{Context, Result};
use kube::Config;
use kube::config::{KubeConfigOptions, Kubeconfig};

/// What a kubeconfig says: that of [`ControlPlane::kubeconfig`](crate::control_plane::ControlPlane::kubeconfig), or of
/// [`agent_kubeconfig`](crate::control_plane::ControlPlane::agent_kubeconfig).
///
/// # Errors
/// The file cannot be read or used.
pub async fn config(kubeconfig: &Path) -> Result<Config> {
    let file = Kubeconfig::read_from(kubeconfig).context("read the kubeconfig")?;
    Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await.context("use the kubeconfig")
}
