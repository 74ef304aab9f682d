//! What the kubelet and the container runtime of a node do about the network of a pod. No container runs.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::json;

use super::agents::Agent;
use super::cluster::{Cluster, Pod};
use super::life::Namespace;
use super::manifests::NAMESPACE;
use crate::demo::cni::{self, Answer, Refusal, accepted, address_of};

/// The network card that an address is for.
const NIC: &str = "eth0";

/// The kubelet of a node.
#[derive(Debug)]
pub(super) struct Kubelet {
    plugin: PathBuf,
    config: String,
    /// An IPAM plugin looks whether the pod's namespace is there, and does not enter it; so all pods of a node share one.
    netns: Namespace,
}

/// What came of an ADD.
pub(super) type Given = std::result::Result<Ipv4Addr, Refusal>;

impl Kubelet {
    /// One whose plugin speaks to this agent.
    pub(super) fn new(plugin_folder: &Path, agent: &Agent) -> Result<Self> {
        let config = json!({
            "cniVersion": "1.0.0", "name": "lan", "type": "macvlan", "master": "eth0",
            "ipam": {
                "type": "spiderpool",
                "ipam_unix_socket_path": agent.socket(),
                "log_file_path": agent.plugin_log()
            }
        });
        Ok(Self {
            plugin: plugin_folder.join("spiderpool"),
            config: config.to_string(),
            netns: Namespace::new()?,
        })
    }

    /// Asks for an address of a pod.
    pub(super) fn add(&self, pod: &Pod) -> Result<Given> {
        match self.call("ADD", pod)? {
            Ok(result) => Ok(Ok(address_of(&result)?.parse().context("an address of IPv4")?)),
            Err(refusal) => Ok(Err(refusal)),
        }
    }

    /// Gives it back.
    pub(super) fn del(&self, pod: &Pod) -> Result<()> {
        accepted(self.call("DEL", pod)?, "DEL").map(drop)
    }

    fn call(&self, command: &str, pod: &Pod) -> Result<Answer> {
        let Pod { name, uid, .. } = pod;
        let sandbox = uid.replace('-', "");
        let mut plugin = Command::new(&self.plugin);
        plugin
            .env_clear()
            .env("CNI_COMMAND", command)
            .env("CNI_CONTAINERID", &sandbox)
            .env("CNI_NETNS", self.netns.path())
            .env("CNI_IFNAME", NIC)
            .env("CNI_PATH", self.plugin.parent().unwrap_or(&self.plugin))
            .env(
                "CNI_ARGS",
                format!(
                    "IgnoreUnknown=1;K8S_POD_NAMESPACE={NAMESPACE};K8S_POD_NAME={name};\
                     K8S_POD_INFRA_CONTAINER_ID={sandbox};K8S_POD_UID={uid}"
                ),
            );
        cni::call(plugin, &self.config)
    }
}

/// Says in the pod's status that it runs.
pub(super) fn report_running(cluster: &Cluster, pod: &Pod, address: Ipv4Addr) -> Result<()> {
    let status = json!({"status": {
        "phase": "Running", "podIP": address, "podIPs": [{"ip": address}],
        "conditions": [{"type": "Ready", "status": "True"}],
        "containerStatuses": [{
            "name": "web", "image": "example.com/web", "imageID": "", "ready": true, "restartCount": 0,
            "state": {"running": {}}
        }]
    }});
    let patch = status.to_string();
    let args =
        ["patch", "pod", &pod.name, "--namespace", NAMESPACE, "--subresource=status", "--patch", &patch];
    cluster.quietly(args).map(drop)
}
