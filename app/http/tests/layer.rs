//! The layer around a service that is no axum router: what it answers, counts and says of
//! the request that is being worked on.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::convert::Infallible;
use std::future::pending;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{Method, Request, Response, StatusCode};
use golden_http::layer::SignalsLayer;
use golden_http::requests::{FromTheStart, Operation, Requests};
use golden_http::routes::Routes;
use golden_http::{CurrentRequest, TraceContext};
use golden_metrics::exposition::Format;
use golden_metrics::gather;
use http_body_util::{BodyExt as _, Full};
use prometheus_client::registry::Registry;
use tower::{Layer as _, ServiceExt as _, service_fn};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

fn exposition(registry: &Registry) -> String {
    let families = gather(registry).unwrap();
    String::from_utf8(Format::Text.encode(&families)).unwrap()
}

fn get(path: &str, trace: &str) -> Request<()> {
    let traceparent = format!("00-{trace}-b7ad6b7169203331-01");
    let request = Request::get(path).header("traceparent", traceparent);
    request.body(()).unwrap()
}

fn layer(requests: &Requests) -> SignalsLayer {
    let operation = Operation {
        method: Method::GET,
        statuses: vec![200],
    };
    let routes = ["/answers", "/panics/{at}", "/sleeps"].into_iter().fold(
        Routes::new(requests),
        |routes, path| {
            let signals = requests.route(
                path,
                std::slice::from_ref(&operation),
                FromTheStart::Successes,
            );
            routes.route(path, signals, Some(Duration::from_secs(2)))
        },
    );
    SignalsLayer::new(routes)
}

#[tokio::test(start_paused = true)]
async fn every_end_is_answered_and_counted_by_route() {
    let mut registry = Registry::default();
    let requests = Requests::register(&mut registry);
    let app = layer(&requests).layer(service_fn(|request: Request<()>| {
        let path = request.uri().path().to_owned();
        assert_ne!(path, "/panics/call", "a test's panic");
        async move {
            assert_ne!(path, "/panics/future", "a test's panic");
            if path == "/sleeps" {
                pending::<()>().await;
            }
            let body = Full::new(Bytes::from_static(b"hello"));
            Ok::<_, Infallible>(Response::new(body))
        }
    }));
    let ask = async |method: Method, path: &str| {
        let mut request = get(path, TRACE);
        *request.method_mut() = method;
        let Ok(answer) = app.clone().oneshot(request).await;
        let status = answer.status();
        let traced = answer.headers()["traceparent"].to_str().unwrap();
        assert!(traced.contains(TRACE), "{path}");
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, body)
    };
    let detail = |text: &str| Bytes::from(format!(r#"{{"detail":"{text}"}}"#));
    let hello = Bytes::from_static(b"hello");
    for (method, path, answer) in [
        (Method::GET, "/answers", (StatusCode::OK, hello.clone())),
        (Method::PUT, "/answers", (StatusCode::OK, hello.clone())),
        (Method::GET, "/elsewhere", (StatusCode::OK, hello)),
        (
            Method::GET,
            "/panics/call",
            (
                StatusCode::INTERNAL_SERVER_ERROR,
                detail("Internal Server Error"),
            ),
        ),
        (
            Method::GET,
            "/panics/future",
            (
                StatusCode::INTERNAL_SERVER_ERROR,
                detail("Internal Server Error"),
            ),
        ),
        (
            Method::GET,
            "/sleeps",
            (StatusCode::GATEWAY_TIMEOUT, detail("The request timed out")),
        ),
    ] {
        assert_eq!(ask(method, path).await, answer, "{path}");
    }

    let text = exposition(&registry);
    for line in [
        r#"http_requests_total{method="GET",route="/answers",status="200"} 1"#,
        r#"http_requests_total{method="PUT",route="unmatched",status="200"} 1"#,
        r#"http_requests_total{method="GET",route="unmatched",status="200"} 1"#,
        r#"http_requests_total{method="GET",route="/panics/{at}",status="500"} 2"#,
        r#"http_requests_total{method="GET",route="/sleeps",status="504"} 1"#,
        r#"http_request_panics_total{route="/panics/{at}"} 2"#,
        r#"http_request_timeouts_total{route="/sleeps"} 1"#,
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    let in_flight = text
        .lines()
        .filter(|line| line.starts_with("http_requests_in_flight{"));
    assert!(in_flight.clone().count() > 0 && in_flight.clone().all(|line| line.ends_with(" 0")));
}

#[tokio::test]
async fn who_asks_for_the_current_request_gets_its_own_between_any_two_awaits() {
    let requests = Requests::register(&mut Registry::default());
    let app = layer(&requests).layer(service_fn(|request: Request<()>| async move {
        let traceparent = request.headers()["traceparent"].to_str().unwrap();
        let given: TraceContext = traceparent.parse().unwrap();
        for _ in 0..10 {
            let fields = CurrentRequest::get().unwrap().fields();
            let expected = [
                ("trace_id", format!("{:032x}", given.trace_id())),
                ("method", "GET".to_owned()),
                ("route", request.uri().path().to_owned()),
            ];
            assert_eq!(fields, expected);
            tokio::task::yield_now().await;
        }
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::new())))
    }));
    // On one thread, so that all of them take turns on it.
    let mut asked = tokio::task::JoinSet::new();
    for n in 1..=20_u128 {
        let path = ["/answers", "/sleeps"][usize::from(n % 2 == 0)];
        asked.spawn(app.clone().oneshot(get(path, &format!("{n:032x}"))));
    }
    while let Some(answer) = asked.join_next().await {
        let Ok(answer) = answer.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        assert!(CurrentRequest::get().is_none());
    }
}

#[tokio::test]
async fn only_who_sent_a_traceparent_gets_one() {
    let requests = Requests::register(&mut Registry::default());
    let app = layer(&requests).layer(service_fn(async |_: Request<()>| {
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::new())))
    }));
    let Ok(answer) = app.oneshot(Request::get("/").body(()).unwrap()).await;
    assert!(answer.headers().is_empty(), "{:?}", answer.headers());
}
