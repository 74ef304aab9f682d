//! What can go wrong.

use std::io;
use std::path::PathBuf;

/// Why the network could not be looked at. Each names what was looked at.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file of a network namespace cannot be opened: it is gone, or not mounted where this process runs.
    #[error("network namespace {}: cannot be opened", path.display())]
    NoNamespace {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The namespace cannot be entered: the file is something else, or `CAP_SYS_ADMIN` is missing.
    #[error("network namespace {}: cannot be entered", path.display())]
    NotEntered {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The thread for the namespace could not be started, or ended early.
    #[error("network namespace {}: no thread for it", path.display())]
    NoThread {
        /// The file.
        path: PathBuf,
    },
    /// The kernel did not answer, or refused.
    #[error("netlink: {what}")]
    Netlink {
        /// What was asked.
        what: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// An answer that is none.
    #[error("netlink: {what}: the answer cannot be read")]
    Unreadable {
        /// What was asked.
        what: String,
    },
    /// The interface belongs to no device of a bus: it is no virtual function. Kernels before 5.14 do not tell it of any.
    #[error(
        "interface {interface}: the kernel names no device that it belongs to; want a virtual function (SR-IOV), and Linux 5.14 or newer"
    )]
    NoDevice {
        /// The interface.
        interface: String,
    },
    /// The device is no virtual function.
    #[error("interface {interface}: device {device} has no physical function in {}; want a virtual function (SR-IOV)", path.display())]
    NotVirtual {
        /// The interface.
        interface: String,
        /// Its device, as `0000:3b:02.1`.
        device: String,
        /// Where it was looked for.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The physical function has no interface in the host's namespace: it was given away, or has no driver.
    #[error("interface {interface}: the physical function of device {device} has no interface in {}", path.display())]
    NoInterface {
        /// The interface.
        interface: String,
        /// Its device.
        device: String,
        /// Where it was looked for.
        path: PathBuf,
    },
}
