//! Shows people how far a training is: a bar on a terminal, lines in the log
//! elsewhere. Reads the progress and changes nothing.

use std::io::{self, IsTerminal as _};
use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::trainer::{Progress, Summary};
use command_line::terminal;

/// As often as the eye follows numbers.
const REDRAW_INTERVAL: Duration = Duration::from_millis(250);

/// Shows the progress until it is dropped.
pub(super) async fn show(progress: Arc<Progress>, steps: Option<u64>, every: Duration) {
    if io::stderr().is_terminal() {
        draw(&progress, steps).await;
    } else {
        log(&progress, every).await;
    }
}

async fn draw(progress: &Progress, steps: Option<u64>) {
    let (bar, template) = match steps {
        Some(steps) => (
            ProgressBar::new(steps),
            "{wide_bar} step {pos}/{len}  {msg}  {eta} left",
        ),
        None => (ProgressBar::no_length(), "{spinner} step {pos}  {msg}"),
    };
    let style = ProgressStyle::with_template(template).expect("the template is well formed");
    let bar = bar.with_style(style);
    let _shown = terminal::show(bar.clone());
    let mut before = progress.now();
    loop {
        tokio::time::sleep(REDRAW_INTERVAL).await;
        let now = progress.now();
        bar.set_position(now.step);
        if before.batches == 0 {
            // Steps before a checkpoint were not done just now.
            bar.reset_eta();
        }
        bar.set_message(message(&before, &now, REDRAW_INTERVAL));
        before = now;
    }
}

async fn log(progress: &Progress, every: Duration) {
    let mut before = progress.now();
    loop {
        tokio::time::sleep(every).await;
        let now = progress.now();
        tracing::info!(step = now.step, "{}", message(&before, &now, every));
        before = now;
    }
}

fn message(before: &Summary, now: &Summary, during: Duration) -> String {
    #[expect(clippy::cast_precision_loss, reason = "samples stay below 2^52")]
    let rate = (now.examples - before.examples) as f64 / during.as_secs_f64();
    let mut message = format!("{rate:.0} examples/s");
    if let Some(loss) = now.loss {
        message += &format!(", loss {loss:.4}");
    }
    if let Some(auc) = now.evaluation.and_then(|evaluation| evaluation.auc) {
        message += &format!(", AUC {auc:.4}");
    }
    message
}
