//! Choices among options: by letter (`c`, `c)`, `(C)`), by text, or by the option copied
//! whole; several of them (`c a b d`, `cabd`, `1c 2a`, a line each); and words out of a
//! few (`Counter; Gauge; …`, `No.`).

use super::words;

/// The options of a question, by their letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options(Vec<(char, Vec<String>)>);

// Words that tell options apart by nothing.
const FILLERS: &[&str] = &[
    "a", "an", "the", "of", "its", "with", "in", "to", "it", "is", "are", "and", "answer",
    "option", "letter", "because", "since", "be", "for", "that", "they", "we", "as",
];

impl Options {
    /// Those below a question in an exercise's file: `#    a) the text`.
    #[must_use]
    pub fn of(stub: &str, question: usize) -> Self {
        let begins = |line: &&str| line.starts_with(&format!("# {question}. "));
        let lines = stub.lines().skip_while(|line| !begins(line)).skip(1);
        let option = |line: &str| {
            let line = line.strip_prefix('#')?.trim();
            let (letter, text) = line.split_once(") ")?;
            Some((letter.chars().next()?, words(text)))
        };
        Self(lines.map_while(option).collect())
    }

    /// Which option a text means.
    #[must_use]
    pub fn one(&self, text: &str) -> Option<char> {
        let said = words(text);
        let letters: Vec<_> = said.iter().filter_map(|word| self.letter(word)).collect();
        let first = said.first().and_then(|word| self.letter(word));
        // `c`, `(c)`, `answer: c`.
        let meaningful = |word: &&String| !FILLERS.contains(&word.as_str());
        if let [letter] = letters[..]
            && (said.len() == 1
                || said.iter().filter(meaningful).count() <= 1 && first != Some('a'))
        {
            return Some(letter);
        }
        let copied: Vec<_> = self
            .0
            .iter()
            .filter(|(_, option)| said.windows(option.len()).any(|part| part == option))
            .map(|(letter, _)| *letter)
            .collect();
        // `c) quantiles …`, in whose words ever.
        let marked = text.trim_start().trim_start_matches(['(', '[', '"', '`']);
        let marked = marked.chars().nth(1).is_some_and(|mark| {
            ").:],-–—`\"".contains(mark)
                || mark.is_whitespace() && first.is_some_and(|letter| letter != 'a')
        });
        if let Some(letter) = first.filter(|_| marked) {
            // `c or d` chooses nothing; an `a` is mostly a word.
            let only = letters
                .iter()
                .all(|other| *other == letter || *other == 'a');
            let agrees = copied == [letter] || copied.is_empty() && only;
            return agrees.then_some(letter);
        }
        if let [letter] = copied[..] {
            return Some(letter);
        }
        // Words of one option only.
        let meant: Vec<_> = said.iter().filter(meaningful).collect();
        let has_all =
            |option: &[String]| !meant.is_empty() && meant.iter().all(|word| option.contains(word));
        let mut having = self.0.iter().filter(|(_, option)| has_all(option));
        match (having.next(), having.next()) {
            (Some((letter, _)), None) => Some(*letter),
            _ => None,
        }
    }

    /// Which options a text means, if it means so many.
    #[must_use]
    pub fn several(&self, text: &str, count: usize) -> Option<Vec<char>> {
        self.letters(text)
            .filter(|all| all.len() == count)
            .or_else(|| self.parts(text, count))
    }

    // `c a b d`, `cabd`, `1c 2a 3b 4d`, `c, a, b and d`.
    fn letters(&self, text: &str) -> Option<Vec<char>> {
        let mut all = Vec::new();
        for word in words(text) {
            let word: String = word.chars().filter(|c| !c.is_ascii_digit()).collect();
            let letters = word.chars().map(|c| self.letter(&c.to_string()));
            match (letters.collect::<Option<Vec<_>>>(), word.as_str()) {
                (Some(letters), _) => all.extend(letters),
                (None, "and" | "then") => {}
                (None, _) => return None,
            }
        }
        Some(all)
    }

    // An option in each line, or between semicolons or commas; perhaps behind what it is for.
    fn parts(&self, text: &str, count: usize) -> Option<Vec<char>> {
        let ways: [&[char]; 3] = [&['\n'], &['\n', ';'], &['\n', ';', ',']];
        ways.iter().find_map(|separators| {
            let parts = text.split(*separators).map(str::trim);
            let parts: Vec<_> = parts.filter(|part| !part.is_empty()).collect();
            let one = |part: &&str| {
                let behind = part.rsplit(['→', ':', '=', '>']).next();
                self.one(part).or_else(|| self.one(behind?))
            };
            (parts.len() == count).then(|| parts.iter().map(one).collect())?
        })
    }

    fn letter(&self, word: &str) -> Option<char> {
        let mut letters = self.0.iter().map(|(letter, _)| *letter);
        letters.find(|letter| word.chars().eq([*letter]))
    }
}

/// A word to be chosen, with what else is said for it.
pub type Word = (&'static str, &'static [&'static str]);

/// The words of a text that are among those to be chosen, in order, if they are so many.
#[must_use]
pub fn among(text: &str, vocabulary: &[Word], count: usize) -> Option<Vec<&'static str>> {
    let said = words(text);
    let known = said.iter().filter_map(|word| {
        let is = |one: &&Word| one.0 == word || one.1.contains(&word.as_str());
        vocabulary.iter().find(is).map(|(word, _)| *word)
    });
    let known: Vec<_> = known.collect();
    (known.len() == count).then_some(known)
}

/// Yes or no, by the first word that says either; `None` if the other is said as well.
#[must_use]
pub fn yes_or_no(text: &str) -> Option<bool> {
    let says = |all: &[&str], word: &str| all.contains(&word);
    let mut said = words(text).into_iter().filter_map(|word| {
        if says(&["yes", "y", "yeah", "yep", "true"], &word) {
            Some(true)
        } else if says(
            &["no", "n", "nope", "false", "not", "cannot", "never"],
            &word,
        ) {
            Some(false)
        } else {
            None
        }
    });
    let first = said.next()?;
    said.all(|other| other == first).then_some(first)
}

/// Whether the second of two things is spoken of first, as in `the proplet: everything,
/// Prometheus: nothing`.
#[must_use]
pub fn is_turned(text: &str, first: &[&str], second: &[&str]) -> bool {
    let said = words(text);
    let place = |names: &[&str]| {
        let names_it = |word: &String| names.iter().any(|name| word.starts_with(name));
        said.iter().position(names_it)
    };
    matches!((place(first), place(second)), (Some(first), Some(second)) if second < first)
}

#[cfg(test)]
mod tests {
    use super::{Options, among, is_turned, yes_or_no};

    const STUB: &str = "# 1. One?\n\n# 5. Why?\n#    a) they cost more memory than histograms\n\
        #    b) the broker, with the proplet's will\n#    c) quantiles of several instances cannot be \
        put together\n#    d) nobody\n\n# 6. Next?\n";

    #[test]
    fn an_option_is_chosen_by_letter_or_text() {
        let options = Options::of(STUB, 5);
        for text in [
            "c",
            "C",
            "c)",
            "(c)",
            "c.",
            "`c`",
            "answer c",
            "The answer is c.",
            "c, because they cannot be averaged",
            "c) quantiles of several instances cannot be put together",
            "Quantiles of several instances cannot be put together.",
            "quantiles cannot be put together",
        ] {
            assert_eq!(options.one(text), Some('c'), "{text}");
        }
        assert_eq!(options.one("the broker"), Some('b'));
        assert_eq!(options.one("nobody"), Some('d'));
        assert_eq!(options.one("a"), Some('a'));
        assert_eq!(options.one("a) memory"), Some('a'));
        for text in ["", "a quantile is no sum", "c or d", "e", "c) nobody"] {
            assert_eq!(options.one(text), None, "{text}");
        }
    }

    #[test]
    fn several_options_are_chosen_in_order() {
        let options = Options::of(STUB, 5);
        for text in [
            "c a b d",
            "cabd",
            "c, a, b, d",
            "c-a-b-d",
            "1c 2a 3b 4d",
            "1) c 2) a 3) b 4) d",
            "c)\na)\nb)\nd)",
            "empty: c; does not load: a; otherwise: b; slow: d",
            "quantiles of several instances cannot be put together\nmore memory\nthe broker\nnobody",
        ] {
            let chosen = options.several(text, 4);
            assert_eq!(chosen, Some(vec!['c', 'a', 'b', 'd']), "{text}");
        }
        assert_eq!(options.several("c a b", 4), None);
    }

    #[test]
    fn words_are_chosen_out_of_a_few() {
        let types = [("counter", &["counters"][..]), ("gauge", &[])];
        for text in [
            "counter gauge",
            "Counter; Gauge",
            "requests: counter\nqueue: gauge.",
        ] {
            assert_eq!(among(text, &types, 2), Some(vec!["counter", "gauge"]));
        }
        assert_eq!(among("no counter but a gauge; gauge", &types, 2), None);
        assert_eq!(yes_or_no("No."), Some(false));
        assert_eq!(yes_or_no("No, it cannot"), Some(false));
        assert_eq!(yes_or_no("Yes!"), Some(true));
        assert_eq!(yes_or_no("yes and no"), None);
        assert!(is_turned(
            "proplet all, Prometheus none",
            &["prometheus"],
            &["proplet"]
        ));
    }
}
