//! What arrives from subscriptions, until it is acknowledged.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;

/// The messages of a client's subscriptions, in the order of their arrival.
/// While nobody takes them the broker is not read from: it keeps them.
#[derive(Debug)]
pub struct Deliveries {
    pub(super) receiver: mpsc::Receiver<Delivery>,
}

impl Deliveries {
    /// The next one; `None` once the client is closed.
    pub async fn next(&mut self) -> Option<Delivery> {
        self.receiver.recv().await
    }

    /// Waits for the next one, and takes what has come with it, up to `most`,
    /// into `into`. How many; 0 once the client is closed.
    pub async fn next_many(&mut self, into: &mut Vec<Delivery>, most: usize) -> usize {
        self.receiver.recv_many(into, most).await
    }
}

/// One message.
#[derive(Debug)]
pub struct Delivery {
    /// The name of the client that it was delivered to.
    pub client_id: Arc<str>,
    /// The topic it was published on.
    pub topic: String,
    /// What was in it.
    pub content: Content,
    /// Whether the broker had kept it from before the subscription.
    pub retained: bool,
    /// Whether the broker has sent it before.
    pub duplicate: bool,
    /// What acknowledges it.
    pub receipt: Receipt,
}

/// What a message holds.
#[derive(Debug, PartialEq, Eq)]
pub enum Content {
    /// The payload.
    Whole(Bytes),
    /// A message of so many bytes, beyond the client's limit, that was not kept.
    Oversize(usize),
}

/// Tells the broker that a message need not be sent again. Dropped instead, it
/// comes again with the next connection, if the session lasts.
#[derive(Debug)]
#[must_use = "a message that is not acknowledged comes again"]
pub struct Receipt {
    /// `None` where the broker asks for none.
    pub(super) packet_id: Option<u16>,
    /// Identifiers hold within their connection.
    pub(super) connection: u64,
    pub(super) acknowledgements: mpsc::UnboundedSender<Acknowledgement>,
}

impl Receipt {
    /// It is stored, or not worth storing.
    pub fn acknowledge(mut self) {
        self.settle(true);
    }

    fn settle(&mut self, acknowledged: bool) {
        if let Some(packet_id) = self.packet_id.take() {
            // A client that has been closed acknowledges nothing any more.
            let _ = self.acknowledgements.send(Acknowledgement {
                connection: self.connection,
                packet_id,
                acknowledged,
            });
        }
    }
}

impl Drop for Receipt {
    /// Without an acknowledgement: nobody waits for one any more.
    fn drop(&mut self) {
        self.settle(false);
    }
}

/// What has become of a delivery.
#[derive(Debug)]
pub(super) struct Acknowledgement {
    pub(super) connection: u64,
    pub(super) packet_id: u16,
    /// `false` if it has only been dropped.
    pub(super) acknowledged: bool,
}
