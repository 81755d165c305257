//! Queries that are asked of a Prometheus that runs, too. A stand-in answers: what
//! is looked at here is what becomes of its answers.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod answer;

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::thread;

use workshop::checks;
use workshop::finding::Finding;
use workshop::stack::Stack;

/// Returns 4.5 for each query but those with this in it, for which it returns 7.
fn prometheus(odd: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 8192];
            let read = stream.read(&mut request).unwrap();
            let request = String::from_utf8_lossy(&request[..read]).into_owned();
            let value = if request.contains(odd) { 7.0 } else { 4.5 };
            let body = format!(
                "{{\"status\":\"success\",\"data\":{{\"resultType\":\"vector\",\"result\":\
                 [{{\"metric\":{{}},\"value\":[1,\"{value}\"]}}]}}}}"
            );
            write!(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            )
            .unwrap();
        }
    });
    format!("http://{address}/")
}

fn judged(exercise: &str, prometheus: String) -> Option<Result<Option<String>, Finding>> {
    peers::require("promtool")?;
    let solutions = Path::new(env!("CARGO_MANIFEST_DIR")).join("../solutions");
    let stack = Stack {
        prometheus: Some(prometheus),
        ..Stack::default()
    };
    Some(match exercise {
        "06_promql" => checks::promql::check(&solutions.join("06_promql/queries.promql"), &stack),
        _ => checks::dashboard::check(&solutions.join("08_dashboard/dashboard.json"), &stack),
    })
}

#[test]
fn what_the_queries_return_where_the_service_runs_is_told() {
    let Some(said) = judged("06_promql", prometheus("never")) else {
        return;
    };
    let said = said.unwrap().unwrap();
    assert!(said.contains("\n   1. 4.5\n"), "{said}");
    let said = judged("08_dashboard", prometheus("never")).unwrap();
    let said = said.unwrap().unwrap();
    assert!(said.contains(": 4.5000"), "{said}");
}

// Right wherever there is one job, and this answer alone speaks of jobs.
#[test]
fn a_query_that_differs_there_is_found_out() {
    let path = answer::file("06_promql", "right_other_ways");
    if peers::require("promtool").is_none() {
        return;
    }
    let stack = Stack {
        prometheus: Some(prometheus("job")),
        ..Stack::default()
    };
    let finding = checks::promql::check(path, &stack).unwrap_err();
    assert_eq!(finding.id, "other-here");
    assert!(
        finding.observed.contains("returned 7"),
        "{}",
        finding.observed
    );
}
