//! Reads the samples of both text formats (Prometheus 0.0.4 and OpenMetrics
//! 1.0), enough for assertions. It accepts what a format forbids: promtool and
//! Prometheus' own parser check the format.

use std::collections::BTreeMap;

/// One line: a name, its labels, a value, and the exemplar behind it if any.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    pub name: String,
    pub labels: BTreeMap<String, String>,
    pub value: f64,
    pub exemplar: Option<BTreeMap<String, String>>,
}

/// All samples of one exposition, in its order.
#[derive(Debug, Clone, Default)]
pub struct Samples {
    pub all: Vec<Sample>,
    /// What `# TYPE` said, by metric family.
    pub types: BTreeMap<String, String>,
}

impl Samples {
    /// # Panics
    ///
    /// On a line that is neither a comment nor a sample.
    pub fn parse(text: &str) -> Self {
        let mut samples = Self::default();
        for line in text.lines().filter(|line| !line.is_empty()) {
            if let Some(declaration) = line.strip_prefix("# TYPE ") {
                let (name, kind) = declaration.split_once(' ').expect("a type after the name");
                samples.types.insert(name.to_owned(), kind.to_owned());
            } else if !line.starts_with('#') {
                let sample = sample(line).unwrap_or_else(|| panic!("no sample: {line:?}"));
                samples.all.push(sample);
            }
        }
        samples
    }

    /// All samples of this name whose labels include these.
    pub fn select<'a>(
        &'a self,
        name: &'a str,
        labels: &'a [(&'a str, &'a str)],
    ) -> impl Iterator<Item = &'a Sample> {
        self.all.iter().filter(move |sample| {
            sample.name == name
                && labels
                    .iter()
                    .all(|(key, value)| sample.labels.get(*key).is_some_and(|found| found == value))
        })
    }

    /// The sum of the selected; 0 if there are none.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.select(name, labels).map(|sample| sample.value).sum()
    }

    /// The value of the one selected.
    ///
    /// # Panics
    ///
    /// If none or several are selected.
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let found: Vec<_> = self.select(name, labels).collect();
        match found.as_slice() {
            [one] => one.value,
            [] => panic!("no {name}{labels:?}"),
            several => panic!("{} of {name}{labels:?}: {several:?}", several.len()),
        }
    }
}

fn sample(line: &str) -> Option<Sample> {
    let name_end = line.find(['{', ' '])?;
    let (name, rest) = line.split_at(name_end);
    let (labels, rest) = labels(rest)?;
    let (rest, exemplar) = match rest.split_once(" # ") {
        Some((rest, exemplar)) => (rest, Some(self::labels(exemplar)?.0)),
        None => (rest, None),
    };
    let value = rest.split_whitespace().next()?.parse().ok()?;
    Some(Sample {
        name: name.to_owned(),
        labels,
        value,
        exemplar,
    })
}

// Reads `{…}` if it is there and returns what follows it.
fn labels(text: &str) -> Option<(BTreeMap<String, String>, &str)> {
    let mut labels = BTreeMap::new();
    let Some(mut rest) = text.strip_prefix('{') else {
        return Some((labels, text));
    };
    loop {
        rest = rest.trim_start_matches([',', ' ']);
        if let Some(rest) = rest.strip_prefix('}') {
            return Some((labels, rest));
        }
        let (key, quoted) = rest.split_once("=\"")?;
        let (value, after) = unquoted(quoted)?;
        labels.insert(key.to_owned(), value);
        rest = after;
    }
}

// Up to the closing quote, with the three escapes of both formats undone.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match characters.next()?.1 {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
    None
}
