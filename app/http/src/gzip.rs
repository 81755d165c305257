//! The content coding gzip, for answers that are worth it. Only what RFC 9110 says of it
//! (sections 8.4.1 and 12.5.3); which answers those are, their handlers say.

use std::io::Write as _;

use axum::http::{HeaderMap, header};
use flate2::Compression;
use flate2::write::GzEncoder;

/// Whether the client accepts it. Who says nothing gets the answer as it is, which
/// everybody can read.
pub(crate) fn is_accepted(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT_ENCODING).iter();
    let codings = accepted.filter_map(|value| value.to_str().ok());
    let mut gzip = None;
    let mut any = None;
    for coding in codings.flat_map(|codings| codings.split(',')) {
        let (name, parameters) = coding.split_once(';').unwrap_or((coding, ""));
        let weight = parameters.trim().strip_prefix("q=");
        // What is no number is as good as unwanted.
        let weight = weight.map_or(1.0, |weight| weight.parse().unwrap_or(0.0));
        match name.trim().to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => gzip = Some(weight),
            "*" => any = Some(weight),
            _ => {}
        }
    }
    gzip.or(any).is_some_and(|weight| weight > 0.0)
}

/// Compresses as fast as it goes: a scrape waits for it.
pub(crate) fn compress(bytes: &[u8]) -> Vec<u8> {
    let compressed = Vec::with_capacity(bytes.len() / 4);
    let mut encoder = GzEncoder::new(compressed, Compression::fast());
    let compressed = encoder.write_all(bytes).and_then(|()| encoder.finish());
    let mut compressed = compressed.expect("a vector takes everything");
    compressed.shrink_to_fit();
    compressed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_asks_for_gzip_gets_it() {
        for (accepts, expected) in [
            (&[][..], false),
            (&["gzip"], true),
            (&["x-gzip"], true),
            (&["gzip, deflate, br"], true),
            (&["br", "GZIP"], true),
            (&["*"], true),
            (&["gzip;q=0.5, br;q=1.0"], true),
            (&["br"], false),
            (&["identity"], false),
            (&["gzip;q=0"], false),
            (&["gzip; q=0.000"], false),
            (&["gzip;q=0, *"], false),
            (&["*;q=0"], false),
            (&["gzip;q=much"], false),
            (&[""], false),
        ] {
            let mut headers = HeaderMap::new();
            for &value in accepts {
                headers.append(header::ACCEPT_ENCODING, value.parse().unwrap());
            }
            assert_eq!(is_accepted(&headers), expected, "{accepts:?}");
        }
    }
}
