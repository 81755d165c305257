//! The questions, with a right answer and the wrong ones that are known. Other
//! right answers are those that return the same in every scene.

/// One question.
pub(super) struct Question {
    pub(super) number: usize,
    pub(super) text: &'static str,
    pub(super) shape: Shape,
    pub(super) right: &'static str,
    pub(super) wrong: &'static [Wrong],
}

/// What was asked for.
#[derive(Clone, Copy)]
pub(super) enum Shape {
    /// One number.
    One,
    /// One for each value of this label.
    By(&'static str),
}

/// A query that is often written, and is not what was asked.
pub(super) struct Wrong {
    pub(super) id: &'static str,
    pub(super) query: &'static str,
    pub(super) asks: &'static str,
}

const fn wrong(id: &'static str, query: &'static str, asks: &'static str) -> Wrong {
    Wrong { id, query, asks }
}

pub(super) const QUESTIONS: &[Question] = &[
    Question {
        number: 1,
        text: "requests per second over the last minute, all together",
        shape: Shape::One,
        right: "sum(rate(http_requests_total[1m]))",
        wrong: &[
            wrong(
                "not-per-second",
                "sum(increase(http_requests_total[1m]))",
                "That is 60 times what the service did in a second. What does this function count?",
            ),
            wrong(
                "no-rate",
                "sum(http_requests_total)",
                "That is everything since the start. How fast does it grow?",
            ),
            wrong(
                "rate-of-sum",
                "rate(sum(http_requests_total)[1m:5s])",
                "Nothing went faster than in calm. When one of two counters starts again at 0, what does their sum do, and what must a function think that sees only the sum?",
            ),
            wrong(
                "irate-for-rate",
                "sum(irate(http_requests_total[1m]))",
                "How many of the values in the last minute did your function look at?",
            ),
            wrong(
                "other-window",
                "sum(rate(http_requests_total[5m]))",
                "Over which time did you take the mean?",
            ),
        ],
    },
    Question {
        number: 2,
        text: "how many requests came in the last five minutes, all together",
        shape: Shape::One,
        right: "sum(increase(http_requests_total[5m]))",
        wrong: &[
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
        right: "sum by (route) (rate(http_requests_total[1m]))",
        wrong: &[wrong(
            "not-by-route",
            "sum(rate(http_requests_total[1m]))",
            "How many routes are there, and how many numbers came?",
        )],
    },
    Question {
        number: 4,
        text: "the share of requests in the last minute that were our own fault (5xx), from 0 to 1",
        shape: Shape::One,
        right: "sum(rate(http_requests_total{status=~\"5..\"}[1m])) / sum(rate(http_requests_total[1m]))",
        wrong: &[
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
        right: "histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket{outcome=\"success\"}[1m])))",
        wrong: &[
            wrong(
                "no-le",
                "histogram_quantile(0.95, sum(rate(http_request_duration_seconds_bucket{outcome=\"success\"}[1m])))",
                "From which label does the function know which bucket is which? Is it still there?",
            ),
            wrong(
                "average-of-quantiles",
                "avg(histogram_quantile(0.95, rate(http_request_duration_seconds_bucket{outcome=\"success\"}[1m])))",
                "An instance that served three requests had as much to say as one that served thousands. Can quantiles be averaged?",
            ),
            wrong(
                "since-the-start",
                "histogram_quantile(0.95, sum by (le) (http_request_duration_seconds_bucket{outcome=\"success\"}))",
                "Those are all requests since the start. A bad last minute would not be seen for hours.",
            ),
            wrong(
                "errors-inside",
                "histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket[1m])))",
                "Did only successful requests count?",
            ),
        ],
    },
    Question {
        number: 6,
        text: "the mean time of the successful requests of the last minute",
        shape: Shape::One,
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
        ],
    },
    Question {
        number: 7,
        text: "the share of successful requests of the last minute that took at most 0.5 s, from 0 to 1",
        shape: Shape::One,
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
        ],
    },
    Question {
        number: 8,
        text: "the Apdex of the successful requests of the last minute, with T = 0.25 s",
        shape: Shape::One,
        right: "(sum(rate(http_request_duration_seconds_bucket{outcome=\"success\",le=\"0.25\"}[1m])) + sum(rate(http_request_duration_seconds_bucket{outcome=\"success\",le=\"1\"}[1m]))) / 2 / sum(rate(http_request_duration_seconds_count{outcome=\"success\"}[1m]))",
        wrong: &[wrong(
            "counted-twice",
            "(sum(rate(http_request_duration_seconds_bucket{outcome=\"success\",le=\"0.25\"}[1m])) + sum(rate(http_request_duration_seconds_bucket{outcome=\"success\",le=\"1\"}[1m])) / 2) / sum(rate(http_request_duration_seconds_count{outcome=\"success\"}[1m]))",
            "The bucket up to 1 s has the satisfied requests in it as well: how much did one of them weigh?",
        )],
    },
    Question {
        number: 9,
        text: "requests per second between the last two scrapes, all together",
        shape: Shape::One,
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
