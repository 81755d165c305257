//! How far a training is: written by the trainer, read by whatever displays it.

use std::fmt;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::evaluation::Evaluation;

/// How far a training is.
#[derive(Debug)]
pub struct Progress(Mutex<Summary>);

/// What a training has come to.
#[derive(Clone, Copy, Debug)]
pub struct Summary {
    /// The last step.
    pub step: u64,
    /// Batches trained on since the start.
    pub batches: u64,
    /// Samples trained on since the start.
    pub examples: u64,
    /// Batches whose gradients were lost.
    pub lost: u64,
    /// The smoothed loss after the first batch.
    pub first_loss: Option<f64>,
    /// The smoothed loss.
    pub loss: Option<f64>,
    /// The last evaluation.
    pub evaluation: Option<Evaluation>,
    started: Instant,
    last_step: Instant,
}

impl Default for Progress {
    fn default() -> Self {
        Self(Mutex::new(Summary {
            step: 0,
            batches: 0,
            examples: 0,
            lost: 0,
            first_loss: None,
            loss: None,
            evaluation: None,
            started: Instant::now(),
            last_step: Instant::now(),
        }))
    }
}

impl Progress {
    /// How far it is now.
    #[must_use]
    pub fn now(&self) -> Summary {
        *self.lock()
    }

    pub(super) fn step(&self, step: u64, examples: u64, loss: f64) {
        let mut summary = self.lock();
        summary.step = step;
        summary.last_step = Instant::now();
        summary.batches += 1;
        summary.examples += examples;
        summary.first_loss.get_or_insert(loss);
        summary.loss = Some(loss);
    }

    pub(super) fn evaluate(&self, evaluation: Evaluation) {
        self.lock().evaluation = Some(evaluation);
    }

    pub(super) fn batch_lost(&self) {
        self.lock().lost += 1;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Summary> {
        self.0.lock().expect("nothing panics while it counts")
    }
}

impl Summary {
    /// From the start to the last step.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.last_step.duration_since(self.started)
    }
}

/// One sentence: what was done, how fast, and what came of it.
impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.elapsed().as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "samples stay below 2^52")]
        let rate = self.examples as f64 / seconds.max(f64::MIN_POSITIVE);
        write!(
            f,
            "trained on {} batches ({} examples) in {seconds:.1} s, {rate:.0} examples/s, to step {}",
            self.batches, self.examples, self.step
        )?;
        if let (Some(first), Some(last)) = (self.first_loss, self.loss) {
            write!(f, "; loss {first:.4} to {last:.4}")?;
        }
        if let Some(Evaluation { loss, auc }) = self.evaluation {
            write!(f, "; held out: loss {loss:.4}")?;
            if let Some(auc) = auc {
                write!(f, ", AUC {auc:.4}")?;
            }
        }
        if self.lost > 0 {
            write!(f, "; {} batches lost", self.lost)?;
        }
        Ok(())
    }
}
