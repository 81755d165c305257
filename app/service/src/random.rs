//! `GET /random`: the workshop's one piece of work.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::Service;
use super::admission::Admitted;
use golden_http::CurrentRequest;
use golden_http::problem::{Detail, Problem};

/// A random number. The response does not include how long it took: monitoring
/// shows that.
#[derive(Debug, Serialize, ToSchema)]
pub struct RandomNumber {
    /// The number; it has no unit.
    #[schema(example = 57.3)]
    random: f64,
}

/// Return a random number after a random delay
#[utoipa::path(
    get,
    path = "/random",
    tag = "work",
    responses(
        (status = 200, description = "The number", body = RandomNumber),
        (status = 500, description = "A simulated failure, or a panic", body = Detail),
        (status = 503, description = "Both the concurrency limit and the queue limit are reached; `Retry-After` says when to retry", body = Detail),
        (status = 504, description = "The request timed out", body = Detail),
    ),
)]
pub async fn random(
    State(service): State<Service>,
    request: CurrentRequest,
    _admitted: Admitted,
) -> Result<Json<RandomNumber>, Problem> {
    let drawn = service.scenario.draw();
    if !drawn.outcome.delay.is_zero() {
        // Not Tokio's timer, whose millisecond would be seen in every quantile.
        async_io::Timer::after(drawn.outcome.delay).await;
    }
    let mut factor = 1.0;
    if let Some(hardships) = &drawn.hardships {
        hardships.endure(drawn.call).await;
        service.series.add(hardships.series);
        factor = hardships.recorded_factor;
    }
    assert!(
        !drawn.panics,
        "a simulated panic, requested at /control/faults"
    );
    match drawn.outcome.result {
        Ok(random) => {
            service
                .random_value
                .observe(random * factor, Some(request.trace_id()));
            Ok(Json(RandomNumber { random }))
        }
        Err(failure) => Err(Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            failure.to_string(),
        )),
    }
}
