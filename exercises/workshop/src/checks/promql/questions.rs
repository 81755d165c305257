//! The questions, with a right answer and the wrong ones that are known. Other
//! right answers are those that return the same in every scene.

use crate::query::Parsed;

/// One question.
pub(super) struct Question {
    pub(super) number: usize,
    pub(super) text: &'static str,
    pub(super) shape: Shape,
    /// The seconds that were asked about; `None` if it was now.
    pub(super) window: Option<f64>,
    pub(super) right: &'static str,
    pub(super) wrong: &'static [Wrong],
}

/// What was asked for.
#[derive(Clone, Copy)]
pub(super) enum Shape {
    /// One number.
    One,
    /// One number of requests, whole or not.
    Count,
    /// One for each value of this label.
    By(&'static str),
}

/// A query that is often written, and is not what was asked.
pub(super) struct Wrong {
    pub(super) id: &'static str,
    pub(super) query: &'static str,
    pub(super) asks: &'static str,
}

impl Wrong {
    /// Whether a query may be this one in other words: it calls the same functions, where
    /// `increase` is `rate`. If it could not be parsed, nobody knows.
    pub(super) fn is_written_like(&self, query: Option<&Parsed>) -> bool {
        query.is_none_or(|query| query.is_written_like(self.query))
    }
}

const fn wrong(id: &'static str, query: &'static str, asks: &'static str) -> Wrong {
    Wrong { id, query, asks }
}

pub(super) const QUESTIONS: &[Question] = &[
    Question {
        number: 1,
        text: "requests per second over the last minute, all together",
        shape: Shape::One,
        window: Some(60.0),
        right: "sum(rate(http_requests_total[1m]))",
        wrong: &[
            wrong(
                "mean-of-series",
                "avg(rate(http_requests_total[1m]))",
                "How many series are there? Their mean is not all of them together.",
            ),
            wrong(
                "only-success",
                "sum(rate(http_requests_total{status=\"200\"}[1m]))",
                "Only those answered with 200 are in there. Which were asked for?",
            ),
            wrong(
                "not-per-second",
                "sum(increase(http_requests_total[1m]))",
                "That is 60 times what the service did in a second. In which unit does it count?",
            ),
        ],
    },
    Question {
        number: 2,
        text: "how many requests came in the last five minutes, all together",
        shape: Shape::Count,
        window: Some(300.0),
        right: "sum(increase(http_requests_total[5m]))",
        wrong: &[
            wrong(
                "per-minute",
                "60 * sum(rate(http_requests_total[5m]))",
                "That is how many come in a minute. For how long was asked?",
            ),
            wrong(
                "per-second",
                "sum(rate(http_requests_total[5m]))",
                "A number of requests was asked for, not a speed.",
            ),
            wrong(
                "ignores-restarts",
                "sum(http_requests_total) - sum(http_requests_total offset 5m)",
                "Now minus then: what if the counter began again in between?",
            ),
        ],
    },
    Question {
        number: 3,
        text: "requests per second over the last minute, for each route",
        shape: Shape::By("route"),
        window: Some(60.0),
        right: "sum by (route) (rate(http_requests_total[1m]))",
        wrong: &[
            wrong(
                "not-by-route",
                "sum by (instance) (rate(http_requests_total[1m]))",
                "Which label should tell the numbers apart, and which does?",
            ),
            wrong(
                "not-by-route",
                "sum(rate(http_requests_total[1m]))",
                "How many routes are there, and how many numbers came?",
            ),
        ],
    },
    Question {
        number: 4,
        text: "the share of requests in the last minute that were our own fault (5xx), from 0 to 1",
        shape: Shape::One,
        window: Some(60.0),
        right: "sum(rate(http_requests_total{status=~\"5..\"}[1m])) / sum(rate(http_requests_total[1m]))",
        wrong: &[
            wrong(
                "the-others",
                "sum(rate(http_requests_total{status!~\"5..\"}[1m])) / sum(rate(http_requests_total[1m]))",
                "Is that the share of those that failed, or of the others?",
            ),
            wrong(
                "upside-down",
                "sum(rate(http_requests_total[1m])) / sum(rate(http_requests_total{status=~\"5..\"}[1m]))",
                "A share of what: what stands below the line?",
            ),
            wrong(
                "average-of-ratios",
                "avg(sum by (instance) (rate(http_requests_total{status=~\"5..\"}[1m])) / sum by (instance) (rate(http_requests_total[1m])))",
                "An instance that served three requests had as much to say as one that served thousands.",
            ),
            wrong(
                "not-of-all",
                "sum(rate(http_requests_total{status=~\"5..\"}[1m])) / sum(rate(http_requests_total{status=~\"2..\"}[1m]))",
                "If as many fail as succeed, that is 1. What is the share then?",
            ),
            wrong(
                "only-500",
                "sum(rate(http_requests_total{status=\"500\"}[1m])) / sum(rate(http_requests_total[1m]))",
                "Is 500 the only status that is our fault?",
            ),
            wrong(
                "counts-clients",
                "sum(rate(http_requests_total{status!=\"200\"}[1m])) / sum(rate(http_requests_total[1m]))",
                "Whose fault is a 404?",
            ),
            wrong(
                "not-a-share",
                "sum(rate(http_requests_total{status=~\"5..\"}[1m]))",
                "How many in a second: a share of what?",
            ),
            wrong(
                "each-by-itself",
                "rate(http_requests_total{status=~\"5..\"}[1m]) / rate(http_requests_total[1m])",
                "Each series was divided by the series with the same labels. Which series is that?",
            ),
            wrong(
                "percent",
                "100 * sum(rate(http_requests_total{status=~\"5..\"}[1m])) / sum(rate(http_requests_total[1m]))",
                "From 0 to 1 was asked for.",
            ),
        ],
    },
    Question {
        number: 5,
        text: "the time that 95% of the successful requests of the last minute did not exceed",
        shape: Shape::One,
        window: Some(60.0),
        right: "histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket{outcome=\"success\"}[1m])))",
        wrong: &[wrong(
            "average",
            "sum(rate(http_request_duration_seconds_sum{outcome=\"success\"}[1m])) / sum(rate(http_request_duration_seconds_count{outcome=\"success\"}[1m]))",
            "That is the mean. Who has waited that long?",
        )],
    },
    Question {
        number: 6,
        text: "the mean time of the successful requests of the last minute",
        shape: Shape::One,
        window: Some(60.0),
        right: "sum(rate(http_request_duration_seconds_sum{outcome=\"success\"}[1m])) / sum(rate(http_request_duration_seconds_count{outcome=\"success\"}[1m]))",
        wrong: &[
            wrong(
                "average-of-averages",
                "avg(rate(http_request_duration_seconds_sum{outcome=\"success\"}[1m]) / rate(http_request_duration_seconds_count{outcome=\"success\"}[1m]))",
                "An instance that served three requests had as much to say as one that served thousands.",
            ),
            wrong(
                "upside-down",
                "sum(rate(http_request_duration_seconds_count{outcome=\"success\"}[1m])) / sum(rate(http_request_duration_seconds_sum{outcome=\"success\"}[1m]))",
                "Is that seconds per request?",
            ),
            wrong(
                "milliseconds",
                "1000 * sum(rate(http_request_duration_seconds_sum{outcome=\"success\"}[1m])) / sum(rate(http_request_duration_seconds_count{outcome=\"success\"}[1m]))",
                "In which unit are the durations?",
            ),
            wrong(
                "counts-only",
                "sum(rate(http_request_duration_seconds_sum{outcome=\"success\"}[1m]))",
                "So many seconds of waiting came together in a second. How many requests shared them?",
            ),
        ],
    },
    Question {
        number: 7,
        text: "the share of successful requests of the last minute that took at most 0.5 s, from 0 to 1",
        shape: Shape::One,
        window: Some(60.0),
        right: "sum(rate(http_request_duration_seconds_bucket{outcome=\"success\",le=\"0.5\"}[1m])) / sum(rate(http_request_duration_seconds_count{outcome=\"success\"}[1m]))",
        wrong: &[
            wrong(
                "the-others",
                "1 - sum(rate(http_request_duration_seconds_bucket{outcome=\"success\",le=\"0.5\"}[1m])) / sum(rate(http_request_duration_seconds_count{outcome=\"success\"}[1m]))",
                "Is that the share of those that kept the promise?",
            ),
            wrong(
                "sum-of-buckets",
                "sum(rate(http_request_duration_seconds_bucket{outcome=\"success\",le=\"0.5\"}[1m])) / sum(rate(http_request_duration_seconds_bucket{outcome=\"success\"}[1m]))",
                "In how many buckets is one request counted?",
            ),
            wrong(
                "not-a-share",
                "sum(rate(http_request_duration_seconds_bucket{outcome=\"success\",le=\"0.5\"}[1m]))",
                "How many in a second: a share of what?",
            ),
            wrong(
                "percent",
                "100 * sum(rate(http_request_duration_seconds_bucket{outcome=\"success\",le=\"0.5\"}[1m])) / sum(rate(http_request_duration_seconds_count{outcome=\"success\"}[1m]))",
                "From 0 to 1 was asked for.",
            ),
        ],
    },
    Question {
        number: 8,
        text: "the Apdex of the successful requests of the last minute, with T = 0.25 s",
        shape: Shape::One,
        window: Some(60.0),
        right: "(sum(rate(http_request_duration_seconds_bucket{outcome=\"success\",le=\"0.25\"}[1m])) + sum(rate(http_request_duration_seconds_bucket{outcome=\"success\",le=\"1\"}[1m]))) / 2 / sum(rate(http_request_duration_seconds_count{outcome=\"success\"}[1m]))",
        wrong: &[
            wrong(
                "no-half",
                "(sum(rate(http_request_duration_seconds_bucket{outcome=\"success\",le=\"0.25\"}[1m])) + sum(rate(http_request_duration_seconds_bucket{outcome=\"success\",le=\"1\"}[1m]))) / sum(rate(http_request_duration_seconds_count{outcome=\"success\"}[1m]))",
                "Can Apdex be more than 1? How much does somebody count who was satisfied, and in how many of your buckets are they?",
            ),
            wrong(
                "tolerating-forgotten",
                "sum(rate(http_request_duration_seconds_bucket{outcome=\"success\",le=\"0.25\"}[1m])) / sum(rate(http_request_duration_seconds_count{outcome=\"success\"}[1m]))",
                "That is the share of the satisfied. How much do those count who waited up to 1 s?",
            ),
            wrong(
                "counted-twice",
                "(sum(rate(http_request_duration_seconds_bucket{outcome=\"success\",le=\"0.25\"}[1m])) + sum(rate(http_request_duration_seconds_bucket{outcome=\"success\",le=\"1\"}[1m])) / 2) / sum(rate(http_request_duration_seconds_count{outcome=\"success\"}[1m]))",
                "The bucket up to 1 s has the satisfied requests in it as well: how much did one of them weigh?",
            ),
        ],
    },
    Question {
        number: 9,
        text: "requests per second between the last two scrapes, all together",
        shape: Shape::One,
        window: Some(60.0),
        right: "sum(irate(http_requests_total[1m]))",
        wrong: &[wrong(
            "rate-for-irate",
            "sum(rate(http_requests_total[1m]))",
            "The whole minute went into that. The burst lasted 5 s.",
        )],
    },
    Question {
        number: 10,
        text: "how full the service is: its most constrained resource",
        shape: Shape::One,
        window: None,
        right: "max(saturation_ratio)",
        wrong: &[
            wrong(
                "not-the-fullest",
                "avg(saturation_ratio)",
                "One resource is at 0.85. Does it help it that others are idle?",
            ),
            wrong(
                "more-than-full",
                "sum(saturation_ratio)",
                "Can anything be fuller than 1?",
            ),
        ],
    },
];
