//! Which alerts a [pager](super::pager) remembers. Each is kept as the JSON that readers
//! get, so that the size of all is known. Knows no reader and takes no lock.
//!
//! # What a full pager drops
//!
//! Resolved alerts first, the earliest delivered of them first. Then firing ones, by
//! their label `severity`: others, minor, major, critical. Among firing alerts of one
//! severity those stay that were there first: what somebody may be reading does not
//! vanish in a storm, whose first alerts are also the nearest to its cause. So a
//! critical alert gives way to nothing but earlier critical ones. What was dropped is
//! said by the delivery's result, by the alert [`FULL`] at the head of the list, and
//! by one warning in the log.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::alert::{Alert, Severity, Status};

/// Maximum alerts remembered.
pub const MAX_ALERTS: usize = 100;

/// Maximum size of the list as JSON. An honest alert has about 1 KiB.
pub const MAX_BYTES: usize = 256 * 1024;

/// How long a resolved alert remains visible.
pub const RESOLVED_RETENTION: Duration = Duration::from_secs(300);

/// How long a firing alert remains without being repeated. Alertmanager repeats
/// firing alerts every five minutes (`repeat_interval` in
/// `prometheus/alertmanager.yml`) and reports when they resolve, but not of an
/// alert that resolves while it is inhibited: without this it would fire for
/// ever.
pub const FIRING_RETENTION: Duration = Duration::from_secs(900);

/// The alert by which a pager says that it dropped others. It fires as long as one of
/// those may.
pub const FULL: &str = "PagerFull";

/// For those who are told that alerts were dropped.
pub const WHAT_REMAINS: &str = "it holds 100 alerts and 256 KiB: firing before resolved ones, \
    critical before major and minor ones, earlier before later ones; Alertmanager shows all";

/// An event of a stream of server-sent events, around the list.
pub(super) const EVENT: [&str; 2] = ["event: alerts\ndata: ", "\n\n"];

#[derive(Debug, Default)]
pub(super) struct Store {
    /// From the most recently delivered.
    remembered: Vec<Remembered>,
    dropped: Option<Dropped>,
    /// Number of deliveries of an alert.
    delivered: u64,
    /// What is shown is not what is remembered: there was no room to render it.
    pub(super) stale: bool,
}

#[derive(Debug)]
struct Remembered {
    fingerprint: String,
    status: Status,
    severity: Severity,
    json: String,
    /// When, and as which of all.
    delivered: (Instant, u64),
    /// As which of all it was first delivered.
    first: u64,
}

/// What was lost for want of room.
#[derive(Debug)]
struct Dropped {
    count: usize,
    since: SystemTime,
    last: Instant,
}

impl Store {
    pub(super) fn remember(&mut self, alert: Alert) {
        let number = self.delivered;
        self.delivered += 1;
        let same = |known: &Remembered| known.fingerprint == alert.fingerprint;
        let known = self.remembered.iter().position(same);
        let known = known.map(|at| self.remembered.remove(at).first);
        let new = Remembered {
            status: alert.status,
            severity: alert.severity(),
            json: alert.to_json(),
            delivered: (Instant::now(), number),
            first: known.unwrap_or(number),
            fingerprint: alert.fingerprint,
        };
        self.remembered.insert(0, new);
    }

    /// Whether anything was forgotten.
    pub(super) fn forget(&mut self) -> bool {
        let before = self.remembered.len();
        self.remembered.retain(|known| {
            let retention = match known.status {
                Status::Firing => FIRING_RETENTION,
                Status::Resolved => RESOLVED_RETENTION,
            };
            known.delivered.0.elapsed() < retention
        });
        // Alertmanager has repeated by now what was dropped then, if it still fires.
        let over = |dropped: &mut Dropped| dropped.last.elapsed() >= FIRING_RETENTION;
        let notice = self.dropped.take_if(over);
        notice.is_some() || self.remembered.len() < before
    }

    /// Drops what does not fit, and says so. Returns how many that were.
    pub(super) fn make_room(&mut self) -> usize {
        let sized = |known: &Remembered| (known.rank(), known.json.len() + ",".len());
        let mut ranked: Vec<_> = self.remembered.iter().map(sized).collect();
        ranked.sort_unstable();
        let mut bytes = 0;
        let within = ranked.iter().take(MAX_ALERTS).take_while(|(_, size)| {
            bytes += size;
            bytes <= MAX_BYTES
        });
        let fit = within.count();
        let Some((first_dropped, _)) = ranked.get(fit).copied() else {
            return 0;
        };
        self.remembered.retain(|known| known.rank() < first_dropped);
        let count = ranked.len() - fit;
        let dropped = self.dropped.get_or_insert_with(|| {
            tracing::warn!(count, "alerts dropped: the pager is full");
            Dropped {
                count: 0,
                since: SystemTime::now(),
                last: Instant::now(),
            }
        });
        dropped.count += count;
        dropped.last = Instant::now();
        count
    }

    pub(super) fn render(&self) -> String {
        let notice = self
            .dropped
            .as_ref()
            .map(|dropped| dropped.alert().to_json());
        let with = |status| {
            let remembered = self.remembered.iter();
            remembered.filter_map(move |known| (known.status == status).then_some(&known.json))
        };
        let alerts = with(Status::Firing).chain(with(Status::Resolved));
        let size: usize = self
            .remembered
            .iter()
            .map(|known| known.json.len() + 1)
            .sum();
        let mut text = String::with_capacity(size + 1_024);
        text.push_str(EVENT[0]);
        for (number, json) in notice.iter().chain(alerts).enumerate() {
            text.push_str(if number == 0 { "[" } else { "," });
            text.push_str(json);
        }
        text.push_str(if text.len() == EVENT[0].len() {
            "[]"
        } else {
            "]"
        });
        text.push_str(EVENT[1]);
        text
    }
}

impl Remembered {
    /// The least is the last to be dropped. No two are the same.
    fn rank(&self) -> (bool, Severity, u64) {
        match self.status {
            Status::Firing => (false, self.severity, self.first),
            Status::Resolved => (true, Severity::Other, u64::MAX - self.delivered.1),
        }
    }
}

impl Dropped {
    fn alert(&self) -> Alert {
        fn pairs<const N: usize>(pairs: [(&str, String); N]) -> BTreeMap<String, String> {
            BTreeMap::from(pairs.map(|(name, text)| (name.to_owned(), text)))
        }
        Alert {
            fingerprint: FULL.to_owned(),
            status: Status::Firing,
            labels: pairs([
                ("alertname", FULL.to_owned()),
                ("severity", "major".to_owned()),
                ("level", "2".to_owned()),
            ]),
            annotations: pairs([
                (
                    "summary",
                    format!("{} deliveries of alerts were dropped", self.count),
                ),
                ("description", format!("The pager is full: {WHAT_REMAINS}.")),
            ]),
            starts_at: humantime::format_rfc3339_seconds(self.since).to_string(),
            ends_at: String::new(),
            generator_url: String::new(),
        }
    }
}
