//! What has fired and when it ended, the latest first: what somebody reads in the morning.
//! One line a group and change; a storm is one line. Bounded, and knows no reader.

use std::collections::VecDeque;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::alert::{Status, truncate};

/// Maximum lines.
pub(crate) const MAX_EVENTS: usize = 200;

/// Maximum characters of a summary.
const MAX_SUMMARY: usize = 300;

/// A group has begun to fire, or has ended.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, utoipa::ToSchema)]
pub(crate) struct Event {
    /// When the pager was told, RFC 3339.
    pub at: String,
    /// The group's name: `alertname`, mostly.
    pub name: String,
    /// Whether it fires from then on.
    pub status: Status,
    /// How many alerts of it fire.
    pub firing: usize,
    /// `critical`, `major`, `minor` or what the first alert of the group says.
    #[serde(default)]
    pub severity: String,
    /// The summary of the first alert of the group.
    #[serde(default)]
    pub summary: String,
}

/// The latest events.
#[derive(Debug, Default)]
pub(super) struct Events {
    /// From the latest.
    kept: VecDeque<Event>,
}

impl Events {
    /// So many alerts of a group fired before and do now; `lead` is its first one.
    pub(super) fn note(&mut self, name: &str, before: usize, now: usize, lead: Option<&str>) {
        if (before > 0) == (now > 0) {
            return;
        }
        let lead: Value = lead
            .and_then(|json| serde_json::from_str(json).ok())
            .unwrap_or_default();
        let mut severity = lead["labels"]["severity"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        truncate(&mut severity);
        let annotations = &lead["annotations"];
        let summary = ["summary", "description", "message"]
            .into_iter()
            .find_map(|name| annotations[name].as_str())
            .unwrap_or_default();
        self.push(Event {
            at: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            name: name.to_owned(),
            status: if now > 0 {
                Status::Firing
            } else {
                Status::Resolved
            },
            firing: now,
            severity,
            summary: summary.chars().take(MAX_SUMMARY).collect(),
        });
    }

    /// Adds the latest.
    pub(super) fn push(&mut self, event: Event) {
        self.kept.push_front(event);
        self.kept.truncate(MAX_EVENTS);
    }

    /// From the latest.
    pub(super) fn list(&self) -> Vec<Event> {
        self.kept.iter().cloned().collect()
    }

    /// Those of before a restart, from the latest.
    pub(super) fn restore(&mut self, events: Vec<Event>) {
        self.kept.extend(events);
        self.kept.truncate(MAX_EVENTS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_a_change_and_the_latest_remain() {
        let mut events = Events::default();
        let lead = r#"{"labels":{"severity":"major"},"annotations":{"summary":"slow"}}"#;
        for (before, now) in [(0, 0), (0, 600), (600, 3), (3, 0)] {
            events.note("A", before, now, Some(lead));
        }
        let listed = events.list();
        assert_eq!(listed.len(), 2);
        assert_eq!((listed[0].status, listed[0].firing), (Status::Resolved, 0));
        assert_eq!((listed[1].status, listed[1].firing), (Status::Firing, 600));
        assert_eq!(
            (&*listed[1].severity, &*listed[1].summary),
            ("major", "slow")
        );
        for _ in 0..MAX_EVENTS {
            events.note("B", 0, 1, None);
        }
        assert_eq!(events.list().len(), MAX_EVENTS);
        assert!(events.list().iter().all(|event| event.name == "B"));
    }
}
