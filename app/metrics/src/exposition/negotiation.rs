//! Reads an `Accept` header. Source: RFC 9110, section 12.5.1, and for the
//! media types Prometheus' documentation of its scrape protocols.

use super::Format;

/// The most wanted format among those that there are; of equally wanted ones
/// the first named. `None` where the header names none of them.
pub(super) fn preferred(accept: &str) -> Option<Format> {
    let mut preferred: Option<(Format, f32)> = None;
    for range in accept.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let media_type = parts.next().unwrap_or_default();
        let parameters = parts.filter_map(|part| part.split_once('='));
        let mut quality = 1.0;
        let mut matches = true;
        for (name, value) in parameters {
            let value = value.trim().trim_matches('"');
            match name.trim().to_ascii_lowercase().as_str() {
                // What is no number is as good as unwanted.
                "q" => quality = value.parse().unwrap_or(0.0),
                "version" => matches &= serves_version(media_type, value),
                "proto" => matches &= value == "io.prometheus.client.MetricFamily",
                "encoding" => matches &= value == "delimited",
                _ => {}
            }
        }
        let format = match media_type.to_ascii_lowercase().as_str() {
            "application/vnd.google.protobuf" => Format::Protobuf,
            "application/openmetrics-text" => Format::OpenMetrics,
            "text/plain" | "text/*" | "*/*" => Format::Text,
            _ => continue,
        };
        let better = preferred.is_none_or(|(_, best)| quality > best);
        if matches && quality > 0.0 && better {
            preferred = Some((format, quality));
        }
    }
    preferred.map(|(format, _)| format)
}

/// Whether the version of a media type is one that is written.
fn serves_version(media_type: &str, version: &str) -> bool {
    match media_type {
        "application/openmetrics-text" => version == "1.0.0",
        "text/plain" => version == "0.0.4",
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROMETHEUS_3_5: &str = "application/vnd.google.protobuf;\
        proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,\
        application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
        application/openmetrics-text;version=0.0.1;q=0.4,\
        text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,\
        text/plain;version=0.0.4;q=0.2,*/*;q=0.1";

    #[test]
    fn scrapers_and_people_get_what_they_ask_for() {
        for (accept, expected) in [
            (PROMETHEUS_3_5, Format::Protobuf),
            (
                &PROMETHEUS_3_5[PROMETHEUS_3_5.find(",").unwrap() + 1..],
                Format::OpenMetrics,
            ),
            ("application/openmetrics-text;version=0.0.1", Format::Text),
            (
                "application/openmetrics-text; version=1.0.0",
                Format::OpenMetrics,
            ),
            ("application/openmetrics-text", Format::OpenMetrics),
            ("text/html,application/xhtml+xml,*/*;q=0.8", Format::Text),
            (
                "application/openmetrics-text;q=0, text/plain;q=0.1",
                Format::Text,
            ),
            (
                "text/plain;q=0.5, application/openmetrics-text;q=0.9",
                Format::OpenMetrics,
            ),
            ("*/*", Format::Text),
            ("application/json", Format::Text),
            ("", Format::Text),
            (";;;,,=q", Format::Text),
            (
                "application/vnd.google.protobuf;proto=other;encoding=delimited",
                Format::Text,
            ),
        ] {
            assert_eq!(Format::negotiate(accept), expected, "{accept}");
        }
    }
}
