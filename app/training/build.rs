//! Writes the clients and servers of the calls between the training's roles.

use tonic_build::manual::{Builder, Method, Service};

/// The services as Rust sees them; the messages are Rust too, so that neither
/// a schema file nor its compiler is needed.
fn main() {
    const MESSAGES: &str = "crate::messages::";
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
                ("prepare", "Prepare", "Prepare", "Done"),
                ("save", "Save", "Save", "SavedShards"),
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
                ("prepare", "Prepare", "Prepare", "Done"),
                ("save", "Save", "Save", "SavedShards"),
            ],
        ),
    ]);
}
