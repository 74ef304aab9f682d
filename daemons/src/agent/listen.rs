//! The socket for plugins and the ports for the kubelet and for scrapers.

use std::fs;
use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tracing::warn;

/// Only its owner, who is root, may connect.
const SOCKET_MODE: u32 = 0o600;

/// Why a listener cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// The socket's folder cannot be made.
    #[error("{}: the socket's folder cannot be made", .path.display())]
    NoFolder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Something that is no socket stands where the socket is to be.
    #[error("{}: is no socket, and is left as it is; want a path that is free", .path.display())]
    InTheWay {
        /// The path.
        path: PathBuf,
    },
    /// The socket cannot be made.
    #[error("{}: the socket cannot be made", .path.display())]
    NoSocket {
        /// The path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The port cannot be listened on.
    #[error("port {port}: cannot be listened on")]
    NoPort {
        /// The port.
        port: u16,
        /// Why.
        source: io::Error,
    },
}

/// What connections come from.
pub(super) trait Listener: Send + 'static {
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// The next connection, or nothing where its peer may not connect.
    fn next(&self) -> impl Future<Output = io::Result<Option<Self::Stream>>> + Send;
}

impl Listener for TcpListener {
    type Stream = TcpStream;

    async fn next(&self) -> io::Result<Option<TcpStream>> {
        let (stream, _) = self.accept().await?;
        Ok(Some(stream))
    }
}

/// Opens a port on all addresses of both families, or of IPv4 where the host has no IPv6.
pub(super) async fn port(port: u16) -> Result<TcpListener, ListenError> {
    let any_v6 = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
    let listener = match TcpListener::bind(any_v6).await {
        Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
            TcpListener::bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))).await
        }
        other => other,
    };
    listener.map_err(|source| ListenError::NoPort { port, source })
}

/// The users who may connect to the socket, by their ids. The mode of the file says the same; this holds if somebody changes it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Peers(Vec<u32>);

impl Peers {
    /// Root, and the user that this process runs as.
    #[must_use]
    pub fn root_and_own() -> Self {
        Self(vec![0, rustix::process::geteuid().as_raw()])
    }

    /// These users alone.
    #[must_use]
    pub fn only(users: impl Into<Vec<u32>>) -> Self {
        Self(users.into())
    }
}

/// The socket for plugins. It is removed when this value goes, unless another agent has put its own there.
#[derive(Debug)]
pub(super) struct Socket {
    listener: UnixListener,
    peers: Peers,
    _file: SocketFile,
}

/// The file of a socket, by its place and its identity.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl Socket {
    /// Opens the socket. One that an earlier agent left there is replaced in one step: there is always one, and never one with
    /// another mode.
    pub(super) fn open(path: &Path, peers: Peers) -> Result<Self, ListenError> {
        let folder = path.parent().unwrap_or(Path::new("/"));
        fs::create_dir_all(folder)
            .map_err(|source| ListenError::NoFolder { path: folder.to_owned(), source })?;
        if fs::symlink_metadata(path).is_ok_and(|found| !found.file_type().is_socket()) {
            return Err(ListenError::InTheWay { path: path.to_owned() });
        }
        let refuse = |source| ListenError::NoSocket { path: path.to_owned(), source };
        // As long as the usual name, so that it fits where that one fits.
        let draft = folder.join(format!(".sock.{}", std::process::id()));
        let made = Self::make(&draft, path, peers);
        if made.is_err() {
            // What cannot be made cannot be removed either, mostly.
            let _ = fs::remove_file(&draft);
        }
        made.map_err(refuse)
    }

    fn make(draft: &Path, path: &Path, peers: Peers) -> io::Result<Self> {
        match fs::remove_file(draft) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(draft)?;
        fs::set_permissions(draft, fs::Permissions::from_mode(SOCKET_MODE))?;
        let made = fs::symlink_metadata(draft)?;
        fs::rename(draft, path)?;
        let file = SocketFile { path: path.to_owned(), device: made.dev(), inode: made.ino() };
        Ok(Self { listener, peers, _file: file })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let is_own = fs::symlink_metadata(&self.path)
            .is_ok_and(|found| found.dev() == self.device && found.ino() == self.inode);
        if is_own && let Err(error) = fs::remove_file(&self.path) {
            warn!(path = %self.path.display(), %error, "the socket cannot be removed");
        }
    }
}

impl Listener for Socket {
    type Stream = UnixStream;

    async fn next(&self) -> io::Result<Option<UnixStream>> {
        let (stream, _) = self.listener.accept().await?;
        let uid = stream.peer_cred()?.uid();
        if self.peers.0.contains(&uid) {
            return Ok(Some(stream));
        }
        warn!(uid, "a connection to the socket was closed: its user may not connect");
        Ok(None)
    }
}
