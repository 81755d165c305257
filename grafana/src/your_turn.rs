//! The empty dashboard of the exercise.

use crate::dashboard::{Dashboard, Row};
use crate::panel::text;
use crate::variable::Variable;

pub(crate) fn dashboard() -> Dashboard {
    Dashboard::new(
        "your-turn",
        "Your turn",
        "The empty dashboard of the exercise: build the golden signals yourself.",
        vec![
            Variable::service(r#"http_requests_total{job!~"manager|pager"}"#),
            Variable::instances(),
        ],
        vec![task()],
    )
    .live_page()
}

fn task() -> Row {
    Row::without_heading(vec![
        text(
            "Your turn: show the four golden signals",
            include_str!("your_turn.md"),
        )
        .description("The exercise.")
        .wide(24, 18),
    ])
}
