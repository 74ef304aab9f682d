//! A way to the API server that can be shut, as when a server or the network between goes away.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A port that leads to the API server while it is open.
pub(crate) struct Gate {
    pub(crate) address: SocketAddr,
    is_open: Arc<watch::Sender<bool>>,
}

impl Gate {
    pub(crate) async fn to(server: &str) -> Self {
        let target: SocketAddr = server.trim_start_matches("https://").parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let is_open = Arc::new(watch::Sender::new(true));
        let changes = Arc::clone(&is_open);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let mut changes = changes.subscribe();
                tokio::spawn(async move {
                    if *changes.borrow() {
                        // Whatever ends first ends the connection.
                        tokio::select! {
                            () = carry(client, target) => {}
                            _ = changes.wait_for(|is_open| !is_open) => {}
                        }
                    }
                });
            }
        });
        Self { address, is_open }
    }

    /// Breaks all connections and takes no new ones.
    pub(crate) fn shut(&self) {
        self.is_open.send_replace(false);
    }

    pub(crate) fn open(&self) {
        self.is_open.send_replace(true);
    }
}

async fn carry(mut client: TcpStream, target: SocketAddr) {
    if let Ok(mut server) = TcpStream::connect(target).await {
        let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
    }
}
