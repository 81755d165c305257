//! The same application, instrumented as axum users commonly do: one layer of
//! axum-prometheus and its exposition.

#[path = "app.rs"]
mod app;

use axum::routing::get;
use axum_prometheus::PrometheusMetricLayer;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let (layer, handle) = PrometheusMetricLayer::pair();
    let metrics = get(move || std::future::ready(handle.render()));
    app::serve(app::routes().route("/metrics", metrics).layer(layer)).await
}
