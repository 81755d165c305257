//! An answer's file, and the words that it may have. What is wrong with an answer the
//! service says, which judges it; here only whether the file can be read.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use simulation::IncidentKind;
use simulation::incident::{Component, Scope, Signal, Word};

/// More than any answer has, and than anything that was revealed.
const MAX_BYTES: u64 = 64 * 1024;

/// The answer in a file, or on standard input for `-`.
pub(crate) fn read(file: &Path) -> anyhow::Result<Value> {
    let text = text_of(file)?;
    let answer: Value = serde_saphyr::from_str(&text)
        .with_context(|| format!("{}: is neither YAML nor JSON", file.display()))?;
    if !answer.is_object() {
        bail!(
            "{}: must have fields, like `mechanism: nothing`; `golden-signals incident words` lists them",
            file.display()
        );
    }
    Ok(answer)
}

/// The text of a file, or of standard input for `-`.
pub(crate) fn text_of(file: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    let read = if file == Path::new("-") {
        std::io::stdin()
            .take(MAX_BYTES + 1)
            .read_to_string(&mut text)
    } else {
        File::open(file).and_then(|file| file.take(MAX_BYTES + 1).read_to_string(&mut text))
    };
    let read = read.with_context(|| format!("{}: cannot be read", file.display()))?;
    if u64::try_from(read).is_ok_and(|read| read > MAX_BYTES) {
        bail!("{}: has more than {MAX_BYTES} bytes", file.display());
    }
    Ok(text)
}

/// The words that an answer may have, by field.
pub(crate) fn words() -> Value {
    fn all<W: Word>() -> Vec<&'static str> {
        W::ALL.iter().map(|word| word.word()).collect()
    }
    let kinds = IncidentKind::ALL.into_iter().map(IncidentKind::name);
    let mechanisms: Vec<_> = std::iter::once("nothing").chain(kinds).collect();
    json!({
        "mechanism": mechanisms,
        "signal": all::<Signal>(),
        "component": all::<Component>(),
        "scope": all::<Scope>(),
        "level": [1, 2, 3],
    })
}
