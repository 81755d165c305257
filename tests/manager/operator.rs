//! What an operator does with the manager's page, in a real browser.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use serde_json::{Value, json};

use crate::support::browser::Browser;
use crate::support::manager::{Directory, Manager, alive, now_ms, task_sample, topic};
use crate::support::mosquitto::{Mosquitto, publish};
use crate::support::{TIMEOUT, peers};

/// What happened before the page was opened, who has no task, what ended and why; then a
/// task's own page, and its stop, by keyboard.
#[test]
fn the_page_shows_the_past_and_stops_a_task_once_it_is_confirmed() {
    let programs = ["mosquitto", "mosquitto_sub"].map(peers::require);
    let [Some(mosquitto), Some(sub)] = programs else {
        return;
    };
    let broker = Mosquitto::start(&mosquitto, "");
    let directory = Directory::new();
    let manager = Manager::start(&broker.url(), &directory, &[]);
    let send = |kind: &str, message: &str| publish(&sub, broker.address(), &topic(kind), message);
    for proplet in ["p", "without"] {
        send("alive", &alive(proplet, "alive"));
    }
    manager.get_when("/proplets", "both", |page| page["total"] == 2);
    let task = json!({"id": "leak", "name": "idle", "proplet_id": "p", "daemon": true});
    assert_eq!(manager.request("POST", "/tasks", Some(&task)).status, 201);
    let first = now_ms() - 60_000;
    for second in 0..60 {
        for (task, grows) in [("leak", 1), ("done", 0)] {
            let mut sample = task_sample("p", task, first + second * 1_000);
            let memory = 100_000_000 + grows * second * 1_000_000;
            sample["metrics"]["memory_bytes"] = json!(memory);
            sample["metrics"]["memory_percent"] = json!(memory as f64 / 10_000_000.0);
            send("task_metrics", &sample.to_string());
        }
    }
    let end = json!({"task_id": "done", "proplet_id": "p", "results": "", "error": "ended with signal: 9"});
    send("results", &end.to_string());
    let ended = |page: &Value| {
        let tasks = page["tasks"].as_array().unwrap();
        let all = |task: &Value| task["sample"]["timestamp"].is_string();
        tasks.len() == 2 && tasks.iter().all(all) && tasks.iter().any(|t| t["ended"].is_object())
    };
    manager.get_when("/overview", "its end", ended);
    let trend = manager.get("/tasks/leak/trend");
    let memory = trend["trends"].as_array().unwrap().iter();
    let memory = memory
        .clone()
        .find(|trend| trend["metric"] == "memory_bytes")
        .unwrap();
    let slope = memory["slope_per_second"].as_f64().unwrap();
    assert!((slope - 1e6).abs() < 1e4, "{trend}");
    assert_eq!(memory["limit"].as_f64().unwrap().round(), 1e9, "{trend}");
    assert!(memory["limit_reached_at"].is_string(), "{trend}");

    let Some(browser) = Browser::open_at(&manager.server.url("/")) else {
        return;
    };
    let rows = "[...document.querySelectorAll('#tasks tbody tr')]";
    let row = |task: &str| format!("{rows}.find(row => row.innerText.includes('{task}'))");
    browser.wait(TIMEOUT, &format!("{} && {rows}.length == 2", row("leak")));
    let past = format!(
        "{}.querySelector('polyline').points.length > 3",
        row("leak")
    );
    browser.wait(TIMEOUT, &past);
    let over = format!(
        "{}.matches('.over') && {}.innerText",
        row("done"),
        row("done")
    );
    let over = browser.wait(TIMEOUT, &over);
    assert!(
        over.as_str().unwrap().contains("ended with signal: 9"),
        "{over}"
    );
    let without =
        "document.getElementById('proplets').innerText.includes('without alive; no tasks')";
    browser.wait(TIMEOUT, without);
    // The filter and a column's order.
    browser.run("document.getElementById('filter').focus()");
    browser.write("done");
    browser.wait(
        TIMEOUT,
        &format!("{rows}.length == 1 && {rows}[0].innerText.includes('done')"),
    );
    browser.run(
        "document.getElementById('filter').value = '';
         document.getElementById('filter').dispatchEvent(new Event('input'));
         [...document.querySelectorAll('#tasks th button')].find(b => b.textContent == 'memory').click()",
    );
    browser.wait(
        TIMEOUT,
        &format!("{rows}.length == 2 && {rows}[0].innerText.includes('leak')"),
    );
    // Its own page has its trend; Escape goes back.
    browser.run(&format!("{}.querySelector('a').click()", row("leak")));
    let trend = "document.querySelector('#task[open] #trend').innerText.includes('reaches its limit of 954 MiB')";
    browser.wait(TIMEOUT, trend);
    browser.wait(
        TIMEOUT,
        "document.querySelectorAll('#charts polyline').length >= 3",
    );
    browser.run("document.getElementById('close').click()");
    // Nothing happens before it is confirmed.
    browser.run(&format!("{}.querySelector('button').click()", row("leak")));
    let asked = "document.querySelector('#confirm[open]').innerText.includes('Stop leak on p?')";
    browser.wait(TIMEOUT, asked);
    assert_eq!(manager.get("/tasks/leak")["state"], "running");
    browser.run("document.getElementById('confirm-yes').click()");
    manager.get_when("/tasks/leak", "its stop", |task| task["state"] == "stopped");
    browser.wait(
        TIMEOUT,
        &format!("{}.innerText.includes('stopped')", row("leak")),
    );
    assert_eq!(browser.console(), Vec::<String>::new());
}
