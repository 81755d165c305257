//! A broker that requires credentials, and a client that verifies the broker's.

use std::path::Path;
use std::time::Duration;

use clap::Parser as _;
use tokio::time::timeout;

use super::clients::{Cli, connected};
use crate::support::mosquitto::Mosquitto;
use crate::support::{TIMEOUT, peers};

#[tokio::test]
async fn user_password_and_tls() {
    let (Some(binary), Some(openssl)) = (peers::require("mosquitto"), peers::require("openssl"))
    else {
        return;
    };
    let passwords = peers::require("mosquitto_passwd").expect("it comes with mosquitto");
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mqtt-tls");
    std::fs::create_dir_all(&directory).unwrap();
    let file = |name: &str| directory.join(name).display().to_string();
    let run = |program: &Path, arguments: &[&str]| {
        let output = std::process::Command::new(program)
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
    };
    let certificate = |name: &str, extra: &[&str]| {
        let (cert, key) = (file(&format!("{name}.pem")), file(&format!("{name}.key")));
        let mut arguments = vec![
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
            "-keyout",
            &key,
            "-out",
            &cert,
        ];
        arguments.extend(extra);
        run(&openssl, &arguments);
        (cert, key)
    };
    let (ca, ca_key) = certificate("ca", &["-subj", "/CN=workshop"]);
    let name = "subjectAltName=IP:127.0.0.1,DNS:localhost";
    let signed = [
        "-subj",
        "/CN=localhost",
        "-addext",
        name,
        "-addext",
        "basicConstraints=CA:FALSE",
        "-CA",
        &ca,
        "-CAkey",
        &ca_key,
    ];
    let made = std::process::Command::new(&openssl)
        .args(["req", "-help"])
        .output()
        .unwrap();
    assert!(
        String::from_utf8_lossy(&made.stderr).contains("-CAkey"),
        "OpenSSL 3 is needed"
    );
    let (cert, key) = certificate("server", &signed);
    let (other, _) = certificate("other", &["-subj", "/CN=somebody else"]);
    run(
        &passwords,
        &["-b", "-c", &file("passwords"), "alice", "secret"],
    );
    let broker = Mosquitto::start(
        &binary,
        &format!(
            "certfile {cert}\nkeyfile {key}\nallow_anonymous false\npassword_file {}",
            file("passwords")
        ),
    );
    let url = format!("ssl://127.0.0.1:{}", broker.address().port());
    let client = |ca: &str, password: &str| {
        let arguments = [
            "test",
            "--mqtt-address",
            &url,
            "--mqtt-tls-ca-cert",
            ca,
            "--mqtt-username",
            "alice",
            "--mqtt-password",
            password,
        ];
        golden_mqtt::start(Cli::parse_from(arguments).mqtt.settings("alice").unwrap())
    };
    let (_right, publisher, _none) = client(&ca, "secret");
    connected(&publisher).await;
    publisher.publish(&"t".into(), "x".into());
    timeout(TIMEOUT, publisher.emptied())
        .await
        .expect("the broker takes it");
    for (ca, password) in [(&other, "secret"), (&ca, "wrong")] {
        let (_wrong, publisher, _none) = client(ca, password);
        publisher.publish(&"t".into(), "x".into());
        // Two attempts and the wait between them.
        let emptied = timeout(Duration::from_millis(1500), publisher.emptied()).await;
        assert!(emptied.is_err() && publisher.statistics().connections == 0);
    }
    let missing = Cli::parse_from(["test", "--mqtt-address", &url, "--mqtt-tls-ca-cert", &key]);
    let error = missing
        .mqtt
        .settings("alice")
        .err()
        .expect("a key is no certificate");
    assert!(error.to_string().contains("--mqtt-tls-ca-cert"), "{error}");
}
