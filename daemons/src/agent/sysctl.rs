//! The host's sysctls that many pods on one node want, as the original sets them at start.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tracing::{info, warn};

use super::settings::Settings;

/// Where the kernel shows them.
pub(super) const SYSCTLS: &str = "/proc/sys";

/// A sysctl that cannot be read or set.
#[derive(Debug, thiserror::Error)]
#[error("{}: cannot be set to {value}; set tuneSysctlConfig: false where the host sets its sysctls itself", .path.display())]
pub struct SysctlError {
    /// The file of the sysctl.
    path: PathBuf,
    /// What it was to be set to.
    value: &'static str,
    /// Why.
    source: io::Error,
}

/// Whether a sysctl is set where IPv4, IPv6 or either is served.
#[derive(Clone, Copy)]
enum For {
    V4,
    V6,
    Any,
}

/// Room for the neighbours of many pods; announce an address that moves; forward; and take answers that come another way.
const WANTED: [(&str, &str, For); 6] = [
    ("net/ipv4/neigh/default/gc_thresh3", "28160", For::V4),
    ("net/ipv6/neigh/default/gc_thresh3", "28160", For::V6),
    ("net/ipv4/conf/all/arp_notify", "1", For::V4),
    ("net/ipv4/conf/all/forwarding", "1", For::V4),
    ("net/ipv6/conf/all/forwarding", "1", For::V6),
    ("net/ipv4/conf/all/rp_filter", "0", For::Any),
];

/// Sets those of the families that are served, below `root`. What has its value already is not written, so that a read-only `/proc`
/// with the right values will do; what the kernel does not have is skipped.
pub(super) fn tune(settings: &Settings, root: &Path) -> Result<(), SysctlError> {
    for (name, value, family) in WANTED {
        let is_wanted = match family {
            For::V4 => settings.is_ipv4,
            For::V6 => settings.is_ipv6,
            For::Any => true,
        };
        if !is_wanted {
            continue;
        }
        let path = root.join(name);
        match set(&path, value) {
            Ok(true) => info!(sysctl = name, value, "set"),
            Ok(false) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                warn!(sysctl = name, "skipped: this kernel does not have it");
            }
            Err(source) => return Err(SysctlError { path, value, source }),
        }
    }
    Ok(())
}

/// Whether the file had to be written.
fn set(path: &Path, value: &str) -> io::Result<bool> {
    if fs::read_to_string(path)?.trim() == value {
        return Ok(false);
    }
    fs::write(path, value)?;
    Ok(true)
}
