//! A label for each customer.
//! Earns: orders-grow

use std::sync::Arc;

use axum::Router;
use axum::extract::{MatchedPath, Path, Query, Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use serde::Deserialize;

/// Of `http_requests_total`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: String,
    route: String,
    status: u16,
}

/// Of `searches_total`: do we have what people look for? What exactly they looked
/// for, anybody may have typed: that belongs into a log.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SearchLabels {
    found: String,
}

/// Of `orders_total`: who are our best customers?
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OrderLabels {
    customer: String,
}

/// Of `failures_total`: why could we not sell?
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FailureLabels {
    reason: String,
}

#[derive(Clone, Default)]
struct Shop {
    requests: Family<RequestLabels, Counter>,
    searches: Family<SearchLabels, Counter>,
    orders: Family<OrderLabels, Counter>,
    failures: Family<FailureLabels, Counter>,
}

impl Shop {
    fn register(registry: &mut Registry) -> Self {
        let shop = Self::default();
        registry.register("http_requests", "Requests answered", shop.requests.clone());
        registry.register("searches", "Searches", shop.searches.clone());
        registry.register("orders", "Orders taken", shop.orders.clone());
        registry.register("failures", "What could not be sold", shop.failures.clone());
        shop
    }

    fn failed(&self, error: &ShopError) {
        let reason = error.kind().to_owned();
        let labels = FailureLabels { reason };
        self.failures.get_or_create(&labels).inc();
    }
}

/// Why something cannot be sold.
enum ShopError {
    NoSuchProduct(u32),
    OutOfStock(u32),
}

impl ShopError {
    /// Without the number: there are two kinds, and as many messages as products.
    fn kind(&self) -> &'static str {
        match self {
            Self::NoSuchProduct(_) => "no such product",
            Self::OutOfStock(_) => "out of stock",
        }
    }
}

impl std::fmt::Display for ShopError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoSuchProduct(id) => write!(f, "no such product: {id}"),
            Self::OutOfStock(id) => write!(f, "out of stock: {id}"),
        }
    }
}

/// `GET /products/{id}`. There are products up to 9999.
async fn product(State(shop): State<Shop>, Path(id): Path<u32>) -> (StatusCode, String) {
    if id > 9999 {
        let error = ShopError::NoSuchProduct(id);
        shop.failed(&error);
        return (StatusCode::NOT_FOUND, error.to_string());
    }
    (StatusCode::OK, format!("product {id}"))
}

#[derive(Deserialize)]
struct Search {
    q: String,
}

/// `GET /search?q=…`. We sell shoes.
async fn search(State(shop): State<Shop>, Query(search): Query<Search>) -> &'static str {
    let found = search.q.contains("shoes");
    let labels = SearchLabels {
        found: found.to_string(),
    };
    shop.searches.get_or_create(&labels).inc();
    if found { "shoes" } else { "nothing" }
}

#[derive(Deserialize)]
struct Order {
    customer: String,
    product: u32,
}

/// `POST /orders?customer=…&product=…`. Every tenth product is sold out.
async fn order(State(shop): State<Shop>, Query(order): Query<Order>) -> (StatusCode, String) {
    if order.product.is_multiple_of(10) {
        let error = ShopError::OutOfStock(order.product);
        shop.failed(&error);
        return (StatusCode::CONFLICT, error.to_string());
    }
    let labels = OrderLabels {
        customer: order.customer,
    };
    shop.orders.get_or_create(&labels).inc();
    (StatusCode::OK, "thank you".to_owned())
}

/// Runs around every request, as in exercise 1.
async fn count(State(shop): State<Shop>, request: Request, next: Next) -> Response {
    // A client may send any word as its method.
    let method = match request.method().as_str() {
        known @ ("GET" | "POST" | "PUT" | "DELETE" | "HEAD" | "OPTIONS" | "PATCH") => known,
        _ => "other",
    }
    .to_owned();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "unmatched".to_owned(), |path| path.as_str().to_owned());
    let response = next.run(request).await;
    let status = response.status().as_u16();
    let labels = RequestLabels {
        method,
        route,
        status,
    };
    shop.requests.get_or_create(&labels).inc();
    response
}

async fn metrics(State(registry): State<Arc<Registry>>) -> impl IntoResponse {
    let mut page = String::new();
    text::encode(&mut page, &registry).expect("writing to a String does not fail");
    let format = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(CONTENT_TYPE, format)], page)
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let mut registry = Registry::default();
    let shop = Shop::register(&mut registry);
    let app = Router::new()
        .route("/products/{id}", get(product))
        .route("/search", get(search))
        .route("/orders", post(order))
        .with_state(shop.clone())
        .layer(from_fn_with_state(shop, count))
        .route("/metrics", get(metrics).with_state(Arc::new(registry)));
    let address = std::env::var("STUDENT_BIND").unwrap_or_else(|_| "127.0.0.1:8001".to_owned());
    let listener = tokio::net::TcpListener::bind(&address).await?;
    println!("listening on {}", listener.local_addr()?);
    axum::serve(listener, app).await
}
