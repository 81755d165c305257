//! Which known name was probably meant.

/// The known name nearest to `found`, if it is near enough to be worth
/// suggesting: one the reader only began to write, or one that differs by a
/// slip of the keyboard for every three letters.
pub fn nearest<'a>(found: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let found = found.to_lowercase();
    let letters: Vec<char> = found.chars().collect();
    // No known name is as long; and the distance takes time in both lengths.
    if letters.len() > 32 {
        return None;
    }
    known
        .filter_map(|name| {
            let begun = letters.len() >= 3 && name.starts_with(found.as_str());
            let distance = if begun { 1 } else { distance(&letters, name) };
            (distance <= (name.len() / 3).max(1)).then_some((distance, name))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// The edits that turn `from` into `to`: letters inserted, deleted, replaced,
/// or swapped with their neighbour (optimal string alignment distance).
fn distance(from: &[char], to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    // Three rows of the usual table: this one, the one before, the one before that.
    let mut before = vec![0; to.len() + 1];
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for (i, &letter) in from.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, &other) in to.iter().enumerate() {
            let replaced = last[j] + usize::from(letter != other);
            let mut best = replaced.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && letter == to[j - 1] && from[i - 1] == other {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[to.len()]
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
