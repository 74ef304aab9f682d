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

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(conf: &str) -> Settings {
        let names = ["SPIDERPOOL_POD_NAMESPACE", "SPIDERPOOL_POD_NAME", "SPIDERPOOL_NODE_NAME"];
        let variables: std::collections::BTreeMap<_, _> =
            names.into_iter().map(|name| (name, "x".to_owned())).collect();
        Settings::parse(&variables, conf).unwrap().0
    }

    #[test]
    fn those_of_the_served_families_are_set_where_they_differ() {
        let root = tempfile::tempdir().unwrap();
        for (name, ..) in WANTED {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "7\n").unwrap();
        }
        let read = |name: &str| fs::read_to_string(root.path().join(name)).unwrap();
        tune(&settings("enableIPv4: true"), root.path()).unwrap();
        for (name, value, family) in WANTED {
            let want = if matches!(family, For::V6) { "7\n" } else { value };
            assert_eq!(read(name), want, "{name}");
        }
        // One that the kernel lacks is skipped.
        fs::remove_file(root.path().join("net/ipv6/conf/all/forwarding")).unwrap();
        tune(&settings("enableIPv6: true"), root.path()).unwrap();
        assert_eq!(read("net/ipv6/neigh/default/gc_thresh3"), "28160");
        assert!(!root.path().join("net/ipv6/conf/all/forwarding").exists());
        // One that has its value is not written: a folder in its place could not be.
        let path = root.path().join("net/ipv4/conf/all/arp_notify");
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        let error = tune(&settings("enableIPv4: true"), root.path()).unwrap_err().to_string();
        assert!(error.contains("arp_notify: cannot be set to 1; set tuneSysctlConfig: false"), "{error}");
    }
}
