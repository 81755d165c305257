//! The broker dies, is not there yet, or a message is not acknowledged: nothing in the outbox is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use golden_mqtt::{Content, Deliveries};
use tokio::time::timeout;

use super::clients::{
    IN_FLIGHT, LASTING, UNBOUNDED, connected, number, options, received_until,
    received_until_counting, settings, subscribed,
};
use crate::support::mosquitto::Mosquitto;
use crate::support::{TIMEOUT, peers};

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_killed_under_load_costs_nothing_that_is_kept() {
    let Some(binary) = peers::require("mosquitto") else {
        return;
    };
    let mut broker = Mosquitto::start(&binary, LASTING);
    let (_subscribing, subscriber, mut deliveries) =
        golden_mqtt::start(settings(&broker, "subscriber", &["t/#"]));
    subscribed(&mut broker, &subscriber, &mut deliveries, "t/0").await;
    let (publishing, publisher, _none) = golden_mqtt::start(settings(&broker, "publisher", &[]));
    connected(&subscriber).await;
    connected(&publisher).await;
    let topic: Arc<str> = "t/1".into();
    let total = 60_000;
    let loads = publisher.clone();
    let load = tokio::spawn(async move {
        for at in 0..total {
            loads.publish(&topic, number(at));
            if at % 20 == 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    });
    let received = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&received);
    let collector = tokio::spawn(async move {
        let last = String::from_utf8(number(total - 1).to_vec()).unwrap();
        received_until_counting(&mut deliveries, &last, &count).await
    });
    for round in 1_u64..=3 {
        // What the broker holds for a subscriber that lags behind is lost with it:
        // no publisher can prevent that.
        let acknowledged = publisher.statistics().acknowledged.max(round * 3_000);
        while received.load(Ordering::Relaxed) < acknowledged {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        broker.kill();
        assert!(!load.is_finished(), "the broker was killed under load");
        tokio::time::sleep(Duration::from_millis(200)).await;
        broker.restart();
        connected(&subscriber).await;
    }
    load.await.unwrap();
    let seen = collector.await.unwrap();
    let statistics = publisher.statistics();
    // Whatever came again came in a row from where it had broken off.
    let mut next = 0;
    for text in seen.iter().filter(|text| *text != "hello") {
        let at: usize = text.parse().unwrap();
        assert!(at <= next, "{next} to {at} lost; {statistics:?}");
        assert!(next - at <= 2 * IN_FLIGHT, "{at} came long after {next}");
        next = next.max(at + 1);
    }
    assert_eq!(next, total);
    assert_eq!(statistics.dropped, 0);
    assert!(statistics.connections >= 4, "{statistics:?}");
    assert_eq!(publishing.close(TIMEOUT).await, 0);
}

#[tokio::test]
async fn what_was_published_without_a_broker_comes_in_order_and_once() {
    let Some(binary) = peers::require("mosquitto") else {
        return;
    };
    let mut broker = Mosquitto::start(&binary, LASTING);
    let subscriber = settings(&broker, "subscriber", &["t"]);
    let (_subscribing, subscriber, mut deliveries) = golden_mqtt::start(subscriber);
    subscribed(&mut broker, &subscriber, &mut deliveries, "t").await;
    let options = options(&broker, &["--mqtt-request-channel-capacity", "1000"]);
    broker.kill();
    let (publishing, publisher, _none) = golden_mqtt::start(options.settings("publisher").unwrap());
    let topic: Arc<str> = "t".into();
    for at in 0..1500 {
        publisher.publish(&topic, number(at));
    }
    assert_eq!(publisher.statistics().dropped, 500);
    broker.restart();
    timeout(TIMEOUT, publisher.emptied())
        .await
        .expect("the broker is back");
    assert_eq!(publishing.close(TIMEOUT).await, 0);
    let seen = received_until(&mut deliveries, "001499").await;
    let seen: Vec<_> = seen.into_iter().filter(|text| text != "hello").collect();
    let kept: Vec<_> = (500..1500).map(|at| format!("{at:06}")).collect();
    assert!(seen == kept, "{seen:?}");
}

#[tokio::test]
async fn what_is_not_acknowledged_comes_again() {
    let Some(binary) = peers::require("mosquitto") else {
        return;
    };
    let broker = Mosquitto::start(&binary, UNBOUNDED);
    let subscriber = settings(&broker, "subscriber", &["t"]);
    let (first, publisher, mut deliveries) = golden_mqtt::start(subscriber.clone());
    connected(&publisher).await;
    let topic: Arc<str> = "t".into();
    for text in ["a", "b"] {
        publisher.publish(&topic, text.into());
    }
    let take = async |deliveries: &mut Deliveries| {
        let delivery = timeout(TIMEOUT, deliveries.next()).await;
        delivery.expect("it was published").expect("it runs")
    };
    take(&mut deliveries).await.receipt.acknowledge();
    let lost = take(&mut deliveries).await;
    assert_eq!(lost.content, Content::Whole("b".into()));
    timeout(TIMEOUT, publisher.emptied()).await.unwrap();
    drop(lost);
    first.close(TIMEOUT).await;
    let (_second, _, mut deliveries) = golden_mqtt::start(subscriber);
    let again = take(&mut deliveries).await;
    assert_eq!(again.content, Content::Whole("b".into()));
    assert!(again.duplicate);
}
