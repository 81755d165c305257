//! Which processes are in a control group, and which group that is.

use std::fs;
use std::path::Path;

use super::Cgroup;

/// Maximum number of processes that are listed of a group.
pub const MAX_MEMBERS: usize = 4_096;

impl Cgroup {
    /// The group's directory: what two processes have in common where it is the same.
    #[must_use]
    pub fn directory(&self) -> Option<&Path> {
        let group = self.memory.as_ref().or(self.cpu.as_ref())?;
        Some(&group.directory)
    }

    /// The processes of the group and of those below it, where the group is neither
    /// that of `other` nor above it; at most [`MAX_MEMBERS`]. `None` where it is, where
    /// the process is at the root of all groups, or where nothing can be read.
    #[must_use]
    pub fn members_apart_from(&self, other: &Self) -> Option<Vec<u32>> {
        let group = self.cpu_usage.as_ref().filter(|group| group.is_own())?;
        let theirs = other.cpu_usage.as_ref()?;
        if theirs.directory.starts_with(&group.directory) {
            return None;
        }
        let mut members = Vec::new();
        let mut directories = vec![group.directory.clone()];
        while let Some(directory) = directories.pop() {
            let listed = fs::read_to_string(directory.join("cgroup.procs")).ok()?;
            members.extend(listed.lines().filter_map(|pid| pid.parse::<u32>().ok()));
            if members.len() > MAX_MEMBERS {
                members.truncate(MAX_MEMBERS);
                break;
            }
            let below = fs::read_dir(&directory).ok()?.filter_map(Result::ok);
            let below = below.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
            directories.extend(below.map(|entry| entry.path()));
        }
        Some(members)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Whose;
    use super::super::tests::{MOUNT_2, Tree};
    use super::*;

    #[test]
    fn members_are_those_of_the_group_and_below_it() {
        let tree = Tree::new(
            "members",
            &[
                ("sys/fs/cgroup/a/cgroup.procs", "7\n9\n"),
                ("sys/fs/cgroup/a/b/cgroup.procs", "8\n"),
                ("sys/fs/cgroup/c/cgroup.procs", "1\n"),
            ],
        );
        let group = |path: &str| {
            let membership = format!("0::{path}\n");
            Cgroup::from_texts(&membership, MOUNT_2, &tree.0, Whose::Own)
        };
        let mut members = group("/a").members_apart_from(&group("/c")).unwrap();
        members.sort_unstable();
        assert_eq!(members, [7, 8, 9]);
        // Where the other one is in it, it is not the task's alone.
        for other in ["/a", "/a/b"] {
            assert_eq!(group("/a").members_apart_from(&group(other)), None);
        }
        assert_eq!(group("/").members_apart_from(&group("/c")), None);
        assert!(group("/a").directory().unwrap().ends_with("a"));
    }
}
