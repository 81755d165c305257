//! What runs beside the course, if the student says so: the stack's Grafana and
//! Prometheus.

use std::path::Path;

use crate::grafana::Credentials;

/// Which of them are to be asked. Nothing is asked unless somebody has said so,
/// by a flag or an environment variable.
#[derive(Debug, Clone, Default)]
pub struct Running {
    /// Grafana's address, such as `http://127.0.0.1:3000`: of `GRAFANA_URL`.
    pub grafana: Option<String>,
    /// Who asks Grafana.
    pub credentials: Credentials,
    /// Prometheus' address, such as `http://127.0.0.1:9090`: of `PROMETHEUS_URL`.
    pub prometheus: Option<String>,
}

impl Running {
    /// What the environment, and the stack's `.env` in this folder, say.
    #[must_use]
    pub fn known(root: &Path) -> Self {
        let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self {
            grafana: set("GRAFANA_URL"),
            credentials: Credentials::known(root),
            prometheus: set("PROMETHEUS_URL"),
        }
    }
}
