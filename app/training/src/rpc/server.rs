//! The answering side: takes calls until it is stopped, and then lets those
//! that are under way end.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use tokio::net::TcpListener;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic::{Request, Response, Status};
use tower::layer::util::{Identity, Stack};
use tower::limit::GlobalConcurrencyLimitLayer;

use super::MAX_MESSAGE_BYTES;
use super::generated::embedding_worker::embedding_worker_server as worker;
use super::generated::parameter_server::parameter_server_server as shard;
use super::incoming::incoming;
use crate::embedding_worker::EmbeddingWorker;
use crate::messages::{
    BatchGradients, BatchIds, BatchRef, Done, Embeddings, Lookup, Numbers, Prepare, Save,
    SavedShards, Session, ShardGradients,
};
use crate::parameter_server::ParameterServer;

/// Callers that have gone without a word are noticed after twice this long.
const KEEP_ALIVE: Duration = Duration::from_secs(5);

/// How long calls under way may take once it is to stop: one that waits for a
/// shard that is gone would take for ever.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(3);

/// Calls at work at a time, of all callers, each of which may hold a message;
/// more wait their turn. A trainer makes fewer than twenty at once, and a worker
/// passes on as many to each shard.
const MAX_CALLS: usize = 64;

/// Calls of one connection that may have begun; more wait at the caller.
const MAX_CALLS_OF_A_CONNECTION: u32 = 64;

struct Called<T>(Arc<T>);

#[tonic::async_trait]
impl shard::ParameterServer for Called<ParameterServer> {
    async fn look_up(&self, call: Request<Lookup>) -> Result<Response<Numbers>, Status> {
        Ok(Response::new(self.0.look_up(call.get_ref()).await))
    }

    async fn update(&self, call: Request<ShardGradients>) -> Result<Response<Done>, Status> {
        Ok(Response::new(self.0.update(call.get_ref()).await?))
    }

    async fn prepare(&self, call: Request<Prepare>) -> Result<Response<Done>, Status> {
        Ok(Response::new(self.0.prepare(call.into_inner()).await?))
    }

    async fn save(&self, call: Request<Save>) -> Result<Response<SavedShards>, Status> {
        Ok(Response::new(self.0.save(call.into_inner()).await?))
    }
}

#[tonic::async_trait]
impl worker::EmbeddingWorker for Called<EmbeddingWorker> {
    async fn begin(&self, call: Request<Session>) -> Result<Response<Done>, Status> {
        Ok(Response::new(self.0.begin(call.get_ref())?))
    }

    async fn end(&self, call: Request<Session>) -> Result<Response<Done>, Status> {
        Ok(Response::new(self.0.end(call.get_ref())))
    }

    async fn forward_batched(&self, call: Request<BatchIds>) -> Result<Response<Done>, Status> {
        Ok(Response::new(self.0.forward_batched(call.into_inner())?))
    }

    async fn forward(&self, call: Request<BatchRef>) -> Result<Response<Embeddings>, Status> {
        Ok(Response::new(self.0.forward(call.into_inner()).await?))
    }

    async fn evaluate(&self, call: Request<BatchIds>) -> Result<Response<Embeddings>, Status> {
        Ok(Response::new(self.0.evaluate(call.get_ref()).await?))
    }

    async fn update(&self, call: Request<BatchGradients>) -> Result<Response<Done>, Status> {
        Ok(Response::new(self.0.update(call.into_inner()).await?))
    }

    async fn prepare(&self, call: Request<Prepare>) -> Result<Response<Done>, Status> {
        Ok(Response::new(self.0.prepare(call.into_inner()).await?))
    }

    async fn save(&self, call: Request<Save>) -> Result<Response<SavedShards>, Status> {
        Ok(Response::new(self.0.save(call.into_inner()).await?))
    }
}

/// Takes calls for the shard until `stop` resolves.
///
/// # Errors
///
/// If the listener fails.
pub async fn serve_parameter_server(
    server: Arc<ParameterServer>,
    listener: TcpListener,
    stop: impl Future<Output = ()>,
) -> Result<(), tonic::transport::Error> {
    let service = shard::ParameterServerServer::new(Called(server))
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_MESSAGE_BYTES);
    let (stopping, stop) = announced(stop);
    let serving = builder()
        .add_routes(routes().add_service(service))
        .serve_with_incoming_shutdown(incoming(listener), stop);
    until_drained(serving, stopping).await
}

/// Takes calls for the worker until `stop` resolves.
///
/// # Errors
///
/// If the listener fails.
pub async fn serve_embedding_worker(
    server: Arc<EmbeddingWorker>,
    listener: TcpListener,
    stop: impl Future<Output = ()>,
) -> Result<(), tonic::transport::Error> {
    let service = worker::EmbeddingWorkerServer::new(Called(server))
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_MESSAGE_BYTES);
    let (stopping, stop) = announced(stop);
    let serving = builder()
        .add_routes(routes().add_service(service))
        .serve_with_incoming_shutdown(incoming(listener), stop);
    until_drained(serving, stopping).await
}

/// `GET /healthz`, which a health check asks by HTTP/1, beside the calls.
fn routes() -> Routes {
    Router::new().route("/healthz", get(async || "ok\n")).into()
}

fn builder() -> Server<Stack<GlobalConcurrencyLimitLayer, Identity>> {
    Server::builder()
        .accept_http1(true)
        .http2_keepalive_interval(Some(KEEP_ALIVE))
        .http2_keepalive_timeout(Some(KEEP_ALIVE))
        .max_concurrent_streams(MAX_CALLS_OF_A_CONNECTION)
        .layer(GlobalConcurrencyLimitLayer::new(MAX_CALLS))
}

/// `stop`, and another future that resolves with it.
fn announced(
    stop: impl Future<Output = ()>,
) -> (tokio::sync::oneshot::Receiver<()>, impl Future<Output = ()>) {
    let (announce, announced) = tokio::sync::oneshot::channel();
    let stop = async {
        stop.await;
        // Nobody listens any more where serving has failed.
        announce.send(()).ok();
    };
    (announced, stop)
}

async fn until_drained(
    serving: impl Future<Output = Result<(), tonic::transport::Error>>,
    stopping: tokio::sync::oneshot::Receiver<()>,
) -> Result<(), tonic::transport::Error> {
    let too_late = async {
        if stopping.await.is_err() {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(DRAIN_TIMEOUT).await;
    };
    tokio::select! {
        served = serving => served,
        () = too_late => Ok(()),
    }
}
