//! Which known name was probably meant.

/// The known name nearest to `found`, whatever the case of either, if it is
/// near enough to be worth suggesting: one that the reader only began to write,
/// or one that differs by a slip of the keyboard for every three letters.
pub fn nearest<'a>(found: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let found = found.to_lowercase();
    let letters = found.chars().count();
    // No known name is as long; and the distance takes time in both lengths.
    if letters > 32 {
        return None;
    }
    known
        .filter_map(|name| {
            let lower = name.to_lowercase();
            let distance = if letters >= 3 && lower.starts_with(&found) {
                1
            } else {
                // Neighbours that are swapped count as one slip.
                strsim::osa_distance(&found, &lower)
            };
            (distance <= (name.len() / 3).max(1)).then_some((distance, name))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn suggests_what_was_probably_meant() {
        let known = ["normal", "lognormal", "gamma", "exponential", "sd", "shape"];
        let nearest = |found| nearest(found, known.into_iter());
        assert_eq!(nearest("shpae"), Some("shape"));
        assert_eq!(nearest("Normal"), Some("normal"));
        assert_eq!(nearest("gama"), Some("gamma"));
        assert_eq!(nearest("exp"), Some("exponential"));
        assert_eq!(nearest("std"), Some("sd"));
        assert_eq!(nearest("zipf"), None);
        assert_eq!(nearest(""), None);
        assert_eq!(nearest(&"x".repeat(10_000)), None);
    }
}
