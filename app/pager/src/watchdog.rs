//! Whether anybody would tell the pager: the dead man's switch.
//!
//! Prometheus has a rule that always fires, `Watchdog`, and Alertmanager repeats it to
//! the pager all the time. If it is no longer heard, something on the way is dead or cut
//! off, and no alert comes through any more: the pager raises an alert of its own. Which
//! part it is, is found out by asking both for their health, where their addresses are
//! known; a Prometheus that is gone is noticed so before Alertmanager gives its Watchdog up.
//!
//! Knows no HTTP: it is told what was heard and who answered, and says what that means.

use std::time::{Duration, SystemTime};

use serde::Serialize;
use tokio::time::Instant;

use super::alert::{Alert, Status};

/// The alert by which the pager says so.
pub const SILENT: &str = "WatchdogSilent";

/// What the watchdog knows.
#[derive(Debug)]
pub(super) struct Watchdog {
    /// The longest time without; zero where nobody watches.
    timeout: Duration,
    started: Instant,
    heard: Option<(Instant, SystemTime)>,
    /// Alertmanager says that Prometheus no longer repeats it.
    ended: bool,
    peers: Vec<Peer>,
    silence: Option<Silence>,
}

/// Prometheus or Alertmanager, where its address is known.
#[derive(Debug)]
struct Peer {
    name: &'static str,
    answered: Instant,
    /// Why its latest answer is none.
    trouble: Option<String>,
}

#[derive(Debug, PartialEq)]
struct Silence {
    since: SystemTime,
    silent: Vec<&'static str>,
    why: String,
}

/// How the watchdog stands, as the API shows it.
#[derive(Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub(crate) struct Standing {
    /// `heard`; `waiting` for the first one; `silent`: the pager's own alert fires; or `off`.
    pub state: &'static str,
    /// When it was last heard, RFC 3339.
    pub last_heard: Option<String>,
    /// Since when its own alert fires, RFC 3339.
    pub silent_since: Option<String>,
    /// Who is silent: `Prometheus`, `Alertmanager`, or both where it is not known.
    pub silent: Vec<&'static str>,
}

impl Watchdog {
    /// Raises its alert after this time without a Watchdog; never, if it is zero. `peers` are the
    /// names of those who are asked for their health.
    pub(super) fn new(timeout: Duration, peers: &[&'static str]) -> Self {
        let started = Instant::now();
        let peer = |name: &&'static str| Peer {
            name,
            answered: started,
            trouble: None,
        };
        Self {
            timeout,
            started,
            heard: None,
            ended: false,
            peers: peers.iter().map(peer).collect(),
            silence: None,
        }
    }

    /// A Watchdog came.
    pub(super) fn hear(&mut self, status: Status) {
        self.ended = status == Status::Resolved;
        if !self.ended {
            self.heard = Some((Instant::now(), SystemTime::now()));
        }
    }

    /// A peer was asked for its health.
    pub(super) fn probed(&mut self, name: &str, result: Result<(), String>) {
        let peer = self.peers.iter_mut().find(|peer| peer.name == name);
        let Some(peer) = peer else { return };
        match result {
            Ok(()) => {
                peer.answered = Instant::now();
                peer.trouble = None;
            }
            Err(trouble) => peer.trouble = Some(trouble),
        }
    }

    /// Judges anew; returns whether the pager has raised or ended its own alert.
    pub(super) fn judge(&mut self) -> bool {
        let new = self.verdict();
        let changed = self.silence.is_some() != new.is_some();
        self.silence = new.map(|(silent, why)| Silence {
            since: self
                .silence
                .as_ref()
                .map_or_else(SystemTime::now, |silence| silence.since),
            silent,
            why,
        });
        if changed {
            match &self.silence {
                Some(silence) => {
                    tracing::warn!(silent = silence.silent.join(" or "), "{}", silence.why);
                }
                None => tracing::info!("the Watchdog is heard again"),
            }
        }
        changed
    }

    /// Who is silent and how that is known; `None` while all is well.
    fn verdict(&self) -> Option<(Vec<&'static str>, String)> {
        if self.timeout.is_zero() {
            return None;
        }
        let gone = self
            .peers
            .iter()
            .filter(|peer| peer.trouble.is_some() && peer.answered.elapsed() >= self.timeout);
        let mut gone: Vec<_> = gone.collect();
        let since = self.heard.map_or(self.started, |(at, _)| at);
        let late = since.elapsed() >= self.timeout;
        if !late && gone.is_empty() {
            return None;
        }
        if gone.is_empty() {
            gone = self
                .peers
                .iter()
                .filter(|peer| peer.trouble.is_some())
                .collect();
        }
        let seconds = self.timeout.as_secs_f64();
        let heard = match self.heard {
            Some(_) if late => format!("no Watchdog was heard for {seconds} s"),
            Some(_) => format!("no answer for {seconds} s"),
            None => format!("no Watchdog was heard since the pager started, for {seconds} s"),
        };
        if !gone.is_empty() {
            let trouble = |peer: &&Peer| {
                let trouble = peer.trouble.as_deref().unwrap_or_default();
                format!("{}: {trouble}", peer.name)
            };
            let troubles: Vec<_> = gone.iter().map(trouble).collect();
            let why = format!("{heard}; {}", troubles.join("; "));
            return Some((gone.iter().map(|peer| peer.name).collect(), why));
        }
        if self.ended {
            let why = format!("{heard}; Alertmanager says that Prometheus no longer sends it any");
            return Some((vec!["Prometheus"], why));
        }
        let why = if self.peers.len() == 2 {
            format!(
                "{heard}, although both answer: is the rule {} loaded, and does its route lead here?",
                super::notification::WATCHDOG
            )
        } else {
            heard
        };
        Some((vec!["Prometheus", "Alertmanager"], why))
    }

    /// How it stands.
    pub(super) fn standing(&self) -> Standing {
        let text = |at: SystemTime| humantime::format_rfc3339_seconds(at).to_string();
        Standing {
            state: match (&self.silence, self.heard) {
                _ if self.timeout.is_zero() => "off",
                (Some(_), _) => "silent",
                (None, Some(_)) => "heard",
                (None, None) => "waiting",
            },
            last_heard: self.heard.map(|(_, at)| text(at)),
            silent_since: self.silence.as_ref().map(|silence| text(silence.since)),
            silent: self
                .silence
                .as_ref()
                .map_or_else(Vec::new, |silence| silence.silent.clone()),
        }
    }

    /// When it was last heard.
    pub(super) fn last_heard(&self) -> Option<SystemTime> {
        self.heard.map(|(_, at)| at)
    }

    /// The alert that is shown during a silence.
    pub(super) fn alert(&self) -> Option<Alert> {
        let silence = self.silence.as_ref()?;
        let silent = silence.silent.join(" or ");
        Some(Alert::of_the_pager(
            SILENT,
            ["critical", "1"],
            format!("{silent} is silent: no alert would reach this pager"),
            format!(
                "{}. Until it is heard again, what fires is not known.",
                silence.why
            ),
            silence.since,
        ))
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(60);
    const BOTH: [&str; 2] = ["Prometheus", "Alertmanager"];

    async fn silent_after(watchdog: &mut Watchdog, seconds: u64) -> Vec<&'static str> {
        advance(Duration::from_secs(seconds)).await;
        watchdog.judge();
        watchdog.standing().silent
    }

    #[tokio::test(start_paused = true)]
    async fn it_raises_an_alert_when_it_hears_none_and_ends_it_when_it_hears_again() {
        let mut watchdog = Watchdog::new(TIMEOUT, &[]);
        assert_eq!(watchdog.standing().state, "waiting");
        watchdog.hear(Status::Firing);
        assert!(silent_after(&mut watchdog, 59).await.is_empty());
        assert_eq!(watchdog.standing().state, "heard");
        assert_eq!(silent_after(&mut watchdog, 1).await, BOTH);
        let alert = watchdog.alert().unwrap();
        assert_eq!(alert.labels["alertname"], SILENT);
        let summary = &alert.annotations["summary"];
        assert!(
            summary.starts_with("Prometheus or Alertmanager is silent"),
            "{summary}"
        );
        watchdog.hear(Status::Firing);
        assert!(watchdog.judge());
        assert_eq!(
            (watchdog.alert(), watchdog.standing().state),
            (None, "heard")
        );
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_never_comes_raises_an_alert_and_zero_never_does() {
        let mut watchdog = Watchdog::new(TIMEOUT, &BOTH);
        for name in BOTH {
            watchdog.probed(name, Ok(()));
        }
        assert_eq!(silent_after(&mut watchdog, 60).await, BOTH);
        let described = &watchdog.alert().unwrap().annotations["description"];
        assert!(described.contains("since the pager started"), "{described}");
        assert!(described.contains("although both answer"), "{described}");
        let mut off = Watchdog::new(Duration::ZERO, &[]);
        assert!(silent_after(&mut off, 3_600).await.is_empty());
        assert_eq!(off.standing().state, "off");
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_answer_is_named() {
        for name in BOTH {
            let other = BOTH[usize::from(name == BOTH[0])];
            let mut watchdog = Watchdog::new(TIMEOUT, &BOTH);
            watchdog.hear(Status::Firing);
            watchdog.probed(other, Ok(()));
            watchdog.probed(name, Err("connection refused".to_owned()));
            assert_eq!(silent_after(&mut watchdog, 60).await, [name]);
            let described = &watchdog.alert().unwrap().annotations["description"];
            let said = format!("{name}: connection refused");
            assert!(described.contains(&said), "{described}");
        }
    }

    /// Alertmanager goes on with what a dead Prometheus said for a while.
    #[tokio::test(start_paused = true)]
    async fn a_dead_prometheus_raises_an_alert_although_alertmanager_repeats_its_watchdog() {
        let mut watchdog = Watchdog::new(TIMEOUT, &BOTH);
        for _ in 0..4 {
            watchdog.hear(Status::Firing);
            watchdog.probed("Alertmanager", Ok(()));
            watchdog.probed("Prometheus", Err("no such host".to_owned()));
            advance(Duration::from_secs(15)).await;
        }
        watchdog.hear(Status::Firing);
        assert_eq!(silent_after(&mut watchdog, 0).await, ["Prometheus"]);
        watchdog.probed("Prometheus", Ok(()));
        assert!(silent_after(&mut watchdog, 0).await.is_empty());
    }

    /// Without addresses: its end is Alertmanager's word that Prometheus is silent.
    #[tokio::test(start_paused = true)]
    async fn a_watchdog_that_has_ended_names_prometheus() {
        let mut watchdog = Watchdog::new(TIMEOUT, &[]);
        watchdog.hear(Status::Firing);
        watchdog.hear(Status::Resolved);
        assert_eq!(silent_after(&mut watchdog, 60).await, ["Prometheus"]);
    }
}
