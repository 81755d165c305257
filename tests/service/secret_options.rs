//! Secrets on the command line and in files: read from one place, repeated in no error.

use crate::command_line::{refusal, run};

#[test]
fn a_bad_token_is_not_repeated() {
    for token in ["se cret", "sécret"] {
        let line = refusal(&["--control-token", token], &[]);
        assert!(line.contains("--control-token: must be"), "{line}");
        assert!(!line.contains(token), "{line}");
    }
    let line = refusal(&[], &[("GOLDEN_CONTROL_TOKEN", "se cret")]);
    assert!(line.contains("(from GOLDEN_CONTROL_TOKEN)"), "{line}");
    assert!(!line.contains("se cret"), "{line}");
}

#[test]
fn a_secret_comes_from_one_place() {
    for (flag, variable) in [
        ("--control-token", "GOLDEN_CONTROL_TOKEN"),
        ("--mystery-salt", "GOLDEN_MYSTERY_SALT"),
    ] {
        let file = format!("{flag}-file");
        let file_variable = format!("{variable}_FILE");
        let missing = "/nowhere/secret";
        let line = refusal(&[&file, missing], &[]);
        assert!(
            line.contains(&format!("{file} {missing}: cannot be read (")),
            "{line}"
        );
        assert!(
            line.contains("must be a file that holds the secret"),
            "{line}"
        );
        let line = refusal(&[], &[(&file_variable, missing)]);
        assert!(line.contains(&format!("(from {file_variable})")), "{line}");
        let line = refusal(&[&file, "/dev/null"], &[]);
        assert!(
            line.contains(&format!("{file} /dev/null: is empty; write")),
            "{line}"
        );

        // A file of this crate, as good as any that can be read.
        let readable = concat!(env!("CARGO_MANIFEST_DIR"), "/rust-toolchain.toml");
        let both = [flag, "s3cret", &file, readable];
        for (arguments, variables) in [
            (&both[..], &[][..]),
            (&both[..2], &[(&*file_variable, readable)]),
            (&both[2..], &[(variable, "s3cret")]),
        ] {
            // A token has no spaces, as that file has.
            let line = refusal(arguments, variables);
            let told = line.contains(flag) && !line.contains("s3cret");
            assert!(told, "{line}");
            assert!(
                flag == "--control-token" || line.contains("cannot be used with"),
                "{line}"
            );
        }
    }
}

#[test]
fn a_salt_is_made_by_one_command() {
    let salt = || {
        let output = run(&["mystery", "salt"], &[]);
        assert!(
            output.status.success() && output.stderr.is_empty(),
            "{output:?}"
        );
        String::from_utf8(output.stdout).expect("it is UTF-8")
    };
    let (first, second) = (salt(), salt());
    assert_ne!(first, second);
    // 128 bits.
    for salt in [first, second] {
        let digits = salt.trim_end();
        assert!(
            digits.len() == 32 && u128::from_str_radix(digits, 16).is_ok(),
            "{salt}"
        );
    }
}
