//! A histogram in Prometheus' protobuf format: the only one in which native
//! histograms are scraped. Just the fields that are needed, of
//! <https://github.com/prometheus/client_model/blob/master/io/prometheus/client/metrics.proto>.

use std::collections::BTreeMap;

/// As the header `content-type` says it.
pub(super) const CONTENT_TYPE: &str = "application/vnd.google.protobuf; \
     proto=io.prometheus.client.MetricFamily; encoding=delimited";

const HISTOGRAM: u64 = 4;

/// What is in a histogram's buckets.
pub(super) enum Buckets<'a> {
    /// Upper bounds, and how many are at most as large.
    Classic(&'a [(f64, u64)]),
    /// Of this schema: how many are in the bucket that ends at 2^(index / 2^schema).
    Native(i64, &'a BTreeMap<i64, u64>),
}

/// A family of one histogram without labels, with its length before it.
pub(super) fn family(name: &str, count: u64, sum: f64, buckets: &Buckets<'_>) -> Vec<u8> {
    let mut histogram = Vec::new();
    number(&mut histogram, 1, count);
    double(&mut histogram, 2, sum);
    match buckets {
        Buckets::Classic(buckets) => {
            for (bound, below) in *buckets {
                let mut bucket = Vec::new();
                number(&mut bucket, 1, *below);
                double(&mut bucket, 2, *bound);
                bytes(&mut histogram, 3, &bucket);
            }
        }
        Buckets::Native(schema, filled) => {
            number(&mut histogram, 5, zigzag(*schema));
            // The zero bucket ends at one nanosecond.
            double(&mut histogram, 6, 1e-9);
            // A span for each bucket; its offset is counted from the one before.
            let mut next = 0;
            for index in filled.keys() {
                let mut span = Vec::new();
                number(&mut span, 1, zigzag(index - next));
                number(&mut span, 2, 1);
                bytes(&mut histogram, 12, &span);
                next = index + 1;
            }
            let mut before = 0;
            for count in filled.values() {
                let count = i64::try_from(*count).unwrap_or(i64::MAX);
                number(&mut histogram, 13, zigzag(count - before));
                before = count;
            }
        }
    }
    let mut metric = Vec::new();
    bytes(&mut metric, 7, &histogram);
    let mut family = Vec::new();
    bytes(&mut family, 1, name.as_bytes());
    number(&mut family, 3, HISTOGRAM);
    bytes(&mut family, 4, &metric);
    let mut delimited = Vec::new();
    varint(&mut delimited, family.len() as u64);
    delimited.extend(family);
    delimited
}

fn number(to: &mut Vec<u8>, field: u64, value: u64) {
    varint(to, field << 3);
    varint(to, value);
}

fn double(to: &mut Vec<u8>, field: u64, value: f64) {
    varint(to, field << 3 | 1);
    to.extend(value.to_le_bytes());
}

fn bytes(to: &mut Vec<u8>, field: u64, value: &[u8]) {
    varint(to, field << 3 | 2);
    varint(to, value.len() as u64);
    to.extend(value);
}

// Seven bits a byte, the lowest first.
fn varint(to: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        to.push(value as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}

// Small numbers of either sign become small ones without.
fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}
