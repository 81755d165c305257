//! Distributions as a user meets them: their text, their samples, their truth.

use golden_signals::simulation::DelayDistribution;

#[test]
fn canonical_texts_come_back_as_they_are() {
    for text in [
        "constant(120ms)",
        "lognormal(mean=120ms, cv=0.6)",
        "0.99*gamma(shape=3, scale=30ms) + 0.01*uniform(1s, 2s)",
        "clamp(pareto(scale=20ms, shape=2.5), 1ms, 5s)",
    ] {
        let law: DelayDistribution = text.parse().unwrap();
        assert_eq!(law.to_string(), text);
    }
}
