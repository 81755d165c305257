//! The teaching service's handler as an actix-web user would write and instrument it:
//! actix-web-prom, labels by the matched route, `/metrics` beside it.

use actix_web::{App, HttpServer, Responder, get, web};
use actix_web_prom::PrometheusMetricsBuilder;
use serde::Serialize;

/// The service's own allocator: what is compared are frameworks and instruments.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[derive(Serialize)]
struct Random {
    random: f64,
}

#[get("/random")]
async fn random() -> impl Responder {
    web::Json(Random {
        random: rand::random_range(0.0..100.0),
    })
}

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let prometheus = PrometheusMetricsBuilder::new("actix")
        .endpoint("/metrics")
        .build()
        .expect("the names are valid");
    let server = HttpServer::new(move || App::new().wrap(prometheus.clone()).service(random))
        .bind(("127.0.0.1", 0))?;
    println!("{}", server.addrs()[0]);
    server.run().await
}
