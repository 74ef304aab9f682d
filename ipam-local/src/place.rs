//! Whether a path can be that of a store: its directory exists and is on a local file system.
//!
//! SQLite's safety rests on locks and flushes that mean what they say. Network file systems are known not to (SQLite,
//! "How To Corrupt An SQLite Database File", section 2.1), so they are refused by the number that `statfs` gives, and those
//! behind FUSE, which share one number, by the type in `/proc/self/mountinfo`.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::error::Error;

/// Network file systems by the number in `statfs.f_type` (`linux/magic.h`, and the file systems' own headers where that has none).
const NETWORK_KINDS: &[(u64, &str)] = &[
    (0x6969, "NFS"),
    (0x517b, "SMB"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB2"),
    (0x5346_414f, "AFS"),
    (0x6b41_4653, "AFS"),
    (0x00c3_6400, "Ceph"),
    (0x0102_1997, "9p"),
    (0x7375_7245, "Coda"),
    (0x564c, "NCP"),
    (0x7461_636f, "OCFS2"),
    (0x0116_1970, "GFS2"),
    (0x0bd0_0bd0, "Lustre"),
    (0x1983_0326, "BeeGFS"),
    (0x4750_4653, "GPFS"),
    (0x2003_0528, "OrangeFS"),
    (0xaad7_aaea, "PanFS"),
    (0xbacb_acbc, "VMware shared folders"),
    (0x786f_4256, "VirtualBox shared folders"),
];

/// The number of every FUSE file system, and of virtiofs.
const FUSE: u64 = 0x6573_5546;

/// FUSE file systems that reach over a network, by what follows `fuse.` in their type.
const FUSE_NETWORK_KINDS: &[&str] = &[
    "ceph",
    "ceph-fuse",
    "cifs",
    "curlftpfs",
    "davfs",
    "gcsfuse",
    "glusterfs",
    "goofys",
    "hdfs",
    "jfs",
    "juicefs",
    "lizardfs",
    "mfs",
    "mfsmount",
    "nfs",
    "rclone",
    "s3fs",
    "seaweedfs",
    "smbnetfs",
    "sshfs",
    "saunafs",
    "mount-s3",
    "blobfuse",
    "blobfuse2",
];

/// What lies at a path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identity {
    device: u64,
    inode: u64,
    pub(crate) bytes: u64,
}

impl Identity {
    /// Whether it is the same file, though it may have grown.
    pub(crate) const fn is(self, other: Self) -> bool {
        self.device == other.device && self.inode == other.inode
    }
}

/// A path that may hold a store.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// As the caller wrote it, for texts.
    pub(crate) path: PathBuf,
    /// Without symbolic links, so that all processes use one lock file.
    pub(crate) file: PathBuf,
    pub(crate) lock: PathBuf,
    pub(crate) directory: PathBuf,
}

impl Place {
    /// Resolves the path and checks its directory.
    pub(crate) fn find(path: &Path) -> Result<Self, Error> {
        let file = match fs::canonicalize(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::resolve_new(path)?,
            Err(source) => return Err(Error::io("resolve", path, source)),
        };
        let directory = file.parent().map_or_else(|| PathBuf::from("/"), Path::to_owned);
        let mut lock = OsString::from(&file);
        lock.push(".lock");
        let place = Self { path: path.to_owned(), file, lock: lock.into(), directory };
        if let Some(kind) = place.network_kind()? {
            return Err(Error::NetworkFileSystem { path: path.to_owned(), kind });
        }
        Ok(place)
    }

    /// The real path of a file that is still to be made.
    fn resolve_new(path: &Path) -> Result<PathBuf, Error> {
        let Some(name) = path.file_name() else {
            return Err(Error::UnusablePath {
                path: path.to_owned(),
                problem: "it ends in no file name; want /directory/file",
            });
        };
        // A link that points nowhere is left alone: who made it knows what should be there.
        if path.is_symlink() {
            return Err(Error::UnusablePath {
                path: path.to_owned(),
                problem: "it is a symbolic link to nothing; want a file, or a link to one",
            });
        }
        let directory =
            path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
        match fs::canonicalize(directory) {
            Ok(directory) => Ok(directory.join(name)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(Error::NoDirectory { directory: directory.to_owned() })
            }
            Err(source) => Err(Error::io("resolve", directory, source)),
        }
    }

    fn network_kind(&self) -> Result<Option<String>, Error> {
        let directory = &self.directory;
        let found =
            rustix::fs::statfs(directory).map_err(|errno| Error::io("examine", directory, errno.into()))?;
        // The kernel's numbers have 32 bits; the field is wider, and signed on some machines.
        #[expect(clippy::cast_sign_loss, clippy::as_conversions, reason = "the number is a pattern of bits")]
        let number = (found.f_type as u64) & 0xffff_ffff;
        if number != FUSE {
            return Ok(network_kind_of(number).map(str::to_owned));
        }
        let device = fs::metadata(directory).map_err(|source| Error::io("examine", directory, source))?.dev();
        let device = format!("{}:{}", rustix::fs::major(device), rustix::fs::minor(device));
        // Without /proc nothing is known against it.
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        Ok(fuse_network_kind(&mounts, &device))
    }

    /// What lies at the path now, without opening it: closing any handle of the file would drop
    /// SQLite's locks in this process.
    pub(crate) fn identity(&self) -> Result<Option<Identity>, Error> {
        match fs::metadata(&self.file) {
            Ok(found) if found.is_file() => {
                Ok(Some(Identity { device: found.dev(), inode: found.ino(), bytes: found.len() }))
            }
            Ok(_) => Err(Error::UnusablePath {
                path: self.path.clone(),
                problem: "it is not a regular file; want a file",
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(Error::io("examine", &self.path, source)),
        }
    }
}

fn network_kind_of(number: u64) -> Option<&'static str> {
    NETWORK_KINDS.iter().find(|(magic, _)| *magic == number).map(|(_, kind)| *kind)
}

/// The type of the mount with this device number (`major:minor`, third field), if it is one that reaches over a network.
fn fuse_network_kind(mountinfo: &str, device: &str) -> Option<String> {
    mountinfo.lines().find_map(|line| {
        let (mount, file_system) = line.split_once(" - ")?;
        if mount.split(' ').nth(2) != Some(device) {
            return None;
        }
        let kind = file_system.split(' ').next()?;
        let name = kind.strip_prefix("fuse.").or_else(|| kind.strip_prefix("fuseblk.")).unwrap_or(kind);
        FUSE_NETWORK_KINDS.contains(&name).then(|| kind.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn network_file_systems_are_known_by_number() {
        for (number, want) in [
            (0x6969, Some("NFS")),
            (0xff53_4d42, Some("CIFS")),
            (0xfe53_4d42, Some("SMB2")),
            (0x5346_414f, Some("AFS")),
            (0x00c3_6400, Some("Ceph")),
            (0x0102_1997, Some("9p")),
            (0xef53, None),
            (0x0102_1994, None),
            (0x5846_5342, None),
            (0x9123_683e, None),
            (0x794c_7630, None),
        ] {
            assert_eq!(network_kind_of(number), want, "{number:#x}");
        }
    }

    #[test]
    fn fuse_is_judged_by_its_type() {
        let mounts = "\
22 27 0:21 / /proc rw - proc proc rw
40 27 0:50 / /mnt/ssh rw,nosuid shared:3 - fuse.sshfs host:/ rw
41 27 0:51 / /mnt/ntfs rw - fuseblk /dev/sdb1 rw
42 27 0:52 / /mnt/merged rw - fuse.mergerfs a:b rw
43 27 0:53 / /mnt/share rw - virtiofs share rw
";
        for (device, want) in
            [("0:50", Some("fuse.sshfs")), ("0:51", None), ("0:52", None), ("0:53", None), ("0:99", None)]
        {
            assert_eq!(fuse_network_kind(mounts, device).as_deref(), want, "{device}");
        }
    }

    #[test]
    fn the_directory_must_exist_and_is_not_made() {
        let dir = tempfile::tempdir().unwrap();
        let gone = dir.path().join("gone/ipam.db");
        assert!(matches!(Place::find(&gone), Err(Error::NoDirectory { .. })));
        assert!(!dir.path().join("gone").exists());
        let link = dir.path().join("link.db");
        std::os::unix::fs::symlink(dir.path().join("nothing"), &link).unwrap();
        assert!(matches!(Place::find(&link), Err(Error::UnusablePath { .. })));
    }

    #[test]
    fn a_link_leads_to_the_lock_of_its_target() {
        let dir = tempfile::tempdir().unwrap();
        let real = dir.path().join("real.db");
        fs::write(&real, "").unwrap();
        let link = dir.path().join("link.db");
        std::os::unix::fs::symlink(&real, &link).unwrap();
        assert_eq!(Place::find(&link).unwrap().lock, Place::find(&real).unwrap().lock);
    }
}
