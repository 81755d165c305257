//! Writes the clients and servers of the calls between the training's roles.

use tonic_build::manual::{Builder, Method, MethodBuilder, Service};

const MESSAGES: &str = "crate::messages::";

fn method(name: &str, route: &str, input: &str, output: &str) -> MethodBuilder {
    Method::builder()
        .name(name)
        .route_name(route)
        .input_type(format!("{MESSAGES}{input}"))
        .output_type(format!("{MESSAGES}{output}"))
        .codec_path("tonic_prost::ProstCodec")
}

/// The services as Rust sees them; the messages are Rust too, so that neither
/// a schema file nor its compiler is needed.
fn main() {
    let service = |name: &str, methods: &[(&str, &str, &str, &str)]| {
        let service = Service::builder().name(name).package("golden_signals");
        // What is called for each batch goes over one stream that lasts.
        let talk = method("talk", "Talk", "Envelope", "Envelope");
        let service = service.method(talk.client_streaming().server_streaming().build());
        let service = methods
            .iter()
            .fold(service, |service, (name, route, input, output)| {
                service.method(method(name, route, input, output).build())
            });
        service.build()
    };
    Builder::new().build_transport(false).compile(&[
        service(
            "ParameterServer",
            &[
                ("prepare", "Prepare", "Prepare", "Done"),
                ("save", "Save", "Save", "SavedShards"),
            ],
        ),
        service(
            "EmbeddingWorker",
            &[
                ("begin", "Begin", "Session", "Done"),
                ("end", "End", "Session", "Done"),
                ("evaluate", "Evaluate", "BatchIds", "Embeddings"),
                ("prepare", "Prepare", "Prepare", "Done"),
                ("save", "Save", "Save", "SavedShards"),
            ],
        ),
    ]);
}
