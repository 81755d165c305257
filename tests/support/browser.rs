//! A real Chromium, driven through chromedriver by the WebDriver protocol
//! (<https://www.w3.org/TR/webdriver2/>), of which it speaks the few commands that
//! the tests need.
//!
//! It can reach nothing but the loopback, so that a page which needs anything from
//! elsewhere fails here.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use std::{env, fs, process};

use serde_json::{Value, json};

use super::TIMEOUT;
use super::peers;

/// Of WebDriver's names for keys
/// (<https://www.w3.org/TR/webdriver2/#keyboard-actions>), those used here.
pub const TAB: char = '\u{E004}';
/// The enter key.
pub const ENTER: char = '\u{E007}';
/// The arrow to the right.
pub const RIGHT: char = '\u{E014}';
/// The space bar.
pub const SPACE: char = ' ';

/// A browser with one empty window. Dropping it closes it.
pub struct Browser {
    driver: Child,
    /// Open as long as chromedriver may write to it.
    _stdout: BufReader<ChildStdout>,
    address: SocketAddr,
    session: String,
    profile: PathBuf,
}

/// How often chromedriver is started. It takes a free port of IPv4, and ends at once if
/// somebody else has the same one of IPv6.
const STARTS: usize = 5;

/// Starts a chromedriver; `None` if it ends before it says on which port it listens.
fn start(chromedriver: &Path) -> Option<(Child, BufReader<ChildStdout>, u16)> {
    let mut driver = Command::new(chromedriver)
        .arg("--port=0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("chromedriver is an executable file");
    let mut stdout = BufReader::new(driver.stdout.take().expect("it is piped"));
    let port = (&mut stdout)
        .lines()
        .map_while(Result::ok)
        .find_map(|line| {
            let (_, port) = line.rsplit_once("successfully on port ")?;
            port.trim_end_matches('.').parse().ok()
        });
    if port.is_none() {
        // It may still be about to end.
        let _ = driver.kill();
        driver.wait().expect("it is our child");
    }
    Some((driver, stdout, port?))
}

impl Browser {
    /// Starts a browser; `None` if there is none (see [`peers::require`]).
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub fn open() -> Option<Self> {
        static OPENED: AtomicU32 = AtomicU32::new(0);

        let chromium = peers::require("chromium")?;
        let chromedriver = peers::require("chromedriver")?;
        let (driver, stdout, port) = (0..STARTS)
            .find_map(|_| start(&chromedriver))
            .expect("chromedriver says on which port it listens");
        let number = OPENED.fetch_add(1, Ordering::Relaxed);
        let mut browser = Self {
            driver,
            _stdout: stdout,
            address: SocketAddr::from(([127, 0, 0, 1], port)),
            session: String::new(),
            profile: env::temp_dir().join(format!("golden-browser-{}-{number}", process::id())),
        };
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--hide-scrollbars",
            "--window-size=1280,900",
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        ];
        let profile = format!("--user-data-dir={}", browser.profile.display());
        let arguments: Vec<_> = arguments.into_iter().chain([profile.as_str()]).collect();
        let session = browser.command(
            "POST",
            "/session",
            &json!({ "capabilities": { "alwaysMatch": {
                "browserName": "chrome",
                "goog:loggingPrefs": { "browser": "ALL" },
                "goog:chromeOptions": { "binary": chromium, "args": arguments },
            } } }),
        );
        let id = session["sessionId"]
            .as_str()
            .expect("a new session has an id");
        browser.session = format!("/session/{id}");
        Some(browser)
    }

    /// Starts a browser that has loaded a page; `None` if there is none.
    pub fn open_at(url: &str) -> Option<Self> {
        let browser = Self::open()?;
        browser.go(url);
        Some(browser)
    }

    /// Opens a page and returns when it has loaded.
    pub fn go(&self, url: &str) {
        self.ask("POST", "/url", &json!({ "url": url }));
    }

    /// Runs a script, which may `return` a value.
    pub fn run(&self, script: &str) -> Value {
        self.ask(
            "POST",
            "/execute/sync",
            &json!({ "script": script, "args": [] }),
        )
    }

    /// Evaluates an expression again and again until it is true (as JavaScript
    /// understands it) and returns its value.
    ///
    /// # Panics
    ///
    /// With the expression's last value and what the page wrote to its console, if
    /// it does not become true within the deadline.
    pub fn wait(&self, deadline: Duration, expression: &str) -> Value {
        let start = Instant::now();
        loop {
            let value = self.run(&format!("return {expression}"));
            let truth = match &value {
                Value::Null | Value::Bool(false) => false,
                Value::String(text) => !text.is_empty(),
                Value::Number(number) => number.as_f64() != Some(0.0),
                _ => true,
            };
            if truth {
                return value;
            }
            assert!(
                start.elapsed() < deadline,
                "not within {deadline:?}: {expression} is {value}; console: {:?}",
                self.console()
            );
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// The text of the element with an id, hidden or not.
    pub fn text(&self, id: &str) -> String {
        let text = self.run(&format!(
            "return document.getElementById('{id}').textContent"
        ));
        text.as_str().expect("there is such an element").to_owned()
    }

    /// Presses and releases keys, one after the other.
    pub fn press(&self, keys: impl IntoIterator<Item = char>) {
        let actions: Vec<_> = keys
            .into_iter()
            .flat_map(|key| ["keyDown", "keyUp"].map(|kind| json!({ "type": kind, "value": key })))
            .collect();
        let actions =
            json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": actions }] });
        self.ask("POST", "/actions", &actions);
    }

    /// Replaces what is written in the focused field.
    pub fn write(&self, text: &str) {
        self.run("document.activeElement.select()");
        self.press(text.chars());
    }

    /// Clicks the element that a CSS selector finds, where a pointer would.
    pub fn click(&self, selector: &str) {
        let found = json!({ "using": "css selector", "value": selector });
        let element = self.ask("POST", "/element", &found);
        let id = element
            .as_object()
            .and_then(|element| element.values().next()?.as_str())
            .expect("an element is told by its id");
        self.ask("POST", &format!("/element/{id}/click"), &json!({}));
    }

    /// Sends a command of the Chrome DevTools protocol.
    pub fn devtools(&self, command: &str, parameters: &Value) -> Value {
        let body = json!({ "cmd": command, "params": parameters });
        self.ask("POST", "/goog/cdp/execute", &body)
    }

    /// What the page has written to the console since the last call, and what the
    /// browser had to complain of.
    pub fn console(&self) -> Vec<String> {
        let lines = self.ask("POST", "/se/log", &json!({ "type": "browser" }));
        let lines = lines.as_array().cloned().unwrap_or_default();
        lines
            .iter()
            .map(|line| format!("{}: {}", line["level"], line["message"]))
            .collect()
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        self.command(method, &format!("{}{path}", self.session), body)
    }

    fn command(&self, method: &str, path: &str, body: &Value) -> Value {
        let (status, mut said) = exchange(self.address, method, path, body)
            .unwrap_or_else(|error| panic!("{method} {path} {body}: {error}"));
        assert_eq!(status, 200, "{method} {path} {body}: {said}");
        said["value"].take()
    }
}

/// Asks chromedriver, which does not close a connection when it has answered, so that
/// the end of an answer is where its length says.
fn exchange(
    address: SocketAddr,
    method: &str,
    path: &str,
    body: &Value,
) -> io::Result<(u16, Value)> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    let body = body.to_string();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if answer.read_line(&mut head)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    let invalid = || io::Error::new(io::ErrorKind::InvalidData, head.clone());
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    let lower = head.to_ascii_lowercase();
    let (_, length) = lower.split_once("content-length:").ok_or_else(invalid)?;
    let length = length
        .lines()
        .next()
        .and_then(|length| length.trim().parse().ok());
    let mut body = vec![0; length.ok_or_else(invalid)?];
    answer.read_exact(&mut body)?;
    Ok((status.ok_or_else(invalid)?, serde_json::from_slice(&body)?))
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Only chromedriver can end the browser: ask it even when a test has failed.
        let _ = exchange(self.address, "DELETE", &self.session, &json!({}));
        let _ = self.driver.kill();
        let _ = self.driver.wait();
        let _ = fs::remove_dir_all(&self.profile);
    }
}
