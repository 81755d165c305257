//! Secrets among the options: given as they are, or in a file, as Docker's secrets are.
//! Whoever may list processes reads a command line. No output shows a secret.

use std::fmt;
use std::fs::File;
use std::io::Read as _;

use clap::Args;

use crate::flags;

/// Maximum size of a file with a secret: no token is nearly as long.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// A secret. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// The token that guards what changes something, in one of two ways.
#[derive(Args, Clone, Debug)]
pub struct ControlToken {
    /// Token that changes require (Authorization: Bearer), on loopback too. Without
    /// one, changes are open to this machine on loopback, and refused beyond it
    #[arg(
        long,
        env = "GOLDEN_CONTROL_TOKEN",
        value_name = "TOKEN",
        hide_env_values = true,
        conflicts_with = "control_token_file",
        value_parser = token
    )]
    pub control_token: Option<Secret>,

    /// File with the control token
    #[arg(
        long,
        env = "GOLDEN_CONTROL_TOKEN_FILE",
        value_name = "FILE",
        value_parser = file(token)
    )]
    pub control_token_file: Option<Secret>,
}

impl ControlToken {
    /// The token, whichever way it was given.
    #[must_use]
    pub fn get(&self) -> Option<&Secret> {
        self.control_token_file
            .as_ref()
            .or(self.control_token.as_ref())
    }
}

impl Secret {
    /// The secret itself: not for a log, nor for a message.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A token: what can stand in a header.
///
/// # Errors
///
/// What would be valid.
pub fn token(text: &str) -> Result<Secret, String> {
    flags::token(text).map(Secret)
}

/// Any text.
///
/// # Errors
///
/// None.
pub fn text(text: &str) -> Result<Secret, String> {
    Ok(text.into())
}

/// A secret in a file of this name, without the line feeds at its end.
pub fn file(
    parse: fn(&str) -> Result<Secret, String>,
) -> impl Fn(&str) -> Result<Secret, String> + Clone + Send + Sync + 'static {
    move |path| {
        let secret = read(path).map_err(|error| {
            format!("cannot be read ({error}); must be a file that holds the secret")
        })?;
        let secret = secret.trim_end_matches(['\r', '\n']);
        if secret.is_empty() {
            return Err("is empty; write the secret into it, in one line".to_owned());
        }
        parse(secret).map_err(|remedy| format!("the secret in it {remedy}"))
    }
}

fn read(path: &str) -> std::io::Result<String> {
    let mut text = String::new();
    let mut file = File::open(path)?.take(MAX_FILE_BYTES + 1);
    let bytes = file.read_to_string(&mut text)?;
    if u64::try_from(bytes).is_ok_and(|bytes| bytes > MAX_FILE_BYTES) {
        let error = format!("it has more than {MAX_FILE_BYTES} bytes");
        return Err(std::io::Error::other(error));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_shown() {
        let shown = format!("{:?}", Secret::from("s3cret"));
        assert_eq!(shown, "Secret(…)");
    }

    #[test]
    fn a_file_holds_a_secret_and_a_line_feed() {
        let path = std::env::temp_dir().join(format!("secret-{}", std::process::id()));
        let name = path.to_str().unwrap();
        let parse = file(token);
        for (written, read) in [
            ("s3cret", Ok("s3cret")),
            ("s3cret\n", Ok("s3cret")),
            ("s3cret\r\n", Ok("s3cret")),
            ("\n", Err("is empty")),
            ("", Err("is empty")),
            ("two words\n", Err("the secret in it must be")),
        ] {
            std::fs::write(&path, written).unwrap();
            match (parse(name), read) {
                (Ok(secret), Ok(expected)) => assert_eq!(secret.expose(), expected),
                (Err(error), Err(expected)) => assert!(error.starts_with(expected), "{error}"),
                (parsed, _) => panic!("{written:?}: {parsed:?}"),
            }
        }
        std::fs::remove_file(&path).unwrap();
        let missing = parse(name).unwrap_err();
        assert!(
            missing.starts_with("cannot be read (") && !missing.contains('\n'),
            "{missing}"
        );
    }
}
