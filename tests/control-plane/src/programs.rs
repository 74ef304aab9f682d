//! Where the programs are.

use std::ffi::OsString;
use std::process::Command;

use anyhow::{Context, Result};

use crate::layout::Component;
use crate::{binary, named};

/// How each program is called.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    etcd: Vec<OsString>,
    apiserver: Vec<OsString>,
    manager: Option<Vec<OsString>>,
    pub(crate) kubectl: Vec<OsString>,
}

impl Programs {
    /// Those of `KUBEBUILDER_ASSETS`, or ours.
    pub(crate) fn find(progress: Option<&mut dyn FnMut(&str)>) -> Result<Self> {
        if let Some(assets) = named("KUBEBUILDER_ASSETS") {
            let program = |name: &str| vec![assets.join(name).into_os_string()];
            let manager = "kube-controller-manager";
            return Ok(Self {
                etcd: program("etcd"),
                apiserver: program("kube-apiserver"),
                manager: assets.join(manager).is_file().then(|| program(manager)),
                kubectl: program("kubectl"),
            });
        }
        let binary = match progress {
            Some(progress) => binary::ensure_with(progress)?,
            None => binary::ensure()?,
        };
        let program = |name: &str| vec![binary.clone().into_os_string(), name.into()];
        Ok(Self {
            etcd: program("etcd"),
            apiserver: program("kube-apiserver"),
            manager: Some(program("kube-controller-manager")),
            kubectl: program("kubectl"),
        })
    }

    /// A program without its flags; `None` if there is none.
    pub(crate) fn command(&self, component: Component) -> Result<Option<Command>> {
        let program = match component {
            Component::Etcd => &self.etcd,
            Component::Apiserver => &self.apiserver,
            Component::Manager => match &self.manager {
                Some(manager) => manager,
                None => return Ok(None),
            },
        };
        let (first, rest) = program.split_first().context("a program without a name")?;
        let mut command = Command::new(first);
        command.args(rest);
        Ok(Some(command))
    }
}

/// kubectl for a cluster of somebody else's: theirs, or ours.
pub(crate) fn kubectl() -> Result<Vec<OsString>> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join("kubectl")).find(|file| file.is_file());
    match found {
        Some(kubectl) => Ok(vec![kubectl.into_os_string()]),
        None => Ok(vec![binary::ensure()?.into_os_string(), "kubectl".into()]),
    }
}
