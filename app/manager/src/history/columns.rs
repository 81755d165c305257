//! What a sample holds, in the order of the document's message: a place in an
//! array, a column and a key of the answer are the same thing.

use serde_json::{Map, Number, Value};

/// One measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// The key in a message and an answer, and the column's name.
    pub name: &'static str,
    /// Whether it is a whole number.
    pub whole: bool,
}

const fn whole(name: &'static str) -> Column {
    Column { name, whole: true }
}

const fn real(name: &'static str) -> Column {
    Column { name, whole: false }
}

/// `metrics` of a task's message.
pub const METRICS: [Column; 10] = [
    real("cpu_percent"),
    whole("memory_bytes"),
    real("memory_percent"),
    whole("disk_read_bytes"),
    whole("disk_write_bytes"),
    whole("network_rx_bytes"),
    whole("network_tx_bytes"),
    whole("uptime_seconds"),
    whole("thread_count"),
    whole("file_descriptor_count"),
];

/// `aggregated` of a task's message.
pub const AGGREGATED: [Column; 9] = [
    real("avg_cpu_usage"),
    real("max_cpu_usage"),
    whole("avg_memory_usage"),
    whole("max_memory_usage"),
    whole("total_disk_read"),
    whole("total_disk_write"),
    whole("total_network_rx"),
    whole("total_network_tx"),
    whole("sample_count"),
];

/// `cpu_metrics` of a proplet's message, then `memory_metrics`.
pub const PROPLET_METRICS: [Column; 9] = [
    real("user_seconds"),
    real("system_seconds"),
    real("percent"),
    whole("rss_bytes"),
    whole("heap_alloc_bytes"),
    whole("heap_sys_bytes"),
    whole("heap_inuse_bytes"),
    whole("container_usage_bytes"),
    whole("container_limit_bytes"),
];

/// So many of [`PROPLET_METRICS`] belong to `cpu_metrics`.
pub(super) const CPU_METRICS: usize = 3;

/// The columns that have a value, as JSON.
pub(super) fn object(columns: &[Column], values: &[Option<f64>]) -> Map<String, Value> {
    let mut object = Map::new();
    for (column, value) in columns.iter().zip(values) {
        let number = value.and_then(|value| {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "checked to be whole and small when it arrived"
            )]
            if column.whole {
                Some(Number::from(value as i64))
            } else {
                Number::from_f64(value)
            }
        });
        if let Some(number) = number {
            object.insert(column.name.to_owned(), Value::Number(number));
        }
    }
    object
}

/// `a, b, c`, for a statement.
pub(super) fn list(columns: &[&[Column]]) -> String {
    let names: Vec<_> = columns.concat().iter().map(|column| column.name).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_told_is_absent_and_whole_numbers_are_whole() {
        let object = object(&METRICS[..3], &[Some(42.5), Some(4096.0), None]);
        assert_eq!(
            Value::Object(object).to_string(),
            r#"{"cpu_percent":42.5,"memory_bytes":4096}"#
        );
    }
}
