//! Clients of the tests' broker, and waiting for their messages.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use clap::Parser;
use golden_mqtt::{Content, Deliveries, MqttOptions, Publisher, Settings};
use tokio::time::timeout;

use crate::support::TIMEOUT;
use crate::support::mosquitto::Mosquitto;

/// The default of `--mqtt-inflight`.
pub(crate) const IN_FLIGHT: usize = 100;

/// The broker does not hold messages back from a subscriber that keeps up.
pub(crate) const UNBOUNDED: &str = "max_queued_messages 0\nmax_inflight_messages 0";

/// It remembers who subscribes, too, from when it was last ended politely.
pub(crate) const LASTING: &str = "max_queued_messages 0\nmax_inflight_messages 0\n\
                       persistence true\npersistence_location DIRECTORY/\nautosave_interval 0";

#[derive(Parser)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) mqtt: MqttOptions,
}

pub(crate) fn options(broker: &Mosquitto, arguments: &[&str]) -> MqttOptions {
    let url = broker.url();
    let arguments = ["test", "--mqtt-address", &url]
        .into_iter()
        .chain(arguments.iter().copied());
    Cli::parse_from(arguments).mqtt
}

pub(crate) fn settings(broker: &Mosquitto, name: &str, subscriptions: &[&str]) -> Settings {
    let mut settings = options(broker, &[])
        .settings(name)
        .expect("no TLS, no files");
    settings.subscriptions = subscriptions.iter().map(ToString::to_string).collect();
    settings
}

pub(crate) async fn connected(publisher: &Publisher) {
    let mut publisher = publisher.clone();
    timeout(TIMEOUT, async {
        while !publisher.statistics().connected {
            publisher.next_connection().await;
        }
    })
    .await
    .expect("there is a broker");
}

/// Returns once the broker delivers what this client publishes to itself, and
/// has written down that it subscribes.
pub(crate) async fn subscribed(
    broker: &mut Mosquitto,
    publisher: &Publisher,
    deliveries: &mut Deliveries,
    topic: &str,
) {
    connected(publisher).await;
    publisher.publish(&topic.into(), "hello".into());
    received_until(deliveries, "hello").await;
    timeout(TIMEOUT, publisher.emptied())
        .await
        .expect("it is there");
    broker.terminate();
    broker.restart();
}

/// What arrives until `last` has, in order; acknowledged.
pub(crate) async fn received_until(deliveries: &mut Deliveries, last: &str) -> Vec<String> {
    received_until_counting(deliveries, last, &AtomicU64::new(0)).await
}

/// The same; how many have come can be read meanwhile.
pub(crate) async fn received_until_counting(
    deliveries: &mut Deliveries,
    last: &str,
    count: &AtomicU64,
) -> Vec<String> {
    let mut seen = Vec::new();
    timeout(TIMEOUT, async {
        loop {
            let delivery = deliveries.next().await.expect("it runs");
            let Content::Whole(payload) = &delivery.content else {
                panic!("{delivery:?}");
            };
            let text = String::from_utf8(payload.to_vec()).expect("the tests send text");
            delivery.receipt.acknowledge();
            let is_last = text == last;
            seen.push(text);
            count.store(seen.len() as u64, Ordering::Relaxed);
            if is_last {
                return;
            }
        }
    })
    .await
    .unwrap_or_else(|_| panic!("{last} does not come; {} came", seen.len()));
    seen
}

pub(crate) fn number(number: usize) -> Bytes {
    format!("{number:06}").into()
}
