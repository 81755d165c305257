//! The calling side. A connection is made when it is first needed, and made
//! again whenever it is lost, the name resolved anew each time.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use prost::Message;
use tonic::transport::{Channel, Endpoint};

use super::generated::embedding_worker::embedding_worker_client;
use super::generated::parameter_server::parameter_server_client;
use super::pipe::Pipe;
use super::{
    CONNECTION_WINDOW, FORWARD, FORWARD_BATCHED, LOOK_UP, MAX_FRAME_BYTES, MAX_MESSAGE_BYTES,
    STREAM_WINDOW, UPDATE,
};
use crate::call::{CallError, Link};
use crate::messages::{
    BatchGradients, BatchIds, BatchRef, Done, Embeddings, Lookup, Numbers, Prepare, Save,
    SavedShards, Session, ShardGradients,
};

/// Making a connection may take this long; then it is tried again.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// A connection on which nothing comes back for twice this long is dead: its
/// machine has gone without a word.
const KEEP_ALIVE: Duration = Duration::from_secs(5);

/// Where another role listens: a host and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer(Arc<str>);

/// A text is no [`Peer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a host and a port, like parameter-server:7070")]
pub struct PeerError;

impl FromStr for Peer {
    type Err = PeerError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let (host, port) = text.rsplit_once(':').ok_or(PeerError)?;
        let has_port = port.parse::<u16>().is_ok_and(|port| port > 0);
        let is_host = !host.is_empty() && !host.contains(['/', '@', '?', '#']);
        let is_peer = has_port && is_host && Self(text.into()).endpoint().is_ok();
        is_peer.then(|| Self(text.into())).ok_or(PeerError)
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Peer {
    fn endpoint(&self) -> Result<Endpoint, tonic::transport::Error> {
        Ok(Endpoint::from_shared(format!("http://{}", self.0))?
            .connect_timeout(CONNECT_TIMEOUT)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE)
            .keep_alive_while_idle(true)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_frame_size(MAX_FRAME_BYTES)
            .tcp_nodelay(true))
    }

    fn channel(&self) -> Channel {
        self.endpoint()
            .expect("it was one when it was parsed")
            .connect_lazy()
    }
}

macro_rules! client {
    ($(#[$about:meta])* $name:ident of $generated:ident::$client:ident {
        $($(#[$of_call:meta])* $call:ident($message:ty) -> $answer:ty;)*
    } piped {
        $($(#[$of_piped:meta])* $kind:ident $piped:ident($question:ty) -> $found:ty;)*
    }) => {
        $(#[$about])*
        #[derive(Clone, Debug)]
        pub struct $name {
            link: Arc<Link>,
            client: $generated::$client<Channel>,
            pipe: Pipe,
        }

        impl $name {
            /// One that will call this peer.
            ///
            /// # Panics
            ///
            /// Outside a Tokio runtime.
            #[must_use]
            pub fn new(peer: Peer) -> Self {
                let client = $generated::$client::new(peer.channel())
                    .max_decoding_message_size(MAX_MESSAGE_BYTES)
                    .max_encoding_message_size(MAX_MESSAGE_BYTES);
                let link = Arc::new(Link::new(peer.to_string()));
                let talking = client.clone();
                let pipe = Pipe::new(move |questions| {
                    let mut client = talking.clone();
                    async move { client.talk(questions).await }
                });
                Self { link, client, pipe }
            }

            /// The link to whom it calls.
            #[must_use]
            pub fn link(&self) -> &Link {
                &self.link
            }

            $(
                $(#[$of_call])*
                ///
                /// # Errors
                ///
                /// As the peer says, or if it does not answer.
                pub async fn $call(&self, message: $message) -> Result<$answer, CallError> {
                    fits(&message)?;
                    // A clone is another handle of the same connection.
                    Ok(self.client.clone().$call(message).await?.into_inner())
                }
            )*

            $(
                $(#[$of_piped])*
                ///
                /// # Errors
                ///
                /// As the peer says, or if it does not answer.
                pub async fn $piped(&self, message: &$question) -> Result<$found, CallError> {
                    fits(message)?;
                    self.pipe.call($kind, message).await
                }
            )*
        }
    };
}

/// Whether the peer will take it. Asked before anything is sent: a message that is
/// refused while it is on its way looks like a peer that is gone.
fn fits(message: &impl Message) -> Result<(), CallError> {
    let bytes = message.encoded_len();
    if bytes <= MAX_MESSAGE_BYTES {
        return Ok(());
    }
    Err(CallError::Invalid(format!(
        "a message of {bytes} bytes, where at most {MAX_MESSAGE_BYTES} are taken"
    )))
}

client! {
    /// Calls a parameter server.
    ParameterServerClient of parameter_server_client::ParameterServerClient {
        /// Makes ready for a trainer.
        prepare(Prepare) -> Done;
        /// Saves all embeddings.
        save(Save) -> SavedShards;
    } piped {
        /// The embeddings of some ids.
        LOOK_UP look_up(Lookup) -> Numbers;
        /// Applies gradients.
        UPDATE update(ShardGradients) -> Done;
    }
}

client! {
    /// Calls an embedding worker.
    EmbeddingWorkerClient of embedding_worker_client::EmbeddingWorkerClient {
        /// A trainer begins.
        begin(Session) -> Done;
        /// A trainer ends.
        end(Session) -> Done;
        /// Samples to look up that are not trained on.
        evaluate(BatchIds) -> Embeddings;
        /// Has the shards make ready for a trainer.
        prepare(Prepare) -> Done;
        /// Has the shards save.
        save(Save) -> SavedShards;
    } piped {
        /// A batch to keep.
        FORWARD_BATCHED forward_batched(BatchIds) -> Done;
        /// A batch to look up.
        FORWARD forward(BatchRef) -> Embeddings;
        /// A batch's gradients.
        UPDATE update(BatchGradients) -> Done;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_a_host_and_a_port() {
        for text in ["127.0.0.1:7070", "parameter_server_0:7070", "[::1]:1"] {
            assert_eq!(text.parse::<Peer>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "host",
            ":7070",
            "host:0",
            "host:70707",
            "a b:1",
            "http://a:1/x:2",
        ] {
            assert_eq!(text.parse::<Peer>(), Err(PeerError), "{text}");
        }
    }
}
