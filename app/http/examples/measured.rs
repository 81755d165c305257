//! An axum service of your own, measured exactly: requests by method, route and status,
//! durations in classic and native buckets with exemplars, whatever way a request ends.
//! What it takes is in the three marked lines.
//!
//! ```console
//! cargo run --package golden-http --example measured
//! curl http://127.0.0.1:3000/hello/you
//! curl http://127.0.0.1:3000/metrics
//! ```

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use golden_http::metrics::metrics;
use golden_http::requests::Requests;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;

async fn hello(Path(name): Path<String>) -> String {
    format!("Hello, {name}!\n")
}

pub(crate) fn app() -> Router {
    let mut registry = Registry::default();
    let requests = Requests::register(&mut registry); // 1
    Router::new()
        .route("/hello/{name}", get(hello))
        .route("/metrics", get(metrics)) // 2
        .with_state(Arc::new(registry))
        .layer(requests.measure(["/hello/{name}", "/metrics"])) // 3
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app()).await
}
