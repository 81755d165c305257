//! TCP bytes of processes: the kernel's own count of each socket, by netlink
//! `SOCK_DIAG`, joined to whoever has the socket open.
//!
//! What it cannot see: UDP, other namespaces than the proplet's, and what a socket
//! carried between its last sample and its end.
//!
//! Sources: sock_diag(7); `struct tcp_info` in the kernel's `include/uapi/linux/tcp.h`,
//! whose fields keep their places.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use netlink_packet_core::{
    NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_sock_diag::SockDiagMessage;
use netlink_packet_sock_diag::constants::{AF_INET, AF_INET6, IPPROTO_TCP};
use netlink_packet_sock_diag::inet::nlas::Nla;
use netlink_packet_sock_diag::inet::{
    ExtensionFlags, InetRequest, InetResponse, SocketId, StateFlags,
};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_SOCK_DIAG};

use super::files::namespace;

/// For how long one dump serves all tasks.
const MAX_AGE: Duration = Duration::from_millis(100);

/// After a dump that failed the kernel is left alone for this long.
const RETRY_AFTER: Duration = Duration::from_secs(60);

/// The kernel's parts of a dump are of at most 32 KiB.
const PART: usize = 64 * 1024;

/// Where in `struct tcp_info` the bytes are that peers acknowledged; behind them
/// those received.
const BYTES_ACKED: usize = 120;

/// Received and sent.
pub(super) type Bytes = (u64, u64);

/// The sockets of the proplet's own network namespace, by inode.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    taken: Option<Instant>,
    failed: Option<Instant>,
    namespace: Option<u64>,
    bytes: HashMap<u64, Bytes>,
}

impl Sockets {
    /// What each socket has carried since it began, as of now or shortly before.
    /// `None` for another namespace, and where the kernel does not tell.
    pub(super) fn recent(&mut self, of: u64) -> Option<&HashMap<u64, Bytes>> {
        let own = *self
            .namespace
            .get_or_insert_with(|| namespace("/proc/self/ns/net").unwrap_or_default());
        let recently = |at: Option<Instant>, age| at.is_some_and(|at| at.elapsed() < age);
        if of != own || recently(self.failed, RETRY_AFTER) {
            return None;
        }
        if !recently(self.taken, MAX_AGE) {
            self.bytes.clear();
            // A listening socket carries nothing; one that waits for its time to pass
            // belongs to no process.
            let states = StateFlags::all() - StateFlags::LISTEN - StateFlags::TIME_WAIT;
            let bytes = &mut self.bytes;
            let dumped = dump(&states, |socket| {
                let info = socket.nlas.iter().find_map(|nla| match nla {
                    Nla::TcpInfo(info) => carried(info),
                    _ => None,
                });
                // A socket that is closed already has none.
                if let (Some(info), 1..) = (info, socket.header.inode) {
                    bytes.insert(u64::from(socket.header.inode), info);
                }
            });
            if let Err(error) = dumped {
                if self.failed.is_none() {
                    tracing::warn!(%error, "the kernel does not list TCP sockets; tcp_rx_bytes and tcp_tx_bytes are absent");
                }
                self.failed = Some(Instant::now());
                self.taken = None;
                return None;
            }
            self.taken = Some(Instant::now());
        }
        Some(&self.bytes)
    }
}

/// The sockets of this process's network namespace that listen on a port: their inodes
/// and addresses.
///
/// # Errors
///
/// If the kernel does not list them.
pub(super) fn listeners(port: u16) -> io::Result<Vec<(u64, IpAddr)>> {
    let mut found = Vec::new();
    dump(&StateFlags::LISTEN, |socket| {
        let id = &socket.header.socket_id;
        if id.source_port == port {
            found.push((u64::from(socket.header.inode), id.source_address));
        }
    })?;
    Ok(found)
}

/// Gives each TCP socket in one of these states to `take`.
fn dump(states: &StateFlags, mut take: impl FnMut(&InetResponse)) -> io::Result<()> {
    let mut socket = Socket::new(NETLINK_SOCK_DIAG)?;
    socket.bind_auto()?;
    socket.connect(&SocketAddr::new(0, 0))?;
    for (family, id) in [
        (AF_INET, SocketId::new_v4()),
        (AF_INET6, SocketId::new_v6()),
    ] {
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST | NLM_F_DUMP;
        let request = InetRequest {
            family,
            protocol: IPPROTO_TCP,
            extensions: ExtensionFlags::INFO,
            states: states.clone(),
            socket_id: id,
        };
        let message = SockDiagMessage::InetRequest(request);
        let mut message = NetlinkMessage::new(header, message.into());
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        socket.send(&bytes, 0)?;
        while read_part(&socket, &mut take)? {}
    }
    Ok(())
}

/// Whether more parts follow.
fn read_part(socket: &Socket, take: &mut impl FnMut(&InetResponse)) -> io::Result<bool> {
    let mut part = Vec::with_capacity(PART);
    socket.recv(&mut part, 0)?;
    let mut rest = &*part;
    while !rest.is_empty() {
        let message = NetlinkMessage::<SockDiagMessage>::deserialize(rest);
        let message = message.map_err(io::Error::other)?;
        let length = usize::try_from(message.header.length).unwrap_or(usize::MAX);
        match message.payload {
            NetlinkPayload::InnerMessage(SockDiagMessage::InetResponse(response)) => {
                take(&response);
            }
            NetlinkPayload::Done(_) => return Ok(false),
            NetlinkPayload::Error(error) => return Err(error.to_io()),
            _ => {}
        }
        // Messages begin at multiples of four.
        rest = rest
            .get(length.next_multiple_of(4).max(4)..)
            .unwrap_or_default();
    }
    Ok(true)
}

/// `None` of a kernel before 4.1, which counts none.
fn carried(info: &[u8]) -> Option<Bytes> {
    let number = |at: usize| {
        let bytes = info.get(at..at + 8)?;
        Some(u64::from_ne_bytes(bytes.try_into().ok()?))
    };
    let (acknowledged, received) = (number(BYTES_ACKED)?, number(BYTES_ACKED + 8)?);
    Some((received, acknowledged))
}

/// What the sockets of one process, or tree of them, have carried.
#[derive(Debug, Default)]
pub(super) struct Carried {
    sockets: HashMap<u64, Bytes>,
    total: Bytes,
}

impl Carried {
    /// Adds what has been carried since the last time, by those that are open now; of
    /// a new one all that it has. The total so far.
    pub(super) fn add(&mut self, open: HashMap<u64, Bytes>) -> Bytes {
        for (inode, (received, sent)) in &open {
            let before = self.sockets.get(inode).copied().unwrap_or_default();
            // The number of a socket that is closed may go to another one.
            self.total.0 += received.checked_sub(before.0).unwrap_or(*received);
            self.total.1 += sent.checked_sub(before.1).unwrap_or(*sent);
        }
        self.sockets = open;
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_counts_from_its_first_byte_and_once() {
        let mut carried = Carried::default();
        assert_eq!(carried.add(HashMap::from([(1, (10, 20))])), (10, 20));
        let two = HashMap::from([(1, (15, 20)), (2, (0, 7))]);
        assert_eq!(carried.add(two.clone()), (15, 27));
        assert_eq!(carried.add(two), (15, 27));
        assert_eq!(carried.add(HashMap::new()), (15, 27));
        // The same number again: another socket.
        assert_eq!(carried.add(HashMap::from([(2, (1, 1))])), (16, 28));
        assert_eq!(carried.add(HashMap::from([(2, (0, 2))])), (16, 29));
    }

    #[test]
    fn listeners_are_found_by_their_port() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let found = listeners(address.port()).unwrap();
        assert!(found.iter().any(|(_, ip)| *ip == address.ip()), "{found:?}");
        drop(listener);
        assert_eq!(listeners(address.port()).unwrap(), []);
    }

    #[test]
    fn bytes_are_read_at_their_places() {
        let mut info = vec![0; 240];
        info[120..128].copy_from_slice(&77_u64.to_ne_bytes());
        info[128..136].copy_from_slice(&5_u64.to_ne_bytes());
        assert_eq!(carried(&info), Some((5, 77)));
        assert_eq!(carried(&info[..104]), None);
    }
}
