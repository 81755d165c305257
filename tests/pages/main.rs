//! Whatever the pages name exists: links, anchors, ports and paths here, commands in
//! [`commands`]; and the numbers that they give are right ([`counts`]). That their commands run is
//! in the test `readme` and, for the course's pages, in `texts` of the package `workshop`.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod commands;
mod counts;
mod devcontainer;
mod repository;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use repository::{checked_in, dashboards, ports};
use support::readme::{Page, root};

/// Paths of what is generated and not checked in.
const UNTRACKED: [&str; 4] = [
    ".ci/peers/bin",
    "exercises/.kept",
    "exercises/.progress",
    "target/",
];
/// Kinds of files that pages name without their directory.
const EXTENSIONS: [&str; 9] = [
    "json", "lua", "md", "promql", "rs", "toml", "txt", "yaml", "yml",
];

#[test]
fn the_readme_is_a_map() {
    let lines = Page::read("README.md").lines;
    assert!((150..=200).contains(&lines), "{lines} lines");
}

#[test]
fn every_link_leads_somewhere() {
    let ports = ports();
    let dashboards = dashboards();
    let mut followed = 0;
    for page in Page::all() {
        for link in &page.links {
            let said = format!("{}: {}", page.path, link.target);
            followed += 1;
            if link.target.starts_with("https://") {
                continue;
            }
            if let Some(address) = link.target.strip_prefix("http://127.0.0.1:") {
                let (port, path) = address.split_once('/').unwrap_or((address, ""));
                assert!(ports.contains(port), "{said}: nobody has this port");
                if let Some(dashboard) = path.strip_prefix("d/") {
                    assert!(dashboards.contains(dashboard), "{said}: no such dashboard");
                }
                continue;
            }
            let (path, anchor) = link.target.split_once('#').unwrap_or((&link.target, ""));
            let file = match path {
                "" => root().join(&page.path),
                _ => page.directory().join(path),
            };
            assert!(file.exists(), "{said}: nothing is there");
            if !anchor.is_empty() {
                let file = fs::canonicalize(file).unwrap();
                let target = file
                    .strip_prefix(fs::canonicalize(root()).unwrap())
                    .unwrap();
                let anchors = Page::read(&target.display().to_string()).anchors;
                assert!(anchors.contains(anchor), "{said}: no such heading");
            }
            // A text such as `layer.rs` or `histogram/` is the file's, or a folder's above it.
            if let [name] = link.spans.as_slice()
                && name.contains(['.', '/'])
                && !name.starts_with('/')
            {
                let name = format!("/{}", name.trim_end_matches('/'));
                let path = format!("/{path}/");
                assert!(path.contains(&format!("{name}/")), "{said}: is not {name}");
            }
        }
    }
    assert!(followed > 100, "only {followed} links were found");
}

#[test]
fn every_path_exists() {
    let mut found = 0;
    let names: BTreeSet<String> = checked_in()
        .iter()
        .filter_map(|path| Path::new(path).file_name())
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    for page in Page::all() {
        let bases = [root().to_owned(), page.directory()];
        let is_there = |path: &str| bases.iter().any(|base| base.join(path).exists());
        // In a command such as `promtool check config FILE` too.
        for word in page.spans.iter().flat_map(|span| span.split_whitespace()) {
            let plain = |letter: char| letter.is_ascii_alphanumeric() || "_-./".contains(letter);
            let is_example = word.contains("NN_") || UNTRACKED.contains(&word);
            if is_example || word.starts_with('/') || !word.chars().all(plain) {
                continue;
            }
            let has_extension = word.rsplit_once('.').is_some_and(|(name, extension)| {
                !name.is_empty() && EXTENSIONS.contains(&extension)
            });
            let right = match word.split_once('/') {
                // A text that begins like a path of the repository, or ends like a file name.
                Some((first, _)) if has_extension || is_there(first) => {
                    is_there(word) || is_end_of_link(word, &page)
                }
                None if has_extension => is_there(word) || names.contains(word),
                _ => continue,
            };
            assert!(right, "{}: no `{word}`", page.path);
            found += 1;
        }
    }
    assert!(found > 60, "only {found} paths were found");
    // And in README's layout, where each line begins with one.
    let readme = Page::read("README.md");
    let layout = readme.fences.iter().find(|fence| fence.section == "Layout");
    let lines = layout.expect("it has one").text.lines();
    let paths: Vec<_> = lines
        .filter(|line| !line.starts_with(' '))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(paths.len() >= 8, "{paths:?}");
    for path in paths {
        assert!(root().join(path).exists(), "README's layout: no {path}");
    }
}

/// The text of a link may be the end of its target.
fn is_end_of_link(span: &str, page: &Page) -> bool {
    let links = page.links.iter().filter(|link| link.spans == [span]);
    let mut targets = links.map(|link| &link.target);
    targets.any(|target| target.ends_with(span))
}
