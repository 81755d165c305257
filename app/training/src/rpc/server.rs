//! The answering side: takes calls until it is stopped, and then lets those
//! that are under way end.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tonic::service::Routes;
use tonic::transport::Server;
use tonic::{Request, Response, Status, Streaming};
use tower::layer::util::{Identity, Stack};
use tower::limit::GlobalConcurrencyLimitLayer;

use super::answers::{Answering, Answers, answers};
use super::generated::embedding_worker::embedding_worker_server as worker;
use super::generated::parameter_server::parameter_server_server as shard;
use super::incoming::incoming;
use super::{CONNECTION_WINDOW, MAX_FRAME_BYTES, MAX_MESSAGE_BYTES, STREAM_WINDOW};
use crate::embedding_worker::EmbeddingWorker;
use crate::messages::{BatchIds, Done, Embeddings, Envelope, Prepare, Save, SavedShards, Session};
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

/// A role that is called, and what its streams share.
struct Called<T> {
    role: Arc<T>,
    /// For the questions of all streams that are being answered.
    places: Arc<Semaphore>,
    stopping: watch::Receiver<bool>,
}

impl<T: Answering> Called<T> {
    fn talk(&self, call: Request<Streaming<Envelope>>) -> Response<Answers> {
        let (role, places) = (Arc::clone(&self.role), Arc::clone(&self.places));
        let stopping = self.stopping.clone();
        Response::new(answers(role, places, stopping, call.into_inner()))
    }
}

#[tonic::async_trait]
impl shard::ParameterServer for Called<ParameterServer> {
    type TalkStream = Answers;

    async fn talk(&self, call: Request<Streaming<Envelope>>) -> Result<Response<Answers>, Status> {
        Ok(Self::talk(self, call))
    }

    async fn prepare(&self, call: Request<Prepare>) -> Result<Response<Done>, Status> {
        Ok(Response::new(self.role.prepare(call.into_inner()).await?))
    }

    async fn save(&self, call: Request<Save>) -> Result<Response<SavedShards>, Status> {
        Ok(Response::new(self.role.save(call.into_inner()).await?))
    }
}

#[tonic::async_trait]
impl worker::EmbeddingWorker for Called<EmbeddingWorker> {
    type TalkStream = Answers;

    async fn talk(&self, call: Request<Streaming<Envelope>>) -> Result<Response<Answers>, Status> {
        Ok(Self::talk(self, call))
    }

    async fn begin(&self, call: Request<Session>) -> Result<Response<Done>, Status> {
        Ok(Response::new(self.role.begin(call.get_ref())?))
    }

    async fn end(&self, call: Request<Session>) -> Result<Response<Done>, Status> {
        Ok(Response::new(self.role.end(call.get_ref())))
    }

    async fn evaluate(&self, call: Request<BatchIds>) -> Result<Response<Embeddings>, Status> {
        Ok(Response::new(self.role.evaluate(call.get_ref()).await?))
    }

    async fn prepare(&self, call: Request<Prepare>) -> Result<Response<Done>, Status> {
        Ok(Response::new(self.role.prepare(call.into_inner()).await?))
    }

    async fn save(&self, call: Request<Save>) -> Result<Response<SavedShards>, Status> {
        Ok(Response::new(self.role.save(call.into_inner()).await?))
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
    let (stopping, stop) = announced(stop);
    let service = shard::ParameterServerServer::new(Called {
        role: server,
        places: Arc::new(Semaphore::new(MAX_CALLS)),
        stopping: stopping.clone(),
    })
    .max_decoding_message_size(MAX_MESSAGE_BYTES)
    .max_encoding_message_size(MAX_MESSAGE_BYTES);
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
    let (stopping, stop) = announced(stop);
    let service = worker::EmbeddingWorkerServer::new(Called {
        role: server,
        places: Arc::new(Semaphore::new(MAX_CALLS)),
        stopping: stopping.clone(),
    })
    .max_decoding_message_size(MAX_MESSAGE_BYTES)
    .max_encoding_message_size(MAX_MESSAGE_BYTES);
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
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(MAX_FRAME_BYTES)
        .layer(GlobalConcurrencyLimitLayer::new(MAX_CALLS))
}

/// `stop`, and whether it has resolved.
fn announced(stop: impl Future<Output = ()>) -> (watch::Receiver<bool>, impl Future<Output = ()>) {
    let (announce, announced) = watch::channel(false);
    let stop = async move {
        stop.await;
        announce.send_replace(true);
    };
    (announced, stop)
}

async fn until_drained(
    serving: impl Future<Output = Result<(), tonic::transport::Error>>,
    mut stopping: watch::Receiver<bool>,
) -> Result<(), tonic::transport::Error> {
    let too_late = async {
        let stopped = stopping.wait_for(|stopping| *stopping).await.is_ok();
        if !stopped {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(DRAIN_TIMEOUT).await;
    };
    tokio::select! {
        served = serving => served,
        () = too_late => Ok(()),
    }
}
