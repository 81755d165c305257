//! A copy of the course in a workspace of its own, so that tests may edit it and
//! nobody's progress is touched.

#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A copy of the course, with the stubs in their places.
pub struct Copy {
    root: PathBuf,
}

impl Copy {
    pub fn new(name: &str) -> Self {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("course-{name}"));
        let _ = fs::remove_dir_all(&root);
        copy(&from.join("exercises"), &root.join("exercises"));
        copy(&from.join("exercises/stubs"), &root.join("exercises"));
        let _ = fs::remove_file(root.join("exercises/.progress"));
        let _ = fs::remove_dir_all(root.join("exercises/.kept"));
        fs::copy(from.join("Cargo.lock"), root.join("Cargo.lock")).unwrap();
        let manifest = fs::read_to_string(from.join("Cargo.toml")).unwrap();
        let section = |name: &str| {
            let (_, rest) = manifest.split_once(&format!("\n[{name}]\n")).unwrap();
            let body = rest.split("\n[").next().unwrap();
            format!("[{name}]\n{body}\n")
        };
        let manifest = format!(
            "[workspace]\nresolver = \"3\"\nmembers = [\"exercises/student\"]\n\n{}{}",
            section("workspace.package"),
            section("profile.dev"),
        );
        fs::write(root.join("Cargo.toml"), manifest).unwrap();
        // Cargo tells packages in one target folder apart by name, version and place
        // in their workspace: the same in all three, it would take this one for
        // the original and build neither again.
        let student = root.join("exercises/student/Cargo.toml");
        let manifest = fs::read_to_string(&student).unwrap();
        let version = format!("\nversion = \"0.1.0-{name}\"\n");
        let other = manifest.replacen("\nversion.workspace = true\n", &version, 1);
        assert_ne!(other, manifest, "the version is written otherwise");
        fs::write(&student, other).unwrap();
        Self { root }
    }

    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_workshop"));
        command
            .args(words)
            .current_dir(&self.root)
            .env("CARGO", env!("CARGO"))
            .env("CARGO_NET_OFFLINE", "true")
            .env(
                "CARGO_TARGET_DIR",
                Path::new(env!("CARGO_TARGET_TMPDIR")).join(".."),
            );
        command
    }

    pub fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    pub fn said(&self, words: &[&str]) -> String {
        String::from_utf8(self.run(words).stdout).unwrap()
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.root.join(path)).unwrap()
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let to = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &to);
        } else {
            fs::copy(&path, &to).unwrap();
        }
    }
}
