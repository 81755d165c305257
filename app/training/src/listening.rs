//! Where a role listens, and which of its peers it is. Knows no message.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _, UdpSocket};

use tokio::net::TcpListener;

use super::node::Role;
use super::rpc::Peer;

/// Why a role cannot be reached.
#[derive(Debug, thiserror::Error)]
pub enum ListeningError {
    /// Nothing can listen there.
    #[error("--bind {bind}: {error}; choose another address, or port 0 for a free one")]
    Bind {
        /// The address that was given.
        bind: SocketAddr,
        /// Why not.
        error: io::Error,
    },
    /// The process is not among the peers that it was told of.
    #[error(
        "{0} does not contain an address of this machine with the port of --bind; \
         give --replica-index, the place of this process among them"
    )]
    NotAPeer(&'static str),
}

/// Listens where it is told to, or on the loopback.
pub(super) async fn bind(
    to: Option<SocketAddr>,
    default_port: u16,
) -> Result<TcpListener, ListeningError> {
    let bind = to.unwrap_or(SocketAddr::from(([127, 0, 0, 1], default_port)));
    TcpListener::bind(bind)
        .await
        .map_err(|error| ListeningError::Bind { bind, error })
}

/// The place among the peers: the only one there is, or the one that means this
/// machine and the listener's port.
pub(super) fn place_among(
    flag: &'static str,
    peers: &[Peer],
    listener: &TcpListener,
) -> Result<usize, ListeningError> {
    if peers.len() == 1 {
        return Ok(0);
    }
    let port = listener.local_addr().map_or(0, |address| address.port());
    let is_here = |peer: &Peer| {
        let addresses = peer.to_string().to_socket_addrs().into_iter().flatten();
        addresses
            .filter(|address| address.port() == port)
            // Only an address of this machine can be bound.
            .any(|address| UdpSocket::bind((address.ip(), 0)).is_ok())
    };
    peers
        .iter()
        .position(is_here)
        .ok_or(ListeningError::NotAPeer(flag))
}

/// Says that it listens, as others wait to read.
pub(super) fn announce(listener: &TcpListener, role: Role, place: usize) {
    if let Ok(address) = listener.local_addr() {
        tracing::info!(%address, %role, replica = place, "listening");
    }
}
