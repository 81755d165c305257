//! Reads Prometheus' text format (0.0.4) as far as the doctor needs it: sums of
//! samples by name. What is not a sample is passed over.

/// The sum of all samples of this name whose labels contain all of these texts,
/// such as `route="/random"`; `None` if there is no such sample.
pub(super) fn sum(text: &str, name: &str, labels: &[&str]) -> Option<f64> {
    let samples = text.lines().filter_map(|line| {
        let rest = line.strip_prefix(name)?;
        let (found, rest) = match rest.strip_prefix('{') {
            Some(rest) => rest.rsplit_once('}')?,
            None => ("", rest.strip_prefix(' ')?),
        };
        let value: f64 = rest.split_whitespace().next()?.parse().ok()?;
        labels
            .iter()
            .all(|label| found.contains(label))
            .then_some(value)
    });
    samples.fold(None, |sum, value| Some(sum.unwrap_or(0.0) + value))
}

#[cfg(test)]
mod tests {
    use super::sum;

    #[test]
    fn sums_what_is_asked_for_and_passes_over_the_rest() {
        let text = "# HELP a b\na 1\na_b 7\na{route=\"/x\"} 2 1700000000\na{route=\"}\"} 3\na\na{\na} x\n\u{0}";
        assert_eq!(sum(text, "a", &[]), Some(6.0));
        assert_eq!(sum(text, "a", &["route=\"/x\""]), Some(2.0));
        assert_eq!(sum(text, "b", &[]), None);
    }
}
