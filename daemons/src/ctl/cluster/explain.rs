//! `explain` on a cluster: what an agent would answer to the ADD of a pod.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;
use ipam_core::explain::{Explanation, Room};
use ipam_core::{Nic, PoolName};
use ipam_k8s::client::Named;
use ipam_k8s::ipam::{AddRequest, ExplainError, ImaginedPod, IpamSettings};
use ipam_k8s::workload::{Pod, TopController};
use k8s_openapi::api::core::v1::ConfigMap;

use super::{Books, Connection};
use crate::agent::cluster::ipam_settings;
use crate::agent::settings::Settings;
use crate::ctl::exit::Usage;
use crate::ctl::ledger::Ledger as _;

/// The ConfigMap of the chart, and the key with the file.
const CONFIG_MAP: &str = "spiderpool-conf";
const CONFIG_KEY: &str = "conf.yml";

#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "In a cluster")]
pub(in crate::ctl) struct PodArgs {
    /// The pod is not there yet, and would be what these options say.
    #[arg(long)]
    new: bool,
    /// A label of the new pod; may be given several times.
    #[arg(long = "label", value_name = "KEY=VALUE", requires = "new", value_parser = pair)]
    labels: Vec<(String, String)>,
    /// An annotation of the new pod; may be given several times.
    #[arg(long = "annotation", value_name = "KEY=VALUE", requires = "new", value_parser = pair)]
    annotations: Vec<(String, String)>,
    /// The node that the new pod would run on.
    #[arg(long, requires = "new")]
    node: Option<String>,
    /// What would control the new pod: apps/v1/Deployment/web. Without it the pod stands for itself.
    #[arg(long, value_name = "VERSION/KIND/NAME", requires = "new", value_parser = controller)]
    controller: Option<TopController>,
    /// The agents' settings, in place of the ConfigMap spiderpool-conf.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The agents' namespace: there the ConfigMap is, and networks that a pool names without a namespace.
    #[arg(long, value_name = "NAMESPACE", default_value = "kube-system")]
    config_namespace: String,
    /// The network that Multus gives every pod (MULTUS_CLUSTER_NETWORK of the agents).
    #[arg(long, value_name = "NAMESPACE/NAME")]
    multus_network: Option<String>,
}

/// What both places are asked.
pub(in crate::ctl) struct Wanted<'a> {
    /// `namespace/name`.
    pub(in crate::ctl) pod: &'a str,
    pub(in crate::ctl) nic: &'a Nic,
    pub(in crate::ctl) v4: &'a [String],
    pub(in crate::ctl) v6: &'a [String],
    pub(in crate::ctl) policy: Option<ipam_core::Policy>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err(format!("{text:?} is not KEY=VALUE")),
    }
}

fn controller(text: &str) -> Result<TopController, String> {
    let parts: Vec<&str> = text.split('/').collect();
    let (api_version, kind, name) = match parts.as_slice() {
        [version, kind, name] => ((*version).to_owned(), kind, name),
        [group, version, kind, name] => (format!("{group}/{version}"), kind, name),
        _ => return Err(format!("{text:?} is not VERSION/KIND/NAME, as apps/v1/Deployment/web")),
    };
    Ok(TopController {
        api_version,
        kind: (*kind).to_owned(),
        namespace: String::new(),
        name: (*name).to_owned(),
        uid: IMAGINED.to_owned(),
    })
}

/// The uid of what is not there yet.
const IMAGINED: &str = "new";

impl PodArgs {
    /// The first of these options that was given, for a refusal on a host.
    pub(in crate::ctl) fn first_given(&self) -> Option<&'static str> {
        let Self { new, config, multus_network, .. } = self;
        if *new {
            return Some("--new");
        }
        let others = [(config.is_some(), "--config"), (multus_network.is_some(), "--multus-network")];
        others.into_iter().find_map(|(is_given, name)| is_given.then_some(name))
    }

    fn imagined(&self, namespace: &str, name: &str) -> Option<ImaginedPod> {
        if !self.new {
            return None;
        }
        let mut pod = Pod { node: self.node.clone().unwrap_or_default(), ..Pod::default() };
        (pod.meta.namespace, pod.meta.name) = (namespace.to_owned(), name.to_owned());
        IMAGINED.clone_into(&mut pod.meta.uid);
        pod.meta.labels = self.labels.iter().cloned().collect();
        pod.meta.annotations = self.annotations.iter().cloned().collect();
        let controller = self.controller.clone().map(|mut controller| {
            namespace.clone_into(&mut controller.namespace);
            controller
        });
        Some(ImaginedPod { pod, controller })
    }

    /// The agents' settings, and what is to be said of them.
    fn settings(&self, connection: &Connection) -> anyhow::Result<(IpamSettings, Option<String>)> {
        let namespace = &self.config_namespace;
        let (text, place) = match &self.config {
            Some(file) => {
                let text =
                    fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
                (Some(text), file.display().to_string())
            }
            None => {
                let named = Named::within(namespace, CONFIG_MAP);
                let read = connection.cluster.get::<ConfigMap>(named, connection.deadline());
                let text = match connection.block_on(read) {
                    Ok(map) => map.data.unwrap_or_default().remove(CONFIG_KEY),
                    Err(error) if error.is_not_found() => None,
                    Err(error) => return Err(connection.told(error.into())),
                };
                (text, format!("{CONFIG_KEY} of ConfigMap {namespace}/{CONFIG_MAP}"))
            }
        };
        let Some(text) = text else {
            let mut settings = IpamSettings::new(namespace.clone());
            settings.cluster_network.clone_from(&self.multus_network);
            let note = format!(
                "there is no {place}, so both IP versions and no feature are taken for on; --config and --config-namespace say otherwise"
            );
            return Ok((settings, Some(note)));
        };
        // What an agent would have in its environment, as far as it matters here.
        let mut environment = BTreeMap::from([
            ("SPIDERPOOL_POD_NAMESPACE", namespace.clone()),
            ("SPIDERPOOL_POD_NAME", "spiderpoolctl".to_owned()),
            ("SPIDERPOOL_NODE_NAME", "spiderpoolctl".to_owned()),
        ]);
        environment.extend(self.multus_network.clone().map(|network| ("MULTUS_CLUSTER_NETWORK", network)));
        let (settings, _) =
            Settings::parse(&environment, &text).with_context(|| format!("cannot use {place}"))?;
        Ok((ipam_settings(&settings, &settings.live), None))
    }
}

/// The explanation, and notes about it.
pub(in crate::ctl) fn run(
    wanted: &Wanted<'_>,
    args: &PodArgs,
    connection: &Connection,
) -> anyhow::Result<(Explanation, Vec<String>)> {
    let place = wanted.pod.split_once('/').filter(|(_, name)| !name.is_empty() && !name.contains('/'));
    let Some((namespace, name)) = place else {
        return Err(Usage(format!("{:?} is no pod of a cluster, want NAMESPACE/NAME", wanted.pod)).into());
    };
    let (mut settings, note) = args.settings(connection)?;
    if let Some(policy) = wanted.policy {
        settings.policy = policy;
    }
    let request = AddRequest {
        nic: wanted.nic.clone(),
        namespace: namespace.to_owned(),
        pod: name.to_owned(),
        uid: String::new(),
        default_v4: wanted.v4.to_vec(),
        default_v6: wanted.v6.to_vec(),
        clean_gateway: false,
        // What is behind a NIC only its node can tell.
        master: None,
    };
    let imagined = args.imagined(namespace, name);
    let deadline = connection.deadline();
    let explaining = ipam_k8s::ipam::explain(&connection.cluster, &settings, &request, imagined, deadline);
    let explanation = connection.ask(explaining).map_err(|error| {
        let is_absent = error
            .downcast_ref::<ExplainError>()
            .is_some_and(|error| matches!(error, ExplainError::NoPod { .. }));
        if is_absent { anyhow::anyhow!("{error}; for a pod that is not there yet add --new") } else { error }
    })?;
    let mut books = Books::read(connection)?;
    let rooms: BTreeMap<PoolName, Room> = books
        .pools()?
        .into_iter()
        .map(|pool| (pool.spec.name().clone(), Room { free: pool.free, capacity: pool.capacity }))
        .collect();
    let explanation = explanation.with_room(|pool| rooms.get(pool).copied());
    Ok((explanation, note.into_iter().collect()))
}
