//! A mystery of the model: what ails it is told nowhere, until it is revealed.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use serde_json::json;
use simulation::incident::truth::seal_of;

use crate::model::send;
use crate::support::server::Server;

#[test]
fn what_ails_the_model_can_be_hidden_and_is_told_at_the_end() {
    let salted = || {
        Server::start(&[
            "--traffic=5",
            "--mystery-salt=only-the-teacher-knows",
            "--model-mystery=alice",
        ])
    };
    let mystery = "/control/model/mystery";
    let truth = |server: &Server| -> String {
        let commitment = server.get(mystery).json()["commitment"].clone();
        let revealed = format!("{mystery}?reveal=true");
        let was = send(server, "DELETE", &revealed, &json!({})).json()["was"].clone();
        let was = was.as_str().unwrap().to_owned();
        // As sha256sum has it.
        assert_eq!(commitment, seal_of(&was));
        was
    };
    let (server, other) = (salted(), salted());
    let shown = server.get("/control/model").json();
    assert_eq!(shown["mystery"], "alice");
    let told = shown.as_object().unwrap().values();
    assert_eq!(told.filter(|value| !value.is_null()).count(), 1, "{shown}");
    let begin = json!({"scenario": "none"});
    let refused = send(&server, "PATCH", "/control/model", &begin);
    assert_eq!(refused.status, 409, "{}", refused.text());
    assert!(refused.text().contains("DELETE /control/model/mystery"));

    let log = server.log().join("\n");
    let metrics = server.get("/metrics");
    let was = truth(&server);
    let lines: Vec<&str> = was.lines().collect();
    assert_eq!(lines[..2], ["golden-signals model", "name: alice"], "{was}");
    let after = server.log().join("\n");
    for line in &lines[2..] {
        let (name, value) = line.split_once(": ").unwrap();
        // Short numbers are in everything, and metrics have each reason of a fallback at 0.
        let metrics = if name == "scenario" {
            ""
        } else {
            metrics.text()
        };
        if value.len() > 4 {
            for place in [&log, &after, metrics, &shown.to_string()] {
                assert!(!place.contains(value), "{name}: {value} is told");
            }
        }
    }
    // The name hides the same elsewhere, but for when it began and the nonce.
    let again = truth(&other);
    let hidden = |was: &str| -> Vec<String> {
        let lines = was.lines().filter(|line| {
            ["name", "scenario", "share", "ramp"]
                .iter()
                .any(|name| line.starts_with(name))
        });
        lines.map(str::to_owned).collect()
    };
    assert_eq!(hidden(&was), hidden(&again));
    // It is over, and can be begun again; unrevealed nothing is told.
    assert_eq!(server.get("/control/model").json()["scenario"], "none");
    let start = send(&server, "PUT", mystery, &json!({"name": "bob"}));
    assert_eq!(start.json()["name"], "bob");
    let end = send(&server, "DELETE", mystery, &json!({})).json();
    assert_eq!(end, json!({"name": null, "commitment": null, "was": null}));
    let odd = send(
        &server,
        "DELETE",
        "/control/model/mystery?reveal=maybe",
        &json!({}),
    );
    assert_eq!(odd.status, 422);
}
