//! deploy/kubernetes without a cluster: what `render` prints is valid by Kubernetes' schemas and
//! by the operator's CRDs, consistent in itself ([`consistency`]), and says what the compose
//! file ([`compose`]) and the configuration of the monitoring ([`monitoring`]) say; and a real
//! Prometheus finds its pods ([`discovery`]).

mod compose;
mod consistency;
mod discovery;
mod monitoring;

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::{env, thread};

use serde_json::Value;

use crate::support::engine::root;
use crate::support::peers;

/// The version of Kubernetes whose schemas are used, the newest of the test dependency.
const VERSION: &str = "1.37";

const SECRETS: [(&str, &str); 2] = [
    ("GOLDEN_CONTROL_TOKEN", "a-token-of-this-test"),
    ("GRAFANA_ADMIN_PASSWORD", "a-password-of-this-test"),
];

/// What `render` prints for one of its arguments.
struct Rendered {
    variant: &'static str,
    objects: Vec<Value>,
    mistakes: Vec<String>,
}

/// Both variants; `None` if what renders or reads them is not installed.
fn rendered() -> Option<&'static [Rendered; 2]> {
    static RENDERED: OnceLock<[Rendered; 2]> = OnceLock::new();

    // Looking for a Python takes a second.
    if let Some(rendered) = RENDERED.get() {
        return Some(rendered);
    }
    peers::require("kubectl")?;
    let python = peers::require_python(&["kubernetes_validate"])?;
    Some(RENDERED.get_or_init(|| {
        let of = |variant| {
            let output = render(&[variant], &SECRETS);
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "render {variant}: {said}");
            assert!(said.is_empty(), "render {variant}: {said}");
            let (objects, mistakes) = validate(&python, &output.stdout);
            Rendered {
                variant,
                objects,
                mistakes,
            }
        };
        thread::scope(|scope| {
            let plain = scope.spawn(|| of("plain"));
            let operator = of("operator");
            [plain.join().expect("its assertions hold"), operator]
        })
    }))
}

/// `deploy/kubernetes/render` with nothing in its environment but this.
fn render(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let path = env::var_os("PATH").unwrap_or_default();
    let path = env::split_paths(&path);
    let path = env::join_paths([peers::directory().join("bin")].into_iter().chain(path));
    Command::new("bash")
        .arg(root().join("deploy/kubernetes/render"))
        .args(arguments)
        .env_clear()
        .env("PATH", path.expect("it was a path"))
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .output()
        .expect("there is a shell")
}

/// The objects in the YAML, and what is wrong with them.
fn validate(python: &Path, yaml: &[u8]) -> (Vec<Value>, Vec<String>) {
    let here = root().join("tests/stack/kubernetes");
    let mut validator = Command::new(python)
        .arg(here.join("validate.py"))
        .args([VERSION.into(), here.join("crds")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it ran just now");
    let mut stdin = validator.stdin.take().expect("it is piped");
    stdin.write_all(yaml).expect("it reads all");
    drop(stdin);
    let output = validator.wait_with_output().expect("it ends");
    assert!(output.status.success(), "what it says is above");
    let mut answer: Value = serde_json::from_slice(&output.stdout).expect("it writes JSON");
    let mistakes = list(&answer["mistakes"])
        .iter()
        .map(text)
        .map(str::to_owned);
    let mistakes = mistakes.collect();
    let objects = answer["objects"].take();
    (serde_json::from_value(objects).expect("a list"), mistakes)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn name(object: &Value) -> &str {
    text(&object["metadata"]["name"])
}

impl Rendered {
    /// All objects of the kind.
    fn kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        let objects = self.objects.iter();
        objects.filter(move |object| object["kind"] == kind)
    }

    /// The object; `None` without one of the name.
    fn object(&self, kind: &str, named: &str) -> Option<&Value> {
        let mut objects = self.objects.iter();
        objects.find(|object| object["kind"] == kind && name(object) == named)
    }

    /// What generates pods, with its pods' specification.
    fn workloads(&self) -> Vec<(&Value, &Value)> {
        let kinds = ["Deployment", "StatefulSet", "DaemonSet"];
        let workloads = self.objects.iter();
        workloads
            .filter(|object| kinds.contains(&text(&object["kind"])))
            .map(|object| (object, &object["spec"]["template"]["spec"]))
            .collect()
    }

    /// Of the generated object of this name, with a hash of ten letters after it or without.
    fn data(&self, kind: &str, named: &str) -> &Value {
        let mut objects = self.objects.iter();
        let found = objects.find(|object| {
            let hash = name(object).strip_prefix(named);
            object["kind"] == kind && hash.is_some_and(|hash| hash.is_empty() || hash.len() == 11)
        });
        &found.unwrap_or_else(|| panic!("{}: no {kind} {named}", self.variant))["data"]
    }
}

#[test]
fn what_is_rendered_is_valid() {
    let Some(variants) = rendered() else { return };
    for rendered in variants {
        let mistakes = &rendered.mistakes;
        assert!(mistakes.is_empty(), "{}: {mistakes:#?}", rendered.variant);
        assert!(rendered.objects.len() > 30, "{}", rendered.objects.len());
        for object in &rendered.objects {
            let named = format!("{} {}", object["kind"], name(object));
            if object["kind"] != "Namespace" {
                let namespace = &object["metadata"]["namespace"];
                assert_eq!(namespace, "golden-signals", "{named}");
            }
            // `kubectl apply` keeps the whole object in an annotation of at most 256 KiB.
            let size = object.to_string().len();
            assert!(size < 200 * 1024, "{named} has {size} bytes");
        }
    }
}

/// The validator is one: it finds what is not in a schema, and what has a wrong type or form.
#[test]
fn what_is_wrong_is_found() {
    let Some(python) = peers::require_python(&["kubernetes_validate"]) else {
        return;
    };
    let wrong = [
        "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{prot: 1}]}",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\ndata: {a: 1}",
        "apiVersion: v1\nkind: Sevice\nmetadata: {name: c}",
        "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: d}\nspec: {template: {spec: {hostPid: true}}}",
        "apiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: e}\n\
         spec: {selector: {}, endpoints: [{port: http, interval: soon}]}",
        "apiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: f}\n\
         spec: {selector: {}, endpoints: [{port: http, honor_labels: true}]}",
        "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: g}\n\
         spec: {groups: [{name: a, rules: [{alert: A, for: 1m}]}]}",
        "apiVersion: monitoring.coreos.com/v1\nkind: Prometheus\nmetadata: {name: h}\nspec: {scrapeIntervall: 5s}",
        "apiVersion: monitoring.coreos.com/v1\nkind: Alertmanager\nmetadata: {name: i}\nspec: {replicas: '1'}",
    ];
    let (objects, mistakes) = validate(&python, wrong.join("\n---\n").as_bytes());
    assert_eq!(objects.len(), wrong.len());
    let mut unseen = String::new();
    for object in &objects {
        let named = format!("{} {}: ", text(&object["kind"]), name(object));
        if !mistakes.iter().any(|mistake| mistake.starts_with(&named)) {
            writeln!(unseen, "{named}{object}").expect("strings take all");
        }
    }
    assert!(unseen.is_empty(), "not found:\n{unseen}{mistakes:#?}");
}

/// A wrong call prints one line that says what to do, and nothing to apply.
#[test]
fn a_wrong_call_renders_nothing() {
    if peers::require("kubectl").is_none() {
        return;
    }
    let token = ("GOLDEN_CONTROL_TOKEN", "a");
    let password = ("GRAFANA_ADMIN_PASSWORD", "b");
    let cases: [(&[&str], &[_], &str); 9] = [
        (&[], &[token, password], "plain|operator"),
        (&["base"], &[token, password], "plain|operator"),
        (&["plain", "operator"], &[token, password], "plain|operator"),
        (&["operator"], &[password], "set GOLDEN_CONTROL_TOKEN to"),
        (&["plain"], &[token], "set GRAFANA_ADMIN_PASSWORD to"),
        (
            &["operator"],
            &[("GOLDEN_CONTROL_TOKEN", "workshop")],
            "GOLDEN_CONTROL_TOKEN is the one that the repository publishes",
        ),
        (
            &["plain"],
            &[token, ("GRAFANA_ADMIN_PASSWORD", "a'\nb")],
            "GRAFANA_ADMIN_PASSWORD must be of letters",
        ),
        (
            &["plain"],
            &[token, password, ("GOLDEN_DELAY", "it's late")],
            "GOLDEN_DELAY is 'it's late'",
        ),
        (
            &["operator"],
            &[token, ("PROMETHEUS_IMAGE", "mirror/prometheus@sha256:0")],
            "PROMETHEUS_IMAGE is 'mirror/prometheus@sha256:0'",
        ),
    ];
    for (arguments, environment, sentence) in cases {
        let output = render(arguments, environment);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{arguments:?} {environment:?}");
        assert!(output.stdout.is_empty(), "{arguments:?} {environment:?}");
        assert!(said.contains(sentence), "{arguments:?}: {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

/// As with compose: a variable in the environment comes before .env.
#[test]
fn the_environment_comes_before_the_environment_file() {
    if peers::require("kubectl").is_none() {
        return;
    }
    let app = "registry.example:5000/golden-signals:1.2@sha256:abc";
    let prometheus = "registry.example:5000/prometheus:v3.9.1";
    let environment = [
        ("APP_IMAGE", app),
        ("PROMETHEUS_IMAGE", prometheus),
        ("GOLDEN_DELAY", "uniform(10ms, 50ms)"),
    ];
    let output = render(&["operator"], &[&SECRETS[..], &environment].concat());
    let printed = String::from_utf8_lossy(&output.stdout);
    let has = |line: &str| printed.lines().any(|printed| printed.trim() == line);
    assert!(has(&format!("image: {app}")));
    assert!(!has("image: golden-signals:local"));
    assert!(has(&format!("image: {prometheus}")));
    assert!(has("version: v3.9.1"));
    assert!(has("GOLDEN_DELAY: uniform(10ms, 50ms)"));
}
