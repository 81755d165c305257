//! What the compiler has against a student's program, as a finding: its own words, and
//! before them one sentence for the errors at which those stop who come from Python.

use serde_json::Value;

use crate::finding::Finding;

/// Errors at which newcomers stop, and what each means. The codes are the compiler's:
/// <https://doc.rust-lang.org/error_codes/error-index.html>.
const SENTENCES: &[(&str, &str)] = &[
    (
        "E0382",
        "A value was given away and is used again afterwards. Passing a value to a function moves \
         it there, unlike in Python: read what you need of it before, or pass a `.clone()`.",
    ),
    (
        "E0308",
        "A value has another type than is expected in this place, and Rust converts none by itself: \
         `\"text\"` becomes a `String` by `.to_owned()`, and a line that ends with `;` has no value.",
    ),
    (
        "E0063",
        "A struct is made without all of its fields. There are no default values as in a Python \
         dataclass: the compiler names the fields that are missing.",
    ),
    (
        "E0433",
        "A name that stands before `::` is not known in this file. As with Python's `import`, a type of \
         another file or library needs a `use` line at the top, or its whole path.",
    ),
    (
        "E0425",
        "A name is not known here. A variable lives until the `}` of the block in which `let` made it, \
         and a function of another file needs a `use` line.",
    ),
    (
        "E0282",
        "Nothing here says which type this value has. Write it beside the name, as with Python's type \
         hints, but binding: `let name: Type = …`.",
    ),
    (
        "E0283",
        "Several types would fit here. Write the one that you mean beside the name: `let name: Type = …`.",
    ),
    (
        "E0599",
        "This type has no such method. Is it spelled as in the library, and do you have the value itself, \
         not an `Option` or a `Result` around it?",
    ),
    (
        "E0560",
        "A struct is given a field that it does not have. The fields stand where the struct is declared.",
    ),
];

/// One error of the compiler.
#[derive(Debug)]
pub(crate) struct Error {
    code: String,
    rendered: String,
}

impl Error {
    /// What stands under `message` in a message of cargo.
    pub(crate) fn of(message: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Self {
            code: text(&message["code"]["code"]),
            rendered: text(&message["rendered"]),
        }
    }

    /// What cargo wrote where there was no such message.
    pub(crate) fn unknown(written: String) -> Self {
        Self {
            code: String::new(),
            rendered: written,
        }
    }
}

/// The finding `does-not-compile`. Of several errors, the first that has a sentence is
/// explained: the others often follow from it.
pub(crate) fn finding(errors: &[Error]) -> Finding {
    let sentence = errors.iter().find_map(|error| {
        let found = SENTENCES.iter().find(|(code, _)| *code == error.code);
        found.map(|(code, sentence)| format!(" {code}: {sentence}"))
    });
    let rendered: String = errors.iter().map(|error| error.rendered.as_str()).collect();
    Finding::new(
        "does-not-compile",
        format!(
            "Your program does not compile yet.{}\n\n{}",
            sentence.unwrap_or_default(),
            rendered.trim_end()
        ),
    )
}
