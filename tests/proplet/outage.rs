//! The broker dies under load: every sample arrives, in order, and one that arrives twice
//! is recognised by its identity.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use crate::support::TIMEOUT;
use crate::support::mosquitto::Mosquitto;
use crate::support::peers;
use crate::support::proplet::{Running, topic};
use clap::Parser;
use golden_mqtt::{Content, MqttOptions};
use proplet_schema::{TaskMetrics, payload};
use serde_json::json;
use tokio::time::timeout;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    mqtt: MqttOptions,
}

#[tokio::test(flavor = "multi_thread")]
async fn no_sample_is_lost_or_doubled_while_the_broker_is_away() {
    let Some(binary) = peers::require("mosquitto") else {
        return;
    };
    let mut broker = Mosquitto::start(
        &binary,
        "max_queued_messages 0\nmax_inflight_messages 0\n\
         persistence true\npersistence_location DIRECTORY/\nautosave_interval 0",
    );
    let url = broker.url();
    let mut settings = Cli::parse_from(["test", "--mqtt-address", &url])
        .mqtt
        .settings("reader")
        .unwrap();
    let create = topic("control/proplet/create");
    settings.subscriptions = vec![topic("control/proplet/task_metrics"), create.clone()];
    let (_client, reader, mut deliveries) = golden_mqtt::start(settings);
    let task = |id: &str| {
        let profile = json!({"interval": "100ms", "history_size": 100_000});
        json!({"id": id, "name": "idle", "monitoring_profile": profile}).to_string()
    };
    let names: Vec<_> = (0..20).map(|number| format!("task-{number}")).collect();
    let tasks: Vec<_> = names.iter().map(|name| task(name)).collect();
    let arguments: Vec<_> = tasks.iter().flat_map(|task| ["--task", task]).collect();
    // This broker keeps its reader's session: no subscriber need be waited for.
    let arguments: Vec<_> = ["--reconnect-grace", "0s"]
        .into_iter()
        .chain(arguments)
        .collect();
    let _proplet = Running::proplet(broker.address(), &arguments);
    let mut seen: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    let mut identities = HashSet::new();
    let (mut again, mut introduced) = (0, 0);
    // Ended politely first, so that it remembers who subscribes; then killed, and
    // away for as long as many samples take.
    for (polite, target) in [(true, 10), (false, 30), (false, 60), (false, 90)] {
        let enough = |seen: &BTreeMap<String, Vec<u64>>| {
            seen.len() == names.len() && seen.values().all(|counts| counts.len() >= target)
        };
        while !enough(&seen) {
            let delivery = timeout(TIMEOUT, deliveries.next()).await;
            let delivery = delivery.unwrap_or_else(|_| panic!("{seen:?}")).unwrap();
            if delivery.topic == create {
                introduced += 1;
                delivery.receipt.acknowledge();
                continue;
            }
            let Content::Whole(content) = &delivery.content else {
                panic!("{delivery:?}");
            };
            let message = payload::decode::<TaskMetrics>(content, 10_000)
                .unwrap()
                .remove(0);
            delivery.receipt.acknowledge();
            let (_, _, at) = message.identity().expect("ours have a clock");
            if !identities.insert((message.task_id.clone(), at)) {
                again += 1;
                continue;
            }
            let count = message.aggregated.unwrap().sample_count;
            seen.entry(message.task_id).or_default().push(count);
        }
        if target == 90 {
            break;
        }
        if polite {
            broker.terminate();
        } else {
            broker.kill();
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
        broker.restart();
        // What the broker still holds for the reader would be lost with it the next time.
        let mut reader = reader.clone();
        timeout(TIMEOUT, async {
            while !reader.statistics().connected {
                reader.next_connection().await;
            }
        })
        .await
        .unwrap();
    }
    // Each counts its samples itself: from 1, without a gap, in order.
    for (task, counts) in &seen {
        let expected: Vec<_> = (1..=counts.len() as u64).collect();
        assert_eq!(counts, &expected, "{task}");
    }
    // To a broker that comes back it says again who it is.
    assert!(introduced >= 2, "{introduced}");
    println!("redelivered by the protocol, and recognised by their identity: {again}");
}
