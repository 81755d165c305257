//! What a connection asks the broker to deliver, and no longer to deliver.
//!
//! Source: MQTT 3.1.1, sections 3.8 to 3.11.

use bytes::{BufMut as _, BytesMut};

use super::client::Settings;
use super::packet::{header, string};

/// Identifies a connection's subscriptions; messages have smaller ones.
const SUBSCRIBE_ID: u16 = u16::MAX;

/// Identifies the end of subscriptions, which may be under way at the same time.
const UNSUBSCRIBE_ID: u16 = u16::MAX - 1;

/// The greatest identifier that a message may have.
pub(super) const LAST_MESSAGE_ID: u16 = UNSUBSCRIBE_ID - 1;

impl Settings {
    /// The filters, each with its quality of service.
    fn asked(&self) -> impl Iterator<Item = (&str, u8)> + Clone {
        let lasting = self.subscriptions.iter().map(|filter| (&**filter, 1));
        let fleeting = self.fleeting_subscriptions.iter();
        lasting.chain(fleeting.map(|filter| (&**filter, 0)))
    }

    /// What a connection begins with: first what it does without, so that nothing of
    /// it is counted among what comes after.
    pub(super) fn encode_subscriptions(&self, into: &mut BytesMut) {
        encode_unsubscribe(self.unsubscriptions.iter().map(|filter| &**filter), into);
        let length = self.asked().map(|(filter, _)| 2 + filter.len() + 1);
        let length: usize = length.sum();
        if length == 0 {
            return;
        }
        header(into, 0x82, 2 + length);
        into.put_u16(SUBSCRIBE_ID);
        for (filter, quality) in self.asked() {
            string(into, filter.as_bytes());
            into.put_u8(quality);
        }
    }

    /// What a connection ends with, where nobody shall get anything afterwards.
    pub(super) fn encode_end_of_subscriptions(&self, into: &mut BytesMut) {
        if self.unsubscribe_on_close {
            encode_unsubscribe(self.asked().map(|(filter, _)| filter), into);
        }
    }

    /// The filter that the broker refuses with these return codes (section 3.9.3),
    /// if it refuses one.
    pub(super) fn refused_filter(&self, codes: &[u8]) -> Option<&str> {
        let mut pairs = self.asked().zip(codes);
        pairs
            .find(|(_, code)| **code == 0x80)
            .map(|((filter, _), _)| filter)
    }
}

fn encode_unsubscribe<'a>(filters: impl Iterator<Item = &'a str> + Clone, into: &mut BytesMut) {
    let length: usize = filters.clone().map(|filter| 2 + filter.len()).sum();
    if length == 0 {
        return;
    }
    header(into, 0xA2, 2 + length);
    into.put_u16(UNSUBSCRIBE_ID);
    for filter in filters {
        string(into, filter.as_bytes());
    }
}
