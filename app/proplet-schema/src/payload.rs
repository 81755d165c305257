//! Messages as bytes: one JSON object, or several in an array (a batch), plain
//! or compressed with gzip (RFC 1952). A reader tells by the first bytes.
//!
//! Propeller's own manager reads plain single objects: batches and compression
//! are for ours.

use std::io::{Read as _, Write as _};

use bytes::Bytes;
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

const GZIP: [u8; 2] = [0x1F, 0x8B];

/// Why bytes are no messages.
#[derive(Debug, Error)]
pub enum PayloadError {
    /// Not what a message looks like.
    #[error("not a message: {0}")]
    Malformed(#[from] serde_json::Error),
    /// Not what gzip looks like.
    #[error("not gzip: {0}")]
    Compression(std::io::Error),
    /// Decompressed it is longer than the limit.
    #[error("more than {limit} bytes when decompressed")]
    TooLong {
        /// In bytes.
        limit: usize,
    },
}

/// One message.
#[must_use]
pub fn encode(message: &impl Serialize) -> Bytes {
    let json = serde_json::to_vec(message);
    json.expect("the messages have string keys and finite numbers")
        .into()
}

/// Several messages that [`encode`] made, as one.
#[must_use]
pub fn batch<'a>(messages: impl IntoIterator<Item = &'a Bytes>) -> Bytes {
    let mut array = vec![b'['];
    for message in messages {
        if array.len() > 1 {
            array.push(b',');
        }
        array.extend_from_slice(message);
    }
    array.push(b']');
    array.into()
}

/// The same, compressed.
#[must_use]
pub fn compress(payload: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let compressed = encoder.write_all(payload).and_then(|()| encoder.finish());
    compressed.expect("memory takes everything").into()
}

/// The messages in a payload.
///
/// # Errors
///
/// If it is not one message or an array of them, or, decompressed, is longer
/// than `limit` bytes.
pub fn decode<T: DeserializeOwned>(payload: &[u8], limit: usize) -> Result<Vec<T>, PayloadError> {
    if !payload.starts_with(&GZIP) {
        return decode_json(payload);
    }
    let mut json = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    MultiGzDecoder::new(payload)
        .take(most)
        .read_to_end(&mut json)
        .map_err(PayloadError::Compression)?;
    if json.len() > limit {
        return Err(PayloadError::TooLong { limit });
    }
    decode_json(&json)
}

fn decode_json<T: DeserializeOwned>(json: &[u8]) -> Result<Vec<T>, PayloadError> {
    if json.trim_ascii_start().starts_with(b"[") {
        Ok(serde_json::from_slice(json)?)
    } else {
        Ok(vec![serde_json::from_slice(json)?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_or_many_plain_or_compressed() {
        let messages = ["a", "b", "c"].map(|text| encode(&[text]));
        let one = encode(&"a");
        let many = batch([&encode(&"a"), &encode(&"b")]);
        assert_eq!(&messages[0][..], br#"["a"]"#);
        for payload in [one.clone(), compress(&one)] {
            assert_eq!(decode::<String>(&payload, 100).unwrap(), ["a"]);
        }
        for payload in [many.clone(), compress(&many)] {
            assert_eq!(decode::<String>(&payload, 100).unwrap(), ["a", "b"]);
        }
        assert!(decode::<String>(&batch([]), 100).unwrap().is_empty());
    }

    #[test]
    fn a_bomb_and_nonsense_are_refused() {
        let bomb = compress(&vec![b' '; 10_000_000]);
        assert!(bomb.len() < 100_000);
        let limit = 1_000_000;
        let refused = decode::<String>(&bomb, limit);
        assert!(matches!(refused, Err(PayloadError::TooLong { .. })));
        let mut cut = compress(b"\"abc\"").to_vec();
        cut.truncate(15);
        let refused = decode::<String>(&cut, limit);
        assert!(matches!(refused, Err(PayloadError::Compression(_))));
        for payload in [&b""[..], b"{", b"\"a\" \"b\"", b"\xFF\xFE", b"[1]"] {
            let refused = decode::<String>(payload, limit);
            assert!(
                matches!(refused, Err(PayloadError::Malformed(_))),
                "{payload:?}"
            );
        }
    }
}
