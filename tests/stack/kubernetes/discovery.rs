//! A real Prometheus finds the pods by the scrape jobs of `plain`: it asks an API that answers
//! as Kubernetes does, with the pods that the rendered workloads would have.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Rendered, list, name, rendered, text};
use crate::support::prometheus::{Prometheus, percent_encoded, replace};
use crate::support::{TIMEOUT, peers};

#[test]
fn prometheus_finds_the_pods_and_no_others() {
    let Some([plain, _]) = rendered() else { return };
    let Some(prometheus) = peers::require("prometheus") else {
        return;
    };
    let mut pods = pods(plain);
    // Of three replicas one has ended, and one has no address yet.
    let mut replicas = pods.iter_mut().filter(|pod| name(pod).starts_with("app-"));
    replicas.next().expect("the first")["status"]["phase"] = "Failed".into();
    let starting = &mut replicas.next().expect("the second")["status"];
    *starting = json!({"phase": "Pending"});
    let api = serve(pods);

    let files = plain.data("ConfigMap", "prometheus");
    let mut jobs = text(&files["kubernetes.scrape.yml"]).to_owned();
    let discovery = "    kubernetes_sd_configs:\n      - role: pod\n";
    let ours = format!("{discovery}        api_server: http://{api}\n");
    let number = jobs.matches(discovery).count();
    replace(&mut jobs, discovery, &ours, number);
    let prometheus = Prometheus::configured(&prometheus, &jobs);

    // Job, instance, and the port at which it is scraped: compose's, as another test says.
    let wanted = [
        "alertmanager alertmanager-0 9093",
        "app app-2 8000",
        "grafana grafana-0 3000",
        "manager manager-0 9641",
        "metrics_gateway metrics-gateway-0 9091",
        "pager pager-0 8002",
        "prometheus prometheus-0 9090",
        "student student-0 8001",
    ];
    let start = Instant::now();
    loop {
        let targets = prometheus.api("targets?state=active");
        let mut found: Vec<_> = list(&targets["activeTargets"])
            .iter()
            .map(|target| {
                let labels = target["labels"].as_object().expect("a map");
                assert_eq!(labels.len(), 2, "{labels:?}");
                let url = text(&target["scrapeUrl"]).trim_end_matches("/metrics");
                let port = url.rsplit(':').next().unwrap_or_default();
                let (job, instance) = (text(&labels["job"]), text(&labels["instance"]));
                format!("{job} {instance} {port}")
            })
            .collect();
        found.sort();
        if found == wanted {
            return;
        }
        assert!(start.elapsed() < TIMEOUT, "{found:#?}");
        thread::sleep(Duration::from_millis(100));
    }
}

/// Those that the workloads' controllers would make on one node, each with an address of its
/// own on the loopback.
fn pods(rendered: &Rendered) -> Vec<Value> {
    let mut pods = Vec::new();
    for (workload, pod) in rendered.workloads() {
        for replica in 0..workload["spec"]["replicas"].as_u64().unwrap_or(1) {
            let number = pods.len() + 1;
            let mut spec = pod.clone();
            spec["nodeName"] = "node".into();
            pods.push(json!({
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {
                    "name": format!("{}-{replica}", name(workload)),
                    "namespace": workload["metadata"]["namespace"],
                    "uid": number.to_string(),
                    "resourceVersion": "1",
                    "labels": workload["spec"]["template"]["metadata"]["labels"],
                },
                "spec": spec,
                "status": {"phase": "Running", "podIP": format!("127.77.0.{number}")},
            }));
        }
    }
    pods
}

/// The list of pods, as of <https://kubernetes.io/docs/reference/using-api/api-concepts/>: once,
/// or as a stream of events that begins with what there is. It lives as long as the process.
fn serve(pods: Vec<Value>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("the loopback has free ports");
    let address = listener.local_addr().expect("it is bound");
    let pods = Arc::new(pods);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let pods = Arc::clone(&pods);
            // A client that goes away ends its own thread.
            thread::spawn(move || drop(answer(stream, &pods)));
        }
    });
    address
}

fn answer(mut stream: TcpStream, pods: &[Value]) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut request = String::new();
    reader.read_line(&mut request)?;
    let mut header = String::from("…");
    while !header.trim().is_empty() {
        header.clear();
        reader.read_line(&mut header)?;
    }
    let asked = |pod: &&Value| {
        let labels = pod["metadata"]["labels"].as_object();
        let labels = labels.expect("a map").iter();
        let pairs: Vec<_> = labels
            .map(|(name, value)| format!("{name}={}", text(value)))
            .collect();
        let selector = request.split("labelSelector=").nth(1).unwrap_or_default();
        let selector = selector.split(['&', ' ']).next().unwrap_or_default();
        let mut wanted = selector.split("%2C");
        wanted.all(|one| pairs.iter().any(|pair| percent_encoded(pair) == one))
    };
    let of_namespace = request.starts_with("GET /api/v1/namespaces/golden-signals/pods?");
    let found: Vec<_> = pods.iter().filter(asked).filter(|_| of_namespace).collect();
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n";
    write!(stream, "{head}")?;
    let version = json!({"resourceVersion": "1"});
    if !request.contains("watch=true") {
        let pods =
            json!({"apiVersion": "v1", "kind": "PodList", "metadata": version, "items": found});
        return write!(stream, "{pods}");
    }
    if request.contains("sendInitialEvents=true") {
        for pod in found {
            writeln!(stream, "{}", json!({"type": "ADDED", "object": pod}))?;
        }
        let end =
            json!({"resourceVersion": "1", "annotations": {"k8s.io/initial-events-end": "true"}});
        let end = json!({"apiVersion": "v1", "kind": "Pod", "metadata": end});
        writeln!(stream, "{}", json!({"type": "BOOKMARK", "object": end}))?;
    }
    // Nothing happens any more, until the client has enough.
    reader.read(&mut [0]).map(drop)
}
