//! Grafana's variables in queries: which values they have and how they are put
//! in (<https://grafana.com/docs/grafana/latest/dashboards/variables/variable-syntax/>).

use std::collections::BTreeMap;

/// Values by name.
#[derive(Clone, Debug, Default)]
pub(super) struct Variables(BTreeMap<String, String>);

impl Variables {
    pub(super) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.insert(name.to_owned(), value.into());
    }

    /// Puts the values in for `$name`, `${name}`, `${name:format}`, `[[name]]`
    /// and `[[name:format]]`. What has no value stays as it is: `$1` of a
    /// `label_replace` is none of Grafana's.
    pub(super) fn substitute(&self, text: &str) -> String {
        let mut result = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find(['$', '[']) {
            result.push_str(&rest[..at]);
            rest = &rest[at..];
            let (value, length) = self.at_start(rest).unwrap_or((&rest[..1], 1));
            result.push_str(value);
            rest = &rest[length..];
        }
        result + rest
    }

    /// The value that the variable which begins the text has, and the variable's
    /// length.
    fn at_start(&self, text: &str) -> Option<(&str, usize)> {
        let enclosed = [("${", "}"), ("[[", "]]")];
        for (open, close) in enclosed {
            if let Some(inner) = text.strip_prefix(open) {
                let end = inner.find(close)?;
                let name = inner[..end].split(':').next()?;
                let value = self.0.get(name)?;
                return Some((value, open.len() + end + close.len()));
            }
        }
        let inner = text.strip_prefix('$')?;
        let word = |character: char| character.is_ascii_alphanumeric() || character == '_';
        let end = inner
            .find(|character| !word(character))
            .unwrap_or(inner.len());
        let value = self.0.get(&inner[..end])?;
        Some((value, 1 + end))
    }
}

/// A value where a regular expression is wanted: several as alternatives.
pub(super) fn alternatives(values: &[String]) -> String {
    let escaped: Vec<_> = values.iter().map(|value| escape(value)).collect();
    match escaped.as_slice() {
        [one] => one.clone(),
        several => format!("({})", several.join("|")),
    }
}

/// What a regular expression gives a meaning, twice escaped: once for it and
/// once for the string in PromQL in which it stands.
fn escape(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for character in value.chars() {
        if r"\^$*+?.()|[]{}".contains(character) {
            escaped.push_str(r"\\");
        }
        escaped.push(character);
    }
    escaped
}

/// The metric and the label of `label_values(metric, label)`; the metric is empty
/// in `label_values(label)`.
pub(super) fn label_values(query: &str) -> Option<(&str, &str)> {
    let inner = query
        .trim()
        .strip_prefix("label_values(")?
        .strip_suffix(')')?;
    Some(match inner.rsplit_once(',') {
        Some((metric, label)) => (metric.trim(), label.trim()),
        None => ("", inner.trim()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_of_writing_a_variable_is_understood() {
        let mut variables = Variables::default();
        variables.set("job", "app");
        variables.set("__rate_interval", "8s");
        for (text, expected) in [
            ("$job", "app"),
            ("a{job=\"$job\"}[$__rate_interval]", "a{job=\"app\"}[8s]"),
            ("${job}${job:regex}[[job]][[job:pipe]]", "appappappapp"),
            ("$jobs $1 ${2} $ [5m] [[", "$jobs $1 ${2} $ [5m] [["),
            ("${job", "${job"),
            ("ä$jobä", "äappä"),
        ] {
            assert_eq!(variables.substitute(text), expected);
        }
    }

    #[test]
    fn several_values_are_alternatives() {
        let values = ["a:1".to_owned(), "10.0.0.1".to_owned()];
        assert_eq!(alternatives(&values), r"(a:1|10\\.0\\.0\\.1)");
        assert_eq!(alternatives(&values[..1]), "a:1");
    }

    #[test]
    fn a_variables_query_names_metric_and_label() {
        assert_eq!(
            label_values("label_values(a{b=\"c,d\"}, job)"),
            Some(("a{b=\"c,d\"}", "job"))
        );
        assert_eq!(label_values("label_values(job)"), Some(("", "job")));
        assert_eq!(label_values("query_result(up)"), None);
    }
}
