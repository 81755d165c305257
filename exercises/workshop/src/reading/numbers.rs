//! Numbers: `2/s`, `2.0`, `600 requests`, `1,200`, `9,1`, `1_000`, `600/300 = 2`, `two`,
//! `200-300`, `[0.1, 0.25]`.

/// A number, and the word that stands after it, such as `ms`; empty if none does.
#[derive(Debug, Clone, PartialEq)]
pub struct Quantity {
    /// As it stands there, in that unit.
    pub value: f64,
    /// In lower case, without what it is divided by: of `2 MiB/s`, `mib`.
    pub unit: String,
}

/// Seconds by their names.
const TIMES: &[(&[&str], f64)] = &[
    (&["s", "sec", "secs", "second", "seconds"], 1.0),
    (&["ms", "msec", "millisecond", "milliseconds"], 1e-3),
    (&["us", "µs", "μs", "microsecond", "microseconds"], 1e-6),
    (&["min", "minute", "minutes"], 60.0),
    (&["h", "hour", "hours"], 3600.0),
];

/// Bytes by their names.
const BYTES: &[(&[&str], f64)] = &[
    (&["b", "byte", "bytes"], 1.0),
    (&["kb", "kilobyte", "kilobytes"], 1e3),
    (&["mb", "megabyte", "megabytes"], 1e6),
    (&["kib", "kibibyte", "kibibytes"], 1024.0),
    (&["mib", "mebibyte", "mebibytes"], 1024.0 * 1024.0),
];

/// Numbers by their words.
const WORDS: [&str; 13] = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve",
];

impl Quantity {
    /// Seconds, if its unit is one of time.
    #[must_use]
    pub fn seconds(&self) -> Option<f64> {
        factor(TIMES, &self.unit).map(|factor| self.value * factor)
    }

    /// Bytes, if its unit is one of memory.
    #[must_use]
    pub fn bytes(&self) -> Option<f64> {
        factor(BYTES, &self.unit).map(|factor| self.value * factor)
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Number(f64),
    Word(String),
    /// `/`, which may divide numbers, or a unit.
    Slash,
    /// Everything else that is not blank.
    Mark(char),
}

/// The one number of a text. Of `600 / 300 = 2` it is what is behind the sign; what is in
/// brackets after it, or behind `per` and the like, is no second one. `None` if there is none,
/// or if several are.
#[must_use]
pub fn one(text: &str) -> Option<Quantity> {
    let result = text.rsplit(['=', '≈', '→']).next().unwrap_or(text);
    let plain = outside_brackets(result);
    let text = if tokens(&plain, true).iter().any(is_number) {
        &plain
    } else {
        result
    };
    let tokens = tokens(text, true);
    let first = tokens.iter().position(is_number)?;
    // `600 in 300 s`, `2 per 1 s`: the first; `2 or 3`: none.
    let second = tokens[first + 1..].iter().position(is_number);
    let between = second.map(|second| &tokens[first + 1..=first + second]);
    let mut quantities = quantities(&tokens);
    match between {
        Some(between) if quantities.len() > 1 => {
            let belongs = |token: &Token| match token {
                Token::Word(word) => ["per", "in", "within", "over", "every", "each", "after"]
                    .contains(&word.as_str()),
                _ => false,
            };
            if !between.iter().any(belongs) {
                return None;
            }
            quantities.truncate(1);
        }
        _ => {}
    }
    quantities.into_iter().next()
}

/// As [`one`], what happens in a second: of `120/min`, `2 per minute` or `7,200 an hour` the
/// 60th or 3600th part. The first time that is named counts.
#[must_use]
pub fn one_per_second(text: &str) -> Option<Quantity> {
    let mut quantity = one(text)?;
    let result = text.rsplit(['=', '≈', '→']).next().unwrap_or(text);
    let each = |word: &str| ["per", "a", "an", "each", "every"].contains(&word);
    let seconds = tokens(result, true).windows(2).find_map(|pair| match pair {
        [Token::Slash, Token::Word(time)] => factor(TIMES, time),
        [Token::Word(word), Token::Word(time)] if each(word) => factor(TIMES, time),
        _ => None,
    });
    quantity.value /= seconds.unwrap_or(1.0);
    Some(quantity)
}

fn factor(units: &[(&[&str], f64)], name: &str) -> Option<f64> {
    let named = units.iter().find(|(names, _)| names.contains(&name));
    named.map(|(_, factor)| *factor)
}

/// All numbers of a text: in brackets, with commas or semicolons, `between 200 and 300`,
/// `200-300`, `p50: 31 p90: 88`, a line each. `None` if there is none, or if there are words
/// that neither join numbers nor are units.
#[must_use]
pub fn several(text: &str) -> Option<Vec<Quantity>> {
    let tokens = tokens(text, has_decimal_commas(text));
    let joins = |word: &str| {
        let joins = [
            "and", "to", "between", "from", "up", "the", "is", "are", "bounds", "buckets", "le",
            "p50", "p90", "p95", "p99", "median", "inf", "np", "array", "e", "x", "of",
        ];
        let is_unit = TIMES.iter().any(|(names, _)| names.contains(&word));
        joins.contains(&word) || is_unit
    };
    let strange = tokens
        .iter()
        .any(|token| matches!(token, Token::Word(word) if !joins(word)));
    let mut quantities = quantities(&tokens);
    // Of `50%: 31` the first says which.
    if quantities.iter().any(|one| one.unit != "%") {
        quantities.retain(|one| one.unit != "%");
    }
    (!strange && !quantities.is_empty()).then_some(quantities)
}

/// All numbers of a text, whatever words stand between them, as in `Prometheus 0, the
/// proplet 2`.
#[must_use]
pub fn several_among_words(text: &str) -> Vec<Quantity> {
    quantities(&tokens(text, has_decimal_commas(text)))
}

fn is_number(token: &Token) -> bool {
    matches!(token, Token::Number(_))
}

fn outside_brackets(text: &str) -> String {
    let mut depth = 0_usize;
    let mut outside = String::new();
    for letter in text.chars() {
        match letter {
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            _ if depth == 0 => outside.push(letter),
            _ => {}
        }
    }
    outside
}

// In `0,12 0,145` commas are decimal; in `0.1, 0.2` and `10,20` they are not.
fn has_decimal_commas(text: &str) -> bool {
    let mut words = text.split(|c: char| c.is_whitespace() || "[]();".contains(c));
    let inner = |word: &str| {
        let word = word.trim_end_matches([',', '.']);
        let (whole, part) = word.split_once(',')?;
        let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit()) && !text.is_empty();
        (digits(whole) && digits(part)).then(|| whole == "0" || text.contains(';'))
    };
    !text.contains('.') && words.any(|word| inner(word) == Some(true))
}

fn quantities(tokens: &[Token]) -> Vec<Quantity> {
    let mut all: Vec<Quantity> = Vec::new();
    let mut index = 0;
    while let Some(token) = tokens.get(index) {
        index += 1;
        let Token::Number(mut value) = *token else {
            continue;
        };
        while let [Token::Slash, Token::Number(by), ..] = tokens[index..] {
            value /= by;
            index += 2;
        }
        let unit = match tokens.get(index) {
            Some(Token::Word(word)) => word.clone(),
            Some(Token::Mark('%')) => "%".to_owned(),
            _ => String::new(),
        };
        all.push(Quantity { value, unit });
    }
    all
}

fn tokens(text: &str, decimal_commas: bool) -> Vec<Token> {
    let letters: Vec<_> = text.chars().collect();
    let at = |index: usize| letters.get(index).copied().unwrap_or(' ');
    let mut tokens = Vec::new();
    let mut index = 0;
    while index < letters.len() {
        let letter = at(index);
        let is_sign = matches!(letter, '-' | '−' | '+')
            && (at(index + 1).is_ascii_digit() || at(index + 1) == '.')
            // `200-300` and `200 - 300` are two numbers.
            && (index == 0 || !at(index - 1).is_alphanumeric());
        let is_point = letter == '.' && at(index + 1).is_ascii_digit();
        // Of `200..300` neither point is one of a number.
        let begins =
            letter.is_ascii_digit() || is_point && (index == 0 || letters[index - 1] != '.');
        if begins || is_sign {
            let (value, end) = number(&letters, index, decimal_commas);
            tokens.push(value.map_or(Token::Mark(letter), Token::Number));
            index = end;
        } else if letter.is_alphabetic() || letter == '_' {
            let start = index;
            while at(index).is_alphanumeric() || at(index) == '_' {
                index += 1;
            }
            let word: String = letters[start..index].iter().collect();
            let word = word.to_lowercase();
            let spelled = WORDS.iter().position(|known| *known == word);
            tokens.push(match (spelled, word.as_str()) {
                (Some(value), _) => Token::Number(value as f64),
                (_, "none" | "nothing") => Token::Number(0.0),
                (_, "infinity" | "infinite" | "inf") => Token::Number(f64::INFINITY),
                _ => Token::Word(word),
            });
        } else {
            if letter == '∞' {
                tokens.push(Token::Number(f64::INFINITY));
            } else if letter == '/' {
                tokens.push(Token::Slash);
            } else if !letter.is_whitespace() {
                tokens.push(Token::Mark(letter));
            }
            index += 1;
        }
    }
    tokens
}

// The number that begins here, and where it ends.
fn number(letters: &[char], start: usize, decimal_commas: bool) -> (Option<f64>, usize) {
    let at = |index: usize| letters.get(index).copied().unwrap_or(' ');
    let digits_from = |index: usize| {
        let rest = letters.get(index..).unwrap_or_default();
        rest.iter().take_while(|c| c.is_ascii_digit()).count()
    };
    let mut text = String::new();
    let mut index = start;
    if matches!(at(index), '-' | '−') {
        text.push('-');
    }
    if matches!(at(index), '-' | '−' | '+') {
        index += 1;
    }
    let (mut has_point, mut groups) = (false, 0);
    loop {
        let letter = at(index);
        let follow = digits_from(index + 1);
        match letter {
            '0'..='9' => text.push(letter),
            // Groups of three, by whatever separates them.
            '_' | '\'' | '\u{a0}' | '\u{202f}' if follow > 0 && !has_point => {}
            ',' if !has_point
                && follow == 3
                && decimal_commas
                && text.len() <= 3 + 3 * groups
                && !matches!(text.as_str(), "0" | "-0" | "") =>
            {
                groups += 1;
            }
            ',' if !has_point && follow > 0 && decimal_commas && groups == 0 => {
                text.push('.');
                has_point = true;
            }
            '.' if !has_point && at(index + 1) != '.' => {
                text.push('.');
                has_point = true;
            }
            'e' | 'E' if follow > 0 => text.push('e'),
            'e' | 'E' if matches!(at(index + 1), '-' | '+') && digits_from(index + 2) > 0 => {
                text.push('e');
                text.push(at(index + 1));
                index += 1;
            }
            _ => break,
        }
        index += 1;
    }
    // A point at the end ends the sentence.
    (text.trim_end_matches('.').parse().ok(), index)
}

#[cfg(test)]
mod tests {
    use super::{one, one_per_second, several};

    #[test]
    fn a_speed_is_what_happens_in_a_second() {
        for (text, value) in [
            ("2 requests per second", 2.0),
            ("120/min", 2.0),
            ("2 per minute", 1.0 / 30.0),
            ("7,200 an hour", 2.0),
            ("600 in 5 minutes = 2/s", 2.0),
        ] {
            let speed = one_per_second(text).map(|one| one.value);
            assert_eq!(speed, Some(value), "{text}");
        }
    }

    #[test]
    fn a_number_counts_by_its_value() {
        for (text, value) in [
            ("2", 2.0),
            ("2.0", 2.0),
            ("2/s", 2.0),
            ("2 requests per second", 2.0),
            ("about 2", 2.0),
            ("~2 req/s", 2.0),
            ("2.", 2.0),
            ("rate = 600/300 = 2", 2.0),
            ("600 / 300", 2.0),
            ("2 (600 in 300 s)", 2.0),
            ("(2)", 2.0),
            ("2 per 1 s", 2.0),
            ("two", 2.0),
            ("1,200", 1200.0),
            ("1_200", 1200.0),
            ("1\u{202f}200", 1200.0),
            ("9,1", 9.1),
            ("0,295", 0.295),
            ("1.2e3", 1200.0),
            ("-85", -85.0),
            ("−85", -85.0),
            ("up = 1", 1.0),
            ("+Inf", f64::INFINITY),
        ] {
            assert_eq!(one(text).map(|one| one.value), Some(value), "{text}");
        }
        for text in ["", "many", "2 or 3", "p95", "200-300"] {
            assert_eq!(one(text), None, "{text}");
        }
    }

    #[test]
    fn units_are_read_with_their_number() {
        let seconds = |text| one(text).and_then(|one| one.seconds());
        assert_eq!(seconds("295 ms"), Some(0.295));
        assert_eq!(seconds("0.295s"), Some(0.295));
        assert_eq!(seconds("295"), None);
        let bytes = |text| one(text).and_then(|one| one.bytes());
        assert_eq!(bytes("704 KiB/s"), Some(720_896.0));
        assert_eq!(bytes("0.72 MB a second"), Some(720_000.0));
        assert_eq!(bytes("9.1/s"), None);
    }

    #[test]
    fn several_numbers_in_the_separators_that_people_use() {
        let values = |text| {
            let all = several(text)?;
            Some(all.iter().map(|one| one.value).collect::<Vec<_>>())
        };
        for text in [
            "200 300",
            "200-300",
            "200 – 300 ms",
            "200..300",
            "(200, 300]",
            "between 200 and 300",
            "200 ms to 300 ms",
            "200,300",
            "200\n300",
        ] {
            assert_eq!(values(text), Some(vec![200.0, 300.0]), "{text}");
        }
        for text in [
            "[0.1, 0.25, 0.5]",
            "0.1,0.25,0.5",
            "0,1 0,25 0,5",
            "0,1; 0,25; 0,5",
            "0.1 s, 0.25 s and 0.5 s",
            ".1 .25 .5",
            "p50: 0.1 p90: 0.25 p99: 0.5",
            "50%: 0.1, 90%: 0.25, 99%: 0.5",
        ] {
            assert_eq!(values(text), Some(vec![0.1, 0.25, 0.5]), "{text}");
        }
        assert_eq!(values("-5 0 +5"), Some(vec![-5.0, 0.0, 5.0]));
        assert_eq!(values("0.1 oops 0.2"), None);
    }
}
