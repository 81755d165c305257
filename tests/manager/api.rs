//! The manager's API: tasks as the document starts them, pages, roll-ups, and
//! authorization.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::support::http;
use crate::support::manager::{Directory, Manager, alive, now_ms, rfc3339, task_sample, topic};
use crate::support::mosquitto::{Mosquitto, Subscriber, publish};
use crate::support::peers;
use serde_json::{Value, json};

const START: &str = "m/d/c/c/control/manager/start";
const STOP: &str = "m/d/c/c/control/manager/stop";

fn programs() -> Option<(PathBuf, PathBuf)> {
    Some((
        peers::require("mosquitto")?,
        peers::require("mosquitto_sub")?,
    ))
}

/// The document's manual test, "Submit a task", but for the port.
const CURL: &str = r#"curl -X POST http://localhost:8080/tasks \
  -H "Content-Type: application/json" \
  -d '{
    "id": "test-123",
    "name": "compute",
    "file": "...",
    "monitoring_profile": {
      "enabled": true,
      "interval": 5000000000,
      "export_to_mqtt": true
    }
  }'"#;

#[test]
fn the_documents_curl_starts_a_task_that_is_followed_to_its_end() {
    let Some((mosquitto, sub)) = programs() else {
        return;
    };
    let broker = Mosquitto::start(&mosquitto, "");
    let directory = Directory::new();
    let manager = Manager::start(&broker.url(), &directory, &[]);
    let proplet = Subscriber::start(&sub, broker.address(), &[START, STOP]);
    let send = |kind: &str, message: &str| publish(&sub, broker.address(), &topic(kind), message);

    // No proplet is there yet: the task waits for one.
    let port = manager.server.address().port();
    let curl = CURL.replace(":8080", &format!(":{port}"));
    let output = Command::new("sh")
        .args(["-c", &curl])
        .stderr(Stdio::null())
        .output()
        .unwrap();
    let created: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&created["id"], &created["state"]),
        (&json!("test-123"), &json!("pending")),
        "{created:#}"
    );
    send("alive", &alive("p", "alive"));
    let started = proplet.json_when(START, "the task is given to it", |seen| seen.len() == 1);
    assert_eq!(started[0]["id"], "test-123");
    assert_eq!(started[0]["proplet_id"], "p");
    // Nanoseconds, as the document's example means them; the rest by default.
    let profile = &started[0]["monitoring_profile"];
    assert_eq!(profile["interval"], json!(5));
    assert_eq!(profile["collect_cpu"], json!(true));
    let state = |wanted: &'static str| {
        manager.get_when("/tasks/test-123", wanted, move |task| {
            task["state"] == wanted
        })
    };
    state("starting");
    // Another one may not speak of it.
    send(
        "task_metrics",
        &task_sample("q", "test-123", now_ms()).to_string(),
    );
    manager.metrics_when("it is rejected", |metrics| {
        metrics.value("manager_messages_rejected_total", &[("reason", "forged")]) == 1.0
    });
    send(
        "task_metrics",
        &task_sample("p", "test-123", now_ms()).to_string(),
    );
    assert_eq!(state("running")["proplet_id"], "p");

    // It cannot be started twice, nor made twice.
    let conflicts = [
        manager.request("POST", "/tasks/test-123/start", None),
        manager.request(
            "POST",
            "/tasks",
            Some(&json!({"id": "test-123", "name": "cpu"})),
        ),
    ];
    for answer in conflicts {
        assert_eq!(answer.status, 409, "{}", answer.text());
    }
    assert_eq!(
        manager.request("POST", "/tasks/test-123/stop", None).status,
        200
    );
    let stopped = proplet.json_when(STOP, "it is told to stop", |seen| seen.len() == 1);
    assert_eq!(stopped[0], json!({"id": "test-123", "proplet_id": "p"}));
    state("stopped");
    assert_eq!(
        manager.request("POST", "/tasks/test-123/stop", None).status,
        409
    );
    // Once more; this time it fails, and its sender learns why.
    assert_eq!(
        manager
            .request("POST", "/tasks/test-123/start", None)
            .status,
        200
    );
    proplet.json_when(START, "the task is given to it again", |seen| {
        seen.len() == 2
    });
    // As Propeller's embedded proplet says it: without its own name.
    let failure = json!({"task_id": "test-123", "results": "", "error": "no room"});
    send("results", &failure.to_string());
    assert_eq!(state("failed")["error"], "no room");
    let listed = manager.get("/tasks");
    assert_eq!(listed["total"], 1);
    assert_eq!(
        manager.request("DELETE", "/tasks/test-123", None).status,
        204
    );
    assert_eq!(manager.server.get("/tasks/test-123").status, 404);
    // Its samples stay.
    assert_eq!(manager.get("/tasks/test-123/metrics")["total"], 1);
}

#[test]
fn an_invalid_task_is_refused_with_field_value_and_remedy() {
    let Some((mosquitto, _)) = programs() else {
        return;
    };
    let broker = Mosquitto::start(&mosquitto, "");
    let directory = Directory::new();
    let manager = Manager::start(&broker.url(), &directory, &[]);
    for (body, field) in [
        (json!({}), "name"),
        (json!({"name": "rm -rf"}), "name"),
        (
            json!({"name": "cpu", "monitoring_profile": {"interval": 0}}),
            "interval",
        ),
        (
            json!({"name": "cpu", "monitoring_profile": {"interval": 0.05}}),
            "interval",
        ),
        (
            json!({"name": "cpu", "monitoringProfile": {"intervall": 1}}),
            "intervall",
        ),
        (
            json!({"name": "cpu", "workload": {"kind": "cpu", "percent": 1000}}),
            "percent",
        ),
        (json!({"id": "a/b", "name": "cpu"}), "id"),
    ] {
        let answer = manager.request("POST", "/tasks", Some(&body));
        assert_eq!(answer.status, 422, "{body}");
        let detail = &answer.json()["detail"][0];
        let named = detail["loc"]
            .as_array()
            .unwrap()
            .last()
            .unwrap()
            .as_str()
            .unwrap()
            .to_owned();
        assert!(named.ends_with(field), "{body}: {detail}");
        assert!(!detail["msg"].as_str().unwrap().is_empty());
    }
    let not_json = http::request(
        manager.server.address(),
        "POST",
        "/tasks",
        &[("content-type", "application/json")],
        b"{",
    );
    assert_eq!(not_json.status, 422);
    assert_eq!(manager.get("/tasks")["total"], 0);
    // An id is made up where none is given.
    let made = manager.request("POST", "/tasks", Some(&json!({"functionName": "cpu"})));
    assert_eq!(made.status, 201);
    assert_eq!(made.json()["id"].as_str().unwrap().len(), 36);
}

#[test]
fn pages_have_offsets_limits_and_times_and_rollups_add_up() {
    let Some((mosquitto, sub)) = programs() else {
        return;
    };
    let broker = Mosquitto::start(&mosquitto, "");
    let directory = Directory::new();
    let manager = Manager::start(&broker.url(), &directory, &[]);
    // The middle of a minute.
    let base = now_ms() / 60_000 * 60_000 - 600_000 + 30_000;
    for (proplet, task, second, cpu) in [
        ("p", "a", 0, 10.0),
        ("p", "a", 10, 20.0),
        ("q", "b", 20, 60.0),
        ("p", "a", 60, 40.0),
    ] {
        let mut sample = task_sample(proplet, task, base + second * 1_000);
        sample["metrics"]["cpu_percent"] = json!(cpu);
        publish(
            &sub,
            broker.address(),
            &topic("task_metrics"),
            &sample.to_string(),
        );
    }
    manager.get_when("/tasks/a/metrics", "all have arrived", |page| {
        page["total"] == 3
    });
    let times = |path: &str| {
        let page = manager.get(path);
        let samples = page["metrics"].as_array().unwrap();
        let times = samples
            .iter()
            .map(|sample| sample["timestamp"].as_str().unwrap().to_owned());
        (page["total"].as_u64().unwrap(), times.collect::<Vec<_>>())
    };
    let at = |second: u64| {
        let text = rfc3339(base + second * 1_000);
        text.replace(".000Z", "Z")
    };
    assert_eq!(times("/tasks/a/metrics"), (3, vec![at(60), at(10), at(0)]));
    assert_eq!(
        times("/tasks/a/metrics?offset=1&limit=1"),
        (3, vec![at(10)])
    );
    assert_eq!(times("/tasks/a/metrics?limit=0"), (3, vec![]));
    let range = format!(
        "/tasks/a/metrics?from={}&to={}",
        at(10),
        (base + 60_000) / 1_000
    );
    assert_eq!(times(&range), (1, vec![at(10)]));
    assert_eq!(times("/tasks/unknown/metrics"), (0, vec![]));
    for query in [
        "limit=1001",
        "limit=-1",
        "offset=x",
        "from=yesterday",
        "to=1e400",
    ] {
        let answer = manager.server.get(&format!("/tasks/a/metrics?{query}"));
        assert_eq!(answer.status, 422, "{query}");
        assert_eq!(answer.json()["detail"][0]["loc"][0], "query");
    }
    // Propeller's shape for an unknown proplet.
    let nobody = json!({"offset": 0, "limit": 100, "total": 0, "history": []});
    assert_eq!(manager.get("/proplets/nobody/alive-history"), nobody);

    let rolled = manager.get("/rollups");
    let pieces = rolled["rollups"].as_array().unwrap();
    let seen: Vec<_> = pieces
        .iter()
        .map(|piece| {
            let number = |key: &str| piece[key].as_f64().unwrap();
            (
                number("samples"),
                number("avg_cpu_percent"),
                number("max_cpu_percent"),
                number("disk_read_bytes"),
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            (3.0, 30.0, 60.0, 3.0 * 1_048_576.0),
            (1.0, 40.0, 40.0, 1_048_576.0)
        ]
    );
    assert_eq!(rolled["now"]["tasks"], 2);
    assert_eq!(rolled["now"]["cpu_percent"], 100.0);
    let finer = manager.get("/rollups?step=10&limit=2");
    assert_eq!(finer["rollups"].as_array().unwrap().len(), 2);
    assert_eq!(manager.server.get("/rollups?step=15").status, 422);
    // Of one proplet, in minutes and in hours.
    let of_p = manager.get("/proplets/p/rollups?step=86400");
    let pieces = of_p["rollups"].as_array().unwrap();
    let samples: f64 = pieces
        .iter()
        .map(|piece| piece["samples"].as_f64().unwrap())
        .sum();
    let others = manager.get("/proplets/nobody/rollups");
    assert_eq!((samples, &others["rollups"]), (3.0, &json!([])));
    assert_eq!(
        manager.server.get("/proplets/p/rollups?step=90").status,
        422
    );
}

#[test]
fn beyond_loopback_only_the_token_allows_changes() {
    let Some((mosquitto, _)) = programs() else {
        return;
    };
    let broker = Mosquitto::start(&mosquitto, "");
    let directory = Directory::new();
    let task = json!({"id": "t", "name": "cpu"});
    let changes = [
        ("POST", "/tasks", Some(&task)),
        ("POST", "/tasks/t/start", None),
        ("POST", "/tasks/t/stop", None),
        ("DELETE", "/tasks/t", None),
    ];
    let start = |arguments: &[&str]| {
        let arguments = [&["--bind", "0.0.0.0:0"], arguments].concat();
        let manager = Manager::start(&broker.url(), &directory, &arguments);
        let port = manager.server.address().port();
        (manager, std::net::SocketAddr::from(([127, 0, 0, 1], port)))
    };
    let request =
        |address, (method, path, body): (&str, &str, Option<&Value>), more: &[(&str, &str)]| {
            let headers = [&[("content-type", "application/json")], more].concat();
            let body = body.map(Value::to_string).unwrap_or_default();
            http::request(address, method, path, &headers, body.as_bytes()).status
        };
    {
        let (_manager, address) = start(&[]);
        for change in changes {
            assert_eq!(request(address, change, &[]), 403, "{change:?}");
        }
        // Anybody may read.
        assert_eq!(http::get(address, "/tasks", &[]).status, 200);
    }
    {
        let (_manager, address) = start(&["--control-token", "secret"]);
        for change in changes {
            assert_eq!(request(address, change, &[]), 401, "{change:?}");
            let wrong = [("authorization", "Bearer secre")];
            assert_eq!(request(address, change, &wrong), 401, "{change:?}");
        }
        let right = [("authorization", "Bearer secret")];
        assert_eq!(request(address, changes[0], &right), 201);
        assert_eq!(request(address, changes[3], &right), 204);
    }
    // As compose publishes it: a page from elsewhere still may not.
    let (_manager, address) = start(&["--published-on-loopback"]);
    assert_eq!(request(address, changes[0], &[]), 201);
    let head = "POST /tasks/t/stop HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n";
    let answer = http::parse(&http::raw(address, head.as_bytes()).unwrap()).unwrap();
    assert_eq!(answer.status, 403);
}
