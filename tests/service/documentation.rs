//! `/docs` and `/openapi.json`: a valid and complete description of the API, and a page
//! that loads nothing external.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use crate::support::TIMEOUT;
use crate::support::browser::Browser;
use crate::support::http::{self, Answer};
use crate::support::peers;
use crate::support::server::Server;
use serde_json::{Value, json};

/// The pages, their files and the description itself: served, but not part of the
/// API, and so not in its description.
const ASSETS: [&str; 6] = [
    "/",
    "/page/main.js",
    "/runbook",
    "/docs",
    "/docs/index.html",
    "/openapi.json",
];

const METHODS: [&str; 7] = ["get", "head", "post", "put", "patch", "delete", "options"];

fn server() -> Server {
    Server::start(&[
        "--traffic",
        "0",
        "--error-rate",
        "0",
        "--delay",
        "constant(0s)",
    ])
}

/// The status and the headers: a stream's answer never ends.
fn head(server: &Server, method: &str, path: &str, body: &str) -> Answer {
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut bytes = Vec::new();
    let mut reader = BufReader::new(stream);
    while !bytes.ends_with(b"\r\n\r\n") {
        assert!(
            reader.read_until(b'\n', &mut bytes).unwrap() > 0,
            "{bytes:?}"
        );
    }
    // Without the length, whose body has not been read.
    let text = String::from_utf8(bytes)
        .unwrap()
        .replace("content-length", "x-length");
    http::parse(text.replace("transfer-encoding", "x-encoding").as_bytes()).unwrap()
}

/// Every path with its methods as they are described.
fn operations(description: &Value) -> Vec<(String, String, Value)> {
    let mut operations = Vec::new();
    for (path, item) in description["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if METHODS.contains(&method.as_str()) {
                operations.push((path.clone(), method.clone(), operation.clone()));
            }
        }
    }
    assert!(operations.len() >= 15, "{operations:#?}");
    operations
}

#[test]
fn the_description_is_valid_openapi_3_1() {
    let server = server();
    let answer = server.get("/openapi.json");
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, Some("application/json"))
    );
    let description = answer.json();
    assert_eq!(&description["openapi"].as_str().unwrap()[..4], "3.1.");
    for (path, method, operation) in operations(&description) {
        let summary = operation["summary"].as_str().unwrap_or_default();
        assert!(summary.len() > 3, "{method} {path} has no summary");
    }

    let Some(python) = peers::require_python(&["openapi_spec_validator"]) else {
        return;
    };
    let validate = "import json, sys, openapi_spec_validator as v
v.validate(json.load(sys.stdin), cls=v.OpenAPIV31SpecValidator)";
    let mut validator = Command::new(python)
        .args(["-c", validate])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = validator.stdin.take().unwrap();
    stdin.write_all(&answer.body).unwrap();
    drop(stdin);
    let output = validator.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn what_is_described_is_answered_as_described() {
    let server = server();
    let description = server.get("/openapi.json").json();
    let mut seen = 0;
    for (path, method, operation) in operations(&description) {
        let bodies = if operation["requestBody"].is_object() {
            // Nothing, an empty one, one that is too large, and the described
            // example.
            let large = format!("{{\"a\": \"{}\"}}", "x".repeat(300 * 1024));
            vec![
                String::new(),
                "{}".to_owned(),
                large,
                example(&description, &operation),
            ]
        } else {
            vec![String::new()]
        };
        for body in bodies {
            let answer = head(&server, &method.to_uppercase(), &path, &body);
            let status = answer.status.to_string();
            let described = &operation["responses"][&status];
            assert!(
                described.is_object(),
                "{method} {path} answered {status}, not described"
            );
            // If a body is described, then with the type that is sent.
            if let Some(content) = described["content"].as_object() {
                let sent = answer.header("content-type").unwrap_or_default();
                let essence = sent.split(';').next().unwrap_or_default();
                assert!(
                    content.contains_key(essence),
                    "{method} {path} {status}: {sent}"
                );
            }
            seen += 1;
        }
    }
    assert!(seen > 25, "{seen}");
}

/// A body made of the examples of its schema's fields.
fn example(description: &Value, operation: &Value) -> String {
    let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
    let name = schema["$ref"].as_str().unwrap().rsplit('/').next().unwrap();
    let properties = description["components"]["schemas"][name]["properties"]
        .as_object()
        .unwrap();
    let examples = properties
        .iter()
        .filter(|(_, property)| !property["example"].is_null())
        .map(|(name, property)| (name.clone(), property["example"].clone()))
        .collect();
    Value::Object(examples).to_string()
}

/// What is routed is described: a path that is not stops the service at its
/// start, and a method that is not is answered 405.
#[test]
fn what_is_not_described_is_not_there() {
    let server = server();
    let description = server.get("/openapi.json").json();
    let described = description["paths"].as_object().unwrap();
    let described = described.iter().map(|(path, item)| {
        let methods: Vec<&str> = item
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        (path.as_str(), methods)
    });
    for (path, described) in described.chain(ASSETS.map(|path| (path, vec!["get"]))) {
        for method in METHODS.iter().chain(&["trace", "brew"]) {
            let served =
                described.contains(method) || (*method == "head" && described.contains(&"get"));
            let upper = method.to_uppercase();
            let answer = head(&server, &upper, path, "");
            assert_eq!(
                answer.status != 405,
                served,
                "{upper} {path}: {}",
                answer.status
            );
            if served {
                continue;
            }
            // RFC 9110, 15.5.6: the answer must say what is allowed.
            let allowed = answer
                .header("allow")
                .unwrap_or_else(|| panic!("{upper} {path}: no Allow"));
            for described in described.iter().filter(|key| METHODS.contains(key)) {
                assert!(
                    allowed.contains(&described.to_uppercase()),
                    "{path}: {allowed}"
                );
            }
            if upper != "HEAD" {
                let answer = http::request(server.address(), &upper, path, &[], b"");
                assert_eq!(answer.json(), json!({ "detail": "Method Not Allowed" }));
            }
        }
    }
    for path in [
        "/nowhere",
        "/random/",
        "/Random",
        "/control",
        "/control/nowhere",
        "/docs/../x",
        "/%00",
    ] {
        for method in ["GET", "POST", "BREW"] {
            let answer = http::request(server.address(), method, path, &[], b"");
            assert_eq!(answer.status, 404, "{method} {path}");
            assert!(answer.json()["detail"].is_string(), "{method} {path}");
        }
    }
}

/// What a user calls comes first, and what the pages are made of not at all.
#[test]
fn the_description_begins_with_random_and_has_no_assets() {
    let server = server();
    let answer = server.get("/openapi.json");
    let text = answer.text();
    let (_, paths) = text.split_once("\"paths\":{").unwrap();
    assert!(paths.starts_with("\"/random\":"), "{paths}");
    let description = answer.json();
    let described = description["paths"].as_object().unwrap();
    for asset in ASSETS.iter().chain(&["/page/{file}", "/docs/{file}"]) {
        assert!(!described.contains_key(*asset), "{asset}");
    }
    let parameters = described.keys().filter(|path| path.contains('{'));
    assert_eq!(parameters.count(), 0, "{described:#?}");
    for path in ASSETS {
        let status = server.get(path).status;
        assert!(matches!(status, 200 | 307), "{path}: {status}");
    }
}

/// As FastAPI's users know them.
#[test]
fn every_refusal_has_its_detail() {
    let server = server();
    for (method, path, body, status) in [
        ("GET", "/page/nowhere.js", "", 404),
        ("GET", "/docs/nowhere.js", "", 404),
        ("GET", "/live?range=7s", "", 422),
        ("PATCH", "/control/traffic", "{", 422),
        ("PATCH", "/control/traffic", "{}", 422),
    ] {
        let headers = [("content-type", "application/json")];
        let answer = http::request(server.address(), method, path, &headers, body.as_bytes());
        assert_eq!(answer.status, status, "{method} {path}");
        assert_eq!(
            answer.header("content-type"),
            Some("application/json"),
            "{method} {path}"
        );
        let detail = answer.json()["detail"].clone();
        if status == 422 {
            for wrong in detail.as_array().unwrap() {
                assert!(
                    wrong["loc"].is_array()
                        && wrong["msg"].is_string()
                        && wrong["type"].is_string()
                );
            }
        } else {
            assert!(detail.is_string(), "{detail}");
        }
    }
    // HEAD is GET without the body.
    for path in ["/", "/healthz", "/metrics", "/random", "/openapi.json"] {
        let answer = http::raw(
            server.address(),
            format!("HEAD {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
                .as_bytes(),
        )
        .unwrap();
        assert!(
            answer.starts_with(b"HTTP/1.1 200 OK") && answer.ends_with(b"\r\n\r\n"),
            "{path}"
        );
    }
}

#[test]
fn the_documentation_is_served_whole() {
    let server = server();
    let answer = server.get("/docs");
    assert_eq!(
        (answer.status, answer.header("location")),
        (307, Some("/docs/index.html"))
    );
    let page = server.get("/docs/index.html");
    assert!(
        page.header("content-type")
            .unwrap()
            .starts_with("text/html")
    );
    let mut assets = 0;
    for part in page.text().split(['"', '\'']) {
        let is_asset = [".js", ".css", ".png"]
            .iter()
            .any(|suffix| part.ends_with(suffix));
        let elsewhere = part.starts_with("//") || (is_asset && part.contains("://"));
        assert!(!elsewhere, "{part}");
        if !is_asset {
            continue;
        }
        let asset = server.get(&format!("/docs/{}", part.trim_start_matches("./")));
        assert_eq!(asset.status, 200, "{part}");
        let kind = asset.header("content-type").unwrap();
        let expected = if part.ends_with(".js") {
            "javascript"
        } else {
            part.rsplit('.').next().unwrap()
        };
        assert!(kind.contains(expected), "{part}: {kind}");
        if part.ends_with(".css") {
            let css = String::from_utf8_lossy(&asset.body).replace(['"', '\''], "");
            let elsewhere = ["url(http", "url(//", "@import"]
                .iter()
                .find(|form| css.contains(**form));
            assert_eq!(elsewhere, None, "{part}");
        }
        if part.contains("initializer") {
            assert!(asset.text().contains("/openapi.json"), "{}", asset.text());
            assert!(!asset.text().contains("://"), "{}", asset.text());
        }
        assets += 1;
    }
    assert!(assets >= 5, "{}", page.text());
}

#[test]
fn the_documentation_works_in_a_browser_without_internet() {
    let server = server();
    let Some(browser) = Browser::open() else {
        return;
    };
    browser.go(&server.url("/docs"));
    let described = operations(&server.get("/openapi.json").json()).len();
    let all = format!("document.querySelectorAll('.opblock').length === {described}");
    browser.wait(TIMEOUT, &all);
    let first = "return document.querySelector('.opblock-summary-path').textContent";
    let first = browser.run(first);
    assert_eq!(first.as_str().unwrap().replace('\u{200b}', ""), "/random");
    let loaded =
        browser.run("return performance.getEntriesByType('resource').map(entry => entry.name)");
    let loaded = loaded.as_array().unwrap();
    assert!(loaded.len() >= 4, "{loaded:?}");
    for resource in loaded {
        let resource = resource.as_str().unwrap();
        let ours = resource.starts_with(&server.url("/")) || resource.starts_with("data:");
        assert!(ours, "loads {resource}");
    }
    // It can be tried out: /random answers in the page.
    let open = "return [...document.querySelectorAll('.opblock-summary-path')]
        .find(path => path.textContent.replace(/\\u200b/g, '') === '/random').click()";
    browser.run(open);
    browser.wait(TIMEOUT, "document.querySelector('.try-out__btn')");
    browser.click(".try-out__btn");
    browser.wait(TIMEOUT, "document.querySelector('.execute')");
    browser.click(".execute");
    browser.wait(
        TIMEOUT,
        "/\"random\"/.test(document.querySelector('.live-responses-table')?.textContent ?? '')",
    );
    assert_eq!(browser.console(), Vec::<String>::new());
}
