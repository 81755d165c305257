//! Reads what the reference pushes: `io.prometheus.client.MetricFamily`, each
//! with its length before it. Of a histogram only the classic buckets. Source:
//! <https://github.com/prometheus/client_model>, `metrics.proto`.

use std::collections::BTreeMap;

use crate::exposition::{self, Exposition, Sample};

/// Everything that was pushed; nothing if it is not in this format.
pub(super) fn read(mut bytes: &[u8]) -> Option<Exposition> {
    let mut exposition = Exposition::default();
    while !bytes.is_empty() {
        let length = usize::try_from(varint(&mut bytes)?).ok()?;
        family(bytes.get(..length)?, &mut exposition)?;
        bytes = &bytes[length..];
    }
    Some(exposition)
}

fn family(bytes: &[u8], into: &mut Exposition) -> Option<()> {
    let fields = fields(bytes)?;
    let name = text(&fields, 1)?;
    let kind = match number(&fields, 3) {
        0 => "counter",
        1 => "gauge",
        2 => "summary",
        3 => "untyped",
        _ => "histogram",
    };
    into.types.insert(name.clone(), kind.to_owned());
    for metric in messages(&fields, 4) {
        let metric = self::fields(metric)?;
        let mut labels = BTreeMap::new();
        for label in messages(&metric, 1) {
            let label = self::fields(label)?;
            labels.insert(
                text(&label, 1).unwrap_or_default(),
                text(&label, 2).unwrap_or_default(),
            );
        }
        let mut push = |suffix: &str, le: Option<f64>, value| {
            let mut labels = labels.clone();
            if let Some(le) = le {
                labels.insert("le".to_owned(), exposition::le(le));
            }
            let name = format!("{name}{suffix}");
            into.samples.push(Sample {
                name,
                labels,
                value,
            });
        };
        if let Some(histogram) = messages(&metric, 7).next() {
            let histogram = self::fields(histogram)?;
            let count = number(&histogram, 1) as f64;
            for bucket in messages(&histogram, 3) {
                let bucket = self::fields(bucket)?;
                let le = double(&bucket, 2);
                if le.is_finite() {
                    push("_bucket", Some(le), number(&bucket, 1) as f64);
                }
            }
            push("_bucket", Some(f64::INFINITY), count);
            push("_sum", None, double(&histogram, 2));
            push("_count", None, count);
        } else {
            // A gauge, a counter, or neither: each has its value in field 1.
            let value = [2, 3, 5]
                .into_iter()
                .find_map(|of| messages(&metric, of).next());
            push("", None, double(&self::fields(value?)?, 1));
        }
    }
    Some(())
}

enum Field<'a> {
    Number(u64),
    Double(f64),
    Bytes(&'a [u8]),
}

// In the order of the wire, <https://protobuf.dev/programming-guides/encoding/>.
fn fields(mut bytes: &[u8]) -> Option<Vec<(u64, Field<'_>)>> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes)?;
        let field = match key & 7 {
            0 => Field::Number(varint(&mut bytes)?),
            1 => {
                let (eight, rest) = bytes.split_first_chunk()?;
                bytes = rest;
                Field::Double(f64::from_le_bytes(*eight))
            }
            2 => {
                let length = usize::try_from(varint(&mut bytes)?).ok()?;
                let value = bytes.get(..length)?;
                bytes = &bytes[length..];
                Field::Bytes(value)
            }
            5 => {
                bytes = bytes.get(4..)?;
                continue;
            }
            _ => return None,
        };
        fields.push((key >> 3, field));
    }
    Some(fields)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn messages<'a>(fields: &'a [(u64, Field<'a>)], number: u64) -> impl Iterator<Item = &'a [u8]> {
    fields.iter().filter_map(move |field| match field {
        (of, Field::Bytes(bytes)) if *of == number => Some(*bytes),
        _ => None,
    })
}

fn text(fields: &[(u64, Field<'_>)], number: u64) -> Option<String> {
    let bytes = messages(fields, number).next()?;
    String::from_utf8(bytes.to_vec()).ok()
}

// What is not there is 0.
fn number(fields: &[(u64, Field<'_>)], number: u64) -> u64 {
    let found = fields.iter().find_map(|field| match field {
        (of, Field::Number(value)) if *of == number => Some(*value),
        _ => None,
    });
    found.unwrap_or(0)
}

fn double(fields: &[(u64, Field<'_>)], number: u64) -> f64 {
    let found = fields.iter().find_map(|field| match field {
        (of, Field::Double(value)) if *of == number => Some(*value),
        _ => None,
    });
    found.unwrap_or(0.0)
}
