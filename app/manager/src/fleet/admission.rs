//! Admission of messages, and the identities of proplets.

use super::Fleet;
use super::proplet::Proplet;
use crate::history::Identity;

/// Why a message was refused.
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
    /// Admits a message of `name` from a topic of this domain and channel. `true` if
    /// the proplet is to be stored: it is new, or was last stored a minute ago.
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

    /// The identity of a proplet.
    #[must_use]
    pub fn identity(&self, name: &str) -> Option<Identity> {
        let state = self.lock();
        state
            .proplets
            .get(name)
            .map(|proplet| proplet.identity.clone())
    }

    /// Updates a proplet's namespace and metadata. `true` if something changed.
    pub fn describe(&self, name: &str, namespace: Option<&str>, metadata: Option<&str>) -> bool {
        let mut state = self.lock();
        let Some(proplet) = state.proplets.get_mut(name) else {
            return false;
        };
        let mut changed = false;
        for (known, reported) in [
            (&mut proplet.identity.namespace, namespace),
            (&mut proplet.identity.metadata, metadata),
        ] {
            if reported.is_some() && known.as_deref() != reported {
                *known = reported.map(str::to_owned);
                changed = true;
            }
        }
        changed
    }
}
