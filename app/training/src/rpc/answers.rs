//! The answering end of a [`Pipe`](super::pipe::Pipe): questions of all callers side by
//! side, up to a limit, and answers in the order in which they are ready.

use std::pin::Pin;
use std::sync::Arc;

use futures_util::stream::{self, Stream};
use prost::Message;
use prost::bytes::Bytes;
use tokio::sync::{Semaphore, mpsc, watch};
use tonic::{Status, Streaming};

use super::{FORWARD, FORWARD_BATCHED, LOOK_UP, UPDATE};
use crate::call::CallError;
use crate::embedding_worker::EmbeddingWorker;
use crate::messages::Envelope;
use crate::parameter_server::ParameterServer;

/// Questions of one stream that were read and whose answers are not sent yet: who takes no
/// answers is asked nothing more.
const MAX_OPEN: usize = 64;

/// The answers of one stream.
pub(super) type Answers = Pin<Box<dyn Stream<Item = Result<Envelope, Status>> + Send>>;

/// Who can be asked over a stream.
pub(super) trait Answering: Send + Sync + 'static {
    /// Answers a question of this kind.
    fn answer(
        &self,
        kind: u32,
        body: Bytes,
    ) -> impl Future<Output = Result<Vec<u8>, CallError>> + Send;
}

impl Answering for ParameterServer {
    async fn answer(&self, kind: u32, body: Bytes) -> Result<Vec<u8>, CallError> {
        match kind {
            LOOK_UP => Ok(self.look_up(&read(body)?).await.encode_to_vec()),
            UPDATE => Ok(self.update(&read(body)?).await?.encode_to_vec()),
            _ => Err(unknown(kind)),
        }
    }
}

impl Answering for EmbeddingWorker {
    async fn answer(&self, kind: u32, body: Bytes) -> Result<Vec<u8>, CallError> {
        match kind {
            FORWARD_BATCHED => Ok(self.forward_batched(read(body)?)?.encode_to_vec()),
            FORWARD => Ok(self.forward(read(body)?).await?.encode_to_vec()),
            UPDATE => Ok(self.update(read(body)?).await?.encode_to_vec()),
            _ => Err(unknown(kind)),
        }
    }
}

fn read<T: Message + Default>(body: Bytes) -> Result<T, CallError> {
    T::decode(body).map_err(|error| CallError::Invalid(error.to_string()))
}

fn unknown(kind: u32) -> CallError {
    CallError::Invalid(format!("there is no call {kind}"))
}

/// Answers until the caller is gone, or `stopping` says so: then what was asked is
/// answered, and the stream ends.
pub(super) fn answers<T: Answering>(
    role: Arc<T>,
    places: Arc<Semaphore>,
    mut stopping: watch::Receiver<bool>,
    mut questions: Streaming<Envelope>,
) -> Answers {
    let (ready, mut answers) = mpsc::channel(MAX_OPEN);
    let open = Arc::new(Semaphore::new(MAX_OPEN));
    tokio::spawn(async move {
        loop {
            let turn = Arc::clone(&open).acquire_owned().await;
            let question = tokio::select! {
                question = questions.message() => question,
                _ = stopping.wait_for(|stopping| *stopping) => return,
            };
            let question = match question {
                Ok(Some(question)) => question,
                // It has said all, or is gone.
                Ok(None) => return,
                Err(status) => {
                    let _ = ready.send(Err(status)).await;
                    return;
                }
            };
            let place = Arc::clone(&places).acquire_owned().await;
            let (role, ready) = (Arc::clone(&role), ready.clone());
            tokio::spawn(async move {
                let (kind, body) = match role.answer(question.kind, question.body).await {
                    Ok(body) => (0, body),
                    Err(error) => {
                        let status = Status::from(error);
                        let code = i32::from(status.code()).unsigned_abs();
                        (code, status.message().as_bytes().to_vec())
                    }
                };
                drop(place);
                let answer = Envelope {
                    number: question.number,
                    kind,
                    body: body.into(),
                };
                // The caller may have gone.
                let _ = ready.send(Ok(answer)).await;
                drop(turn);
            });
        }
    });
    Box::pin(stream::poll_fn(move |cx| answers.poll_recv(cx)))
}
