//! A Kubernetes control plane: real etcd, kube-apiserver and kube-controller-manager on loopback, with a folder of their own.
//!
//! A crate by itself, since two need it that need nothing else of each other: the end-to-end tests, whose planes end with them
//! ([`ControlPlane`]), and `cargo xtask control-plane`, whose plane stays ([`Standing`]).
//!
//! The programs are one Go program in this folder, built once a machine ([`binary`]). Others are used where they are named:
//!
//! | Variable | Means |
//! |---|---|
//! | `KUBECONFIG` | a cluster that runs already; nothing of it is started or stopped, and it must be on loopback or be named by `SPIDERPOOL_TEST_CLUSTER` |
//! | `KUBEBUILDER_ASSETS` | a folder with etcd, kube-apiserver and kubectl (the convention of envtest). A kube-controller-manager is used too if it is in there; envtest has none, and without it nothing makes the pods of a Deployment or collects what an owner reference ties together |
//! | `SPIDERPOOL_CONTROL_PLANE` | our program, built already |
#![forbid(unsafe_code)]

pub mod binary;
mod cluster;
pub mod command;
mod keeper;
mod kubectl;
mod layout;
mod plane;
mod programs;
mod standing;
mod sweeper;

pub use kubectl::Kubectl;
pub use layout::Component;
pub use plane::ControlPlane;
pub use standing::{Program, Standing, Status};

use std::path::PathBuf;

use anyhow::{Context, Result};

/// Where what is made once a machine is kept: a folder of the user's, shared by all clones.
///
/// # Errors
/// Neither `XDG_CACHE_HOME` nor `HOME` is set.
pub fn cache() -> Result<PathBuf> {
    let base = named("XDG_CACHE_HOME").or_else(|| named("HOME").map(|home| home.join(".cache")));
    Ok(base.context("neither XDG_CACHE_HOME nor HOME is set")?.join("spiderpool-rs"))
}

/// A path that a variable names; an empty one counts as unset.
pub fn named(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from)
}
