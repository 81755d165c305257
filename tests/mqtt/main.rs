//! The MQTT client on a real Mosquitto: nothing that is kept is lost, whatever
//! becomes of the broker.

mod support;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use clap::Parser;
use golden_signals::transport::mqtt::{
    self, Content, Deliveries, MqttOptions, Publisher, Settings, Will,
};
use support::mosquitto::{Mosquitto, Subscriber, publish};
use support::peers;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(60);

/// The default of `--mqtt-inflight`.
const IN_FLIGHT: usize = 100;

/// The broker does not hold messages back from a subscriber that keeps up.
const UNBOUNDED: &str = "max_queued_messages 0\nmax_inflight_messages 0";

/// It remembers who subscribes, too, from when it was last ended politely.
const LASTING: &str = "max_queued_messages 0\nmax_inflight_messages 0\n\
                       persistence true\npersistence_location DIRECTORY/\nautosave_interval 0";

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    mqtt: MqttOptions,
}

fn options(broker: &Mosquitto, arguments: &[&str]) -> MqttOptions {
    let url = broker.url();
    let arguments = ["test", "--mqtt-address", &url]
        .into_iter()
        .chain(arguments.iter().copied());
    Cli::parse_from(arguments).mqtt
}

fn settings(broker: &Mosquitto, name: &str, subscriptions: &[&str]) -> Settings {
    let mut settings = options(broker, &[])
        .settings(name)
        .expect("no TLS, no files");
    settings.subscriptions = subscriptions.iter().map(ToString::to_string).collect();
    settings
}

async fn connected(publisher: &Publisher) {
    let mut publisher = publisher.clone();
    timeout(PATIENCE, async {
        while !publisher.statistics().connected {
            publisher.next_connection().await;
        }
    })
    .await
    .expect("there is a broker");
}

/// Returns once the broker delivers what this client publishes to itself, and
/// has written down that it subscribes.
async fn subscribed(
    broker: &mut Mosquitto,
    publisher: &Publisher,
    deliveries: &mut Deliveries,
    topic: &str,
) {
    connected(publisher).await;
    publisher.publish(&topic.into(), "hello".into());
    received_until(deliveries, "hello").await;
    timeout(PATIENCE, publisher.emptied())
        .await
        .expect("it is there");
    broker.terminate();
    broker.restart();
}

/// What arrives until `last` has, in order; acknowledged.
async fn received_until(deliveries: &mut Deliveries, last: &str) -> Vec<String> {
    received_until_counting(deliveries, last, &AtomicU64::new(0)).await
}

/// The same; how many have come can be read meanwhile.
async fn received_until_counting(
    deliveries: &mut Deliveries,
    last: &str,
    count: &AtomicU64,
) -> Vec<String> {
    let mut seen = Vec::new();
    timeout(PATIENCE, async {
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

fn number(number: usize) -> Bytes {
    format!("{number:06}").into()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_killed_under_load_costs_nothing_that_is_kept() {
    let Some(binary) = peers::require("mosquitto") else {
        return;
    };
    let mut broker = Mosquitto::start(&binary, LASTING);
    let (_subscribing, subscriber, mut deliveries) =
        mqtt::start(settings(&broker, "subscriber", &["t/#"]));
    subscribed(&mut broker, &subscriber, &mut deliveries, "t/0").await;
    let (publishing, publisher, _none) = mqtt::start(settings(&broker, "publisher", &[]));
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
        // What the broker holds for a subscriber that lags behind dies with it:
        // no publisher can do anything about that.
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
    assert_eq!(publishing.close(PATIENCE).await, 0);
}

#[tokio::test]
async fn what_was_published_without_a_broker_comes_in_order_and_once() {
    let Some(binary) = peers::require("mosquitto") else {
        return;
    };
    let mut broker = Mosquitto::start(&binary, LASTING);
    let subscriber = settings(&broker, "subscriber", &["t"]);
    let (_subscribing, subscriber, mut deliveries) = mqtt::start(subscriber);
    subscribed(&mut broker, &subscriber, &mut deliveries, "t").await;
    let options = options(&broker, &["--mqtt-request-channel-capacity", "1000"]);
    broker.kill();
    let (publishing, publisher, _none) = mqtt::start(options.settings("publisher").unwrap());
    let topic: Arc<str> = "t".into();
    for at in 0..1500 {
        publisher.publish(&topic, number(at));
    }
    assert_eq!(publisher.statistics().dropped, 500);
    broker.restart();
    timeout(PATIENCE, publisher.emptied())
        .await
        .expect("the broker is back");
    assert_eq!(publishing.close(PATIENCE).await, 0);
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
    let (first, publisher, mut deliveries) = mqtt::start(subscriber.clone());
    connected(&publisher).await;
    let topic: Arc<str> = "t".into();
    for text in ["a", "b"] {
        publisher.publish(&topic, text.into());
    }
    let take = async |deliveries: &mut Deliveries| {
        let delivery = timeout(PATIENCE, deliveries.next()).await;
        delivery.expect("it was published").expect("it runs")
    };
    take(&mut deliveries).await.receipt.acknowledge();
    let lost = take(&mut deliveries).await;
    assert_eq!(lost.content, Content::Whole("b".into()));
    timeout(PATIENCE, publisher.emptied()).await.unwrap();
    drop(lost);
    first.close(PATIENCE).await;
    let (_second, _, mut deliveries) = mqtt::start(subscriber);
    let again = take(&mut deliveries).await;
    assert_eq!(again.content, Content::Whole("b".into()));
    assert!(again.duplicate);
}

#[tokio::test]
async fn an_oversize_message_is_told_of_and_does_no_harm() {
    let (Some(binary), Some(sub)) = (peers::require("mosquitto"), peers::require("mosquitto_sub"))
    else {
        return;
    };
    let broker = Mosquitto::start(&binary, UNBOUNDED);
    let (_client, publisher, mut deliveries) = mqtt::start(settings(&broker, "victim", &["t/#"]));
    connected(&publisher).await;
    publish(&sub, broker.address(), "t/before", "1");
    publish(&sub, broker.address(), "t/huge", &"x".repeat(10_000_000));
    publish(&sub, broker.address(), "t/after", "2");
    let mut seen = Vec::new();
    for _ in 0..3 {
        let delivery = timeout(PATIENCE, deliveries.next()).await.unwrap().unwrap();
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
    let (_one, one, mut to_one) = mqtt::start(member("one"));
    let (_two, two, mut to_two) = mqtt::start(member("two"));
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
        let which = timeout(PATIENCE, async {
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
async fn the_will_comes_unless_goodbye_was_said() {
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
        });
        settings
    };
    let (polite, publisher, _none) = mqtt::start(with_will("1"));
    connected(&publisher).await;
    assert_eq!(polite.close(PATIENCE).await, 0);
    let (gone, publisher, _none) = mqtt::start(with_will("2"));
    connected(&publisher).await;
    drop(gone);
    let seen = watcher.json_when("will", "the will", |seen| !seen.is_empty());
    assert_eq!(seen, [2]);
}

#[tokio::test]
async fn user_password_and_tls() {
    let (Some(binary), Some(openssl)) = (peers::require("mosquitto"), peers::require("openssl"))
    else {
        return;
    };
    let passwords = peers::require("mosquitto_passwd").expect("it comes with mosquitto");
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mqtt-tls");
    std::fs::create_dir_all(&directory).unwrap();
    let file = |name: &str| directory.join(name).display().to_string();
    let run = |program: &Path, arguments: &[&str]| {
        let output = std::process::Command::new(program)
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
    };
    let certificate = |name: &str, extra: &[&str]| {
        let (cert, key) = (file(&format!("{name}.pem")), file(&format!("{name}.key")));
        let mut arguments = vec![
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
            "-keyout",
            &key,
            "-out",
            &cert,
        ];
        arguments.extend(extra);
        run(&openssl, &arguments);
        (cert, key)
    };
    let (ca, ca_key) = certificate("ca", &["-subj", "/CN=workshop"]);
    let name = "subjectAltName=IP:127.0.0.1,DNS:localhost";
    let signed = [
        "-subj",
        "/CN=localhost",
        "-addext",
        name,
        "-addext",
        "basicConstraints=CA:FALSE",
        "-CA",
        &ca,
        "-CAkey",
        &ca_key,
    ];
    let made = std::process::Command::new(&openssl)
        .args(["req", "-help"])
        .output()
        .unwrap();
    assert!(
        String::from_utf8_lossy(&made.stderr).contains("-CAkey"),
        "OpenSSL 3 is needed"
    );
    let (cert, key) = certificate("server", &signed);
    let (other, _) = certificate("other", &["-subj", "/CN=somebody else"]);
    run(
        &passwords,
        &["-b", "-c", &file("passwords"), "alice", "secret"],
    );
    let broker = Mosquitto::start(
        &binary,
        &format!(
            "certfile {cert}\nkeyfile {key}\nallow_anonymous false\npassword_file {}",
            file("passwords")
        ),
    );
    let url = format!("ssl://127.0.0.1:{}", broker.address().port());
    let client = |ca: &str, password: &str| {
        let arguments = [
            "test",
            "--mqtt-address",
            &url,
            "--mqtt-tls-ca-cert",
            ca,
            "--mqtt-username",
            "alice",
            "--mqtt-password",
            password,
        ];
        mqtt::start(Cli::parse_from(arguments).mqtt.settings("alice").unwrap())
    };
    let (_right, publisher, _none) = client(&ca, "secret");
    connected(&publisher).await;
    publisher.publish(&"t".into(), "x".into());
    timeout(PATIENCE, publisher.emptied())
        .await
        .expect("the broker takes it");
    for (ca, password) in [(&other, "secret"), (&ca, "wrong")] {
        let (_wrong, publisher, _none) = client(ca, password);
        publisher.publish(&"t".into(), "x".into());
        // Two attempts and the wait between them.
        let emptied = timeout(Duration::from_millis(1500), publisher.emptied()).await;
        assert!(emptied.is_err() && publisher.statistics().connections == 0);
    }
    let missing = Cli::parse_from(["test", "--mqtt-address", &url, "--mqtt-tls-ca-cert", &key]);
    let error = missing
        .mqtt
        .settings("alice")
        .err()
        .expect("a key is no certificate");
    assert!(error.to_string().contains("--mqtt-tls-ca-cert"), "{error}");
}
