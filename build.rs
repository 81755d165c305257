//! Tells the program which build it is (the labels of `build_info`), and writes
//! the clients and servers of the calls between the training's roles.

use std::process::Command;

use tonic_build::manual::{Builder, Method, Service};

fn main() {
    tell_the_build();
    write_services();
}

/// The services as Rust sees them; the messages are Rust too, so that neither
/// a schema file nor its compiler is needed.
fn write_services() {
    const MESSAGES: &str = "crate::training::messages::";
    let service = |name: &str, methods: &[(&str, &str, &str, &str)]| {
        let service = Service::builder().name(name).package("golden_signals");
        let service = methods
            .iter()
            .fold(service, |service, (name, route, input, output)| {
                let method = Method::builder()
                    .name(*name)
                    .route_name(*route)
                    .input_type(format!("{MESSAGES}{input}"))
                    .output_type(format!("{MESSAGES}{output}"))
                    .codec_path("tonic_prost::ProstCodec");
                service.method(method.build())
            });
        service.build()
    };
    Builder::new().build_transport(false).compile(&[
        service(
            "ParameterServer",
            &[
                ("look_up", "LookUp", "Lookup", "Numbers"),
                ("update", "Update", "ShardGradients", "Done"),
                ("save", "Save", "Save", "Done"),
            ],
        ),
        service(
            "EmbeddingWorker",
            &[
                ("begin", "Begin", "Session", "Done"),
                ("end", "End", "Session", "Done"),
                ("forward_batched", "ForwardBatched", "BatchIds", "Done"),
                ("forward", "Forward", "BatchRef", "Embeddings"),
                ("evaluate", "Evaluate", "BatchIds", "Embeddings"),
                ("update", "Update", "BatchGradients", "Done"),
                ("save", "Save", "Save", "Done"),
            ],
        ),
    ]);
}

fn tell_the_build() {
    // Outside a checkout (a source archive, a container build without .git)
    // the revision may be given from outside.
    let revision = std::env::var("GOLDEN_SIGNALS_REVISION")
        .ok()
        .or_else(|| first_line("git", &["rev-parse", "--short=12", "HEAD"]))
        .unwrap_or_else(|| "unknown".to_owned());
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let rustc = first_line(&rustc, &["--version"])
        .and_then(|version| version.split(' ').nth(1).map(str::to_owned))
        .unwrap_or_else(|| "unknown".to_owned());
    println!("cargo::rustc-env=GOLDEN_SIGNALS_REVISION={revision}");
    println!("cargo::rustc-env=GOLDEN_SIGNALS_RUSTC={rustc}");
    println!("cargo::rerun-if-env-changed=GOLDEN_SIGNALS_REVISION");
    println!("cargo::rerun-if-changed=build.rs");
    if let Some(head) = first_line("git", &["rev-parse", "--git-path", "logs/HEAD"]) {
        println!("cargo::rerun-if-changed={head}");
    }
}

fn first_line(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let line = text.lines().next()?.trim().to_owned();
    (output.status.success() && !line.is_empty()).then_some(line)
}
