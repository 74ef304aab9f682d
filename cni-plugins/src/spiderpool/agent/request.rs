//! Bodies for the agent, as the original's plugin writes them (`IpamAddArgs`, `IpamDelArgs` of the agent's API).

use std::path::Path;

use serde::Serialize;

use super::config::AddConfig;
use crate::cni::{Attachment, CniArgs};

/// `POST /v1/ipam/ip`
#[derive(Debug, Serialize)]
pub(super) struct AddArgs<'a> {
    #[serde(rename = "containerID")]
    container_id: &'a str,
    #[serde(rename = "netNamespace")]
    netns: String,
    #[serde(rename = "ifName")]
    if_name: &'a str,
    #[serde(flatten)]
    pod: Pod<'a>,
    #[serde(rename = "defaultIPv4IPPool")]
    v4: Option<&'a [String]>,
    #[serde(rename = "defaultIPv6IPPool")]
    v6: Option<&'a [String]>,
    #[serde(rename = "cleanGateway", skip_serializing_if = "is_false")]
    clean_gateway: bool,
    #[serde(rename = "matchMasterSubnet", skip_serializing_if = "is_false")]
    match_master_subnet: bool,
}

/// `DELETE /v1/ipam/ip`
#[derive(Debug, Serialize)]
pub(super) struct DelArgs<'a> {
    #[serde(rename = "containerID")]
    container_id: &'a str,
    #[serde(rename = "netNamespace", skip_serializing_if = "String::is_empty")]
    netns: String,
    #[serde(rename = "ifName")]
    if_name: &'a str,
    #[serde(flatten)]
    pod: Pod<'a>,
}

/// All three must be there; each may be empty.
#[derive(Debug, Serialize)]
struct Pod<'a> {
    #[serde(rename = "podNamespace")]
    namespace: &'a str,
    #[serde(rename = "podName")]
    name: &'a str,
    #[serde(rename = "podUID")]
    uid: &'a str,
}

impl<'a> AddArgs<'a> {
    pub(super) fn new(
        attachment: &'a Attachment,
        netns: &Path,
        args: &'a CniArgs,
        config: &'a AddConfig,
    ) -> Self {
        Self {
            container_id: attachment.container_id.as_str(),
            netns: netns.to_string_lossy().into_owned(),
            if_name: attachment.if_name.as_str(),
            pod: Pod::new(args),
            v4: named(&config.names.v4),
            v6: named(&config.names.v6),
            clean_gateway: config.clean_gateway,
            match_master_subnet: config.match_master_subnet,
        }
    }
}

impl<'a> DelArgs<'a> {
    pub(super) fn new(attachment: &'a Attachment, netns: Option<&Path>, args: &'a CniArgs) -> Self {
        Self {
            container_id: attachment.container_id.as_str(),
            netns: netns.map(|netns| netns.to_string_lossy().into_owned()).unwrap_or_default(),
            if_name: attachment.if_name.as_str(),
            pod: Pod::new(args),
        }
    }
}

impl<'a> Pod<'a> {
    fn new(args: &'a CniArgs) -> Self {
        Self { namespace: &args.pod_namespace, name: &args.pod_name, uid: &args.pod_uid }
    }
}

/// No name at all is `null`, as the original writes it.
fn named(names: &[String]) -> Option<&[String]> {
    if names.is_empty() { None } else { Some(names) }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference over")]
fn is_false(flag: &bool) -> bool {
    !*flag
}
