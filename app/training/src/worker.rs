//! A worker as its trainer sees it: in the same process, or somewhere else.

use std::sync::Arc;

use super::call::{CallError, Link};
use super::embedding_worker::EmbeddingWorker;
use super::messages::{
    BatchGradients, BatchIds, BatchRef, Done, Embeddings, Prepare, Save, SavedShards, Session,
};
use super::rpc::EmbeddingWorkerClient;

/// One embedding worker. Every call waits for one that does not answer, and
/// tells `retried` of each attempt.
#[derive(Clone, Debug)]
pub enum Worker {
    /// In this process.
    Local(Arc<EmbeddingWorker>),
    /// Behind a connection.
    Remote(EmbeddingWorkerClient),
}

impl Worker {
    /// A trainer begins.
    ///
    /// # Errors
    ///
    /// If the worker refuses.
    pub async fn begin(&self, session: &Session, retried: impl Fn()) -> Result<Done, CallError> {
        match self {
            Self::Local(worker) => worker.begin(session),
            Self::Remote(client) => {
                client
                    .link()
                    .until_answered(retried, || client.begin(session.clone()))
                    .await
            }
        }
    }

    /// A trainer ends. Tried once: it is a courtesy.
    ///
    /// # Errors
    ///
    /// If the worker does not answer.
    pub async fn end(&self, session: Session) -> Result<Done, CallError> {
        match self {
            Self::Local(worker) => Ok(worker.end(&session)),
            Self::Remote(client) => client.end(session).await,
        }
    }

    /// A batch to keep.
    ///
    /// # Errors
    ///
    /// If the worker refuses.
    pub async fn forward_batched(
        &self,
        batch: &BatchIds,
        retried: impl Fn(),
    ) -> Result<Done, CallError> {
        match self {
            Self::Local(worker) => {
                Link::new("the worker".to_owned())
                    .until_answered(retried, async || worker.forward_batched(batch.clone()))
                    .await
            }
            Self::Remote(client) => {
                client
                    .link()
                    .until_answered(retried, || client.forward_batched(batch))
                    .await
            }
        }
    }

    /// A batch's embeddings.
    ///
    /// # Errors
    ///
    /// If the worker refuses, or no longer knows the batch.
    pub async fn forward(
        &self,
        batch: BatchRef,
        retried: impl Fn(),
    ) -> Result<Embeddings, CallError> {
        match self {
            Self::Local(worker) => worker.forward(batch).await,
            Self::Remote(client) => {
                client
                    .link()
                    .until_answered(retried, || client.forward(&batch))
                    .await
            }
        }
    }

    /// The embeddings of samples that are not trained on.
    ///
    /// # Errors
    ///
    /// If the worker refuses.
    pub async fn evaluate(
        &self,
        batch: &BatchIds,
        retried: impl Fn(),
    ) -> Result<Embeddings, CallError> {
        match self {
            Self::Local(worker) => worker.evaluate(batch).await,
            Self::Remote(client) => {
                client
                    .link()
                    .until_answered(retried, || client.evaluate(batch.clone()))
                    .await
            }
        }
    }

    /// A batch's gradients.
    ///
    /// # Errors
    ///
    /// If the worker refuses, or no longer knows the batch.
    pub async fn update(
        &self,
        gradients: BatchGradients,
        retried: impl Fn(),
    ) -> Result<Done, CallError> {
        match self {
            Self::Local(worker) => worker.update(gradients).await,
            Self::Remote(client) => {
                client
                    .link()
                    .until_answered(retried, || client.update(&gradients))
                    .await
            }
        }
    }

    /// Has the shards make ready.
    ///
    /// # Errors
    ///
    /// If a shard cannot.
    pub async fn prepare(&self, prepare: &Prepare, retried: impl Fn()) -> Result<Done, CallError> {
        match self {
            Self::Local(worker) => worker.prepare(prepare.clone()).await,
            Self::Remote(client) => {
                client
                    .link()
                    .until_answered(retried, || client.prepare(prepare.clone()))
                    .await
            }
        }
    }

    /// Has the shards save.
    ///
    /// # Errors
    ///
    /// If a shard cannot.
    pub async fn save(&self, save: Save, retried: impl Fn()) -> Result<SavedShards, CallError> {
        match self {
            Self::Local(worker) => worker.save(save).await,
            Self::Remote(client) => {
                client
                    .link()
                    .until_answered(retried, || client.save(save))
                    .await
            }
        }
    }
}
