//! NetworkAttachmentDefinition: a network of the Kubernetes Network Plumbing Working Group, which SpiderMultusConfigs become.
//!
//! Not ours, and here all the same: the chart ships its definition beside ours, and the controller writes such objects.

use k8s_openapi::NamespaceResourceScope;
use serde::{Deserialize, Serialize};

use super::kind::{Kind, Nothing, StatusPlace, sealed::Sealed};
use super::object::Custom;

/// A CNI configuration by name, for Multus.
pub type NetworkAttachmentDefinition = Custom<Attachment>;

/// The kind [`NetworkAttachmentDefinition`].
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Attachment;

impl Sealed for Attachment {}

impl Kind for Attachment {
    type Spec = AttachmentSpec;
    type Status = Nothing;
    type Scope = NamespaceResourceScope;

    const GROUP: &'static str = "k8s.cni.cncf.io";
    const VERSION: &'static str = "v1";
    const KIND: &'static str = "NetworkAttachmentDefinition";
    const SINGULAR: &'static str = "network-attachment-definition";
    const PLURAL: &'static str = "network-attachment-definitions";
    const CRD_NAME: &'static str = "network-attachment-definitions.k8s.cni.cncf.io";
    const SHORT_NAMES: &'static [&'static str] = &["net-attach-def"];
    const CATEGORIES: &'static [&'static str] = &[];
    const STATUS: StatusPlace = StatusPlace::Absent;
    const DESCRIPTION: &'static str = "A network that pods can be attached to, as a CNI configuration.";
}

/// `NetworkAttachmentDefinition.spec`.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct AttachmentSpec {
    /// A CNI configuration or a list of them, as a text with JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<String>,
}
