//! Which listening socket is a task's own. A command from the network names a port or a
//! path; only where one of the task's processes listens is anything asked there.
//!
//! Source: the kernel's `net/unix/af_unix.c` for the columns of `/proc/net/unix`.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use super::Source;
use super::sockets::listeners;
use crate::application::Target;
use proplet_schema::Listener;

/// In the column of flags: it listens.
const ACCEPTS: u64 = 1 << 16;

impl Source {
    /// Where one of the task's processes listens, as its profile says.
    ///
    /// # Errors
    ///
    /// Why nobody may be asked.
    pub(in crate::sampler) fn target(&mut self, listener: &Listener) -> Result<Target, String> {
        let unlisted = |error: io::Error| format!("the kernel does not list sockets: {error}");
        match listener {
            Listener::Port(port) => {
                let listening = listeners(*port).map_err(unlisted)?;
                let reachable = listening.into_iter().filter_map(|(inode, address)| {
                    Some((inode, SocketAddr::new(loopback(address)?, *port)))
                });
                let mut reachable: Vec<_> = reachable.collect();
                self.keep_own(&mut reachable);
                let first = reachable.first().map(|(_, address)| Target::Tcp(*address));
                first.ok_or_else(|| {
                    format!("no process of the task listens on port {port} of the loopback")
                })
            }
            Listener::Socket(path) => {
                let listening = unix_listeners(path).map_err(unlisted)?;
                let mut listening: Vec<_> =
                    listening.into_iter().map(|inode| (inode, ())).collect();
                self.keep_own(&mut listening);
                if listening.is_empty() {
                    return Err(format!("no process of the task listens at {path}"));
                }
                let members = self.tree.members().iter();
                Ok(Target::Unix {
                    path: PathBuf::from(path),
                    pids: members.map(|member| member.files.pid()).collect(),
                })
            }
        }
    }

    /// Removes the sockets that no process of the task has open.
    fn keep_own<T>(&mut self, sockets: &mut Vec<(u64, T)>) {
        if sockets.is_empty() {
            return;
        }
        let mut own = Vec::new();
        for member in self.tree.members().iter().filter(|m| !m.stat.over) {
            member.files.walk_descriptors(|inode| {
                if sockets.iter().any(|(listening, _)| *listening == inode) {
                    own.push(inode);
                }
            });
        }
        sockets.retain(|(inode, _)| own.contains(inode));
    }
}

/// The address of this machine at which a listener is reached without a network.
fn loopback(listens_at: IpAddr) -> Option<IpAddr> {
    match listens_at {
        IpAddr::V4(address) if address.is_unspecified() => Some(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(address) if address.is_unspecified() => Some(Ipv6Addr::LOCALHOST.into()),
        address => address.is_loopback().then_some(address),
    }
}

/// The inodes of the Unix sockets that listen at this path.
fn unix_listeners(path: &str) -> io::Result<Vec<u64>> {
    let mut found = Vec::new();
    for line in BufReader::new(File::open("/proc/net/unix")?).lines() {
        // A path may be of any bytes: such a line is no one that is looked for.
        let Ok(line) = line else { continue };
        found.extend(unix_listener(&line, path));
    }
    Ok(found)
}

/// `Num RefCount Protocol Flags Type St Inode Path`.
fn unix_listener(line: &str, path: &str) -> Option<u64> {
    let mut columns = [""; 7];
    let mut rest = line;
    for column in &mut columns {
        (*column, rest) = rest.trim_start().split_once(' ')?;
    }
    let flags = u64::from_str_radix(columns[3], 16).ok()?;
    let inode = columns[6].parse().ok()?;
    (flags & ACCEPTS != 0 && rest == path).then_some(inode)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::os::unix::net::UnixListener;

    use super::*;
    use crate::sampler::Counted;

    fn of(pid: u32) -> Source {
        Source::attach(pid, Counted::Process).unwrap()
    }

    #[test]
    fn only_who_listens_is_asked() {
        let port = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = port.local_addr().unwrap();
        let path = std::env::temp_dir().join(format!("golden-listener-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let socket = UnixListener::bind(&path).unwrap();
        let text = path.to_str().unwrap().to_owned();
        let own = std::process::id();
        let target = of(own).target(&Listener::Port(address.port()));
        assert_eq!(target, Ok(Target::Tcp(address)));
        let target = of(own).target(&Listener::Socket(text.clone()));
        let pids = vec![i32::try_from(own).unwrap()];
        let expected = Target::Unix {
            path: path.clone(),
            pids,
        };
        assert_eq!(target, Ok(expected));
        // A child that has neither.
        let mut other = std::process::Command::new("sleep")
            .arg("600")
            .spawn()
            .unwrap();
        for listener in [
            Listener::Port(address.port()),
            Listener::Socket(text.clone()),
        ] {
            let refused = of(other.id()).target(&listener).unwrap_err();
            assert!(
                refused.starts_with("no process of the task listens"),
                "{refused}"
            );
        }
        let _ = other.kill();
        let _ = other.wait();
        drop((port, socket));
        std::fs::remove_file(&path).unwrap();
        assert!(of(own).target(&Listener::Port(address.port())).is_err());
        assert!(of(own).target(&Listener::Socket(text)).is_err());
    }

    #[test]
    fn a_line_of_the_kernels_list() {
        let line = "ffff8: 00000002 00000000 00010000 0001 01  4711 /run/a b.sock";
        assert_eq!(unix_listener(line, "/run/a b.sock"), Some(4711));
        assert_eq!(unix_listener(line, "/run/a"), None);
        let connected = "ffff8: 00000003 00000000 00000000 0001 03  4711 /run/a b.sock";
        assert_eq!(unix_listener(connected, "/run/a b.sock"), None);
        let header = "Num       RefCount Protocol Flags    Type St Inode Path";
        assert_eq!(unix_listener(header, "Path"), None);
        assert_eq!(unix_listener("", ""), None);
    }

    #[test]
    fn other_addresses_of_the_machine_are_not_asked() {
        for (listens_at, asked) in [
            ("0.0.0.0", Some("127.0.0.1")),
            ("::", Some("::1")),
            ("127.0.0.2", Some("127.0.0.2")),
            ("192.0.2.1", None),
        ] {
            let asked = asked.map(|address| address.parse().unwrap());
            assert_eq!(loopback(listens_at.parse().unwrap()), asked);
        }
    }
}
