//! Where a task exposes its own metrics: a port of the loopback, or a Unix socket.

use serde::Serialize;
use serde_json::Value;

use super::fields::Fields;
use super::refusal::Refusal;

/// Maximum bytes of the path of a Unix socket: unix(7), less the final zero.
const MAX_SOCKET_PATH: usize = 107;

const DEFAULT_PATH: &str = "/metrics";

/// Where a task exposes its own metrics, on its proplet's machine: never another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Endpoint {
    /// Where it listens.
    #[serde(flatten)]
    pub listener: Listener,
    /// The path of the request, from its first slash on.
    pub path: String,
}

/// Where a task listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Listener {
    /// A TCP port of the loopback.
    Port(u16),
    /// The absolute path of a Unix socket.
    Socket(String),
}

impl std::fmt::Display for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Port(port) => write!(f, "port {port}"),
            Self::Socket(path) => write!(f, "socket {path}"),
        }
    }
}

impl Endpoint {
    /// `{"port": 9100}` or `{"socket": "/run/app.sock"}`, either with a `path`.
    ///
    /// # Errors
    ///
    /// For what is missing, unknown, of a wrong type or out of its range.
    pub fn from_json(field: &str, value: &Value) -> Result<Self, Refusal> {
        let fields = Fields::of(value, field)?;
        fields.only(&["port", "socket", "path"])?;
        let port = fields.value(&["port"]).is_some();
        let listener = match fields.named_text(&["socket"])? {
            None if port => {
                let port = fields.whole("port", 1..=u64::from(u16::MAX), 0)?;
                Listener::Port(u16::try_from(port).expect("within its bound"))
            }
            Some((_, socket)) if !port => {
                if !socket.starts_with('/') || socket.len() > MAX_SOCKET_PATH {
                    let remedy = format!(
                        "must be the absolute path of a Unix socket, of at most {MAX_SOCKET_PATH} bytes"
                    );
                    return Err(Refusal::new("socket", &socket, remedy));
                }
                Listener::Socket(socket)
            }
            _ => {
                let remedy = "must have a port or a socket, like {\"port\": 9100}";
                return Err(Refusal::new(field, value, remedy));
            }
        };
        let path = fields.text(&["path"])?;
        let path = path.unwrap_or_else(|| DEFAULT_PATH.to_owned());
        if !path.starts_with('/') || !path.bytes().all(|byte| byte.is_ascii_graphic()) {
            let remedy = "must be a path of visible ASCII characters, like /metrics";
            return Err(Refusal::new("path", &path, remedy));
        }
        Ok(Self { listener, path })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: &Value) -> Result<Endpoint, Refusal> {
        Endpoint::from_json("application_metrics", value)
    }

    #[test]
    fn what_is_written_is_read_as_the_same() {
        for value in [
            json!({"port": 9100, "path": "/metrics"}),
            json!({"socket": "/run/app.sock", "path": "/stats?format=prometheus"}),
        ] {
            let endpoint = read(&value).unwrap();
            assert_eq!(serde_json::to_value(&endpoint).unwrap(), value);
        }
        assert_eq!(read(&json!({"port": 1})).unwrap().path, "/metrics");
    }

    #[test]
    fn other_machines_and_half_of_it_are_refused() {
        for (value, field) in [
            (json!(9100), "application_metrics"),
            (json!({}), "application_metrics"),
            (json!({"path": "/metrics"}), "application_metrics"),
            (json!({"port": 1, "socket": "/s"}), "application_metrics"),
            (json!({"port": 0}), "port"),
            (json!({"port": 65_536}), "port"),
            (json!({"port": "9100"}), "port"),
            (json!({"socket": "run/app.sock"}), "socket"),
            (json!({"socket": format!("/{}", "x".repeat(107))}), "socket"),
            (json!({"host": "example.com", "port": 1}), "host"),
            (json!({"port": 1, "path": "metrics"}), "path"),
            (json!({"port": 1, "path": "/a b"}), "path"),
            (json!({"port": 1, "path": "/a\r\nx: y"}), "path"),
        ] {
            assert_eq!(read(&value).unwrap_err().field, field, "{value}");
        }
    }
}
