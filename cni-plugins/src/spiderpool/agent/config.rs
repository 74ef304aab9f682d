//! The keys of `ipam` that concern the agent.

use std::path::PathBuf;

use ipam_core::select::PoolNames;

use super::super::error::Error;
use crate::cni::Keys;

/// Where an agent listens unless its ConfigMap says otherwise.
const SOCKET: &str = "/var/run/spidernet/spiderpool.sock";

/// What an ADD tells the agent of its configuration.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in super::super) struct AddConfig {
    pub(super) names: PoolNames,
    pub(super) clean_gateway: bool,
    pub(super) match_master_subnet: bool,
}

impl AddConfig {
    pub(in super::super) fn read(ipam: &Keys<'_>) -> Result<Self, Error> {
        // Of the right type, also where it is not used yet.
        socket(ipam)?;
        Ok(Self {
            names: PoolNames {
                v4: ipam.texts("default_ipv4_ippool").map_err(Error::config)?,
                v6: ipam.texts("default_ipv6_ippool").map_err(Error::config)?,
            },
            clean_gateway: ipam.flag("clean_gateway").map_err(Error::config)?.unwrap_or(false),
            match_master_subnet: ipam.flag("match_master_subnet").map_err(Error::config)?.unwrap_or(false),
        })
    }
}

/// `ipam_unix_socket_path`; empty text is the default, as in the original.
pub(super) fn socket(ipam: &Keys<'_>) -> Result<PathBuf, Error> {
    let path = ipam.text("ipam_unix_socket_path").map_err(Error::config)?;
    Ok(PathBuf::from(path.filter(|path| !path.is_empty()).unwrap_or(SOCKET)))
}
