//! The link `test_alert`: a test alert goes all the way from Alertmanager to the
//! pager. Only where it was asked for.

use std::time::{Duration, SystemTime};

use http::StatusCode;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::peer::Answer;
use super::report::Finding;
use super::webhook::Calls;
use super::{Doctor, Verdict};

const PATH: &str = "/api/v2/alerts";

/// A group of alerts waits before it is sent (`group_wait`, 30 s by default).
const ARRIVAL_TIMEOUT: Duration = Duration::from_secs(75);
const PAUSE: Duration = Duration::from_millis(250);

/// Alertmanager retries for ever; after this many failures, and no success, the alert
/// will not arrive.
const MAX_FAILURES: f64 = 4.0;

/// The alert ends by itself, should the doctor die.
const EXPIRES_AFTER: Duration = Duration::from_secs(180);

pub(super) async fn arrives(doctor: &Doctor) -> Verdict {
    let before = Calls::read(&doctor.alertmanager).await?;
    let begun = SystemTime::now();
    let id = humantime::format_rfc3339_nanos(begun).to_string();
    let taken = post(doctor, &id, begun, begun + EXPIRES_AFTER).await?;
    if taken.status != StatusCode::OK {
        let remedy = "Alertmanager does not accept alerts: is it older than 0.16, or is there a proxy in front of it?";
        return Err(Finding::broken(taken.describe(), remedy).asked(&taken.url));
    }
    let verdict = wait_for(doctor, &id, before).await;
    // Whatever came of it, it is over; if this fails, it ends by itself.
    post(doctor, &id, begun, SystemTime::now()).await?;
    verdict
}

/// An alert of its own job, so that it is inhibited by no other.
async fn post(
    doctor: &Doctor,
    id: &str,
    begun: SystemTime,
    ends: SystemTime,
) -> Result<Answer, Finding> {
    let time = |time| humantime::format_rfc3339_millis(time).to_string();
    let alert = json!([{
        "labels": {
            "alertname": "DoctorTest", "job": "doctor", "severity": "minor", "level": "3", "test": id,
        },
        "annotations": {
            "summary": "A test of the pager: nothing is wrong.",
            "description": "Sent by golden-signals doctor --send-test-alert. It ends by itself.",
        },
        "startsAt": time(begun),
        "endsAt": time(ends),
    }]);
    doctor.alertmanager.post(PATH, &alert).await
}

async fn wait_for(doctor: &Doctor, id: &str, before: Calls) -> Verdict {
    let start = Instant::now();
    loop {
        let alerts = doctor.pager.get_json("/alerts", &[]).await?;
        let mut alerts = list(&alerts["groups"]).flat_map(|group| list(&group["alerts"]));
        if alerts.any(|alert| alert["labels"]["test"] == id) {
            let after = start.elapsed().as_secs_f64();
            return Ok(Finding::ok(format!(
                "a test alert was on the pager after {after:.1} s"
            )));
        }
        let calls = Calls::read(&doctor.alertmanager).await?;
        let failed = calls.failed - before.failed;
        let all_fail = failed >= MAX_FAILURES && failed >= calls.made - before.made;
        if all_fail || start.elapsed() > ARRIVAL_TIMEOUT {
            return Err(lost(doctor, id, start.elapsed(), failed).await);
        }
        sleep(PAUSE).await;
    }
}

/// What Alertmanager did with it instead.
async fn lost(doctor: &Doctor, id: &str, waited: Duration, failed: f64) -> Finding {
    let alerts = doctor
        .alertmanager
        .get_json(PATH, &[])
        .await
        .unwrap_or_default();
    let kept = list(&alerts).find(|alert| alert["labels"]["test"] == id);
    let fate = match kept {
        None => "Alertmanager no longer has it".to_owned(),
        Some(alert) if alert["status"]["state"] == "suppressed" => {
            "Alertmanager suppresses it (a silence or an inhibition)".to_owned()
        }
        Some(alert) => {
            let receivers =
                list(&alert["receivers"]).filter_map(|receiver| receiver["name"].as_str());
            format!(
                "Alertmanager routes it to: {}",
                receivers.collect::<Vec<_>>().join(", ")
            )
        }
    };
    let observed = format!(
        "the test alert was not on the pager after {:.0} s; {fate}; failed calls meanwhile: {failed}",
        waited.as_secs_f64()
    );
    let remedy = "The route for level 3 in prometheus/alertmanager.yml must lead to the webhook http://pager:8002/alerts (natively\n\
                  http://127.0.0.1:8002/alerts), with a group_wait under a minute. `docker compose logs alertmanager` names failed calls.";
    Finding::broken(observed, remedy).asked(doctor.pager.base().join("/alerts", &[]))
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default()
        .iter()
}
