//! `GET /live`: what a watcher receives, from the first event to the last. In paused
//! time, so that minutes pass at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, BodyDataStream};
use axum::http::{Request, StatusCode};
use axum::response::Response;
use axum::routing::get;
use futures_util::StreamExt as _;
use golden_metrics::{GaugeFunc, LateBorn};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use serde_json::Value;
use service::live::{Live, MAX_WATCHERS, Pager, SHOWN_RANGE, stream};
use tokio::sync::watch;
use tokio::time;
use tower::ServiceExt as _;

struct Service {
    router: Router,
    scrapes: Arc<AtomicU64>,
    /// Series that are born with their first event.
    late: Family<[(&'static str, &'static str); 3], golden_metrics::Counter, LateBorn>,
    shutdown: watch::Sender<bool>,
}

impl Service {
    fn start() -> Self {
        let mut registry = Registry::default();
        let requests = Family::<[(&str, &str); 3], Counter>::default();
        registry.register("http_requests", "Of the workload", requests.clone());
        let scrapes = Arc::new(AtomicU64::new(0));
        let scraped = Arc::clone(&scrapes);
        let scraped = move || scraped.fetch_add(1, Ordering::Relaxed);
        registry.register("scrapes", "Scrapes of this registry", GaugeFunc(scraped));
        let late = Family::new_with_constructor(LateBorn::counters());
        registry.register("http_requests", "Of the workload too", late.clone());
        let labels = [("method", "GET"), ("route", "/random"), ("status", "200")];
        let requests = requests.get_or_create_owned(&labels);
        // Ten a second.
        tokio::spawn(async move {
            let mut every = time::interval(Duration::from_millis(100));
            loop {
                every.tick().await;
                requests.inc();
            }
        });
        let (shutdown, down) = watch::channel(false);
        let live = Live::new(Arc::new(registry), Pager::new(None), down);
        let router = Router::new()
            .route("/live", get(stream::live))
            .with_state(live);
        Self {
            router,
            scrapes,
            late,
            shutdown,
        }
    }

    async fn ask(&self, path: &str, seen: Option<&str>) -> Response {
        let mut request = Request::get(path);
        if let Some(seen) = seen {
            request = request.header("last-event-id", seen);
        }
        let request = request.body(Body::empty()).expect("it is well formed");
        self.router
            .clone()
            .oneshot(request)
            .await
            .expect("a router cannot fail")
    }

    async fn watch(&self, seen: Option<&str>) -> Events {
        let answer = self.ask("/live", seen).await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        Events(answer.into_body().into_data_stream())
    }
}

struct Events(BodyDataStream);

#[derive(Debug)]
struct Event {
    name: String,
    id: Option<String>,
    data: Value,
}

impl Events {
    async fn next(&mut self) -> Option<Event> {
        let frame = self.0.next().await?.expect("the stream does not fail");
        let text = std::str::from_utf8(&frame).expect("events are text");
        let field = |name: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
                .map(str::to_owned)
        };
        Some(Event {
            name: field("event").expect("every event has a name"),
            id: field("id"),
            data: serde_json::from_str(&field("data").expect("every event has data"))
                .expect("it is JSON"),
        })
    }

    async fn named(&mut self, name: &str) -> Event {
        loop {
            let event = self.next().await.expect("the stream goes on");
            if event.name == name {
                return event;
            }
        }
    }
}

fn times(event: &Event) -> Vec<i64> {
    let points = event.data["points"].as_array().expect("points are a list");
    points
        .iter()
        .map(|point| point["at"].as_i64().expect("a time"))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_new_watcher_gets_what_was_watched_and_then_every_second() {
    let service = Service::start();
    // Somebody is there, and reads nothing.
    let _before = service.watch(None).await;
    time::sleep(Duration::from_secs(300)).await;

    let mut events = service.watch(None).await;
    let view = events.next().await.expect("an event");
    assert_eq!(view.name, "view");
    assert_eq!(view.data["range"], "10s");
    assert_eq!(
        view.data["queries"]["traffic"],
        "sum by (status) (rate(http_requests_total{route=\"/random\"}[10s]))"
    );
    // Without a pager there is no event `alerts`.
    let past = events.next().await.expect("an event");
    assert_eq!(past.name, "points");
    let at = times(&past);
    assert_eq!(at.len() as u64, SHOWN_RANGE.as_secs());
    assert!(
        at.windows(2).all(|pair| pair[1] - pair[0] >= 1_000),
        "{at:?}"
    );
    assert_eq!(past.id, Some(at[at.len() - 1].to_string()));
    let rate = past.data["points"][0]["traffic"]["200"]
        .as_f64()
        .expect("a rate");
    assert!((rate - 10.0).abs() < 0.2, "{rate}");

    for _ in 0..3 {
        let next = events.named("points").await;
        assert_eq!(times(&next).len(), 1);
        assert!(times(&next)[0] > at[at.len() - 1]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_watcher_that_reconnects_gets_what_it_missed() {
    let service = Service::start();
    let mut events = service.watch(None).await;
    time::sleep(Duration::from_secs(60)).await;
    let seen = events.named("points").await.id.expect("points have an id");
    drop(events);

    time::sleep(Duration::from_secs(7)).await;
    let missed = times(&service.watch(Some(&seen)).await.named("points").await);
    assert_eq!(missed.len(), 7);
    assert!(missed[0] > seen.parse().unwrap());

    // Impossible values are ignored: text, and a point of the future.
    for seen in ["nonsense", "9223372036854775807"] {
        let past = times(&service.watch(Some(seen)).await.named("points").await);
        assert!(past.len() > 60, "{}", past.len());
    }
}

/// How often the registry was scraped, told by a gauge in it.
struct Scrapes(Arc<AtomicU64>);

impl Scrapes {
    fn counted(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_nobody_watches_is_not_scraped() {
    let service = Service::start();
    let scrapes = Scrapes(Arc::clone(&service.scrapes));
    time::sleep(Duration::from_secs(600)).await;
    assert_eq!(scrapes.counted(), 0, "nobody has ever watched");

    // The first point comes at once, the first rates with the second.
    let opened = time::Instant::now();
    let mut events = service.watch(None).await;
    let first = events.named("points").await;
    assert!(opened.elapsed() < Duration::from_millis(10));
    assert_eq!(times(&first).len(), 1);
    let second = events.named("points").await;
    assert!(opened.elapsed() <= Duration::from_millis(1_010));
    let rate = &second.data["points"][0]["traffic"]["200"];
    assert!(rate.as_f64().is_some_and(|rate| rate > 1.0), "{rate}");
    // As soon as the range is covered, all of it counts.
    for _ in 0..10 {
        events.named("points").await;
    }
    let point = events.named("points").await.data["points"][0].take();
    let rate = point["traffic"]["200"].as_f64().expect("a rate");
    assert!((rate - 10.0).abs() < 0.2, "{rate}");
    drop(events);

    // Who comes back within three minutes misses nothing.
    time::sleep(Duration::from_secs(170)).await;
    let mut events = service.watch(None).await;
    assert_eq!(
        times(&events.named("points").await).len() as u64,
        SHOWN_RANGE.as_secs()
    );
    drop(events);

    // After that nobody is waited for, and nothing is kept.
    time::sleep(Duration::from_secs(200)).await;
    let ended = scrapes.counted();
    time::sleep(Duration::from_secs(600)).await;
    assert_eq!(scrapes.counted(), ended);
    let mut events = service.watch(None).await;
    assert_eq!(times(&events.named("points").await).len(), 1);
    assert_eq!(scrapes.counted(), ended + 1);
}

/// What counts for the first time has a rate, in the live page as in Prometheus.
#[tokio::test(start_paused = true)]
async fn the_first_event_of_a_series_has_a_rate() {
    let service = Service::start();
    let mut events = service.watch(None).await;
    for _ in 0..5 {
        events.named("points").await;
    }
    let labels = [("method", "GET"), ("route", "/random"), ("status", "418")];
    service.late.get_or_create(&labels).inc();
    let point = events.named("points").await.data["points"][0].take();
    let rate = point["traffic"]["418"].as_f64().expect("a rate");
    assert!(rate > 0.0, "{point}");
}

/// A watcher that reads nothing for an hour then receives two minutes, not an hour that was
/// kept for it.
#[tokio::test(start_paused = true)]
async fn a_slow_watcher_skips() {
    let service = Service::start();
    let mut events = service.watch(None).await;
    events.named("points").await;
    time::sleep(Duration::from_secs(3_600)).await;
    let caught_up = events.named("points").await;
    assert_eq!(times(&caught_up).len() as u64, SHOWN_RANGE.as_secs());
    assert_eq!(times(&events.named("points").await).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_number_of_watchers_is_limited() {
    let service = Service::start();
    let mut seats = Vec::new();
    for _ in 0..MAX_WATCHERS {
        seats.push(service.watch(None).await);
    }
    let refused = service.ask("/live", None).await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.headers().contains_key("retry-after"));
    seats.pop();
    service.watch(None).await.named("points").await;
}

#[tokio::test(start_paused = true)]
async fn it_ends_when_the_service_stops() {
    let service = Service::start();
    let mut events = service.watch(None).await;
    events.named("points").await;
    service.shutdown.send_replace(true);
    assert!(events.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_range_that_is_not_offered_is_refused() {
    let service = Service::start();
    for path in ["/live?range=5s", "/live?range=", "/live?range=10s&range=x"] {
        let answer = service.ask(path, None).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{path}");
    }
    for path in [
        "/live?range=30s",
        "/live?range=1m",
        "/live?range=x&range=10s",
        "/live?other=1",
    ] {
        assert_eq!(
            service.ask(path, None).await.status(),
            StatusCode::OK,
            "{path}"
        );
    }
}
