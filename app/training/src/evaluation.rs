//! How good predictions are. Pure arithmetic.

use super::dense::logistic_loss;

/// How good the log-odds of some samples are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evaluation {
    /// The mean logistic loss, in nats.
    pub loss: f64,
    /// The area under the ROC curve: the share of pairs of a click and a
    /// non-click in which the click has the higher odds, equal ones counting
    /// half. `None` where there is no pair.
    pub auc: Option<f64>,
}

impl Evaluation {
    /// Judges predictions by what came true.
    ///
    /// The area is Mann and Whitney's statistic (1947), from ranks.
    #[must_use]
    pub fn of(log_odds: &[f32], clicks: &[bool]) -> Self {
        let mut samples: Vec<_> = log_odds
            .iter()
            .copied()
            .zip(clicks.iter().copied())
            .collect();
        let loss: f64 = samples
            .iter()
            .map(|&(odds, click)| logistic_loss(odds, click))
            .sum();
        samples.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut below = 0.0;
        let mut pairs_won = 0.0;
        for tied in samples.chunk_by(|a, b| a.0 == b.0) {
            let clicks = tied.iter().filter(|sample| sample.1).count() as f64;
            let others = tied.len() as f64 - clicks;
            pairs_won += clicks * (below + others / 2.0);
            below += others;
        }
        let pairs = below * (samples.len() as f64 - below);
        Self {
            loss: loss / samples.len().max(1) as f64,
            auc: (pairs > 0.0).then(|| pairs_won / pairs),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_area_is_the_share_of_pairs_in_order() {
        let auc = |odds: &[f32], clicks: &[bool]| Evaluation::of(odds, clicks).auc;
        assert_eq!(auc(&[1.0, 2.0], &[false, true]), Some(1.0));
        assert_eq!(auc(&[1.0, 2.0], &[true, false]), Some(0.0));
        assert_eq!(auc(&[1.0, 1.0], &[true, false]), Some(0.5));
        // Pairs (3 > 2), (3 > 1), (1 = 1: half), (1 < 2).
        let odds = [3.0, 1.0, 2.0, 1.0];
        assert_eq!(auc(&odds, &[true, true, false, false]), Some(2.5 / 4.0));
        assert_eq!(auc(&[1.0, 2.0], &[true, true]), None);
    }
}
