//! The flags of a connection, for programs that read their command line with `clap`.

use std::num::NonZeroU16;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use thiserror::Error;

use super::broker::Broker;
use super::client::Settings;
use super::outbox::Bounds;
use super::packet::MAX_REMAINING;
use super::tls::{TlsError, TlsFile, TlsFiles};

/// The flags of a connection to a broker.
#[derive(Args, Clone)]
pub struct MqttOptions {
    /// Address of the MQTT broker: tcp://HOST:PORT, or ssl://HOST:PORT for TLS
    #[arg(
        long,
        env = "GOLDEN_MQTT_ADDRESS",
        value_name = "URL",
        default_value = "tcp://localhost:1883"
    )]
    pub mqtt_address: Broker,

    /// User name for the broker [default: none]
    #[arg(long, env = "GOLDEN_MQTT_USERNAME", value_name = "NAME", value_parser = text)]
    pub mqtt_username: Option<String>,

    /// Password for the broker; requires a user name
    #[arg(
        long,
        env = "GOLDEN_MQTT_PASSWORD",
        value_name = "PASSWORD",
        hide_env_values = true,
        value_parser = text
    )]
    pub mqtt_password: Option<String>,

    /// MQTT keep-alive interval, 1s to 18h
    #[arg(long, env = "GOLDEN_MQTT_KEEP_ALIVE", value_name = "DURATION", default_value = "30s", value_parser = |text: &str| seconds(text, u64::from(u16::MAX)))]
    pub mqtt_keep_alive: Duration,

    /// Timeout of an answer by the broker, 1s to 10m
    #[arg(long, env = "GOLDEN_MQTT_TIMEOUT", value_name = "DURATION", default_value = "30s", value_parser = |text: &str| seconds(text, 600))]
    pub mqtt_timeout: Duration,

    /// Quality of service of every message; only 1, at least once, is supported
    #[arg(long, env = "GOLDEN_MQTT_QOS", value_name = "QOS", default_value = "1", value_parser = qos)]
    pub mqtt_qos: u8,

    /// Maximum size of a message from the broker, in bytes; larger ones are refused
    #[arg(long, env = "GOLDEN_MQTT_MAX_PACKET_SIZE", value_name = "BYTES", default_value = "262144", value_parser = |text: &str| whole(text, 1_024, MAX_REMAINING))]
    pub mqtt_max_packet_size: usize,

    /// Maximum number of messages sent and not yet acknowledged by the broker
    #[arg(long, env = "GOLDEN_MQTT_INFLIGHT", value_name = "N", default_value = "100", value_parser = window)]
    pub mqtt_inflight: NonZeroU16,

    /// Maximum number of messages kept while the broker is away; the oldest are dropped first
    #[arg(long, env = "GOLDEN_MQTT_REQUEST_CHANNEL_CAPACITY", value_name = "N", default_value = "100000", value_parser = |text: &str| whole(text, 1, 10_000_000))]
    pub mqtt_request_channel_capacity: usize,

    /// Maximum size of the messages kept while the broker is away, in bytes
    #[arg(long, env = "GOLDEN_MQTT_OUTBOX_BYTES", value_name = "BYTES", default_value = "67108864", value_parser = |text: &str| whole(text, 1_024, 1 << 40))]
    pub mqtt_outbox_bytes: usize,

    /// PEM file of CA certificates that the broker's is verified with [default: the
    /// system's]
    #[arg(long, env = "GOLDEN_MQTT_TLS_CA_CERT", value_name = "FILE")]
    pub mqtt_tls_ca_cert: Option<PathBuf>,

    /// PEM file of this client's certificate
    #[arg(long, env = "GOLDEN_MQTT_TLS_CLIENT_CERT", value_name = "FILE")]
    pub mqtt_tls_client_cert: Option<PathBuf>,

    /// PEM file of the key of this client's certificate
    #[arg(long, env = "GOLDEN_MQTT_TLS_CLIENT_KEY", value_name = "FILE")]
    pub mqtt_tls_client_key: Option<PathBuf>,

    /// Whether to skip verifying the broker's certificate; only false is supported
    #[arg(long, env = "GOLDEN_MQTT_TLS_INSECURE_SKIP_VERIFY", value_name = "false", default_value = "false", value_parser = verified)]
    pub mqtt_tls_insecure_skip_verify: bool,
}

impl MqttOptions {
    /// A client of this name, without subscriptions or a will, with a lasting
    /// session.
    ///
    /// # Errors
    ///
    /// If a TLS file cannot be used; the error names its flag.
    pub fn settings(&self, client_id: &str) -> Result<Settings, OptionsError> {
        let files = TlsFiles {
            ca: self.mqtt_tls_ca_cert.clone(),
            client_certificate: self.mqtt_tls_client_cert.clone(),
            client_key: self.mqtt_tls_client_key.clone(),
        };
        let tls = self.mqtt_address.tls.then(|| files.read());
        Ok(Settings {
            tls: tls.transpose()?,
            username: self.mqtt_username.clone(),
            password: self.mqtt_password.clone(),
            keep_alive: self.mqtt_keep_alive,
            timeout: self.mqtt_timeout,
            max_packet_size: self.mqtt_max_packet_size,
            outbox: Bounds {
                messages: self.mqtt_request_channel_capacity,
                bytes: self.mqtt_outbox_bytes,
                in_flight: self.mqtt_inflight.get(),
            },
            ..Settings::new(self.mqtt_address.clone(), client_id)
        })
    }
}

/// A [`TlsError`] in terms of the flags that caused it.
#[derive(Debug, Error)]
#[error(transparent)]
pub struct OptionsError(#[from] FlagError);

#[derive(Debug, Error)]
enum FlagError {
    #[error("{flag} {}: {reason}; give a PEM file that holds {contents}", path.display())]
    File {
        flag: &'static str,
        path: PathBuf,
        reason: String,
        contents: &'static str,
    },
    #[error(
        "--mqtt-tls-client-cert and --mqtt-tls-client-key belong together; give both or neither"
    )]
    Incomplete,
    #[error("the system has no root certificates; give --mqtt-tls-ca-cert")]
    NoRoots,
    #[error(
        "--mqtt-tls-client-cert and --mqtt-tls-client-key do not match: {0}; give a certificate and its own key"
    )]
    Mismatch(String),
}

impl From<TlsError> for OptionsError {
    fn from(error: TlsError) -> Self {
        Self(match error {
            TlsError::File { file, path, reason } => FlagError::File {
                flag: match file {
                    TlsFile::Ca => "--mqtt-tls-ca-cert",
                    TlsFile::ClientCertificate => "--mqtt-tls-client-cert",
                    TlsFile::ClientKey => "--mqtt-tls-client-key",
                },
                path,
                reason,
                contents: file.contents(),
            },
            TlsError::Incomplete => FlagError::Incomplete,
            TlsError::NoRoots => FlagError::NoRoots,
            TlsError::Mismatch(reason) => FlagError::Mismatch(reason),
        })
    }
}

/// Strings go over the wire with their length in two bytes.
fn text(text: &str) -> Result<String, String> {
    if (1..=65_535).contains(&text.len()) && !text.contains('\0') {
        Ok(text.to_owned())
    } else {
        Err("must be 1 to 65535 bytes without NUL".to_owned())
    }
}

/// Whole seconds, with a unit or without, as Propeller writes them.
fn seconds(text: &str, most: u64) -> Result<Duration, String> {
    let given = match text.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => humantime::parse_duration(text).ok(),
    };
    given
        .filter(|given| (1..=most).contains(&given.as_secs()) && given.subsec_nanos() == 0)
        .ok_or_else(|| format!("must be whole seconds, like 30 or 30s, from 1s to {most}s"))
}

fn qos(text: &str) -> Result<u8, String> {
    let error =
        "must be 1: messages are sent at least once, and their receiver recognises repetitions";
    (text == "1").then_some(1).ok_or_else(|| error.to_owned())
}

fn verified(text: &str) -> Result<bool, String> {
    let error = "must be false: certificates are always verified; give --mqtt-tls-ca-cert";
    let off = ["false", "0", "no", "off"].contains(&text.to_lowercase().as_str());
    off.then_some(false).ok_or_else(|| error.to_owned())
}

fn window(text: &str) -> Result<NonZeroU16, String> {
    let error = "must be a whole number from 1 to 65535";
    text.parse().map_err(|_| error.to_owned())
}

fn whole(text: &str, min: usize, max: usize) -> Result<usize, String> {
    let number = text.parse().ok();
    number
        .filter(|number| (min..=max).contains(number))
        .ok_or_else(|| format!("must be a whole number from {min} to {max}"))
}
