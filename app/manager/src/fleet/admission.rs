//! Whose messages are let in, and what is known of who that is.

use super::Fleet;
use super::proplet::Proplet;
use crate::history::Identity;

/// Why a message was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The name belongs to a proplet that publishes elsewhere.
    Forged,
    /// Its proplet exceeds the rate limit.
    RateLimited,
    /// It would exceed the limit of known proplets.
    PropletLimit,
}

impl Fleet {
    /// Lets a message of `name` in, that came on a topic of this domain and
    /// channel. `true` if the proplet is to be written down (anew): it is new,
    /// or was last written down a minute ago.
    ///
    /// # Errors
    ///
    /// Why not.
    pub fn admit(
        &self,
        name: &str,
        domain: &str,
        channel: &str,
        now: i64,
    ) -> Result<bool, Refused> {
        const MINUTE: i64 = 60_000_000_000;

        let mut state = self.lock();
        if let Some(proplet) = state.proplets.get_mut(name) {
            if proplet.identity.domain != domain || proplet.identity.channel != channel {
                return Err(Refused::Forged);
            }
            if !proplet.bucket.take(now) {
                return Err(Refused::RateLimited);
            }
            proplet.seen = now;
            let due = now - proplet.identity.last_seen >= MINUTE;
            if due {
                proplet.identity.last_seen = now;
            }
            return Ok(due);
        }
        if state.proplets.len() >= self.bounds.proplets {
            return Err(Refused::PropletLimit);
        }
        let identity = Identity {
            name: name.to_owned(),
            domain: domain.to_owned(),
            channel: channel.to_owned(),
            namespace: None,
            metadata: None,
            first_seen: now,
            last_seen: now,
        };
        let proplet = Proplet::new(identity, now, self.bounds.rate, now);
        state.proplets.insert(name.into(), proplet);
        Ok(true)
    }

    /// What is known of who a proplet is.
    #[must_use]
    pub fn identity(&self, name: &str) -> Option<Identity> {
        let state = self.lock();
        state
            .proplets
            .get(name)
            .map(|proplet| proplet.identity.clone())
    }

    /// Learns a proplet's namespace, and what it tells of itself. `true` if
    /// that is new.
    pub fn describe(&self, name: &str, namespace: Option<&str>, metadata: Option<&str>) -> bool {
        let mut state = self.lock();
        let Some(proplet) = state.proplets.get_mut(name) else {
            return false;
        };
        let mut changed = false;
        for (known, told) in [
            (&mut proplet.identity.namespace, namespace),
            (&mut proplet.identity.metadata, metadata),
        ] {
            if told.is_some() && known.as_deref() != told {
                *known = told.map(str::to_owned);
                changed = true;
            }
        }
        changed
    }
}
