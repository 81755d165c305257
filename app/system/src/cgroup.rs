//! What the control group of a process allows and has used: CPU and memory,
//! versions 1 and 2. Reads files and nothing else; knows no metrics.
//!
//! Sources: the kernel's `Documentation/admin-guide/cgroup-v2.rst` and
//! `cgroup-v1/`, and proc(5) for `/proc/self/mountinfo`.

mod events;
mod members;

use std::fs;
use std::path::{Path, PathBuf};

pub use self::events::{Events, Pressure};
pub use self::members::MAX_MEMBERS;

/// The directory of a controller's group, and up to where its ancestors go.
#[derive(Clone, Debug, PartialEq)]
struct Group {
    directory: PathBuf,
    mount: PathBuf,
    /// What is mounted there is not the root of all groups.
    below_the_root: bool,
    version: Version,
}

/// Whose groups are looked for: this process's own are mounted where it can see
/// groups at all, those of others need not be.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Whose {
    Own,
    Others,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Version {
    One,
    Two,
}

/// The limits found at start; limits that change while the process runs are
/// read anew with each call.
#[derive(Debug, Default)]
pub struct Cgroup {
    /// The text of `/proc/PID/cgroup` that the groups were found by.
    membership: String,
    cpu: Option<Group>,
    cpu_usage: Option<Group>,
    memory: Option<Group>,
}

impl Cgroup {
    /// The groups of this process; empty where there are none.
    #[must_use]
    pub fn of_this_process() -> Self {
        let membership = fs::read_to_string("/proc/self/cgroup");
        Self::of(&membership.unwrap_or_default(), Whose::Own)
    }

    /// The groups of another process, as far as this one can see them.
    #[must_use]
    pub fn of_process(pid: u32) -> Self {
        let membership = fs::read_to_string(format!("/proc/{pid}/cgroup"));
        Self::of(&membership.unwrap_or_default(), Whose::Others)
    }

    /// Looks again at which groups another process is in, and says whether they are
    /// others now. One that has ended is in none: what it was in before remains.
    pub fn follow_process(&mut self, pid: u32) -> bool {
        let Ok(membership) = fs::read_to_string(format!("/proc/{pid}/cgroup")) else {
            return false;
        };
        if membership == self.membership {
            return false;
        }
        let now = Self::of(&membership, Whose::Others);
        if !now.has_own() && self.has_own() {
            return false;
        }
        *self = now;
        true
    }

    fn has_own(&self) -> bool {
        let groups = [&self.cpu, &self.cpu_usage, &self.memory];
        groups.into_iter().flatten().any(Group::is_own)
    }

    fn of(membership: &str, whose: Whose) -> Self {
        let mountinfo = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        Self::from_texts(membership, &mountinfo, Path::new("/"), whose)
    }

    fn from_texts(membership: &str, mountinfo: &str, root: &Path, whose: Whose) -> Self {
        let find = |controller| find(controller, membership, mountinfo, root, whose);
        Self {
            cpu: find("cpu"),
            cpu_usage: find("cpuacct"),
            memory: find("memory"),
            membership: membership.to_owned(),
        }
    }

    /// How many cores' worth of time the tightest quota above this process
    /// allows, with the microseconds that its group has used so far, where the
    /// group's own account can be read. `None` without a quota.
    #[must_use]
    pub fn cpu_quota(&self) -> Option<(f64, Option<u64>)> {
        let group = self.cpu.as_ref()?;
        let quotas = group.with_ancestors().filter_map(|directory| {
            let quota = group.quota(&directory)?;
            Some((quota, directory))
        });
        let (quota, directory) = quotas.min_by(|a, b| a.0.total_cmp(&b.0))?;
        let used = match group.version {
            Version::Two => keyed(&directory.join("cpu.stat"), "usage_usec"),
            // Version 1 accounts in a hierarchy of its own, which may place the
            // process elsewhere: then the account is not that of the quota.
            Version::One => self
                .cpu_usage
                .as_ref()
                .filter(|usage| {
                    usage.directory.strip_prefix(&usage.mount)
                        == group.directory.strip_prefix(&group.mount)
                })
                .and_then(|usage| {
                    let below = directory.strip_prefix(&group.mount).ok()?;
                    number(&usage.mount.join(below).join("cpuacct.usage"))
                        .map(|nanos| nanos / 1_000)
                }),
        };
        Some((quota, used))
    }

    /// The tightest memory limit above this process and what its group uses of
    /// it, both in bytes; page cache that can be dropped does not count.
    /// `None` without a limit below `host` bytes.
    #[must_use]
    pub fn memory(&self, host: u64) -> Option<(u64, u64)> {
        let group = self.memory.as_ref()?;
        let (limit_file, usage_file, cache) = match group.version {
            Version::Two => ("memory.max", "memory.current", "inactive_file"),
            Version::One => (
                "memory.limit_in_bytes",
                "memory.usage_in_bytes",
                "total_inactive_file",
            ),
        };
        let limits = group
            .with_ancestors()
            .filter_map(|directory| Some((number(&directory.join(limit_file))?, directory)));
        let (limit, directory) = limits.filter(|(limit, _)| *limit < host).min()?;
        let usage = number(&directory.join(usage_file))?;
        let droppable = keyed(&directory.join("memory.stat"), cache).unwrap_or(0);
        Some((limit, usage.saturating_sub(droppable)))
    }

    /// The CPU time that the group itself has used, in seconds. `None` where the
    /// process is in no group, but at the root of all of them.
    #[must_use]
    pub fn cpu_seconds(&self) -> Option<f64> {
        let seconds = |count: u64, per_second: u32| {
            std::time::Duration::from_secs(count / u64::from(per_second))
                + std::time::Duration::from_secs(count % u64::from(per_second)) / per_second
        };
        let used = match self.cpu_usage.as_ref().filter(|group| group.is_own())? {
            group if group.version == Version::Two => seconds(
                keyed(&group.directory.join("cpu.stat"), "usage_usec")?,
                1_000_000,
            ),
            group => seconds(
                number(&group.directory.join("cpuacct.usage"))?,
                1_000_000_000,
            ),
        };
        Some(used.as_secs_f64())
    }

    /// The memory that the group itself uses, in bytes, page cache included.
    /// `None` likewise.
    #[must_use]
    pub fn memory_usage(&self) -> Option<u64> {
        let group = self.memory.as_ref().filter(|group| group.is_own())?;
        let file = match group.version {
            Version::Two => "memory.current",
            Version::One => "memory.usage_in_bytes",
        };
        number(&group.directory.join(file))
    }
}

impl Group {
    /// Whether it is a group, and not the root of all groups: within a container
    /// the container's own group is shown as the root, and may have a parent.
    fn is_own(&self) -> bool {
        self.directory != self.mount || self.below_the_root
    }

    fn with_ancestors(&self) -> impl Iterator<Item = PathBuf> {
        self.directory
            .ancestors()
            .take_while(|directory| directory.starts_with(&self.mount))
            .map(Path::to_path_buf)
    }

    /// Cores, from "quota period" in microseconds; `None` where unlimited.
    fn quota(&self, directory: &Path) -> Option<f64> {
        let (quota, period) = match self.version {
            Version::Two => {
                let text = fs::read_to_string(directory.join("cpu.max")).ok()?;
                let (quota, period) = text.trim().split_once(' ')?;
                (quota.parse::<f64>().ok()?, period.parse::<f64>().ok()?)
            }
            Version::One => {
                let read = |file| {
                    fs::read_to_string(directory.join(file))
                        .ok()?
                        .trim()
                        .parse()
                        .ok()
                };
                (read("cpu.cfs_quota_us")?, read("cpu.cfs_period_us")?)
            }
        };
        (quota > 0.0 && period > 0.0).then(|| quota / period)
    }
}

/// The group of a controller: version 1 names it, version 2 has one for all.
fn find(
    controller: &str,
    membership: &str,
    mountinfo: &str,
    root: &Path,
    whose: Whose,
) -> Option<Group> {
    let entries = membership.lines().filter_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        Some((fields.next()?, fields.next()?))
    });
    let named = entries
        .clone()
        .find(|(names, _)| names.split(',').any(|name| name == controller))
        .map(|(_, path)| (Version::One, path));
    let unified = entries
        .clone()
        .find(|(names, _)| names.is_empty())
        .map(|(_, path)| (Version::Two, path));
    let (version, path) = named.or(unified)?;
    // A group beyond this process's own root: what is mounted here is not its.
    if path.split('/').any(|part| part == "..") {
        return None;
    }
    // Field 4 is the group that the mount shows as its root, field 5 where it
    // is mounted; behind the separator come the type, the source, the options.
    mountinfo.lines().find_map(|line| {
        let (mount, filesystem) = line.split_once(" - ")?;
        let mut mount = mount.split(' ').skip(3);
        let (shown_root, mount_point) = (mount.next()?, mount.next()?);
        let mut filesystem = filesystem.split(' ');
        let kind = filesystem.next()?;
        let options = filesystem.nth(1)?;
        let matches = match version {
            Version::Two => kind == "cgroup2",
            Version::One => kind == "cgroup" && options.split(',').any(|name| name == controller),
        };
        let below = path
            .strip_prefix(shown_root.trim_end_matches('/'))
            .filter(|below| below.is_empty() || below.starts_with('/'));
        let below = match (below, whose) {
            (Some(below), _) => below,
            (None, Whose::Own) => "/",
            // The group mounted here is another one.
            (None, Whose::Others) => return None,
        };
        let mount = root.join(mount_point.trim_start_matches('/'));
        matches.then(|| Group {
            directory: match below.trim_matches('/') {
                "" => mount.clone(),
                below => mount.join(below),
            },
            // Of version 2 the root alone has no account of its memory.
            below_the_root: match version {
                Version::One => shown_root != "/",
                Version::Two => mount.join("memory.current").exists(),
            },
            mount,
            version,
        })
    })
}

fn number(file: &Path) -> Option<u64> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

/// The number behind a key in a file of "key number" lines.
fn keyed(file: &Path, key: &str) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    let mut pairs = text.lines().filter_map(|line| line.split_once(' '));
    pairs.find(|(name, _)| *name == key)?.1.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory with the given files, removed at the end.
    pub(super) struct Tree(pub(super) PathBuf);

    impl Tree {
        pub(super) fn new(name: &str, files: &[(&str, &str)]) -> Self {
            let root = std::env::temp_dir().join(format!("cgroup-{name}-{}", std::process::id()));
            for (path, text) in files {
                let path = root.join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            Self(root)
        }
    }

    impl Drop for Tree {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    pub(super) const MOUNT_2: &str =
        "30 23 0:26 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw\n";
    pub(super) const MOUNTS_1: &str = "32 31 0:29 /docker/abc /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n\
                            33 31 0:30 /docker/abc /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";

    #[test]
    fn version_2_takes_the_tightest_of_the_ancestors() {
        let tree = Tree::new(
            "v2",
            &[
                ("sys/fs/cgroup/outer/cpu.max", "50000 100000\n"),
                (
                    "sys/fs/cgroup/outer/cpu.stat",
                    "usage_usec 777\nuser_usec 1\n",
                ),
                ("sys/fs/cgroup/outer/memory.max", "1000\n"),
                ("sys/fs/cgroup/outer/memory.current", "900\n"),
                (
                    "sys/fs/cgroup/outer/memory.stat",
                    "anon 1\ninactive_file 150\n",
                ),
                ("sys/fs/cgroup/outer/inner/cpu.max", "max 100000\n"),
                ("sys/fs/cgroup/outer/inner/memory.max", "max\n"),
            ],
        );
        let cgroup = Cgroup::from_texts("0::/outer/inner\n", MOUNT_2, &tree.0, Whose::Own);
        assert_eq!(cgroup.cpu_quota(), Some((0.5, Some(777))));
        assert_eq!(cgroup.memory(1_000_000), Some((1000, 750)));
        assert_eq!(
            cgroup.memory(500),
            None,
            "a limit above the host's memory limits nothing"
        );
    }

    #[test]
    fn version_1_inside_a_container_whose_root_is_mounted() {
        let tree = Tree::new(
            "v1",
            &[
                ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "150000\n"),
                ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n"),
                ("sys/fs/cgroup/cpu,cpuacct/cpuacct.usage", "5000000\n"),
                ("sys/fs/cgroup/memory/memory.limit_in_bytes", "4096\n"),
                ("sys/fs/cgroup/memory/memory.usage_in_bytes", "1024\n"),
            ],
        );
        let membership = "4:cpu,cpuacct:/docker/abc\n3:memory:/docker/abc\n0::/\n";
        let cgroup = Cgroup::from_texts(membership, MOUNTS_1, &tree.0, Whose::Own);
        assert_eq!(cgroup.cpu_quota(), Some((1.5, Some(5_000))));
        assert_eq!(cgroup.memory(1 << 40), Some((4096, 1024)));
    }

    #[test]
    fn no_limit_no_group_and_nonsense_are_none() {
        let tree = Tree::new("none", &[("sys/fs/cgroup/cpu.max", "max 100000\n")]);
        let unlimited = Cgroup::from_texts("0::/\n", MOUNT_2, &tree.0, Whose::Own);
        assert_eq!(unlimited.cpu_quota(), None);
        assert_eq!(unlimited.memory(u64::MAX), None);
        let membership = "4:memory:/docker/abcd\n3:cpu:/docker/def\n";
        let others = Cgroup::from_texts(membership, MOUNTS_1, &tree.0, Whose::Others);
        assert!(others.memory.is_none() && others.cpu.is_none());
        let elsewhere = Cgroup::from_texts("0::/../other\n", MOUNT_2, &tree.0, Whose::Own);
        assert!(elsewhere.memory.is_none() && elsewhere.cpu.is_none());
        let nothing = Cgroup::from_texts("garbage\n::", "more garbage", &tree.0, Whose::Own);
        assert_eq!(nothing.cpu_quota(), None);
    }
}
