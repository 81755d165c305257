//! The Grafana that runs: its dashboards, by its API
//! (<https://grafana.com/docs/grafana/latest/developers/http_api/>).

use std::net::SocketAddr;
use std::path::Path;

use serde_json::Value;

use crate::finding::Finding;
use crate::http;

/// Where the stack's is.
pub const DEFAULT: &str = "http://127.0.0.1:3000";

/// A Grafana, and who asks it.
#[derive(Debug, Clone)]
pub struct Grafana {
    address: SocketAddr,
    authorization: Option<String>,
}

/// Who asks. Without, Grafana shows what it shows anybody.
#[derive(Debug, Clone, Default)]
pub struct Credentials {
    /// A service account's.
    pub token: Option<String>,
    /// The default is `admin`.
    pub user: Option<String>,
    /// The user's.
    pub password: Option<String>,
}

impl Credentials {
    /// From `GRAFANA_TOKEN`, or `GRAFANA_USER` and `GRAFANA_ADMIN_PASSWORD`; that
    /// last one stands in the stack's `.env` too.
    #[must_use]
    pub fn known(root: &Path) -> Self {
        let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let in_stack = || {
            let text = std::fs::read_to_string(root.join(".env")).ok()?;
            let mut lines = text.lines();
            let value = lines.find_map(|line| line.strip_prefix("GRAFANA_ADMIN_PASSWORD="))?;
            Some(value.trim().to_owned())
        };
        Self {
            token: set("GRAFANA_TOKEN"),
            user: set("GRAFANA_USER"),
            password: set("GRAFANA_ADMIN_PASSWORD").or_else(in_stack),
        }
    }

    // <https://www.rfc-editor.org/rfc/rfc7617> and 6750.
    fn header(&self) -> Option<String> {
        if let Some(token) = &self.token {
            return Some(format!("Bearer {token}"));
        }
        let user = self.user.as_deref().unwrap_or("admin");
        let password = self.password.as_ref()?;
        Some(format!("Basic {}", base64(&format!("{user}:{password}"))))
    }
}

impl Grafana {
    /// The one at this address, such as `http://127.0.0.1:3000`.
    ///
    /// # Errors
    ///
    /// `not-local` if it is not on this machine: passwords are not sent elsewhere.
    pub fn at(url: &str, credentials: &Credentials) -> Result<Self, Finding> {
        let address = url.strip_prefix("http://").and_then(|host| {
            let host = host.split('/').next()?.replace("localhost", "127.0.0.1");
            host.parse::<SocketAddr>().ok()
        });
        let local = address.filter(|address| address.ip().is_loopback());
        let address = local.ok_or_else(|| {
            Finding::new(
                "not-local",
                format!(
                    "`{url}` is not a Grafana on this machine. Its address looks like \
                     {DEFAULT}, and that of a dashboard like {DEFAULT}/d/UID."
                ),
            )
        })?;
        Ok(Self {
            address,
            authorization: credentials.header(),
        })
    }

    /// The dashboard with this uid, as the API wraps it.
    ///
    /// # Errors
    ///
    /// `not-local` if that is not a uid, `grafana-silent`, `not-json`.
    pub fn dashboard(&self, uid: &str) -> Result<Value, Finding> {
        let harmless = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
        if uid.is_empty() || !uid.chars().all(harmless) {
            let sentence = format!("`{uid}` is not the uid of a dashboard, as in {DEFAULT}/d/UID.");
            return Err(Finding::new("not-local", sentence));
        }
        self.ask(&format!("/api/dashboards/uid/{uid}"))
    }

    /// Those that somebody has saved (not those that came with the stack), the
    /// latest first.
    ///
    /// # Errors
    ///
    /// `grafana-silent`, `not-json`.
    pub fn saved(&self) -> Result<Vec<Value>, Finding> {
        let found = self.ask("/api/search?type=dash-db&limit=1000")?;
        let uids = found.as_array().into_iter().flatten();
        let mut saved = Vec::new();
        for uid in uids.filter_map(|one| one["uid"].as_str()) {
            let dashboard = self.dashboard(uid)?;
            if dashboard["meta"]["provisioned"] != true {
                saved.push(dashboard);
            }
        }
        // RFC 3339 in one time zone: as text.
        let at = |one: &Value| one["meta"]["updated"].as_str().map(str::to_owned);
        saved.sort_by_key(|one| std::cmp::Reverse(at(one)));
        Ok(saved)
    }

    fn ask(&self, path: &str) -> Result<Value, Finding> {
        let silent = |what: String| Finding::new("grafana-silent", what);
        let asked = |headers: &[(&str, &str)]| {
            http::request_with(self.address, "GET", path, headers).map_err(|error| {
                silent(format!(
                    "Grafana does not answer at {}: {error}.",
                    self.address
                ))
            })
        };
        let mut answer = match &self.authorization {
            Some(authorization) => asked(&[("authorization", authorization)])?,
            None => asked(&[])?,
        };
        // A Grafana that does not know the password may still show it to anybody.
        if answer.status == 401 && self.authorization.is_some() {
            answer = asked(&[])?;
        }
        let said: String = answer.body.chars().take(200).collect();
        match answer.status {
            200 => serde_json::from_str(&answer.body)
                .map_err(|error| Finding::new("not-json", format!("Grafana's answer: {error}"))),
            401 | 403 => Err(silent(format!(
                "Grafana does not let you see {path} ({}): {said} Set GRAFANA_TOKEN, or \
                 GRAFANA_USER and GRAFANA_ADMIN_PASSWORD.",
                answer.status
            ))),
            status => Err(silent(format!(
                "Grafana was asked for {path} and answered with {status}: {said}"
            ))),
        }
    }
}

// <https://www.rfc-editor.org/rfc/rfc4648#section-4>
fn base64(text: &str) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut all = String::new();
    for three in text.as_bytes().chunks(3) {
        let byte = |index: usize| usize::from(three.get(index).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for letter in 0..4 {
            let index = bits >> (18 - 6 * letter) & 63;
            let is_there = letter <= three.len();
            all.push(if is_there {
                char::from(LETTERS[index])
            } else {
                '='
            });
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::base64;

    // The examples of RFC 4648, section 10.
    #[test]
    fn base64_is_that_of_the_rfc() {
        let encoded = ["", "f", "fo", "foo", "foob", "fooba", "foobar"].map(base64);
        let expected = [
            "", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy",
        ];
        assert_eq!(encoded, expected);
    }
}
