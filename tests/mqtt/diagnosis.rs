//! A connection that cannot be made says why, and what helps.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::manager::Directory;
use crate::support::mosquitto::Mosquitto;
use crate::support::peers;
use crate::support::proplet::{Running, eventually};

/// Certificate and key that nobody has signed but themselves.
fn self_signed(openssl: &Path, directory: &Directory, name: &str) -> (String, String) {
    let file = |kind: &str| {
        let path = directory.path().join(format!("{name}.{kind}"));
        path.display().to_string()
    };
    let (cert, key) = (file("pem"), file("key"));
    let made = Command::new(openssl)
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt"])
        .args(["ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
        .args(["-subj", "/CN=localhost", "-keyout", &key, "-out", &cert])
        .args(["-addext", "subjectAltName=IP:127.0.0.1"])
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    (cert, key)
}

/// Waits until a proplet that connects so says this.
fn says(directory: &Directory, url: &str, arguments: &[&str], expected: &str) {
    let log = directory.path().join("log");
    let mut command = Command::new(env!("CARGO_BIN_EXE_golden-signals"));
    command
        .args(["proplet", "--mqtt-address", url])
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(&log).unwrap());
    let _proplet = Running::command(&mut command);
    eventually(&format!("{url}: {expected}"), || {
        std::fs::read_to_string(&log).unwrap().contains(expected)
    });
}

#[test]
fn tls_on_one_side_only_and_an_unknown_certificate_are_told_with_what_helps() {
    let (Some(binary), Some(openssl)) = (peers::require("mosquitto"), peers::require("openssl"))
    else {
        return;
    };
    let directory = Directory::new();
    let (cert, key) = self_signed(&openssl, &directory, "server");
    let (other, _) = self_signed(&openssl, &directory, "other");
    let secure = Mosquitto::start(&binary, &format!("certfile {cert}\nkeyfile {key}"));
    let plain = Mosquitto::start(&binary, "");
    let port = |broker: &Mosquitto| broker.address().port();
    let with_other = ["--mqtt-tls-ca-cert", other.as_str()];

    let url = format!("ssl://127.0.0.1:{}", port(&secure));
    let remedy = "give the certificate of the CA that signed the broker's";
    says(&directory, &url, &with_other, remedy);
    let url = format!("tcp://127.0.0.1:{}", port(&secure));
    says(&directory, &url, &[], "give the address as ssl://");
    let url = format!("ssl://127.0.0.1:{}", port(&plain));
    says(&directory, &url, &with_other, "give the address as tcp://");
}
