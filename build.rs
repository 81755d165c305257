//! Tells the program which build it is: the labels of `build_info`.

use std::process::Command;

fn main() {
    // Outside a checkout (a source archive, a container build without .git)
    // the revision may be given from outside.
    let revision = std::env::var("GOLDEN_SIGNALS_REVISION")
        .ok()
        .or_else(|| first_line("git", &["rev-parse", "--short=12", "HEAD"]))
        .unwrap_or_else(|| "unknown".to_owned());
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let rustc = first_line(&rustc, &["--version"])
        .and_then(|version| version.split(' ').nth(1).map(str::to_owned))
        .unwrap_or_else(|| "unknown".to_owned());
    println!("cargo::rustc-env=GOLDEN_SIGNALS_REVISION={revision}");
    println!("cargo::rustc-env=GOLDEN_SIGNALS_RUSTC={rustc}");
    println!("cargo::rerun-if-env-changed=GOLDEN_SIGNALS_REVISION");
    println!("cargo::rerun-if-changed=build.rs");
    if let Some(head) = first_line("git", &["rev-parse", "--git-path", "logs/HEAD"]) {
        println!("cargo::rerun-if-changed={head}");
    }
}

fn first_line(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let line = text.lines().next()?.trim().to_owned();
    (output.status.success() && !line.is_empty()).then_some(line)
}
