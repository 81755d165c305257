//! `deploy/offline-kit`, with a stand-in for Docker: what it saves, that a load gives it back,
//! and what it says of what cannot be. With a real engine nothing more is tested.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Writes down what it is asked for; the images are their names.
const STAND_IN: &str = r#"#!/bin/sh
echo "$*" >> "$ASKED"
case $1 in
    save) echo "images:$*" > "$3" ;;
    load) cat > "$ASKED.loaded" ;;
esac
"#;

fn kit(arguments: &[&str], directory: &Path) -> Output {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/offline-kit");
    Command::new(program)
        .args(arguments)
        .current_dir(directory)
        .env("DOCKER", directory.join("docker"))
        .env("ASKED", directory.join("asked"))
        .output()
        .expect("sh is there")
}

fn error(output: &Output) -> &str {
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let text = std::str::from_utf8(&output.stderr).expect("it is text");
    text.strip_prefix("error: ")
        .unwrap_or_else(|| panic!("{text}"))
}

/// An empty directory with the stand-in.
fn directory(name: &str) -> PathBuf {
    let name = format!("offline-kit-{name}-{}", std::process::id());
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&directory).expect("it is ours");
    let docker = directory.join("docker");
    fs::write(&docker, STAND_IN).expect("it is ours");
    fs::set_permissions(&docker, fs::Permissions::from_mode(0o755)).expect("it is ours");
    directory
}

#[test]
fn what_an_offline_kit_saves_it_loads() {
    let here = directory("whole");
    let saved = kit(&["save", "kit.tar"], &here);
    assert!(saved.status.success(), "{saved:?}");
    let asked = fs::read_to_string(here.join("asked")).expect("Docker was asked");
    let ours = include_str!("../../.env").lines();
    let images: Vec<_> = ours
        .filter_map(|line| line.split_once("_IMAGE="))
        .map(|(_, image)| image)
        .collect();
    assert!(images.len() >= 11, "{images:?}");
    let save = asked.lines().last().expect("it was asked");
    for image in &images {
        assert!(save.contains(image), "{save} lacks {image}");
        let pulled = asked.contains(&format!("pull {image}\n"));
        assert_eq!(pulled, !image.ends_with(":local"), "{image}: {asked}");
    }
    assert!(asked.contains("compose --profile all build\n"), "{asked}");

    // A second kit does not take the first one's place.
    assert!(error(&kit(&["save", "kit.tar"], &here)).contains("kit.tar exists"));

    let loaded = kit(&["load", "kit.tar"], &here);
    assert!(loaded.status.success(), "{loaded:?}");
    let images = fs::read_to_string(here.join("asked.loaded")).expect("they were loaded");
    assert_eq!(images, format!("images:{save}\n"));
    let sources = here.join("golden-signals");
    for file in ["docker-compose.yml", ".env", "exercises/README.md"] {
        assert!(sources.join(file).is_file(), "no {file}");
    }
    // Nor do its sources take the place of a student's.
    let again = kit(&["load", "kit.tar"], &here);
    assert!(error(&again).contains("golden-signals is there already"));
    fs::remove_dir_all(&sources).expect("it is ours");

    // What was not copied to its end is not loaded in part.
    let whole = fs::read(here.join("kit.tar")).expect("it was saved");
    fs::write(here.join("half.tar"), &whole[..whole.len() / 2]).expect("it is ours");
    let half = kit(&["load", "half.tar"], &here);
    assert!(error(&half).contains("not to its end"), "{half:?}");
    assert!(!sources.exists());
    let left: Vec<_> = fs::read_dir(&here)
        .expect("it is ours")
        .map(|entry| entry.expect("it can be listed").file_name())
        .filter(|name| name.to_string_lossy().starts_with(".offline-kit"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
    fs::remove_dir_all(&here).expect("it is ours");
}

#[test]
fn an_offline_kit_says_what_is_wrong_in_one_line() {
    let here = directory("wrong");
    for (arguments, expected) in [
        (&[][..], "nothing to do; say"),
        (&["list"], "list is not known; say"),
        (&["save"], "save takes one file; say"),
        (&["load", "one.tar", "two.tar"], "load takes one file; say"),
        (&["load", "none.tar"], "none.tar: no such file"),
        (&["load", "docker"], "docker was not written by"),
        (&["save", "no/kit.tar"], "no is no directory"),
    ] {
        let output = kit(arguments, &here);
        let said = error(&output);
        assert!(said.contains(expected), "{arguments:?}: {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    // It has asked Docker for nothing.
    assert!(!here.join("asked").exists());
    fs::remove_file(here.join("docker")).expect("it is ours");
    let output = kit(&["save", "kit.tar"], &here);
    assert!(error(&output).contains("docker is not installed"));
    fs::remove_dir_all(&here).expect("it is ours");
}
