//! The files of one process in `/proc`.
//!
//! Sources: proc(5), clock_getcpuclockid(3).

use std::fs;
use std::io::{self, Read as _};
use std::sync::LazyLock;
use std::time::Duration;

use nix::time::{ClockId as CpuClock, clock_getcpuclockid};
use nix::unistd::Pid;
use procfs::process::Process;
use rustix::fs::{Dir, readlinkat_raw};

/// More descriptors than this are not searched for sockets: it would take longer
/// than all the rest of a sample together.
const MAX_SEARCHED: u64 = 65_536;

/// The longest link of a socket has twenty digits; of what else is longer the start will
/// do.
const MAX_SOCKET_LINK: usize = 32;

/// More threads than this are not asked for their children one by one.
const MAX_THREADS: u64 = 16;

static TICKS_PER_SECOND: LazyLock<u64> = LazyLock::new(procfs::ticks_per_second);

/// A process's directory, held open: the number may go to another process.
#[derive(Debug)]
pub(super) struct Files {
    process: Process,
    /// The clock of the process's CPU time, in all its threads, past ones included.
    clock: Option<CpuClock>,
    buffer: Vec<u8>,
}

/// `/proc/PID/stat`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stat {
    /// It has ended, and its parent has not heard so yet.
    pub(super) over: bool,
    pub(super) parent: i32,
    pub(super) session: i32,
    pub(super) user: Duration,
    pub(super) system: Duration,
    /// User and system time of the children that it has waited for, of theirs too.
    pub(super) reaped: Duration,
    pub(super) threads: u64,
    /// Since the machine's start.
    pub(super) started: Duration,
    pub(super) memory: u64,
}

/// Of `/proc/PID/status`, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Memory {
    pub(super) resident: Option<u64>,
    /// The data segment, and what is resident of memory that is no file's.
    pub(super) heap: (u64, u64),
}

fn unreadable(pid: i32, reason: &dyn std::fmt::Display) -> io::Error {
    io::Error::other(format!(
        "/proc/{pid}/stat cannot be read ({reason}): the process is over, or /proc is mounted with hidepid and it is another user's; run the proplet as that user"
    ))
}

impl Files {
    /// With its `stat`, which with `hidepid` may be unreadable in a directory that is there.
    pub(super) fn open(pid: i32) -> io::Result<(Self, Stat)> {
        let process = Process::new(pid).map_err(|error| unreadable(pid, &error))?;
        let mut files = Self {
            process,
            clock: clock_getcpuclockid(Pid::from_raw(pid)).ok(),
            buffer: Vec::with_capacity(4096),
        };
        let stat = files.stat();
        let stat = stat.ok_or_else(|| unreadable(pid, &"no permission"))?;
        Ok((files, stat))
    }

    pub(super) fn pid(&self) -> i32 {
        self.process.pid
    }

    pub(super) fn stat(&mut self) -> Option<Stat> {
        self.text("stat")?;
        Stat::parse(&self.buffer)
    }

    /// Its children; each thread has its own. `None` where the kernel was built without
    /// such lists, or it has so many threads that a scan of all processes costs less.
    pub(super) fn children(&mut self, threads: u64) -> Option<Vec<i32>> {
        let pid = self.pid();
        let mut children = Vec::new();
        let mut add = |text: &str| {
            let pids = text.split_ascii_whitespace();
            children.extend(pids.filter_map(|pid| pid.parse::<i32>().ok()));
        };
        match threads {
            0..=1 => add(self.text(&format!("task/{pid}/children"))?),
            2..=MAX_THREADS => {
                for thread in fs::read_dir(format!("/proc/{pid}/task")).ok()? {
                    let list = thread.ok()?.path().join("children");
                    add(&fs::read_to_string(list).ok()?);
                }
            }
            _ => return None,
        }
        Some(children)
    }

    /// CPU time in nanoseconds; the ticks of `stat` are of 10 ms.
    pub(super) fn cpu(&self) -> Option<Duration> {
        let clock = self.clock?;
        clock.now().ok().map(Duration::from)
    }

    /// Not from `stat`, whose count leaves out what each processor has not yet added
    /// to the sum.
    pub(super) fn memory(&mut self) -> Option<Memory> {
        let status = self.text("status")?;
        let kib = |key| keyed(status, key).map(|kib| kib * 1024);
        Some(Memory {
            resident: kib("VmRSS:"),
            heap: (
                kib("VmData:").unwrap_or_default(),
                kib("RssAnon:").unwrap_or_default(),
            ),
        })
    }

    /// Bytes read and written, those of children that it has waited for included.
    /// `None` where this process may not look.
    pub(super) fn disk(&mut self) -> Option<(u64, u64)> {
        let text = self.text("io")?;
        // "cancelled_write_bytes:" ends the same way: only at a line's start.
        Some((keyed(text, "read_bytes:")?, keyed(text, "write_bytes:")?))
    }

    /// Open descriptors. Some when this process may look; it holds none there itself.
    pub(super) fn descriptors(&self) -> Option<u64> {
        let count = self.process.fd_count().ok()?;
        u64::try_from(count).ok()
    }

    /// Bytes received and sent in its network namespace, the loopback included. To be
    /// asked by way of [`super::network::Namespaces`].
    pub(super) fn network(&mut self) -> Option<(u64, u64)> {
        self.text("net/dev").and_then(network)
    }

    /// The number of its network namespace.
    pub(super) fn network_namespace(&self) -> Option<u64> {
        namespace(&format!("/proc/{}/ns/net", self.pid()))
    }

    /// Open descriptors, by a walk on which `take` is called with the inode of every
    /// socket among them.
    pub(super) fn walk_descriptors(&self, mut take: impl FnMut(u64)) -> Option<u64> {
        let directory = self.process.open_relative("fd").ok()?;
        let mut directory = Dir::new(directory).ok()?;
        let mut count = 0;
        while let Some(entry) = directory.read() {
            let entry = entry.ok()?;
            if entry.file_name().to_bytes().starts_with(b".") {
                continue;
            }
            count += 1;
            if count <= MAX_SEARCHED {
                let mut target = [0; MAX_SOCKET_LINK];
                let length = readlinkat_raw(directory.fd().ok()?, entry.file_name(), &mut target);
                // It may be closed since it was listed.
                let inode = length.ok().and_then(|length| socket(&target[..length]));
                inode.into_iter().for_each(&mut take);
            }
        }
        Some(count)
    }

    /// A file of the process; `None` if it is gone or not for this user.
    fn text(&mut self, file: &str) -> Option<&str> {
        self.buffer.clear();
        let mut file = self.process.open_relative(file).ok()?;
        file.read_to_end(&mut self.buffer).ok()?;
        ascii(&mut self.buffer);
        std::str::from_utf8(&self.buffer).ok()
    }
}

/// A process's name may be anything; the numbers around it are ASCII.
fn ascii(text: &mut [u8]) {
    if std::str::from_utf8(text).is_err() {
        text.iter_mut().for_each(|byte| *byte &= 0x7F);
    }
}

impl Stat {
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        // The name is in parentheses and may contain anything: from behind it.
        let name = text.iter().rposition(|byte| *byte == b')')?;
        let fields = std::str::from_utf8(text.get(name + 1..)?).ok()?;
        let mut fields = fields.split_ascii_whitespace();
        let over = matches!(fields.next()?, "Z" | "X" | "x");
        // Field 3 was the state; ppid is 4, session 6, utime 14, stime 15, cutime 16,
        // cstime 17, num_threads 20, starttime 22, rss 24.
        let (parent, session) = (fields.next()?.parse().ok()?, fields.nth(1)?.parse().ok()?);
        let mut fields = fields.skip(7);
        let mut next = |skipped| fields.nth(skipped)?.parse::<u64>().ok();
        let (user, system) = (ticks(next(0)?), ticks(next(0)?));
        let reaped = ticks(next(0)?) + ticks(next(0)?);
        let threads = next(2)?;
        let started = ticks(next(1)?);
        let memory = next(1)? * procfs::page_size();
        Some(Self {
            over,
            parent,
            session,
            user,
            system,
            reaped,
            threads,
            started,
            memory,
        })
    }
}

/// The inode of `socket:[123]`.
fn socket(link: &[u8]) -> Option<u64> {
    let inode = link.strip_prefix(b"socket:[")?.strip_suffix(b"]")?;
    std::str::from_utf8(inode).ok()?.parse().ok()
}

/// Of `net:[4026531833]`.
pub(super) fn namespace(link: &str) -> Option<u64> {
    let target = fs::read_link(link).ok()?;
    let number = target.to_str()?.strip_prefix("net:[")?.strip_suffix(']')?;
    number.parse().ok()
}

pub(super) fn ticks(ticks: u64) -> Duration {
    Duration::from_nanos(ticks.saturating_mul(1_000_000_000 / (*TICKS_PER_SECOND).max(1)))
}

/// The number behind a key at a line's start.
fn keyed(text: &str, key: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(key))?;
    rest.split_ascii_whitespace().next()?.parse().ok()
}

/// Bytes received and sent over all interfaces, the loopback included.
fn network(text: &str) -> Option<(u64, u64)> {
    let interfaces = text.lines().filter_map(|line| line.split_once(':'));
    interfaces
        .map(|(_, counts)| {
            let mut counts = counts.split_ascii_whitespace();
            let received = counts.next()?.parse::<u64>().ok()?;
            // The first of the eight counts of sending.
            let sent = counts.nth(7)?.parse::<u64>().ok()?;
            Some((received, sent))
        })
        .try_fold((0, 0), |sum: (u64, u64), counts| {
            let (received, sent) = counts?;
            Some((sum.0 + received, sum.1 + sent))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_are_added_up() {
        let text = "Inter-|   Receive                            |  Transmit\n \
                    face |bytes    packets errs drop fifo frame compressed multicast|bytes\n    \
                    lo:    1000      10    0    0    0     0          0         0     1000      10\n  \
                    eth0:200 1 0 0 0 0 0 0 30 1 0 0 0 0 0 0\n";
        assert_eq!(network(text), Some((1200, 1030)));
        assert_eq!(network("garbage: x"), None);
    }

    #[test]
    fn a_key_is_a_whole_one() {
        let text = "cancelled_write_bytes: 7\nwrite_bytes: 5\nVmRSS:\t    123 kB\n";
        assert_eq!(keyed(text, "write_bytes:"), Some(5));
        assert_eq!(keyed(text, "VmRSS:"), Some(123));
        assert_eq!(keyed(text, "VmSwap:"), None);
    }

    #[test]
    fn one_walk_counts_descriptors_and_finds_sockets() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let own = format!(
            "/proc/self/fd/{}",
            std::os::fd::AsRawFd::as_raw_fd(&listener)
        );
        let own = socket(fs::read_link(own).unwrap().to_str().unwrap().as_bytes()).unwrap();
        let (files, _) = Files::open(i32::try_from(std::process::id()).unwrap()).unwrap();
        let mut sockets = Vec::new();
        let count = files.walk_descriptors(|inode| sockets.push(inode)).unwrap();
        assert!(sockets.contains(&own), "{sockets:?}");
        // Standard input, output, error, the process's directory and the listener.
        assert!(count >= 4, "{count}");
        assert_eq!(socket(b"socket:[7]"), Some(7));
        for other in [&b"pipe:[7]"[..], b"socket:[7", b"socket:[]", b"/socket:[7]"] {
            assert_eq!(socket(other), None);
        }
    }

    #[test]
    fn a_stat_is_read_behind_any_name() {
        let text =
            b"7 (a) Z 1 \xff) S 4 5 6 0 -1 4194304 1 2 3 4 100 50 20 10 20 0 3 0 900 1000 5 \
                     18446744073709551615 0";
        let stat = Stat::parse(text).unwrap();
        assert!(!stat.over);
        assert_eq!((stat.parent, stat.session, stat.threads), (4, 6, 3));
        assert_eq!((stat.user, stat.system), (ticks(100), ticks(50)));
        assert_eq!((stat.reaped, stat.started), (ticks(30), ticks(900)));
        assert_eq!(stat.memory, 5 * procfs::page_size());
        assert!(Stat::parse(b"7 (x) S 1").is_none());
    }
}
