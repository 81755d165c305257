//! The example `measured`: what a reader of it gets.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use golden_metrics::model::{Metric, MetricFamily};
use prost::Message as _;
use tower::ServiceExt as _;

#[expect(dead_code, reason = "its main is what a reader runs")]
#[path = "../examples/measured.rs"]
mod measured;

/// The answer's body, read to its end.
async fn get(app: &Router, path: &str, header: Option<(&str, &str)>) -> Vec<u8> {
    let mut request = Request::get(path);
    if let Some((name, value)) = header {
        request = request.header(name, value);
    }
    let request = request.body(Body::empty()).expect("it is valid");
    let answer = app.clone().oneshot(request).await.expect("it cannot fail");
    to_bytes(answer.into_body(), usize::MAX)
        .await
        .expect("it ends")
        .into()
}

#[tokio::test]
async fn the_example_counts_exactly_with_exemplars_and_native_histograms() {
    let app = measured::app();
    let path = "/hello/{name}";
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    for _ in 0..3 {
        let body = get(&app, "/hello/you", Some(("traceparent", trace))).await;
        assert_eq!(body, b"Hello, you!\n");
    }

    let text = String::from_utf8(get(&app, "/metrics", None).await).expect("text");
    let counted = r#"http_requests_total{method="GET",route="/hello/{name}",status="200"} 3"#;
    assert!(text.contains(counted), "{text}");

    let accept = ("accept", "application/openmetrics-text; version=1.0.0");
    let text = String::from_utf8(get(&app, "/metrics", Some(accept)).await).expect("text");
    let exemplar = r#"{trace_id="0af7651916cd43dd8448eb211c80319c"}"#;
    assert!(text.contains(exemplar), "{text}");

    let protobuf = "application/vnd.google.protobuf; \
                    proto=io.prometheus.client.MetricFamily; encoding=delimited";
    let body = get(&app, "/metrics", Some(("accept", protobuf))).await;
    let mut rest = body.as_slice();
    let mut families = Vec::new();
    while !rest.is_empty() {
        families.push(MetricFamily::decode_length_delimited(&mut rest).expect("a family"));
    }
    let durations = families
        .iter()
        .find(|family| family.name == "http_request_duration_seconds")
        .expect("it is there");
    let of_hello = |series: &&Metric| series.label.iter().any(|l| l.value == path);
    let series = durations.metric.iter().find(of_hello);
    let histogram = series.and_then(|series| series.histogram.as_ref());
    let histogram = histogram.expect("it is one");
    assert_eq!((histogram.sample_count, histogram.schema), (3, 3));
    let mut count = 0;
    let native = histogram.positive_delta.iter().map(|delta| {
        count += delta;
        count
    });
    assert_eq!(native.sum::<i64>(), 3);
    let exemplars = histogram
        .bucket
        .iter()
        .filter_map(|bucket| bucket.exemplar.as_ref());
    assert!(exemplars.count() > 0);
}
