//! The options of the connection, the same for every role that has one.

use std::num::NonZeroU16;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::backoff::LONGEST;
use super::broker::Broker;
use super::client::Settings;
use super::outbox::Bounds;
use super::packet::MAX_REMAINING;
use super::tls::{TlsError, TlsFiles};

/// The options of the connection to the broker.
#[derive(Args, Clone)]
pub struct MqttOptions {
    /// The broker: tcp://HOST:PORT, or ssl://HOST:PORT for TLS
    #[arg(
        long,
        env = "GOLDEN_MQTT_ADDRESS",
        value_name = "URL",
        default_value = "tcp://localhost:1883"
    )]
    pub mqtt_address: Broker,

    /// The user name for the broker; none without
    #[arg(long, env = "GOLDEN_MQTT_USERNAME", value_name = "NAME", value_parser = text)]
    pub mqtt_username: Option<String>,

    /// The password for the broker; used with a user name
    #[arg(
        long,
        env = "GOLDEN_MQTT_PASSWORD",
        value_name = "PASSWORD",
        hide_env_values = true,
        value_parser = text
    )]
    pub mqtt_password: Option<String>,

    /// How often the broker hears from this client at least; 1s to 18h
    #[arg(long, env = "GOLDEN_MQTT_KEEP_ALIVE", value_name = "DURATION", default_value = "30s", value_parser = |text: &str| seconds(text, u64::from(u16::MAX)))]
    pub mqtt_keep_alive: Duration,

    /// How long the broker may take to answer; 1s to 10m
    #[arg(long, env = "GOLDEN_MQTT_TIMEOUT", value_name = "DURATION", default_value = "30s", value_parser = |text: &str| seconds(text, 600))]
    pub mqtt_timeout: Duration,

    /// The quality of service of every message: 1, at least once, is the only
    /// one spoken; 0 would lose, and 2 asks of brokers what they forget too
    #[arg(long, env = "GOLDEN_MQTT_QOS", value_name = "QOS", default_value = "1", value_parser = qos)]
    pub mqtt_qos: u8,

    /// Messages from the broker beyond so many bytes are refused
    #[arg(long, env = "GOLDEN_MQTT_MAX_PACKET_SIZE", value_name = "BYTES", default_value = "262144", value_parser = |text: &str| whole(text, 1_024, MAX_REMAINING))]
    pub mqtt_max_packet_size: usize,

    /// Messages that may be sent and not yet acknowledged by the broker
    #[arg(long, env = "GOLDEN_MQTT_INFLIGHT", value_name = "N", default_value = "100", value_parser = window)]
    pub mqtt_inflight: NonZeroU16,

    /// Messages kept while there is no broker; then the oldest are dropped
    #[arg(long, env = "GOLDEN_MQTT_REQUEST_CHANNEL_CAPACITY", value_name = "N", default_value = "100000", value_parser = |text: &str| whole(text, 1, 10_000_000))]
    pub mqtt_request_channel_capacity: usize,

    /// Bytes of messages kept while there is no broker
    #[arg(long, env = "GOLDEN_MQTT_OUTBOX_BYTES", value_name = "BYTES", default_value = "67108864", value_parser = |text: &str| whole(text, 1_024, 1 << 40))]
    pub mqtt_outbox_bytes: usize,

    /// Certificates, in a PEM file, that the broker's is verified with, instead
    /// of the system's
    #[arg(long, env = "GOLDEN_MQTT_TLS_CA_CERT", value_name = "FILE")]
    pub mqtt_tls_ca_cert: Option<PathBuf>,

    /// This client's certificate, in a PEM file
    #[arg(long, env = "GOLDEN_MQTT_TLS_CLIENT_CERT", value_name = "FILE")]
    pub mqtt_tls_client_cert: Option<PathBuf>,

    /// The key of this client's certificate, in a PEM file
    #[arg(long, env = "GOLDEN_MQTT_TLS_CLIENT_KEY", value_name = "FILE")]
    pub mqtt_tls_client_key: Option<PathBuf>,

    /// Not to verify the broker's certificate: never done, so only false is taken
    #[arg(long, env = "GOLDEN_MQTT_TLS_INSECURE_SKIP_VERIFY", value_name = "false", default_value = "false", value_parser = verified)]
    pub mqtt_tls_insecure_skip_verify: bool,
}

impl MqttOptions {
    /// A client of this name, without subscriptions or a will, with a lasting
    /// session.
    ///
    /// # Errors
    ///
    /// If the files of TLS cannot be read or do not fit.
    pub fn settings(&self, client_id: &str) -> Result<Settings, TlsError> {
        let files = TlsFiles {
            ca: self.mqtt_tls_ca_cert.clone(),
            client_certificate: self.mqtt_tls_client_cert.clone(),
            client_key: self.mqtt_tls_client_key.clone(),
        };
        let tls = self.mqtt_address.tls.then(|| files.connector());
        Ok(Settings {
            broker: self.mqtt_address.clone(),
            tls: tls.transpose()?,
            client_id: client_id.to_owned(),
            clean_session: false,
            username: self.mqtt_username.clone(),
            password: self.mqtt_password.clone(),
            will: None,
            subscriptions: Vec::new(),
            keep_alive: self.mqtt_keep_alive,
            timeout: self.mqtt_timeout,
            max_packet_size: self.mqtt_max_packet_size,
            longest_wait: LONGEST,
            settle: Duration::ZERO,
            deliveries: 256,
            outbox: Bounds {
                messages: self.mqtt_request_channel_capacity,
                bytes: self.mqtt_outbox_bytes,
                in_flight: self.mqtt_inflight.get(),
            },
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
    let error = "must be 1: messages are sent at least once, and say by themselves who they are";
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

fn whole(text: &str, least: usize, most: usize) -> Result<usize, String> {
    let number = text.parse().ok();
    number
        .filter(|number| (least..=most).contains(number))
        .ok_or_else(|| format!("must be a whole number from {least} to {most}"))
}
