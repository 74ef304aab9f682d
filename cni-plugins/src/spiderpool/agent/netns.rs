//! `CNI_NETNS`, before anything is asked for it: an address for a namespace that is not there would only have to be given back.

use std::path::Path;

use super::super::error::Error;

/// Of `statfs(2)`: the file system of namespaces that are bound somewhere, and that of those in `/proc` on old kernels.
const NSFS: u64 = 0x6e73_6673;
const PROC: u64 = 0x9fa0;

/// Whether there is a namespace at the path.
pub(in super::super) fn check(netns: &Path) -> Result<(), Error> {
    let refuse = |problem| Error::Netns { netns: netns.to_owned(), problem };
    let found = rustix::fs::statfs(netns)
        .map_err(|error| refuse(format!("failed to Statfs {:?}: {error}", netns.to_string_lossy())))?;
    match u64::try_from(found.f_type) {
        Ok(NSFS | PROC) => Ok(()),
        _ => Err(refuse(format!("unknown FS magic on {:?}: {:x}", netns.to_string_lossy(), found.f_type))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_and_others() {
        check(Path::new("/proc/self/ns/net")).unwrap();
        let text = |path: &str| check(Path::new(path)).unwrap_err().to_string();
        let want = "failed to GetNS \"/run/netns/none\" for pod: failed to Statfs \"/run/netns/none\": ";
        assert!(text("/run/netns/none").starts_with(want), "{}", text("/run/netns/none"));
        assert!(text("/dev").contains("unknown FS magic on \"/dev\": "), "{}", text("/dev"));
    }
}
