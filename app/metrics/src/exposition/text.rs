//! The two text formats. Sources: Prometheus' "Exposition formats" for 0.0.4
//! and the OpenMetrics 1.0 specification. They differ in where a counter's
//! `_total` stands in the metadata, in exemplars and created timestamps, and in the
//! final `# EOF`.
//!
//! Why not `prometheus_client`'s writer: it writes OpenMetrics only, which a browser
//! and `curl` do not ask for, and not from the model.

use std::fmt::Write;

use prost_types::Timestamp;

use crate::model::{Exemplar, LabelPair, Metric, MetricFamily, MetricType};

/// Prometheus' text format 0.0.4.
pub(super) fn prometheus(families: &[MetricFamily]) -> String {
    let mut text = String::with_capacity(TYPICAL_LENGTH);
    for family in families {
        metadata(&mut text, &family.name, family);
        samples(&mut text, family, false);
    }
    text
}

/// OpenMetrics 1.0.
pub(super) fn open_metrics(families: &[MetricFamily]) -> String {
    let mut text = String::with_capacity(TYPICAL_LENGTH);
    for family in families {
        let name = &family.name;
        // Here `_total` is the sample's suffix and not part of the name.
        metadata(
            &mut text,
            name.strip_suffix("_total").unwrap_or(name),
            family,
        );
        samples(&mut text, family, true);
    }
    text.push_str("# EOF\n");
    text
}

/// What the service exposes, roughly: one allocation serves a scrape.
const TYPICAL_LENGTH: usize = 32 * 1024;

/// Writing to a string cannot fail.
macro_rules! put {
    ($text:expr, $($arguments:tt)*) => {
        write!($text, $($arguments)*).expect("a string takes everything")
    };
}

fn metadata(text: &mut String, name: &str, family: &MetricFamily) {
    let kind = match family.r#type() {
        MetricType::Counter => "counter",
        MetricType::Gauge => "gauge",
        MetricType::Histogram | MetricType::GaugeHistogram => "histogram",
        MetricType::Summary => "summary",
        MetricType::Untyped => "untyped",
    };
    put!(text, "# HELP {name} ");
    write_escaped(text, &family.help, false);
    put!(text, "\n# TYPE {name} {kind}\n");
}

/// A text, escaped where it would end its line, or its quotes if there are any.
fn write_escaped(text: &mut String, value: &str, is_quoted: bool) {
    let breaks = |byte: u8| matches!(byte, b'\\' | b'\n') || (is_quoted && byte == b'"');
    // Hardly any has something to escape.
    if !value.bytes().any(breaks) {
        text.push_str(value);
        return;
    }
    for character in value.chars() {
        match character {
            '\\' => text.push_str("\\\\"),
            '"' if is_quoted => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            other => text.push(other),
        }
    }
}

fn samples(text: &mut String, family: &MetricFamily, open_metrics: bool) {
    let name = &family.name;
    let mut labels = String::new();
    // The series of a histogram share their bounds: each is written out once.
    let mut bounds: Vec<(u64, String)> = Vec::new();
    for metric in &family.metric {
        labels.clear();
        write_labels(&mut labels, &metric.label);
        if let Some(value) = scalar(metric) {
            text.push_str(name);
            if !labels.is_empty() {
                put!(text, "{{{labels}}}");
            }
            text.push(' ');
            write_number(text, value);
            let counter = metric.counter.as_ref().filter(|_| open_metrics);
            if let Some(exemplar) = counter.and_then(|counter| counter.exemplar.as_ref()) {
                write_exemplar(text, exemplar);
            }
            text.push('\n');
        }
        if let Some(histogram) = &metric.histogram {
            let separator = if labels.is_empty() { "" } else { "," };
            for (place, bucket) in histogram.bucket.iter().enumerate() {
                let bits = bucket.upper_bound.to_bits();
                if bounds.get(place).is_none_or(|(known, _)| *known != bits) {
                    bounds.truncate(place);
                    let mut bound = String::new();
                    write_bound(&mut bound, bucket.upper_bound);
                    bounds.push((bits, bound));
                }
                text.push_str(name);
                text.push_str("_bucket{");
                text.push_str(&labels);
                text.push_str(separator);
                text.push_str("le=\"");
                text.push_str(&bounds[place].1);
                put!(text, "\"}} {}", bucket.cumulative_count);
                if let Some(exemplar) = bucket.exemplar.as_ref().filter(|_| open_metrics) {
                    write_exemplar(text, exemplar);
                }
                text.push('\n');
            }
            let braced = if labels.is_empty() {
                String::new()
            } else {
                format!("{{{labels}}}")
            };
            put!(text, "{name}_sum{braced} ");
            write_number(text, histogram.sample_sum);
            put!(text, "\n{name}_count{braced} {}\n", histogram.sample_count);
        }
        if let Some(created) = created(metric).filter(|_| open_metrics) {
            text.push_str(name.strip_suffix("_total").unwrap_or(name));
            text.push_str("_created");
            if !labels.is_empty() {
                put!(text, "{{{labels}}}");
            }
            text.push(' ');
            write_timestamp(text, created);
            text.push('\n');
        }
    }
}

fn scalar(metric: &Metric) -> Option<f64> {
    let counter = metric.counter.as_ref().map(|counter| counter.value);
    counter.or_else(|| metric.gauge.as_ref().map(|gauge| gauge.value))
}

/// Since when a series has counted.
fn created(metric: &Metric) -> Option<&Timestamp> {
    let counter = metric.counter.as_ref();
    let histogram = metric.histogram.as_ref();
    let of_counter = counter.and_then(|counter| counter.start_timestamp.as_ref());
    of_counter.or_else(|| histogram?.start_timestamp.as_ref())
}

fn write_exemplar(text: &mut String, exemplar: &Exemplar) {
    text.push_str(" # {");
    write_labels(text, &exemplar.label);
    text.push_str("} ");
    write_number(text, exemplar.value);
    if let Some(at) = &exemplar.timestamp {
        text.push(' ');
        write_timestamp(text, at);
    }
}

/// To the millisecond, which is all that Prometheus keeps.
fn write_timestamp(text: &mut String, at: &Timestamp) {
    put!(text, "{}.{:03}", at.seconds, at.nanos / 1_000_000);
}

fn write_labels(text: &mut String, labels: &[LabelPair]) {
    for (place, label) in labels.iter().enumerate() {
        if place > 0 {
            text.push(',');
        }
        text.push_str(&label.name);
        text.push_str("=\"");
        write_escaped(text, &label.value, true);
        text.push('"');
    }
}

/// A bound of buckets: OpenMetrics asks for a `.0` after a whole number, Prometheus adds
/// it where a text lacks it.
fn write_bound(text: &mut String, bound: f64) {
    write_number(text, bound);
    if bound == bound.trunc() && bound.abs() < WHOLE {
        text.push_str(".0");
    }
}

/// Whole numbers below this are written without an exponent.
const WHOLE: f64 = 1e15;

/// Numbers as both formats want them.
fn write_number(text: &mut String, number: f64) {
    if number == f64::INFINITY {
        text.push_str("+Inf");
    } else if number == f64::NEG_INFINITY {
        text.push_str("-Inf");
    } else if number.is_nan() {
        text.push_str("NaN");
    } else if number == number.trunc() && number.abs() < WHOLE {
        // A whole number is written several times faster than a fraction.
        #[expect(clippy::cast_possible_truncation, reason = "whole, and below 2^52")]
        let whole = number as i64;
        put!(text, "{whole}");
    } else if (1e-5..1e15).contains(&number.abs()) {
        put!(text, "{number}");
    } else {
        put!(text, "{number:e}");
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use prometheus_client::metrics::family::Family;
    use prometheus_client::registry::Registry;

    use super::super::Format;
    use crate::{Buckets, Counter, Histogram, gather};

    fn written(format: Format) -> String {
        let created = UNIX_EPOCH + Duration::from_millis(1_520_879_607_089);
        let mut registry = Registry::default();
        let requests = Family::<[(&str, &str); 1], Counter, _>::new_with_constructor(move || {
            Counter::created(created)
        });
        requests.get_or_create(&[("path", "a\"b\\c\nd")]).inc_by(3);
        registry.register("requests", "Back\\slash", requests);
        let histogram = Histogram::created(&Buckets::new(&[0.5, 1.0]), created);
        histogram.observe(0.25, Some(0xabc));
        histogram.observe(7.5, None);
        registry.register("seconds", "Time", histogram);
        String::from_utf8(format.encode(&gather(&registry).unwrap())).unwrap()
    }

    #[test]
    fn text_0_0_4() {
        let expected = r#"# HELP requests_total Back\\slash.
# TYPE requests_total counter
requests_total{path="a\"b\\c\nd"} 3
# HELP seconds Time.
# TYPE seconds histogram
seconds_bucket{le="0.5"} 1
seconds_bucket{le="1.0"} 1
seconds_bucket{le="+Inf"} 2
seconds_sum 7.75
seconds_count 2
"#;
        assert_eq!(written(Format::Text), expected);
    }

    #[test]
    fn open_metrics_differs_in_totals_exemplars_created_timestamps_and_its_end() {
        let text = written(Format::OpenMetrics);
        assert!(
            text.contains("# TYPE requests counter\nrequests_total{"),
            "{text}"
        );
        assert!(text.ends_with("\n# EOF\n"), "{text}");
        let exemplar = format!(
            "seconds_bucket{{le=\"0.5\"}} 1 # {{trace_id=\"{:032x}\"}} 0.25 ",
            0xabc
        );
        assert!(text.contains(&exemplar), "{text}");
        for created in [
            "} 3\nrequests_created{path=\"a\\\"b\\\\c\\nd\"} 1520879607.089\n",
            "seconds_count 2\nseconds_created 1520879607.089\n",
        ] {
            assert!(text.contains(created), "{created} in {text}");
        }
    }

    #[test]
    fn numbers_keep_their_value() {
        for number in [
            0.0,
            -1.5,
            0.001,
            1e-9,
            123_456_789.125,
            9.1e18,
            f64::MIN_POSITIVE,
        ] {
            let mut text = String::new();
            super::write_number(&mut text, number);
            assert_eq!(text.parse::<f64>().unwrap(), number, "{text}");
        }
    }
}
