//! Part of the link `rules`, where Prometheus scrapes managers of process monitoring: each
//! that is connected to its broker receives what it has subscribed to. Their rules are
//! healthy all the same when it does not, for want of data.

use super::Verdict;
use super::peer::Peer;
use super::prometheus::query;
use super::report::Finding;

/// Managers that are connected and whose subscriptions deliver nothing. None where no
/// manager is scraped.
const DEAF: &str = "count(manager_subscription_ok == 0 and manager_broker_connected == 1)";

const REMEDY: &str = "The manager's log names broker, filter and remedy: `docker compose logs manager`. A broker without shared\n\
     subscriptions needs a single manager with --group none; otherwise the broker's access list must let this user read.";

/// `rules`, unless a manager receives nothing.
pub(super) async fn receive(prometheus: &Peer, rules: Finding) -> Verdict {
    let deaf = query(prometheus, DEAF).await?;
    match deaf.first() {
        Some(deaf) if *deaf > 0.0 => {
            let observed = format!(
                "managers that are connected to the broker and receive nothing from it: {deaf}"
            );
            let asked = prometheus.base().join("/api/v1/query", &[("query", DEAF)]);
            Err(Finding::broken(observed, REMEDY).asked(asked))
        }
        _ => Ok(rules),
    }
}
