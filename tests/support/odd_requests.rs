//! Unusual requests that are valid HTTP/1.1 all the same, so that a connection survives
//! them: any path, any method, any header.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};

const METHODS: [&str; 9] = [
    "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH",
];

/// A request that is valid HTTP, and little else.
pub struct OddRequest {
    pub bytes: Vec<u8>,
    /// Its answer has no body.
    pub is_head: bool,
}

/// Draws them.
pub struct OddRequests(StdRng);

impl OddRequests {
    /// The same seed draws the same requests.
    pub fn new(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    /// The next one.
    pub fn draw(&mut self) -> OddRequest {
        let (method, target) = loop {
            let drawn = (self.method(), self.target());
            // A watcher of the live page is not let go.
            if !drawn.1.starts_with("/live") {
                break drawn;
            }
        };
        let mut bytes = format!("{method} {target} HTTP/1.1\r\nhost: ").into_bytes();
        let host = self.0.random_range(1..20);
        bytes.extend(self.characters(b"abcdefghijklmnopqrstuvwxyz0123456789.-", host));
        bytes.extend_from_slice(b"\r\n");
        for _ in 0..self.0.random_range(0..6) {
            bytes.extend(self.header());
        }
        bytes.extend_from_slice(b"\r\n");
        OddRequest {
            bytes,
            is_head: method == "HEAD",
        }
    }

    fn characters(&mut self, of: &[u8], count: usize) -> Vec<u8> {
        let drawn = (0..count).map(|_| *of.choose(&mut self.0).expect("there are some"));
        drawn.collect()
    }

    fn text(&mut self, of: &str, count: usize) -> String {
        String::from_utf8(self.characters(of.as_bytes(), count)).expect("it is drawn from ASCII")
    }

    /// A standard method, one that is nearly that, or any token
    /// (RFC 9110, section 5.6.2).
    fn method(&mut self) -> String {
        let standard = *METHODS.choose(&mut self.0).expect("there are some");
        match self.0.random_range(0..4) {
            // CONNECT asks for no path but for a host: RFC 9112, section 3.2.3.
            0 | 1 if standard != "CONNECT" => standard.to_owned(),
            2 => format!("{standard}{}", self.0.random_range(0..100)),
            _ => {
                let length = self.0.random_range(1..40);
                self.text(
                    "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
                    length,
                )
            }
        }
    }

    fn target(&mut self) -> String {
        const PATH: &str =
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/-._~!$&'()*+,;=:@";
        const KNOWN: [&str; 11] = [
            "/random",
            "/metrics",
            "/healthz",
            "/readyz",
            "/docs",
            "/page",
            "/control/faults",
            "/control/traffic",
            "/control/mystery",
            "/control/incident",
            "/openapi.json",
        ];
        let mut target = match self.0.random_range(0..20) {
            0..8 => {
                let length = self.0.random_range(0..60);
                format!("/{}", self.text(PATH, length))
            }
            8..11 => {
                let escapes = self.0.random_range(1..20);
                let escapes = (0..escapes).map(|_| format!("%{:02X}", self.0.random::<u8>()));
                format!("/{}", escapes.collect::<String>())
            }
            // A parameter of a route that there is.
            11 => {
                let length = self.0.random_range(1..30);
                format!(
                    "/page/{}",
                    self.text("abcdefghij%20{}", length).replace('%', "%25")
                )
            }
            12 => format!("/docs/{:x}", self.0.random::<u64>()),
            // Just beside a route.
            13..15 => {
                let known = KNOWN.choose(&mut self.0).expect("there are some");
                let suffix = self.0.random_range(1..5);
                format!("{known}{}", self.text(PATH, suffix))
            }
            15 => KNOWN
                .choose(&mut self.0)
                .expect("there are some")
                .to_uppercase(),
            16 => format!("http://{:x}.example/random", self.0.random::<u32>()),
            _ => "/random".to_owned(),
        };
        match self.0.random_range(0..40) {
            0..10 => {
                let length = self.0.random_range(0..100);
                target += "?";
                target += &self.text(PATH, length);
            }
            10 => {
                let length = self.0.random_range(1_000..9_000);
                target += "?";
                target += &self.text(PATH, length);
            }
            _ => {}
        }
        target
    }

    fn header(&mut self) -> Vec<u8> {
        let hex = "0123456789abcdef";
        let (name, value) = match self.0.random_range(0..6) {
            // Well-formed, so that each is another trace …
            0 => {
                let (trace, span) = (self.text(hex, 32), self.text(hex, 16));
                (
                    "traceparent".to_owned(),
                    format!("00-{trace}-{span}-01").into_bytes(),
                )
            }
            // … nearly, and not at all.
            1 => {
                let length = self.0.random_range(0..60);
                (
                    "traceparent".to_owned(),
                    self.characters(b"0123456789abcdef-zZ", length),
                )
            }
            2 => {
                let known = [
                    "user-agent",
                    "accept",
                    "cookie",
                    "referer",
                    "x-forwarded-for",
                    "authorization",
                    "content-type",
                    "accept-encoding",
                    "tracestate",
                    "origin",
                ];
                let name = known.choose(&mut self.0).expect("there are some");
                ((*name).to_owned(), self.value())
            }
            _ => {
                let length = self.0.random_range(1..20);
                (
                    format!(
                        "x-{}",
                        self.text("abcdefghijklmnopqrstuvwxyz0123456789!#$&'*+.^_`|~-", length)
                    ),
                    self.value(),
                )
            }
        };
        [name.as_bytes(), b": ", &value, b"\r\n"].concat()
    }

    /// Whatever a value may hold (RFC 9110, section 5.5), Latin-1 included.
    fn value(&mut self) -> Vec<u8> {
        let length = self.0.random_range(0..80);
        let drawn = (0..length).map(|_| match self.0.random_range(0..10) {
            0 => self.0.random_range(0x80..=0xFF),
            1 => b'\t',
            _ => self.0.random_range(0x20..0x7F),
        });
        drawn.collect()
    }
}
