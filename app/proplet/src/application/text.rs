//! Prometheus' text format, as far as samples go. What is no sample costs itself.
//!
//! Source: Prometheus' "Exposition formats", text format 0.0.4. What OpenMetrics adds
//! behind a value is passed over.

use std::borrow::Cow;

use proplet_schema::Custom;

/// The samples of a text.
pub(super) fn parse(text: &str) -> Custom {
    let mut custom = Custom::default();
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match sample(line) {
            Some((name, labels, value)) => {
                let labels = labels.iter().map(|(label, value)| (*label, &**value));
                custom.add(name, labels, value);
            }
            // No name is the empty one.
            None => {
                custom.add("", [], 0.0);
            }
        }
    }
    custom
}

type Labels<'a> = Vec<(&'a str, Cow<'a, str>)>;

/// `name{label="value"} value timestamp`, the last optional.
fn sample(line: &str) -> Option<(&str, Labels<'_>, f64)> {
    let end = line.find(['{', ' ', '\t'])?;
    let (name, rest) = line.split_at(end);
    let rest = rest.trim_start();
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (Vec::new(), rest),
    };
    let value = rest.split_ascii_whitespace().next()?.parse().ok()?;
    Some((name, labels, value))
}

/// What stands between braces, and what follows.
fn labels(mut rest: &str) -> Option<(Labels<'_>, &str)> {
    let mut labels = Vec::new();
    loop {
        rest = rest.trim_start();
        if let Some(behind) = rest.strip_prefix('}') {
            return Some((labels, behind));
        }
        let (label, quoted) = rest.split_once('=')?;
        let quoted = quoted.trim_start().strip_prefix('"')?;
        let (value, behind) = unquoted(quoted)?;
        labels.push((label.trim(), value));
        rest = behind.trim_start();
        // The last one may have a comma, too.
        rest = match rest.strip_prefix(',') {
            Some(behind) => behind,
            None if rest.starts_with('}') => rest,
            None => return None,
        };
    }
}

/// What stands before the closing quote, and what follows it.
fn unquoted(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let end = text.find(['"', '\\'])?;
    if text.as_bytes().get(end) == Some(&b'"') {
        return Some((text[..end].into(), &text[end + 1..]));
    }
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value.into(), &text[at + 1..])),
            '\\' => match characters.next()?.1 {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `name{label="value"} value`, for comparison.
    fn shown(custom: &Custom) -> Vec<String> {
        let shown = custom.series().map(|(series, value)| {
            let labels = series.labels.iter();
            let labels: Vec<_> = labels
                .map(|(label, value)| format!("{label}={value:?}"))
                .collect();
            format!("{}{{{}}} {value}", series.name, labels.join(","))
        });
        shown.collect()
    }

    #[test]
    fn both_text_formats_are_read() {
        let text = "# HELP jobs_total Jobs.\n# TYPE jobs_total counter\n\
            jobs_total{queue=\"a\"} 5\n\
            jobs_total{queue=\"b \\\"c\\\"\\\\\", kind = \"x\\ny\" ,} 7 1700000000000\n\
            depth 3.5e0\n\
            \n\
            seconds_bucket{le=\"+Inf\"} 4 # {trace_id=\"abc\"} 0.5\n# EOF\n";
        let custom = parse(text);
        let expected = [
            "depth{} 3.5",
            "jobs_total{kind=\"x\\ny\",queue=\"b \\\"c\\\"\\\\\"} 7",
            "jobs_total{queue=\"a\"} 5",
            "seconds_bucket{le=\"+Inf\"} 4",
        ];
        assert_eq!(shown(&custom), expected);
        assert_eq!(custom.left_out(), 0);
    }

    #[test]
    fn a_bad_line_costs_itself() {
        let text = "good 1\nno_value\nno_value{}\nnot_a_number x\nopen{a=\"b 1\nunquoted{a=b} 1\n\
            {a=\"b\"} 1\nnan NaN\nno_comma{a=\"b\"c=\"d\"} 1\ngood 2\nlast 3";
        let custom = parse(text);
        assert_eq!(shown(&custom), ["good{} 1", "last{} 3"]);
        assert_eq!(custom.left_out(), 9);
    }

    #[test]
    fn any_text_is_read_to_its_end() {
        // The characters that mean something, in every order of four.
        let parts = ["a", "{", "}", "\"", "\\", "=", ",", " ", "1", "\u{e9}"];
        for a in parts {
            for b in parts {
                for c in parts {
                    for d in parts {
                        let _ = parse(&format!("a{a}{b}{c}{d}"));
                    }
                }
            }
        }
    }
}
