//! The rooms under the names that the tests know them by; goes when they have moved.

pub use command_line::{flags, logging, terminal};
pub use health::{healthcheck, heartbeat};
pub use {doctor, manager, proplet, service, simulation, training};
pub use {golden_http as http, proplet_schema as schema};

/// The golden signals.
pub mod signals {
    pub use golden_http::{CLIENT_CLOSED_REQUEST, FailureCause, TraceContext, layer, requests};
    pub use golden_metrics::{
        Collect, Description, Histogram, Layout, Registry, exposition, histogram_series, model,
    };
    pub use golden_system::{BuildInfo, cgroup, process, saturation};
}

/// Bytes.
pub mod transport {
    pub use golden_http::accept;
    pub use golden_mqtt as mqtt;
    pub use golden_pushgateway as pushgateway;
    pub use golden_system::descriptors;
}
