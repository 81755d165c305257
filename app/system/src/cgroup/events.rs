//! What has happened in a control group: throttling, events of its memory, pressure.
//! Totals since the group was made.
//!
//! Sources: the kernel's `Documentation/admin-guide/cgroup-v2.rst`,
//! `Documentation/accounting/psi.rst` and, of version 1, `Documentation/scheduler/sched-bwc.rst`.

use std::fs;

use super::{Cgroup, Group, Version, keyed};

/// Totals of a group; what the kernel does not tell is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Events {
    /// Seconds in which the group's processes wanted to run and its CPU quota was used up.
    pub throttled_seconds: Option<f64>,
    /// How often the group exceeded `memory.high` (version 2).
    pub memory_high: Option<u64>,
    /// Processes of the group that were killed for want of memory.
    pub oom_kills: Option<u64>,
    /// Of the CPU, memory and I/O, in this order (version 2).
    pub pressure: [Option<Pressure>; 3],
}

/// Seconds of pressure on a resource.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pressure {
    /// In which at least one of the processes waited for it.
    pub some: f64,
    /// In which all of them did.
    pub full: f64,
}

impl Cgroup {
    /// Those of the processor, if `cpu`, and of memory and I/O, if `memory`. `None` where
    /// the process is in no group, but at the root of all of them.
    #[must_use]
    pub fn events(&self, cpu: bool, memory: bool) -> Option<Events> {
        let own = |group: &Option<Group>| group.clone().filter(Group::is_own);
        let of_cpu = own(&self.cpu).filter(|_| cpu);
        let of_memory = own(&self.memory).filter(|_| memory);
        if of_cpu.is_none() && of_memory.is_none() {
            return None;
        }
        let mut events = Events::default();
        if let Some(group) = of_cpu {
            let stat = group.directory.join("cpu.stat");
            events.throttled_seconds = match group.version {
                Version::Two => seconds(keyed(&stat, "throttled_usec"), 1e6),
                Version::One => seconds(keyed(&stat, "throttled_time"), 1e9),
            };
            events.pressure[0] = pressure(&group, "cpu.pressure");
        }
        if let Some(group) = of_memory {
            let file = |name| group.directory.join(name);
            (events.memory_high, events.oom_kills) = match group.version {
                Version::Two => (
                    keyed(&file("memory.events"), "high"),
                    keyed(&file("memory.events"), "oom_kill"),
                ),
                Version::One => (None, keyed(&file("memory.oom_control"), "oom_kill")),
            };
            events.pressure[1] = pressure(&group, "memory.pressure");
            events.pressure[2] = pressure(&group, "io.pressure");
        }
        Some(events)
    }
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52 microseconds")]
fn seconds(count: Option<u64>, per_second: f64) -> Option<f64> {
    count.map(|count| count as f64 / per_second)
}

/// `None` of version 1, and where the kernel was built or started without.
fn pressure(group: &Group, file: &str) -> Option<Pressure> {
    if group.version == Version::One {
        return None;
    }
    parse(&fs::read_to_string(group.directory.join(file)).ok()?)
}

/// Two lines like `some avg10=0.00 avg60=0.00 avg300=0.00 total=1234`, in microseconds. Of
/// the CPU there was only the first before Linux 5.13.
fn parse(text: &str) -> Option<Pressure> {
    let total = |kind| {
        let line = text.lines().find(|line| line.starts_with(kind))?;
        let total = line
            .split(' ')
            .find_map(|field| field.strip_prefix("total="))?;
        seconds(total.parse().ok(), 1e6)
    };
    Some(Pressure {
        some: total("some ")?,
        full: total("full ").unwrap_or_default(),
    })
}

/// A file of the group, for tests of other modules.
#[cfg(test)]
mod tests {
    use super::super::Whose;
    use super::super::tests::{MOUNT_2, MOUNTS_1, Tree};
    use super::*;
    use std::path::Path;

    #[test]
    fn version_2_tells_all_of_it() {
        let tree = Tree::new(
            "events",
            &[
                (
                    "sys/fs/cgroup/a/cpu.stat",
                    "usage_usec 9\nnr_throttled 3\nthrottled_usec 2500000\n",
                ),
                (
                    "sys/fs/cgroup/a/memory.events",
                    "low 0\nhigh 7\nmax 1\noom 2\noom_kill 1\n",
                ),
                (
                    "sys/fs/cgroup/a/cpu.pressure",
                    "some avg10=0.00 avg60=0.00 avg300=0.00 total=1500000\n",
                ),
                (
                    "sys/fs/cgroup/a/memory.pressure",
                    "some avg10=1.00 avg60=0.00 avg300=0.00 total=4000000\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=3000000\n",
                ),
            ],
        );
        let cgroup = Cgroup::from_texts("0::/a\n", MOUNT_2, &tree.0, Whose::Own);
        let events = cgroup.events(true, true).unwrap();
        assert_eq!(events.throttled_seconds, Some(2.5));
        assert_eq!((events.memory_high, events.oom_kills), (Some(7), Some(1)));
        let [cpu, memory, io] = events.pressure;
        let pressure = |some, full| Some(Pressure { some, full });
        assert_eq!((cpu, memory), (pressure(1.5, 0.0), pressure(4.0, 3.0)));
        assert_eq!(io, None);
        assert_eq!(cgroup.events(false, true).unwrap().throttled_seconds, None);
        let root = Cgroup::from_texts("0::/\n", MOUNT_2, Path::new("/nowhere"), Whose::Own);
        assert_eq!(root.events(true, true), None);
    }

    #[test]
    fn version_1_tells_a_part() {
        let tree = Tree::new(
            "events1",
            &[
                (
                    "sys/fs/cgroup/cpu,cpuacct/cpu.stat",
                    "nr_periods 5\nnr_throttled 2\nthrottled_time 500000000\n",
                ),
                (
                    "sys/fs/cgroup/memory/memory.oom_control",
                    "oom_kill_disable 0\nunder_oom 0\noom_kill 4\n",
                ),
            ],
        );
        let membership = "4:cpu,cpuacct:/docker/abc\n3:memory:/docker/abc\n";
        let cgroup = Cgroup::from_texts(membership, MOUNTS_1, &tree.0, Whose::Own);
        let events = cgroup.events(true, true).unwrap();
        assert_eq!(events.throttled_seconds, Some(0.5));
        assert_eq!((events.memory_high, events.oom_kills), (None, Some(4)));
        assert_eq!(events.pressure, [None; 3]);
    }
}
