//! Control groups with a limit, to run the service in: version 1 or 2, where the user
//! may create them (as root, outside of a container).
//!
//! Sources: the kernel's `Documentation/admin-guide/cgroup-v2.rst` and `cgroup-v1/`.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use std::{fs, io, process, thread};

/// How long the kernel may take to let go of a group whose last process has ended.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A group of its own, in one or more hierarchies. Dropping it removes it, for which
/// the processes within must have ended: make it before what runs in it.
#[derive(Debug)]
pub struct Cgroup {
    directories: Vec<PathBuf>,
}

impl Cgroup {
    /// A group that may use this many hundredths of a core. Where none can be made:
    /// `None`, and a line that says so.
    pub fn with_cpu_quota(hundredths: u32) -> Option<Self> {
        let quota = u64::from(hundredths) * 1_000;
        let one = || {
            // The account of what was used may be a hierarchy of its own.
            let mounts = ["/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cpuacct"];
            let group = Self::make(&mounts.map(Path::new))?;
            group.set("cpu.cfs_period_us", "100000")?;
            group.set("cpu.cfs_quota_us", &quota.to_string())?;
            Ok(group)
        };
        let two = || {
            let group = Self::make(&[&unified("cpu")?])?;
            group.set("cpu.max", &format!("{quota} 100000"))?;
            Ok(group)
        };
        or_skip("CPU quota", one().or_else(|_: io::Error| two()))
    }

    /// A group that may use this many bytes of memory, or `None` likewise.
    pub fn with_memory_limit(bytes: u64) -> Option<Self> {
        let limit = bytes.to_string();
        let one = || {
            let group = Self::make(&[Path::new("/sys/fs/cgroup/memory")])?;
            group.set("memory.limit_in_bytes", &limit)?;
            Ok(group)
        };
        let two = || {
            let group = Self::make(&[&unified("memory")?])?;
            group.set("memory.max", &limit)?;
            Ok(group)
        };
        or_skip("memory limit", one().or_else(|_: io::Error| two()))
    }

    fn make(hierarchies: &[&Path]) -> io::Result<Self> {
        static MADE: AtomicU32 = AtomicU32::new(0);

        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("golden-{}-{number}", process::id());
        let mut group = Self {
            directories: Vec::new(),
        };
        for hierarchy in hierarchies {
            let directory = hierarchy.join(&name);
            match fs::create_dir(&directory) {
                // The two hierarchies of the processor may be one, by two names.
                Err(error)
                    if error.kind() == io::ErrorKind::AlreadyExists
                        && !group.directories.is_empty() => {}
                made => {
                    made?;
                    group.directories.push(directory);
                }
            }
        }
        Ok(group)
    }

    fn set(&self, file: &str, value: &str) -> io::Result<()> {
        let file = self.directories[0].join(file);
        fs::OpenOptions::new()
            .write(true)
            .open(file)?
            .write_all(value.as_bytes())
    }

    /// Moves a running process into the group.
    pub fn take(&self, pid: u32) {
        for directory in &self.directories {
            fs::write(directory.join("cgroup.procs"), pid.to_string())
                .expect("who made the group may fill it");
        }
    }

    /// A command that runs a program within the group from its first instruction.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("sh");
        let joins: Vec<_> = self
            .directories
            .iter()
            .map(|directory| format!("echo $$ > '{}/cgroup.procs' && ", directory.display()))
            .collect();
        command.args([
            "-c",
            &format!("{}exec \"$0\" \"$@\"", joins.concat()),
            program,
        ]);
        command
    }
}

/// Where groups of version 2 can have limits of this kind.
fn unified(controller: &str) -> io::Result<PathBuf> {
    let mounts = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].map(Path::new);
    let mount = mounts.into_iter().find(|mount| {
        fs::read_to_string(mount.join("cgroup.controllers"))
            .is_ok_and(|controllers| controllers.split_whitespace().any(|one| one == controller))
    });
    let mount = mount.ok_or(io::ErrorKind::NotFound)?;
    let enabled = mount.join("cgroup.subtree_control");
    let is_enabled = fs::read_to_string(&enabled)?
        .split_whitespace()
        .any(|one| one == controller);
    if !is_enabled {
        fs::write(enabled, format!("+{controller}"))?;
    }
    Ok(mount.to_owned())
}

fn or_skip(what: &str, made: io::Result<Cgroup>) -> Option<Cgroup> {
    // Straight to the terminal: the harness hides what a passing test prints.
    let skip = |error| {
        let _ = writeln!(
            io::stderr(),
            "skipped: no control group with a {what} can be made here: {error}"
        );
    };
    made.map_err(skip).ok()
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        for directory in &self.directories {
            let start = Instant::now();
            while fs::remove_dir(directory).is_err() && start.elapsed() < TIMEOUT {
                thread::sleep(Duration::from_millis(10));
            }
        }
    }
}
