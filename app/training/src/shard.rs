//! A shard as its worker sees it: in the same process, or somewhere else.

use std::sync::Arc;

use super::call::CallError;
use super::features::DIMENSION;
use super::messages::{Done, Lookup, Prepare, Save, SavedShards, ShardGradients};
use super::parameter_server::ParameterServer;
use super::rpc::ParameterServerClient;

/// One shard.
#[derive(Clone, Debug)]
pub enum Shard {
    /// In this process.
    Local(Arc<ParameterServer>),
    /// Behind a connection.
    Remote(ParameterServerClient),
}

impl Shard {
    /// The embeddings of these ids; waits for a shard that does not answer, and
    /// tells `retried` of each attempt.
    ///
    /// # Errors
    ///
    /// If it refuses, or answers nonsense.
    pub async fn look_up(
        &self,
        ids: &[u64],
        training: bool,
        retried: impl Fn(),
    ) -> Result<Vec<f32>, CallError> {
        let lookup = Lookup {
            ids: ids.to_vec(),
            training,
        };
        let expected = ids.len() * DIMENSION;
        let numbers = match self {
            Self::Local(server) => {
                let server = Arc::clone(server);
                // A task of its own, so that shards work on several cores.
                on_its_own(async move { Ok(server.look_up(&lookup).await) }).await?
            }
            Self::Remote(client) => {
                client
                    .link()
                    .until_answered(retried, || client.look_up(&lookup))
                    .await?
            }
        };
        let got = numbers.values.len();
        if got == expected {
            Ok(numbers.values)
        } else {
            Err(CallError::Invalid(format!(
                "{got} numbers as embeddings of {} ids",
                ids.len()
            )))
        }
    }

    /// Applies gradients; waits for a shard that does not answer.
    ///
    /// One that was applied, and whose answer was lost, is applied twice: among
    /// thousands of asynchronous steps, one more does no harm.
    ///
    /// # Errors
    ///
    /// If it refuses.
    pub async fn update(
        &self,
        gradients: ShardGradients,
        retried: impl Fn(),
    ) -> Result<Done, CallError> {
        match self {
            Self::Local(server) => {
                let server = Arc::clone(server);
                on_its_own(async move { server.update(&gradients).await }).await
            }
            Self::Remote(client) => {
                client
                    .link()
                    .until_answered(retried, || client.update(&gradients))
                    .await
            }
        }
    }

    /// Has it make ready for a trainer.
    ///
    /// # Errors
    ///
    /// If it cannot save, or does not have what the trainer goes on from.
    pub async fn prepare(&self, prepare: Prepare, retried: impl Fn()) -> Result<Done, CallError> {
        let prepared = match self {
            Self::Local(server) => server.prepare(prepare).await,
            Self::Remote(client) => {
                client
                    .link()
                    .until_answered(retried, || client.prepare(prepare.clone()))
                    .await
            }
        };
        prepared.map_err(|error| self.said(error))
    }

    /// Has it save its embeddings.
    ///
    /// # Errors
    ///
    /// If it cannot.
    pub async fn save(&self, save: Save, retried: impl Fn()) -> Result<SavedShards, CallError> {
        let saved = match self {
            Self::Local(server) => {
                let server = Arc::clone(server);
                on_its_own(async move { server.save(save).await }).await
            }
            Self::Remote(client) => {
                client
                    .link()
                    .until_answered(retried, || client.save(save))
                    .await
            }
        };
        saved.map_err(|error| self.said(error))
    }

    /// Says which shard it was, where there is more than one place it could be.
    fn said(&self, error: CallError) -> CallError {
        match (self, error) {
            (Self::Remote(client), CallError::Refused(reason)) => {
                CallError::Refused(format!("shard at {}: {reason}", client.link().peer()))
            }
            (_, error) => error,
        }
    }
}

async fn on_its_own<T: Send + 'static>(
    call: impl Future<Output = Result<T, CallError>> + Send + 'static,
) -> Result<T, CallError> {
    tokio::spawn(call)
        .await
        .unwrap_or_else(|failed| Err(CallError::Invalid(failed.to_string())))
}
