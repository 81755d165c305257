//! Which messages are delivered to which client: oversize ones, those of a group, a will.

use golden_mqtt::{Content, Will};
use tokio::time::timeout;

use super::clients::{UNBOUNDED, connected, settings};
use crate::support::mosquitto::{Mosquitto, Subscriber, publish};
use crate::support::{TIMEOUT, peers};

#[tokio::test]
async fn an_oversize_message_is_reported_and_does_no_harm() {
    let (Some(binary), Some(sub)) = (peers::require("mosquitto"), peers::require("mosquitto_sub"))
    else {
        return;
    };
    let broker = Mosquitto::start(&binary, UNBOUNDED);
    let (_client, publisher, mut deliveries) =
        golden_mqtt::start(settings(&broker, "victim", &["t/#"]));
    connected(&publisher).await;
    publish(&sub, broker.address(), "t/before", "1");
    publish(&sub, broker.address(), "t/huge", &"x".repeat(10_000_000));
    publish(&sub, broker.address(), "t/after", "2");
    let mut seen = Vec::new();
    for _ in 0..3 {
        let delivery = timeout(TIMEOUT, deliveries.next()).await.unwrap().unwrap();
        delivery.receipt.acknowledge();
        seen.push((delivery.topic, delivery.content));
    }
    let huge = 10_000_000 + 2 + "t/huge".len() + 2;
    let expected = [
        ("t/before".to_owned(), Content::Whole("1".into())),
        ("t/huge".to_owned(), Content::Oversize(huge)),
        ("t/after".to_owned(), Content::Whole("2".into())),
    ];
    assert_eq!(seen, expected);
    assert_eq!(publisher.statistics().connections, 1);
}

#[tokio::test]
async fn a_group_divides_the_messages_among_its_members() {
    let (Some(binary), Some(sub)) = (peers::require("mosquitto"), peers::require("mosquitto_sub"))
    else {
        return;
    };
    let broker = Mosquitto::start(&binary, UNBOUNDED);
    let member = |name| settings(&broker, name, &["$share/group/t"]);
    let (_one, one, mut to_one) = golden_mqtt::start(member("one"));
    let (_two, two, mut to_two) = golden_mqtt::start(member("two"));
    connected(&one).await;
    connected(&two).await;
    // A connection is there before its subscription: what returns to each
    // member shows that both hold.
    let mut counts = [0, 0];
    let mut sent = 0;
    while counts.contains(&0) || counts.iter().sum::<usize>() < sent {
        if counts.contains(&0) {
            publish(&sub, broker.address(), "t", "x");
            sent += 1;
        }
        assert!(sent < 1000);
        let which = timeout(TIMEOUT, async {
            tokio::select! {
                delivery = to_one.next() => (0, delivery),
                delivery = to_two.next() => (1, delivery),
            }
        });
        let Ok((which, Some(delivery))) = which.await else {
            panic!("{counts:?} of {sent}");
        };
        delivery.receipt.acknowledge();
        counts[which] += 1;
    }
    assert_eq!(counts.iter().sum::<usize>(), sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_will_is_published_unless_the_client_signs_off() {
    let (Some(binary), Some(sub)) = (peers::require("mosquitto"), peers::require("mosquitto_sub"))
    else {
        return;
    };
    let broker = Mosquitto::start(&binary, UNBOUNDED);
    let watcher = Subscriber::start(&sub, broker.address(), &["will"]);
    let with_will = |payload: &'static str| {
        let mut settings = settings(&broker, payload, &[]);
        settings.will = Some(Will {
            topic: "will".to_owned(),
            payload: payload.into(),
            retained: false,
        });
        settings
    };
    let (polite, publisher, _none) = golden_mqtt::start(with_will("1"));
    connected(&publisher).await;
    assert_eq!(polite.close(TIMEOUT).await, 0);
    let (gone, publisher, _none) = golden_mqtt::start(with_will("2"));
    connected(&publisher).await;
    drop(gone);
    let seen = watcher.json_when("will", "the will", |seen| !seen.is_empty());
    assert_eq!(seen, [2]);
}
