//! The running stack's Grafana and Prometheus, where the student lets the checker
//! ask them.

use std::path::Path;

use crate::grafana::Credentials;

/// Which of them are asked: none, unless a flag or an environment variable names it.
#[derive(Debug, Clone, Default)]
pub struct Stack {
    /// Grafana's address, such as `http://127.0.0.1:3000`, from `GRAFANA_URL`.
    pub grafana: Option<String>,
    /// Who asks Grafana.
    pub credentials: Credentials,
    /// Prometheus' address, such as `http://127.0.0.1:9090`, from `PROMETHEUS_URL`.
    pub prometheus: Option<String>,
}

impl Stack {
    /// From the environment, and the stack's `.env` in this folder.
    #[must_use]
    pub fn from_env(root: &Path) -> Self {
        let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self {
            grafana: set("GRAFANA_URL"),
            credentials: Credentials::known(root),
            prometheus: set("PROMETHEUS_URL"),
        }
    }
}
