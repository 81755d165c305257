//! A node of the training: a role with its number, and what it exposes. Knows
//! neither what is measured nor where it goes.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};

use clap::ValueEnum;

use super::metrics::{self, PushMetrics, RoleMetrics};
use golden_metrics::model::MetricFamily;
use golden_pushgateway::{Group, GroupError};
use golden_system::{BuildInfo, process::Process};
use prometheus_client::registry::Registry;

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// A shard of the embeddings
    ParameterServer,
    /// Between trainers and shards
    EmbeddingWorker,
    /// The dense network, and the data
    Trainer,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ParameterServer => "parameter-server",
            Self::EmbeddingWorker => "embedding-worker",
            Self::Trainer => "trainer",
        })
    }
}

/// A node and all its metrics.
#[derive(Debug)]
pub struct Node {
    role: Role,
    replica: usize,
    registry: Registry,
    /// Of the metrics that do not have names in Persia's style.
    process: Registry,
    push_metrics: PushMetrics,
}

impl Node {
    /// The node of this role and number, with these metrics and those of its
    /// pushing.
    #[must_use]
    pub fn new(role: Role, replica: usize, metrics: &dyn RoleMetrics) -> Self {
        let mut registry = Registry::default();
        let push_metrics = PushMetrics::default();
        metrics.register(&mut registry);
        push_metrics.register(&mut registry);
        Self {
            role,
            replica,
            registry,
            process: Registry::default(),
            push_metrics,
        }
    }

    /// The node also tells of its process. One node of a process does.
    #[must_use]
    pub fn with_process(mut self, build: BuildInfo) -> Self {
        build.register(&mut self.process);
        self.process.register_collector(Box::new(Process));
        self
    }

    /// What it is.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    /// The present state of everything it exposes.
    ///
    /// # Errors
    ///
    /// If a collector fails.
    pub fn gather(&self) -> Result<Vec<MetricFamily>, fmt::Error> {
        let mut families = metrics::gather(&self.registry)?;
        families.extend(golden_metrics::gather(&self.process)?);
        Ok(families)
    }

    /// What it tells of its pushing.
    #[must_use]
    pub fn push_metrics(&self) -> &PushMetrics {
        &self.push_metrics
    }

    /// The group it pushes. Persia's has no role in it: there, a worker and a
    /// parameter server of one machine erase each other's metrics.
    ///
    /// # Errors
    ///
    /// If the job's name cannot be part of a path.
    pub fn group(&self, job: &str, ip_address: IpAddr) -> Result<Group, GroupError> {
        Group::new(vec![
            ("job", job.to_owned()),
            ("instance", format!("rep_{}", self.replica)),
            ("ip_addr", ip_address.to_string()),
            ("role", self.role.to_string()),
        ])
    }
}

/// The address under which this machine talks to `peer` (a host and a port):
/// what the routing table says, without sending anything. The loopback's where
/// the peer cannot be resolved.
#[must_use]
pub fn local_address_towards(peer: &str) -> IpAddr {
    let unspecified = (Ipv4Addr::UNSPECIFIED, 0);
    UdpSocket::bind(unspecified)
        .and_then(|socket| {
            socket.connect(peer)?;
            socket.local_addr()
        })
        .map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |address| address.ip())
}
