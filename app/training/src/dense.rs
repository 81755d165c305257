//! The dense part: one hidden layer on the summed embeddings, trained by
//! Adagrad on the logistic loss. Knows no id and no other role.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

use super::features::{BIAS, WIDTH};

/// Hidden units, with rectified linear activation.
const HIDDEN: usize = 32;
const LEARNING_RATE: f32 = 0.02;
const INITIAL_SQUARES: f32 = 0.1;

/// All weights: of the hidden layer (a row of [`WIDTH`] and a bias for each
/// unit), then of the output (a weight for each unit, and a bias).
const WEIGHTS: usize = HIDDEN * (WIDTH + 1) + HIDDEN + 1;
const OUTPUT: usize = HIDDEN * (WIDTH + 1);

const _: () = assert!(WIDTH.is_multiple_of(8), "dot() takes eight at a time");

/// The network and the state of its optimiser.
#[derive(Clone, Debug, PartialEq)]
pub struct DenseNetwork {
    weights: Vec<f32>,
    squares: Vec<f32>,
    gradient: Vec<f32>,
}

/// What a batch came to.
#[derive(Clone, Debug)]
pub struct Step {
    /// The mean logistic loss of the samples, before the step.
    pub loss: f64,
    /// The gradient of the summed loss by the inputs, sample by sample.
    pub inputs: Vec<f32>,
}

impl DenseNetwork {
    /// Untrained, with weights drawn from `seed` (He, Zhang, Ren and Sun,
    /// 2015), and the output's bias where the clicks' share is known to be.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut stream = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut weights = vec![0.0; WEIGHTS];
        let bound = (6.0 / WIDTH as f32).sqrt();
        for row in weights[..OUTPUT].chunks_mut(WIDTH + 1) {
            row[..WIDTH].fill_with(|| stream.random_range(-bound..bound));
        }
        let bound = (6.0 / HIDDEN as f32).sqrt();
        weights[OUTPUT..OUTPUT + HIDDEN].fill_with(|| stream.random_range(-bound..bound));
        weights[OUTPUT + HIDDEN] = BIAS;
        Self {
            squares: vec![INITIAL_SQUARES; WEIGHTS],
            gradient: vec![0.0; WEIGHTS],
            weights,
        }
    }

    /// The log-odds of a click for each sample; `inputs` has [`WIDTH`] numbers a
    /// sample.
    #[must_use]
    pub fn log_odds(&self, inputs: &[f32]) -> Vec<f32> {
        let mut hidden = [0.0; HIDDEN];
        inputs
            .chunks(WIDTH)
            .map(|input| self.forward(input, &mut hidden))
            .collect()
    }

    /// One step on a batch: forward, backward, and the weights moved.
    pub fn train(&mut self, inputs: &[f32], clicks: &[bool]) -> Step {
        let mut loss = 0.0;
        let mut by_input = vec![0.0; inputs.len()];
        let mut hidden = [0.0; HIDDEN];
        self.gradient.fill(0.0);
        let samples = inputs.chunks(WIDTH).zip(by_input.chunks_mut(WIDTH));
        for ((input, by_input), &click) in samples.zip(clicks) {
            let log_odds = self.forward(input, &mut hidden);
            loss += logistic_loss(log_odds, click);
            let by_log_odds = sigmoid(log_odds) - f32::from(u8::from(click));
            self.backward(input, &hidden, by_log_odds, by_input);
        }
        let samples = clicks.len().max(1) as f32;
        let moved = self.weights.iter_mut().zip(&mut self.squares);
        for ((weight, square), gradient) in moved.zip(&self.gradient) {
            let gradient = gradient / samples;
            *square += gradient * gradient;
            *weight -= LEARNING_RATE * gradient / square.sqrt();
        }
        Step {
            loss: loss / f64::from(samples),
            inputs: by_input,
        }
    }

    fn forward(&self, input: &[f32], hidden: &mut [f32; HIDDEN]) -> f32 {
        let (rows, output) = self.weights.split_at(OUTPUT);
        let mut log_odds = output[HIDDEN];
        for ((row, unit), weight) in rows.chunks(WIDTH + 1).zip(hidden).zip(output) {
            *unit = (dot(&row[..WIDTH], input) + row[WIDTH]).max(0.0);
            log_odds += weight * *unit;
        }
        log_odds
    }

    fn backward(
        &mut self,
        input: &[f32],
        hidden: &[f32; HIDDEN],
        by_log_odds: f32,
        by_input: &mut [f32],
    ) {
        let (rows, output) = self.weights.split_at(OUTPUT);
        let (row_gradients, output_gradient) = self.gradient.split_at_mut(OUTPUT);
        output_gradient[HIDDEN] += by_log_odds;
        let units = rows
            .chunks(WIDTH + 1)
            .zip(row_gradients.chunks_mut(WIDTH + 1))
            .zip(hidden);
        for (place, ((row, row_gradient), &unit)) in units.enumerate() {
            output_gradient[place] += by_log_odds * unit;
            if unit > 0.0 {
                let by_unit = by_log_odds * output[place];
                row_gradient[WIDTH] += by_unit;
                for ((gradient, input), (by_input, weight)) in row_gradient
                    .iter_mut()
                    .zip(input)
                    .zip(by_input.iter_mut().zip(row))
                {
                    *gradient += by_unit * input;
                    *by_input += by_unit * weight;
                }
            }
        }
    }

    /// Everything that was learned, as [`Self::restore`] takes it.
    #[must_use]
    pub fn state(&self) -> Vec<f32> {
        [&self.weights[..], &self.squares].concat()
    }

    /// The network in this state; `None` if it is of another shape.
    #[must_use]
    pub fn restore(state: &[f32]) -> Option<Self> {
        (state.len() == 2 * WEIGHTS).then(|| Self {
            weights: state[..WEIGHTS].to_vec(),
            squares: state[WEIGHTS..].to_vec(),
            gradient: vec![0.0; WEIGHTS],
        })
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    // Eight sums at once, which the compiler turns into vector instructions; a
    // single one would have to be added up in order.
    let mut sums = [0.0; 8];
    for (a, b) in a.chunks_exact(8).zip(b.chunks_exact(8)) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += a * b;
        }
    }
    sums.iter().sum()
}

/// The loss of one sample, in nats.
#[must_use]
pub fn logistic_loss(log_odds: f32, click: bool) -> f64 {
    let margin = f64::from(if click { log_odds } else { -log_odds });
    // ln(1 + exp(-margin)), without the exponential's overflow.
    (-margin).max(0.0) + (-margin.abs()).exp().ln_1p()
}

fn sigmoid(log_odds: f32) -> f32 {
    1.0 / (1.0 + (-log_odds).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gradient_is_the_losses_slope() {
        let mut stream = Xoshiro256PlusPlus::seed_from_u64(1);
        let mut inputs: Vec<f32> = (0..3 * WIDTH)
            .map(|_| stream.random_range(-1.0..1.0))
            .collect();
        let clicks = [true, false, true];
        let network = DenseNetwork::new(2);
        let loss = |inputs: &[f32]| -> f64 {
            let odds = network.log_odds(inputs);
            odds.iter()
                .zip(clicks)
                .map(|(&odds, click)| logistic_loss(odds, click))
                .sum()
        };
        let step = network.clone().train(&inputs, &clicks);
        assert!((step.loss * 3.0 - loss(&inputs)).abs() < 1e-6);
        for place in 0..inputs.len() {
            let before = inputs[place];
            let mut at = |moved: f32| {
                inputs[place] = before + moved;
                loss(&inputs)
            };
            let slope = (at(0.01) - at(-0.01)) / 0.02;
            inputs[place] = before;
            let told = f64::from(step.inputs[place]);
            assert!((slope - told).abs() < 5e-3, "{place}: {slope} {told}");
        }
    }

    #[test]
    fn it_learns_what_a_line_separates_and_survives_being_saved() {
        let mut stream = Xoshiro256PlusPlus::seed_from_u64(3);
        let mut network = DenseNetwork::new(4);
        let mut losses = Vec::new();
        for _ in 0..300 {
            let inputs: Vec<f32> = (0..64 * WIDTH)
                .map(|_| stream.random_range(-1.0..1.0))
                .collect();
            let clicks: Vec<bool> = inputs.chunks(WIDTH).map(|input| input[0] > 0.0).collect();
            losses.push(network.train(&inputs, &clicks).loss);
        }
        assert!(losses[299] < losses[0] / 2.0, "{losses:?}");
        let restored = DenseNetwork::restore(&network.state()).unwrap();
        let input = vec![0.5; WIDTH];
        assert_eq!(restored.log_odds(&input), network.log_odds(&input));
        assert_eq!(DenseNetwork::restore(&[0.0]), None);
    }
}
