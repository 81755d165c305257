//! Topics: `m/{domain_id}/c/{channel_id}/` and what comes behind it.

use std::sync::Arc;

use super::refusal::Refusal;

/// What is published on a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TopicKind {
    /// [`Create`](super::Create): a proplet is there.
    Create,
    /// [`Alive`](super::Alive): it lives, or, as its will, does no more.
    Alive,
    /// [`PropletMetrics`](super::PropletMetrics).
    Metrics,
    /// [`TaskMetrics`](super::TaskMetrics).
    TaskMetrics,
    /// The same messages on the document's second topic for them.
    MetricsProplet,
    /// [`TaskResult`](super::TaskResult).
    Results,
    /// [`StartTask`](super::StartTask).
    Start,
    /// [`StopTask`](super::StopTask).
    Stop,
    /// Propeller's command to call a function of a task that waits, which no task here
    /// does.
    Invoke,
    /// The answer to that.
    InvokeResults,
    /// [`ClockNotice`](super::ClockNotice): a manager rejects what a proplet sends, whose
    /// clock is wrong.
    Clock,
}

impl TopicKind {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Create,
        Self::Alive,
        Self::Metrics,
        Self::TaskMetrics,
        Self::MetricsProplet,
        Self::Results,
        Self::Start,
        Self::Stop,
        Self::Invoke,
        Self::InvokeResults,
        Self::Clock,
    ];

    const fn suffix(self) -> &'static str {
        match self {
            Self::Create => "control/proplet/create",
            Self::Alive => "control/proplet/alive",
            Self::Metrics => "control/proplet/metrics",
            Self::TaskMetrics => "control/proplet/task_metrics",
            Self::MetricsProplet => "metrics/proplet",
            Self::Results => "control/proplet/results",
            Self::Start => "control/manager/start",
            Self::Stop => "control/manager/stop",
            Self::Invoke => "control/manager/invoke",
            Self::InvokeResults => "control/proplet/invoke_results",
            Self::Clock => "control/manager/clock",
        }
    }

    /// The filter that matches this topic of every domain and channel.
    #[must_use]
    pub fn filter_of_all(self) -> String {
        format!("m/+/c/+/{}", self.suffix())
    }
}

/// The topics of one channel, as they go over the wire.
#[derive(Clone, Debug)]
pub struct Topics {
    topics: [Arc<str>; TopicKind::ALL.len()],
}

impl Topics {
    /// The topics of this domain's channel.
    ///
    /// # Errors
    ///
    /// If one of the two is empty, longer than 256 bytes, or has characters
    /// that mean something in a topic.
    pub fn new(domain_id: &str, channel_id: &str) -> Result<Self, Refusal> {
        check_identifier("domain_id", domain_id)?;
        check_identifier("channel_id", channel_id)?;
        let topic = |kind: TopicKind| format!("m/{domain_id}/c/{channel_id}/{}", kind.suffix());
        Ok(Self {
            topics: TopicKind::ALL.map(|kind| topic(kind).into()),
        })
    }

    /// One of them.
    #[must_use]
    pub fn of(&self, kind: TopicKind) -> &Arc<str> {
        &self.topics[kind as usize]
    }
}

/// A topic taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Topic<'a> {
    /// Id of the domain.
    pub domain_id: &'a str,
    /// Id of the channel.
    pub channel_id: &'a str,
    /// What is published there.
    pub kind: TopicKind,
}

impl<'a> Topic<'a> {
    /// `None` for a topic that is none of ours.
    #[must_use]
    pub fn parse(topic: &'a str) -> Option<Self> {
        let (domain_id, rest) = topic.strip_prefix("m/")?.split_once("/c/")?;
        let (channel_id, suffix) = rest.split_once('/')?;
        let kind = TopicKind::ALL
            .into_iter()
            .find(|kind| kind.suffix() == suffix)?;
        (is_level(domain_id) && is_level(channel_id)).then_some(Self {
            domain_id,
            channel_id,
            kind,
        })
    }
}

/// Checks an identifier, which is one level of a topic.
///
/// # Errors
///
/// If it is empty, longer than 256 bytes, or has characters that mean something
/// in a topic.
pub fn check_identifier(field: &str, text: &str) -> Result<(), Refusal> {
    let remedy = format!("must be {IDENTIFIER}");
    is_level(text)
        .then_some(())
        .ok_or_else(|| Refusal::new(field, text, remedy))
}

/// What an identifier is: one level of a topic, and one segment of a path.
pub(super) const IDENTIFIER: &str =
    "1 to 256 bytes without /, +, # and control characters, and not . or ..";

pub(super) fn is_level(text: &str) -> bool {
    (1..=256).contains(&text.len())
        && ![".", ".."].contains(&text)
        && !text.contains(['/', '+', '#'])
        && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documents_topics() {
        let topics = Topics::new("d1", "c1").unwrap();
        let of = |kind| &**topics.of(kind);
        assert_eq!(of(TopicKind::Metrics), "m/d1/c/c1/control/proplet/metrics");
        assert_eq!(
            of(TopicKind::TaskMetrics),
            "m/d1/c/c1/control/proplet/task_metrics"
        );
        assert_eq!(of(TopicKind::MetricsProplet), "m/d1/c/c1/metrics/proplet");
        assert_eq!(of(TopicKind::Start), "m/d1/c/c1/control/manager/start");
        assert_eq!(
            TopicKind::Metrics.filter_of_all(),
            "m/+/c/+/control/proplet/metrics"
        );
    }

    #[test]
    fn what_is_built_is_parsed_and_nothing_else() {
        let topics = Topics::new("c", "a b").unwrap();
        for kind in TopicKind::ALL {
            let parsed = Topic::parse(topics.of(kind)).unwrap();
            let expected = Topic {
                domain_id: "c",
                channel_id: "a b",
                kind,
            };
            assert_eq!(parsed, expected);
        }
        for topic in [
            "",
            "m/a/c/b",
            "m/a/c/b/",
            "m//c/b/metrics/proplet",
            "m/a/b/c/b/metrics/proplet",
            "m/a/c/b/control/proplet/metrics/x",
            "x/a/c/b/metrics/proplet",
        ] {
            assert_eq!(Topic::parse(topic), None, "{topic}");
        }
        for (domain, channel) in [
            ("", "c"),
            ("d", "a/b"),
            ("+", "c"),
            ("d", "a#"),
            ("d\0", "c"),
            ("..", "c"),
            ("d", "."),
        ] {
            assert!(Topics::new(domain, channel).is_err());
        }
    }
}
