//! The link `grafana`: it answers and has its database.
//!
//! Everything is asked as an anonymous viewer. What such a one may do, Grafana's
//! `pkg/api/accesscontrol.go` says: without an enterprise licence a viewer has
//! `datasources:read` and `datasources:query` for every data source, and reads
//! the dashboards that viewers see.

use http::StatusCode;

use super::Verdict;
use super::peer::Peer;
use super::report::Finding;

pub(super) async fn answers(grafana: &Peer) -> Verdict {
    let answer = grafana.get("/api/health", &[]).await?;
    if answer.status == StatusCode::SERVICE_UNAVAILABLE {
        let remedy = "It runs without its database, or is still starting: `docker compose logs grafana`, or natively its log; run this again with --wait 60s.";
        return Err(Finding::broken(answer.describe(), remedy).asked(&answer.url));
    }
    let health = grafana.json(&answer)?;
    // Without a version where the operator hides it.
    let version = health["version"].as_str().unwrap_or("of unknown version");
    match health["database"].as_str() {
        Some("ok") => Ok(Finding::ok(format!(
            "{} answers, {version}",
            grafana.base()
        ))),
        _ => Err(grafana.unexpected(&answer)),
    }
}
