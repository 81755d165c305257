//! A process, or with its descendants a tree of them, counted once each: those that
//! live, and those that have ended and were reaped.
//!
//! A descendant is a child of a member, a process of a session that a member leads, or
//! one of the control group that is the first process's own. Once it is a member it
//! remains one, whoever becomes its parent: that is how a daemon that leaves its parent
//! is kept. One that is neither seen as a child nor in such a session or group, because
//! its parent ended between two scans, is missed.
//!
//! When a parent waits for a child, the kernel adds the child's CPU time and disk bytes
//! to the parent's account of its children (`cutime`, `cstime`, `io`). When nobody of the
//! tree waits (the parent ignores `SIGCHLD`, or has ended), they are lost there, and what
//! was last seen of it is kept here instead. Which of the two it was shows in whether the
//! parent's account has grown by as much: [`Tree::settle`].

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::files::{Files, Stat, ticks};
use super::scan::{Entry, Scan};

/// Maximum number of members; further ones are not counted.
const MAX_MEMBERS: usize = 4_096;

/// An account of children is rounded down twice, user and system time.
const ROUNDING_TICKS: u64 = 2;

/// Read and written.
type Disk = (u64, u64);

/// A process and its descendants.
#[derive(Debug)]
pub(super) struct Tree {
    /// The oldest first: parents are read before their children, so that no child that
    /// was read is in its parent's account too.
    members: Vec<Member>,
    /// Sessions that a member leads or has led.
    led: HashSet<i32>,
    /// Whether descendants count.
    whole: bool,
    /// Ended, and not yet known to be in somebody's account.
    ended: Vec<Ended>,
    /// What ended in nobody's account.
    lost: Used,
    most: Used,
}

#[derive(Debug)]
pub(super) struct Member {
    pub(super) files: Files,
    pub(super) stat: Stat,
    used: Used,
    /// Its account of its children when it became a member.
    reaped_before: Duration,
    /// What of that account's growth is known to be of members.
    claimed: Duration,
}

/// What a process has used, its account of its children included.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Used {
    pub(super) cpu: Duration,
    pub(super) disk: Option<Disk>,
}

#[derive(Clone, Copy, Debug)]
struct Ended {
    parent: i32,
    started: Duration,
    used: Used,
    /// Its parent's account was looked at once.
    waited: bool,
}

impl Used {
    fn plus(self, other: Self) -> Self {
        let disk = match (self.disk, other.disk) {
            (Some(a), Some(b)) => Some((a.0 + b.0, a.1 + b.1)),
            (a, b) => a.or(b),
        };
        let cpu = self.cpu + other.cpu;
        Self { cpu, disk }
    }

    fn max(self, other: Self) -> Self {
        let disk = match (self.disk, other.disk) {
            (Some(a), Some(b)) => Some((a.0.max(b.0), a.1.max(b.1))),
            (a, b) => a.or(b),
        };
        let cpu = self.cpu.max(other.cpu);
        Self { cpu, disk }
    }
}

impl Member {
    fn new(files: Files, stat: Stat) -> Self {
        Self {
            files,
            stat,
            used: Used::default(),
            reaped_before: stat.reaped,
            claimed: Duration::ZERO,
        }
    }

    /// `false` once it is gone.
    fn read(&mut self, whole: bool, disk: bool) -> bool {
        let Some(stat) = self.files.stat() else {
            return false;
        };
        self.stat = stat;
        let own = self.files.cpu().unwrap_or(stat.user + stat.system);
        let reaped = if whole { stat.reaped } else { Duration::ZERO };
        self.used.cpu = own + reaped;
        if disk {
            // What could be read before is not less now.
            self.used.disk = self.files.disk().or(self.used.disk);
        }
        true
    }
}

impl Tree {
    /// Of this process; `whole` if its descendants count.
    pub(super) fn of(files: Files, stat: Stat, whole: bool) -> Self {
        Self {
            members: vec![Member::new(files, stat)],
            led: HashSet::new(),
            whole,
            ended: Vec::new(),
            lost: Used::default(),
            most: Used::default(),
        }
    }

    /// Those that are not gone, the oldest first.
    pub(super) fn members(&mut self) -> &mut [Member] {
        &mut self.members
    }

    /// Looks for descendants: at each member's list of its children, and in a scan of all
    /// processes, at most `max_age` old, where there is no such list or a member leads a
    /// session. A control group's processes are members.
    pub(super) fn search(&mut self, scan: &mut Scan, max_age: Duration, group: &[u32]) {
        let before = self.members.len();
        // Mostly there is nobody to be compared with.
        let mut known = None;
        let group = group.iter().filter_map(|pid| i32::try_from(*pid).ok());
        for pid in group {
            self.adopt(pid, |_| true, &mut known);
        }
        let mut next = 0;
        while let Some(member) = self.members.get_mut(next) {
            next += 1;
            let (pid, session) = (member.files.pid(), member.stat.session);
            if session == pid {
                self.led.insert(session);
            }
            if let Some(children) = member.files.children(member.stat.threads) {
                for child in children {
                    self.adopt(child, |stat| stat.parent == pid, &mut known);
                }
            } else {
                for Entry { pid, started } in scan.refresh(max_age).children(pid) {
                    self.adopt(*pid, |stat| stat.started == *started, &mut known);
                }
            }
            if next == self.members.len() && !self.led.is_empty() {
                // A session's number is no other's as long as it has a process.
                let members = &self.members;
                self.led
                    .retain(|session| members.iter().any(|m| m.stat.session == *session));
                for session in self.led.clone() {
                    for Entry { pid, started } in scan.refresh(max_age).session(session) {
                        self.adopt(*pid, |stat| stat.started == *started, &mut known);
                    }
                }
            }
        }
        if self.members.len() > before {
            self.members
                .sort_by_key(|member| (member.stat.started, member.files.pid()));
        }
    }

    /// Makes a process a member, if it is the one that was found.
    fn adopt(&mut self, pid: i32, found: impl Fn(&Stat) -> bool, known: &mut Option<HashSet<i32>>) {
        let members = &mut self.members;
        let known =
            known.get_or_insert_with(|| members.iter().map(|member| member.files.pid()).collect());
        if members.len() >= MAX_MEMBERS || !known.insert(pid) {
            return;
        }
        if let Ok((files, stat)) = Files::open(pid)
            && found(&stat)
        {
            members.push(Member::new(files, stat));
        }
    }

    /// Reads all of them anew. What all have used so far; `None` once nobody is left.
    pub(super) fn read(&mut self, disk: bool) -> Option<Used> {
        let mut gone = HashMap::new();
        let whole = self.whole;
        let ended = &mut self.ended;
        self.members.retain_mut(|member| {
            let lives = member.read(whole, disk);
            if !lives {
                gone.insert(member.files.pid(), member.stat.parent);
                ended.push(Ended {
                    parent: member.stat.parent,
                    started: member.stat.started,
                    used: member.used,
                    waited: false,
                });
            }
            lives
        });
        for ended in &mut self.ended {
            // Whoever has ended waits for nobody; his own parent may have got it all.
            let mut generations = gone.len();
            while let Some(parent) = gone.get(&ended.parent).filter(|_| generations > 0) {
                ended.parent = *parent;
                generations -= 1;
            }
        }
        if self.members.is_empty() && (!whole || gone.is_empty()) {
            return None;
        }
        self.settle();
        let living = self.members.iter().map(|member| member.used);
        let waiting = self.ended.iter().map(|ended| ended.used);
        let all = living.chain(waiting).fold(self.lost, Used::plus);
        // An account of children is rounded down, and what moves into it seems less.
        self.most = self.most.max(all);
        Some(self.most)
    }

    /// Decides of those that have ended whether their parent's account has them. The
    /// parent was read before its child was found gone, and may have had its account
    /// changed in between: it is asked twice.
    fn settle(&mut self) {
        self.ended.sort_by_key(|ended| ended.started);
        let (members, lost) = (&mut self.members, &mut self.lost);
        self.ended.retain_mut(|ended| {
            let parent = members.iter_mut().find(|m| m.files.pid() == ended.parent);
            if let Some(parent) = parent {
                let grown = parent.stat.reaped.saturating_sub(parent.reaped_before);
                if parent.claimed + ended.used.cpu <= grown + ticks(ROUNDING_TICKS) {
                    parent.claimed += ended.used.cpu;
                    return false;
                }
                if !std::mem::replace(&mut ended.waited, true) {
                    return true;
                }
            }
            *lost = lost.plus(ended.used);
            false
        });
    }
}
