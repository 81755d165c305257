//! Who belongs to the group, as far as this member has heard, and who takes over the
//! session of one that is gone. Knows no topic.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

/// How often a member says that it is alive.
pub(super) const ALIVE_INTERVAL: Duration = Duration::from_secs(10);

/// A member that has not said so for as long is gone: its will may have been lost with
/// a broker that was killed.
const ALIVE_TIMEOUT: Duration = Duration::from_secs(45);

/// More are not known: names in a topic are anybody's.
const MAX_MEMBERS: usize = 1_000;

/// The other members.
#[derive(Debug, Default)]
pub(super) struct Members(HashMap<String, Heard>);

#[derive(Debug)]
struct Heard {
    alive: bool,
    at: Instant,
}

impl Members {
    /// A member is alive or gone, or there is nothing of it any more.
    pub(super) fn hear(&mut self, member: &str, alive: Option<bool>, now: Instant) {
        let Some(alive) = alive else {
            self.0.remove(member);
            return;
        };
        if self.0.len() < MAX_MEMBERS || self.0.contains_key(member) {
            self.0.insert(member.to_owned(), Heard { alive, at: now });
        }
    }

    fn alive(&self, now: Instant) -> impl Iterator<Item = &str> {
        let lives = move |heard: &Heard| heard.alive && now - heard.at < ALIVE_TIMEOUT;
        let members = self.0.iter().filter(move |(_, heard)| lives(heard));
        members.map(|(member, _)| &**member)
    }

    /// How many are alive.
    pub(super) fn count_alive(&self, now: Instant) -> usize {
        self.alive(now).count()
    }

    /// The member whose session `own` is to take over now: the first by name of those
    /// that are gone, if `own` is the first by name of those that are alive. So the
    /// members agree without asking each other; where they have heard different things,
    /// two take turns until one has finished.
    pub(super) fn to_take_over(&self, own: &str, now: Instant) -> Option<&str> {
        if self.alive(now).any(|member| member < own) {
            return None;
        }
        let lives = |heard: &Heard| heard.alive && now - heard.at < ALIVE_TIMEOUT;
        let gone = self.0.iter().filter(|(_, heard)| !lives(heard));
        gone.map(|(member, _)| &**member).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_the_living_takes_over() {
        let now = Instant::now();
        let mut members = Members::default();
        assert_eq!(members.to_take_over("b", now), None);
        members.hear("c", Some(true), now);
        members.hear("d", Some(false), now);
        assert_eq!(members.to_take_over("b", now), Some("d"));
        members.hear("a", Some(true), now);
        assert_eq!(members.to_take_over("b", now), None);
        // It is gone, too, and its session the next one.
        members.hear("a", Some(false), now);
        assert_eq!(members.to_take_over("b", now), Some("a"));
        members.hear("a", None, now);
        assert_eq!(members.to_take_over("b", now), Some("d"));
        members.hear("d", Some(true), now);
        assert_eq!(members.to_take_over("b", now), None);
        assert_eq!(members.count_alive(now), 2);
    }

    #[test]
    fn who_is_silent_is_gone() {
        let now = Instant::now();
        let mut members = Members::default();
        members.hear("a", Some(true), now);
        let later = now + ALIVE_TIMEOUT;
        assert_eq!(members.to_take_over("b", later), Some("a"));
        assert_eq!(members.count_alive(later), 0);
    }

    #[test]
    fn names_are_bounded() {
        let now = Instant::now();
        let mut members = Members::default();
        for number in 0..2 * MAX_MEMBERS {
            members.hear(&number.to_string(), Some(true), now);
        }
        assert_eq!(members.count_alive(now), MAX_MEMBERS);
    }
}
