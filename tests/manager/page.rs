//! What people read of the manager: the description of its API, its live page in a real
//! browser, and the stream of events behind it.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;

use crate::support::browser::Browser;
use crate::support::manager::{Directory, Manager, alive, now_ms, task_sample, topic};
use crate::support::mosquitto::{Mosquitto, Subscriber, publish};
use crate::support::{TIMEOUT, peers};
use serde_json::{Value, json};

fn programs() -> Option<(PathBuf, PathBuf)> {
    Some((
        peers::require("mosquitto")?,
        peers::require("mosquitto_sub")?,
    ))
}

#[test]
fn live_events_arrive_as_they_happen_and_are_filtered() {
    let Some((mosquitto, sub)) = programs() else {
        return;
    };
    let broker = Mosquitto::start(&mosquitto, "");
    let directory = Directory::new();
    let mut manager = Manager::start(&broker.url(), &directory, &[]);
    let watch = |query: &str| {
        let mut stream = TcpStream::connect(manager.server.address()).unwrap();
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        write!(
            stream,
            "GET /live{query} HTTP/1.1\r\nhost: localhost\r\n\r\n"
        )
        .unwrap();
        let mut lines = BufReader::new(stream)
            .lines()
            .map(Result::unwrap as fn(_) -> String);
        // The answer's head: who reads it is subscribed.
        assert!(
            lines
                .by_ref()
                .take_while(|line| !line.is_empty())
                .any(|l| l.contains("event-stream"))
        );
        lines
    };
    let mut all = watch("");
    let mut one = watch("?task=b");
    let data =
        |lines: &mut std::iter::Map<_, fn(std::io::Result<String>) -> String>| -> (String, Value) {
            let kind = lines
                .find_map(|line| line.strip_prefix("event: ").map(str::to_owned))
                .unwrap();
            let data = lines
                .find_map(|line| line.strip_prefix("data: ").map(str::to_owned))
                .unwrap();
            (kind, serde_json::from_str(&data).unwrap())
        };
    for task in ["a", "b"] {
        let sample = task_sample("p", task, now_ms()).to_string();
        publish(&sub, broker.address(), &topic("task_metrics"), &sample);
    }
    publish(
        &sub,
        broker.address(),
        &topic("alive"),
        &alive("p", "offline"),
    );
    let (kind, first) = data(&mut all);
    assert_eq!(
        (kind.as_str(), &first["task_id"]),
        ("task_metrics", &json!("a"))
    );
    assert_eq!(first["metrics"]["memory_bytes"], 67_108_864);
    assert_eq!(data(&mut all).1["task_id"], "b");
    let (kind, last) = data(&mut all);
    assert_eq!(
        (kind.as_str(), &last["status"]),
        ("alive", &json!("offline"))
    );
    assert_eq!(data(&mut one).1["task_id"], "b");
    // Watchers do not hold it up.
    assert!(manager.server.stop().success());
}

#[test]
fn the_description_is_valid_and_every_get_of_it_is_answered() {
    let Some((mosquitto, sub)) = programs() else {
        return;
    };
    let broker = Mosquitto::start(&mosquitto, "");
    let directory = Directory::new();
    let manager = Manager::start(&broker.url(), &directory, &[]);
    let sample = task_sample("p", "t", now_ms()).to_string();
    publish(&sub, broker.address(), &topic("task_metrics"), &sample);
    manager.request("POST", "/tasks", Some(&json!({"id": "t", "name": "cpu"})));
    manager.get_when("/tasks/t/metrics", "a sample", |page| page["total"] == 1);

    let description = manager.get("/openapi.json");
    if let Some(python) = peers::require_python(&["openapi_spec_validator"]) {
        let mut validator = Command::new(python)
            .args(["-m", "openapi_spec_validator", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let text = description.to_string();
        validator
            .stdin
            .take()
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
        let output = validator.wait_with_output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stdout)
        );
    }
    let mut asked = 0;
    for (path, item) in description["paths"].as_object().unwrap() {
        // Metrics have a port of their own; live events do not end.
        if item.get("get").is_none() || path == "/metrics" || path == "/live" {
            continue;
        }
        let name = if path.starts_with("/proplets") {
            "p"
        } else {
            "t"
        };
        let path = path.replace("{id}", name);
        let answer = manager.server.get(&path);
        let declared = item["get"]["responses"].get(answer.status.to_string());
        assert!(
            answer.status < 400 && declared.is_some(),
            "{path}: {}",
            answer.status
        );
        asked += 1;
    }
    // What the pages are made of is served too, and is not in the description.
    for path in [
        "/",
        "/page/main.js",
        "/docs",
        "/docs/swagger-ui.css",
        "/openapi.json",
    ] {
        assert!(manager.server.get(path).status < 400, "{path}");
        assert!(description["paths"].get(path).is_none(), "{path}");
        asked += 1;
    }
    assert!(asked >= 14, "{asked}");
    assert!(!description["paths"].to_string().contains("{file}"));
    // Each of the API's routes is named by the counter of its successes from the start.
    let route = [
        ("route", "/tasks/{id}"),
        ("method", "DELETE"),
        ("status", "204"),
    ];
    assert_eq!(manager.metrics().value("http_requests_total", &route), 0.0);
    // The page asks for nothing that is not served.
    let page = manager.server.get("/");
    for part in page.text().split("\"/page/").skip(1) {
        let file = part.split('"').next().unwrap();
        assert_eq!(
            manager.server.get(&format!("/page/{file}")).status,
            200,
            "{file}"
        );
    }
}

#[test]
fn the_mosquitto_sub_of_the_page_sees_both_topics_and_the_documents_sees_none() {
    let Some((mosquitto, sub)) = programs() else {
        return;
    };
    let broker = Mosquitto::start(&mosquitto, "");
    let directory = Directory::new();
    let manager = Manager::start(&broker.url(), &directory, &[]);
    let page = manager.server.get("/");
    let line = page
        .text()
        .lines()
        .find(|line| line.contains("mosquitto_sub"))
        .unwrap();
    let filters: Vec<_> = line
        .split("-t '")
        .skip(1)
        .map(|part| part.split('\'').next().unwrap())
        .collect();
    assert_eq!(filters.len(), 2, "{line}");
    let corrected = Subscriber::start(&sub, broker.address(), &filters);
    let as_written = Subscriber::start(&sub, broker.address(), &["m/+/c/+/*/metrics"]);
    for kind in ["metrics", "task_metrics"] {
        publish(&sub, broker.address(), &topic(kind), "{}");
        corrected.json_when(&topic(kind), "the message", |seen| seen.len() == 1);
    }
    // What it shows of a level that is called `*` comes after all before it.
    publish(&sub, broker.address(), "m/d/c/c/*/metrics", "{}");
    as_written.json_when("m/d/c/c/*/metrics", "the message", |seen| seen.len() == 1);
    assert!(as_written.on(&topic("metrics")).is_empty());
}

#[test]
fn the_live_page_shows_what_arrives_in_a_browser() {
    let Some((mosquitto, sub)) = programs() else {
        return;
    };
    let broker = Mosquitto::start(&mosquitto, "");
    let directory = Directory::new();
    let manager = Manager::start(&broker.url(), &directory, &[]);
    let Some(browser) = Browser::open_at(&manager.server.url("/")) else {
        return;
    };
    let listening = "document.getElementById('state').textContent.startsWith('listening')";
    browser.wait(TIMEOUT, listening);
    // A name that is no markup.
    let first = now_ms() - 2_000;
    for second in 0..3 {
        let mut sample = task_sample("p", "t", first + second * 1_000);
        sample["task_id"] = json!("<b>task<i>");
        let message = sample.to_string();
        publish(&sub, broker.address(), &topic("task_metrics"), &message);
    }
    let rows = "[...document.querySelectorAll('#tasks tbody tr')].map(row => row.innerText).join()";
    let shown = browser.wait(
        TIMEOUT,
        &format!("document.querySelector('polyline') && {rows}"),
    );
    let shown = shown.as_str().unwrap();
    // Disk bytes are those of a second, in both directions.
    for cell in [
        "<b>task<i>",
        "running",
        "42.5 %",
        "64 MiB (1.5 %)",
        "1.5 MiB/s",
        "2 min",
    ] {
        assert!(shown.contains(cell), "{cell}: {shown}");
    }
    let says = |status: &str| {
        let message = alive("p", status);
        publish(&sub, broker.address(), &topic("alive"), &message);
    };
    says("alive");
    let proplets = "document.getElementById('proplets').innerText";
    browser.wait(TIMEOUT, &format!("{proplets}.includes('p alive')"));
    says("offline");
    browser.wait(TIMEOUT, &format!("{rows}.includes('silent')"));
    assert_eq!(browser.console(), Vec::<String>::new());
}

/// Serves a page that says nothing of what it may fetch, for as long as the test runs.
fn page_of_another_origin() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let mut head = [0; 4_096];
            let _ = client.read(&mut head);
            let page =
                "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\n\r\n<p>another";
            let _ = client.write_all(page.as_bytes());
        }
    });
    address
}

/// A page of another origin in a real browser, by the form of request that needs nobody's
/// leave: neither body nor header.
#[test]
fn a_page_of_another_origin_changes_and_reads_nothing() {
    let Some((mosquitto, _)) = programs() else {
        return;
    };
    let broker = Mosquitto::start(&mosquitto, "");
    let directory = Directory::new();
    let manager = Manager::start(&broker.url(), &directory, &[]);
    let Some(browser) = Browser::open_at(&format!("http://{}/", page_of_another_origin())) else {
        return;
    };
    let task = json!({"id": "t", "name": "idle"});
    assert_eq!(manager.request("POST", "/tasks", Some(&task)).status, 201);
    let fetch = |url: &str, options: &str| {
        let script = format!(
            "window.answer = undefined;
            fetch('{url}', {options}).then(answer => answer.status, error => 'no answer')
                .then(answer => window.answer = String(answer))"
        );
        browser.run(&script);
        browser.wait(TIMEOUT, "window.answer")
    };
    for (method, path) in [("POST", "/tasks/t/stop"), ("POST", "/tasks/t/start")] {
        let url = manager.server.url(path);
        // It goes out, and its answer cannot be read.
        assert_eq!(
            fetch(&url, &format!("{{method: '{method}', mode: 'no-cors'}}")),
            "0"
        );
        assert_eq!(manager.get("/tasks/t")["state"], "pending", "{path}");
    }
    for options in ["{method: 'DELETE'}", "{}"] {
        let url = manager.server.url("/tasks/t");
        assert_eq!(fetch(&url, options), "no answer", "{options}");
        assert_eq!(manager.get("/tasks/t")["state"], "pending", "{options}");
    }
    // Its own page may.
    browser.go(&manager.server.url("/"));
    let url = manager.server.url("/tasks/t/stop");
    assert_eq!(fetch(&url, "{method: 'POST'}"), "200");
    assert_eq!(manager.get("/tasks/t")["state"], "stopped");
    // Nor under another name, as after DNS rebinding, not even what is only read.
    // But for the probes, which are sent under any name and tell nothing.
    for (path, status) in [
        ("/tasks", 403),
        ("/", 403),
        ("/live", 403),
        ("/openapi.json", 403),
        ("/docs", 403),
        ("/healthz", 200),
        ("/readyz", 200),
    ] {
        let mut stream = TcpStream::connect(manager.server.address()).unwrap();
        let head =
            format!("GET {path} HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let expected = format!("HTTP/1.1 {status} ");
        assert!(answer.starts_with(&expected), "{path}: {answer}");
    }
}

#[test]
fn the_documentation_begins_with_the_tasks_and_shows_no_assets() {
    let Some((mosquitto, _)) = programs() else {
        return;
    };
    let Some(browser) = Browser::open() else {
        return;
    };
    let broker = Mosquitto::start(&mosquitto, "");
    let directory = Directory::new();
    let manager = Manager::start(&broker.url(), &directory, &[]);
    browser.go(&manager.server.url("/docs"));
    // The API's sixteen operations, metrics and probes.
    let shown = browser.wait(
        TIMEOUT,
        "document.querySelectorAll('.opblock').length >= 19 &&
            [...document.querySelectorAll('.opblock-summary-path')]
                .map(path => path.textContent.replace(/\\u200b/g, '')).join(' ')",
    );
    let shown: Vec<&str> = shown.as_str().unwrap().split(' ').collect();
    assert_eq!((shown[0], shown.len()), ("/tasks", 19), "{shown:?}");
    let description = manager.get("/openapi.json");
    for path in &shown {
        assert!(description["paths"].get(path).is_some(), "{path}");
    }
    assert_eq!(browser.console(), Vec::<String>::new());
}
