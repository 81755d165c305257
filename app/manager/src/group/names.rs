//! The topics by which managers of a group know of each other, and the filters that each
//! of them subscribes to. Knows no connection.
//!
//! | topic | retained | payload |
//! |---|---|---|
//! | `golden-signals/managers/GROUP/CLIENT_ID/status` | yes | `alive`, `gone`, or nothing once its session is taken over |
//! | `golden-signals/managers/GROUP/CLIENT_ID/proven` | no | a [`Probe`] of this client that another one got |
//! | `golden-signals/managers/GROUP/CLIENT_ID/drained` | no | the last message of a session that is taken over |
//! | `m/golden-signals-probe/c/CLIENT_ID/…` | no | a [`Probe`], as one of its proplets would publish there |

use std::sync::Arc;

use golden_mqtt::{Content, Delivery, Settings, Will};
use proplet_schema::{Topic, TopicKind, Topics};
use serde::{Deserialize, Serialize};

/// The group that stands for no shared subscription.
pub(super) const NO_GROUP: &str = "none";

/// The default of `--group`, which a session may still be subscribed to.
pub(crate) const DEFAULT_GROUP: &str = "golden-signals";

/// No proplet's domain.
const PROBE_DOMAIN: &str = "golden-signals-probe";

/// Samples: each is one member's.
const DIVIDED: [TopicKind; 2] = [TopicKind::Metrics, TopicKind::TaskMetrics];

/// What every member must know.
const FOR_ALL: [TopicKind; 3] = [TopicKind::Create, TopicKind::Results, TopicKind::Alive];

/// What is subscribed to. The document's second topic for tasks carries the same messages
/// once more.
pub(super) fn kinds() -> impl Iterator<Item = TopicKind> {
    DIVIDED.into_iter().chain(FOR_ALL)
}

/// A message that proves a subscription by arriving through it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Probe {
    /// The sender's group.
    pub(super) group: String,
    /// The filter that it shall arrive through, without `$share`.
    pub(super) filter: String,
    /// Of one connection of the sender.
    pub(super) connection: u64,
}

/// What a message means that is not for the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A member has said of itself whether it is alive.
    Status {
        /// Its client id.
        member: String,
        /// `None`: nothing is known of it any more.
        alive: Option<bool>,
    },
    /// A probe of this client arrived, here or at another member.
    Proven {
        /// What its filter is for.
        kind: TopicKind,
        /// The connection that it was sent over.
        connection: u64,
    },
    /// A probe of another member arrived here.
    Probe {
        /// Its client id.
        member: String,
        /// What it is told.
        payload: bytes::Bytes,
    },
    /// Everything that a session held has been delivered and stored.
    Drained {
        /// Whose session it is.
        member: String,
    },
}

/// What becomes of a delivery.
#[derive(Debug)]
pub enum Sorted {
    /// It is from a proplet.
    Message,
    /// It is from a manager.
    Notice(Notice),
    /// It is for nobody.
    Nothing,
}

/// The names of one manager.
#[derive(Debug)]
pub(super) struct Names {
    client_id: String,
    group: String,
}

impl Names {
    /// Both are levels of topics.
    pub(super) fn new(client_id: &str, group: &str) -> Self {
        Self {
            client_id: client_id.to_owned(),
            group: group.to_owned(),
        }
    }

    pub(super) fn client_id(&self) -> &str {
        &self.client_id
    }

    fn is_divided(&self, kind: TopicKind) -> bool {
        self.group != NO_GROUP && DIVIDED.contains(&kind)
    }

    /// The filter of a kind as it is subscribed to.
    pub(super) fn filter(&self, kind: TopicKind) -> String {
        let filter = kind.filter_of_all();
        if self.is_divided(kind) {
            shared(&self.group, &filter)
        } else {
            filter
        }
    }

    /// A topic of a member.
    fn topic(&self, member: &str, what: &str) -> String {
        format!("golden-signals/managers/{}/{member}/{what}", self.group)
    }

    pub(super) fn status(&self, member: &str) -> Arc<str> {
        self.topic(member, "status").into()
    }

    pub(super) fn proven(&self, member: &str) -> Arc<str> {
        self.topic(member, "proven").into()
    }

    pub(super) fn drained(&self, member: &str) -> Arc<str> {
        self.topic(member, "drained").into()
    }

    /// The probe of a filter: its topic and payload.
    pub(super) fn probe(&self, kind: TopicKind, connection: u64) -> Option<(Arc<str>, Vec<u8>)> {
        let topics = Topics::new(PROBE_DOMAIN, &self.client_id).ok()?;
        let probe = Probe {
            group: self.group.clone(),
            filter: kind.filter_of_all(),
            connection,
        };
        Some((
            Arc::clone(topics.of(kind)),
            serde_json::to_vec(&probe).ok()?,
        ))
    }

    /// What this manager subscribes to, and its will.
    pub(super) fn subscribe(&self, settings: &mut Settings) {
        let fleeting = |kind| kind == TopicKind::Alive && self.group != NO_GROUP;
        let filters = kinds().filter(|kind| !fleeting(*kind));
        settings.subscriptions = filters.map(|kind| self.filter(kind)).collect();
        settings.subscriptions.extend([
            self.topic("+", "status"),
            self.topic(&self.client_id, "proven"),
        ]);
        // Late it says nothing; and the queue is for samples.
        let filters = kinds().filter(|kind| fleeting(*kind));
        settings.fleeting_subscriptions = filters.map(|kind| self.filter(kind)).collect();
        // The session may have been used with another --group, or by a version that
        // divided everything.
        let wanted = |filter: &String| {
            settings.subscriptions.contains(filter)
                || settings.fleeting_subscriptions.contains(filter)
        };
        let mut others = self.all_filters();
        others.retain(|filter| !wanted(filter));
        settings.unsubscriptions = others;
        settings.will = Some(Will {
            topic: self.status(&self.client_id).to_string(),
            payload: GONE.into(),
            retained: true,
        });
    }

    /// What is left of a member's subscriptions when its session is taken over: the mark
    /// of its end.
    pub(super) fn take_over(&self, member: &str, settings: &mut Settings) {
        member.clone_into(&mut settings.client_id);
        settings.subscriptions = vec![self.drained(member).to_string()];
        settings.fleeting_subscriptions = Vec::new();
        settings.unsubscriptions = self.all_filters();
        settings
            .unsubscriptions
            .extend([self.topic("+", "status"), self.topic(member, "proven")]);
        settings.unsubscribe_on_close = true;
        settings.will = None;
    }

    /// Every filter for proplets' messages that a member may have.
    fn all_filters(&self) -> Vec<String> {
        let mut groups = vec![DEFAULT_GROUP];
        if self.group != DEFAULT_GROUP && self.group != NO_GROUP {
            groups.push(&self.group);
        }
        let every = |filter: String| {
            let of_groups = groups.iter().map(|group| shared(group, &filter));
            let of_groups: Vec<_> = of_groups.collect();
            std::iter::once(filter).chain(of_groups)
        };
        kinds()
            .map(TopicKind::filter_of_all)
            .flat_map(every)
            .collect()
    }

    /// What a delivery is.
    pub(super) fn sort(&self, delivery: &Delivery) -> Sorted {
        let own = *delivery.client_id == *self.client_id;
        let notice = match Topic::parse(&delivery.topic) {
            Some(topic) if topic.domain_id == PROBE_DOMAIN => self.probed(topic, delivery),
            // Who takes a session over has heard better who is alive.
            Some(topic) if own || topic.kind != TopicKind::Alive => return Sorted::Message,
            Some(_) => None,
            None if delivery.topic.starts_with("golden-signals/managers/") => {
                self.told(&delivery.topic, &delivery.content, own)
            }
            None => return Sorted::Message,
        };
        notice.map_or(Sorted::Nothing, Sorted::Notice)
    }

    fn probed(&self, topic: Topic<'_>, delivery: &Delivery) -> Option<Notice> {
        let payload = whole(&delivery.content)?;
        let probe: Probe = serde_json::from_slice(payload).ok()?;
        let (kind, ours) = (topic.kind, probe.group == self.group);
        let expected = probe.filter == kind.filter_of_all() && ours;
        if topic.channel_id == self.client_id {
            expected.then_some(Notice::Proven {
                kind,
                connection: probe.connection,
            })
        } else {
            (expected && self.is_divided(kind)).then(|| Notice::Probe {
                member: topic.channel_id.to_owned(),
                payload: payload.clone(),
            })
        }
    }

    fn told(&self, topic: &str, content: &Content, own: bool) -> Option<Notice> {
        let rest = topic.strip_prefix(&format!("golden-signals/managers/{}/", self.group))?;
        let (member, what) = rest.split_once('/')?;
        let payload = whole(content)?;
        let member = member.to_owned();
        match what {
            "drained" => Some(Notice::Drained { member }),
            // Another member's old ones, in its session.
            _ if !own => None,
            "proven" => {
                let probe: Probe = serde_json::from_slice(payload).ok()?;
                let kind = kinds().find(|kind| kind.filter_of_all() == probe.filter)?;
                Some(Notice::Proven {
                    kind,
                    connection: probe.connection,
                })
            }
            "status" if member != self.client_id => Some(Notice::Status {
                member,
                alive: match &payload[..] {
                    b"" => None,
                    payload => Some(payload == ALIVE.as_bytes()),
                },
            }),
            _ => None,
        }
    }
}

pub(super) const ALIVE: &str = "alive";
const GONE: &str = "gone";

fn shared(group: &str, filter: &str) -> String {
    format!("$share/{group}/{filter}")
}

fn whole(content: &Content) -> Option<&bytes::Bytes> {
    match content {
        Content::Whole(payload) => Some(payload),
        Content::Oversize(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(client_id: &str, group: &str) -> Settings {
        let broker = "tcp://127.0.0.1:1".parse().unwrap();
        let mut settings = Settings::new(broker, client_id);
        Names::new(client_id, group).subscribe(&mut settings);
        settings
    }

    #[test]
    fn samples_are_divided_and_signs_of_life_are_not() {
        let settings = settings("a", "g");
        assert_eq!(
            settings.subscriptions,
            [
                "$share/g/m/+/c/+/control/proplet/metrics",
                "$share/g/m/+/c/+/control/proplet/task_metrics",
                "m/+/c/+/control/proplet/create",
                "m/+/c/+/control/proplet/results",
                "golden-signals/managers/g/+/status",
                "golden-signals/managers/g/a/proven",
            ]
        );
        assert_eq!(
            settings.fleeting_subscriptions,
            ["m/+/c/+/control/proplet/alive"]
        );
    }

    #[test]
    fn a_session_keeps_no_subscription_of_another_group() {
        for group in ["g", DEFAULT_GROUP, NO_GROUP] {
            let settings = settings("a", group);
            let kept = |filter: &String| {
                settings.subscriptions.contains(filter)
                    || settings.fleeting_subscriptions.contains(filter)
            };
            assert!(!settings.unsubscriptions.iter().any(kept), "{group}");
            for kind in kinds() {
                let filter = kind.filter_of_all();
                for form in [filter.clone(), shared(DEFAULT_GROUP, &filter)] {
                    assert!(
                        kept(&form) || settings.unsubscriptions.contains(&form),
                        "{group}: {form}"
                    );
                }
            }
        }
    }

    #[test]
    fn of_a_session_taken_over_only_its_mark_is_left() {
        let names = Names::new("a", "g");
        let mut settings = settings("a", "g");
        names.take_over("b", &mut settings);
        assert_eq!(settings.client_id, "b");
        assert_eq!(
            settings.subscriptions,
            ["golden-signals/managers/g/b/drained"]
        );
        let of_b = super::tests::settings("b", "g");
        for filter in of_b
            .subscriptions
            .iter()
            .chain(&of_b.fleeting_subscriptions)
        {
            assert!(settings.unsubscriptions.contains(filter), "{filter}");
        }
        assert!(settings.will.is_none());
    }
}
