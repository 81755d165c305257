//! What a task exposes itself, from its socket to the manager's `/metrics`, and what a
//! hostile one cannot do.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::io::Write;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;

use crate::support::manager::{Directory, Manager};
use crate::support::mosquitto::Mosquitto;
use crate::support::proplet::{Running, broker, message_when};
use serde_json::{Value, json};

/// What this process answers on each connection, until the test ends.
#[derive(Clone, Default)]
struct Page(Arc<Mutex<String>>);

impl Page {
    fn of(text: &str) -> Self {
        Self(Arc::new(Mutex::new(text.to_owned())))
    }

    fn becomes(&self, text: &str) {
        text.clone_into(&mut self.0.lock().unwrap());
    }

    fn answer(&self, stream: &mut (impl std::io::Read + Write)) {
        let mut request = [0; 1024];
        let _ = stream.read(&mut request);
        let body = self.0.lock().unwrap().clone();
        let _ = write!(stream, "HTTP/1.0 200 OK\r\n\r\n{body}");
    }

    fn on_a_port(&self) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let page = self.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                page.answer(&mut stream.unwrap());
            }
        });
        port
    }

    fn on_a_socket(&self, path: &std::path::Path) {
        let listener = UnixListener::bind(path).unwrap();
        let page = self.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                page.answer(&mut stream.unwrap());
            }
        });
    }
}

/// Watches a process, which exposes metrics there.
fn watch(broker: &Mosquitto, pid: u32, endpoint: &Value) -> Running {
    let watched = format!("app={pid}");
    let profile = json!({"interval": "200ms", "application_metrics": endpoint});
    let arguments = ["--watch", &watched, "--watch-profile", &profile.to_string()];
    Running::proplet(broker.address(), &arguments)
}

fn custom(message: &Value) -> &Value {
    &message["metrics"]["custom"]
}

const TEXT: &str = "# TYPE jobs_total counter\njobs_total{queue=\"a\",task=\"theirs\"} 5\n\
    # TYPE depth gauge\ndepth 3\nbad-name 1\n";

#[test]
fn what_a_task_exposes_reaches_prometheus_as_its_own() {
    let Some((broker, subscriber)) = broker() else {
        return;
    };
    let directory = Directory::new();
    let manager = Manager::start(&broker.url(), &directory, &[]);
    let page = Page::of(TEXT);
    let endpoint = json!({"port": page.on_a_port()});
    let proplet = watch(&broker, std::process::id(), &endpoint);
    let message = message_when(&subscriber, "app", "its metrics", |message| {
        custom(message)["series"].is_array()
    });
    let expected = json!({
        "series": [
            {"name": "depth", "value": 3.0},
            {"name": "jobs_total", "labels": {"exported_task": "theirs", "queue": "a"}, "value": 5.0}
        ],
        "left_out": 1
    });
    assert_eq!(custom(&message), &expected);
    let own = [("proplet", "p"), ("task", "app")];
    let labels = [own[0], own[1], ("queue", "a"), ("exported_task", "theirs")];
    let metrics = manager.metrics_when("they are shown", |metrics| {
        metrics.sum("app_jobs_total", &labels) == 5.0
    });
    assert_eq!(metrics.value("app_depth", &own), 3.0);
    assert_eq!(metrics.types["app_jobs_total"], "counter");
    assert_eq!(metrics.types["app_depth"], "gauge");
    // No history is filled with them, and the sample itself is there.
    let samples = manager.get_when("/tasks/app/metrics", "a sample", |page| {
        page["total"].as_u64() > Some(0)
    });
    assert!(samples["metrics"][0]["metrics"].get("custom").is_none());

    // As many as it likes, in as many labels: bounded, and the others are counted.
    let many: String = (0..100_000)
        .map(|n| format!("a{{n=\"{n}\"}} 1\n"))
        .collect();
    page.becomes(&many[..200_000]);
    let message = message_when(&subscriber, "app", "what is left of many", |message| {
        custom(message)["left_out"].as_u64() > Some(1_000)
    });
    assert_eq!(custom(&message)["series"].as_array().unwrap().len(), 100);
    manager.metrics_when("they are shown", |metrics| {
        metrics.select("app_a", &own).count() == 100
            && metrics.select("app_depth", &own).count() == 0
    });
    page.becomes(&many);
    let message = message_when(&subscriber, "app", "too many bytes", |message| {
        custom(message)["error"].is_string()
    });
    let error = custom(&message)["error"].as_str().unwrap();
    assert!(error.contains("more than 262144 bytes"), "{error}");
    // Its metrics end, its samples go on.
    manager.metrics_when("they are gone", |metrics| {
        metrics.select("app_a", &own).count() == 0
            && metrics.sum("proplet_task_threads", &own) > 0.0
    });
    drop(proplet);
}

#[test]
fn a_unix_socket_is_asked_and_other_processes_are_not() {
    let Some((broker, subscriber)) = broker() else {
        return;
    };
    let directory = Directory::new();
    let path = directory.path().join("s");
    let page = Page::of("ready 1\n");
    page.on_a_socket(&path);
    let endpoint = json!({ "socket": path });
    let own = watch(&broker, std::process::id(), &endpoint);
    message_when(&subscriber, "app", "its metrics", |message| {
        custom(message)["series"][0]["name"] == "ready"
    });
    drop(own);
    // A process that names what is another's, by its socket and by a port.
    let port = json!({"port": page.on_a_port()});
    for endpoint in [endpoint, port] {
        let other = Running::command(Command::new("sleep").arg("600"));
        let _proplet = watch(&broker, other.pid(), &endpoint);
        let message = message_when(&subscriber, "app", "why there are none", |message| {
            custom(message)["error"].is_string()
        });
        let error = custom(&message)["error"].as_str().unwrap();
        assert!(
            error.starts_with("no process of the task listens"),
            "{error}"
        );
    }
}

/// One that accepts and says nothing holds nobody up, itself included.
#[test]
fn a_task_that_does_not_answer_is_sampled_all_the_same() {
    let Some((broker, subscriber)) = broker() else {
        return;
    };
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = json!({"port": silent.local_addr().unwrap().port()});
    let _proplet = watch(&broker, std::process::id(), &endpoint);
    message_when(&subscriber, "app", "samples without an answer", |message| {
        message["aggregated"]["sample_count"].as_u64() >= Some(8)
    });
    let message = message_when(&subscriber, "app", "that there was none", |message| {
        custom(message)["error"].is_string()
    });
    assert_eq!(custom(&message)["error"], "did not answer within 1s");
}
