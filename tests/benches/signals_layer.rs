//! What the layer costs a request, all that it does: the same service with and
//! without it, from the call to the last byte of the body, and the allocations of both.
//!
//! `cargo bench --bench signals_layer`

use std::convert::Infallible;
use std::hint::black_box;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{Method, Request, Response, Uri};
use criterion::{Criterion, criterion_group, criterion_main};
use golden_http::layer::SignalsLayer;
use golden_http::requests::{FromTheStart, Operation, Requests};
use golden_http::routes::Routes;
use http_body::{Body, Frame, SizeHint};
use prometheus_client::registry::Registry;
use tower::{Layer, Service};

/// A body of one frame, as the service's answers are.
struct OneFrame(Option<Bytes>);

impl Body for OneFrame {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}

impl From<Bytes> for OneFrame {
    fn from(bytes: Bytes) -> Self {
        Self(Some(bytes))
    }
}

/// Answers at once.
#[derive(Clone)]
struct Handler;

impl Service<Request<()>> for Handler {
    type Response = Response<OneFrame>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        black_box(request);
        let body = OneFrame(Some(Bytes::from_static(b"{\"random\":57.3}")));
        std::future::ready(Ok(Response::new(body)))
    }
}

/// A request's whole way, without a runtime: everything is ready at once.
fn drive<S, B>(service: &mut S, request: Request<()>)
where
    S: Service<Request<()>, Response = Response<B>, Error = Infallible>,
    B: Body,
{
    let mut context = Context::from_waker(Waker::noop());
    let mut answer = std::pin::pin!(service.call(request));
    let Poll::Ready(Ok(answer)) = answer.as_mut().poll(&mut context) else {
        panic!("the handler answers at once");
    };
    let mut body = std::pin::pin!(answer.into_body());
    while !body.is_end_stream() {
        assert!(body.as_mut().poll_frame(&mut context).is_ready());
    }
}

fn request() -> Request<()> {
    let mut request = Request::new(());
    *request.uri_mut() = Uri::from_static("/random");
    request
}

fn layered() -> (
    impl Service<Request<()>, Response = Response<impl Body>, Error = Infallible>,
    Requests,
) {
    let requests = Requests::register(&mut Registry::default());
    let operation = Operation {
        method: Method::GET,
        statuses: vec![200, 500],
    };
    let route = requests.route("/random", &[operation], FromTheStart::Everything);
    let deadline = Some(Duration::from_secs(30));
    let routes = Routes::new(&requests).route("/random", route, deadline);
    (SignalsLayer::new(routes).layer(Handler), requests)
}

fn cost(criterion: &mut Criterion) {
    let (mut layered, _requests) = layered();
    let allocated = allocations(&mut layered) - allocations(&mut Handler);
    println!("the layer allocated {allocated} times in 10,000 requests");
    assert_eq!(allocated, 0);
    let mut group = criterion.benchmark_group("request");
    let each = criterion::BatchSize::SmallInput;
    group.bench_function("without the layer", |bencher| {
        bencher.iter_batched(request, |request| drive(&mut Handler, request), each);
    });
    group.bench_function("with the layer", |bencher| {
        bencher.iter_batched(request, |request| drive(&mut layered, request), each);
    });
    group.finish();
}

fn allocations<S, B>(service: &mut S) -> u64
where
    S: Service<Request<()>, Response = Response<B>, Error = Infallible>,
    B: Body,
{
    let requests: Vec<_> = (0..10_000).map(|_| request()).collect();
    let counted = allocation_counter::measure(|| {
        for request in requests {
            drive(service, request);
        }
    });
    counted.count_total
}

criterion_group!(benches, cost);
criterion_main!(benches);
