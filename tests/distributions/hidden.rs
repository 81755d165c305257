//! What a mystery hides stays hidden, stays the same, and can be proved.

use std::collections::BTreeSet;

use simulation::{Mystery, Sealed, random_salt};

fn mystery(name: &str, salt: &str) -> Mystery {
    Mystery::new(&name.parse().expect("it is a name"), salt)
}

const FAMILIES: [&str; 9] = [
    "uniform",
    "normal",
    "lognormal",
    "exponential",
    "gamma",
    "weibull",
    "pareto",
    "beta",
    "triangular",
];

fn names() -> impl Iterator<Item = String> {
    (0..2000).map(|i| format!("name {i}"))
}

#[test]
fn a_mystery_is_what_it_was_when_this_test_was_written() {
    // If this fails, every name that a teacher has prepared means another
    // distribution.
    let mystery = mystery("tuesday", "pepper").seal_with(0x5eed);
    assert_eq!(
        mystery.opening(),
        "golden-signals mystery\n\
         name: tuesday\n\
         nonce: 00000000000000000000000000005eed\n\
         value: gamma(shape=2, scale=8)\n\
         delay: weibull(shape=1.5, scale=31ms)\n"
    );
    // As `sha256sum` says of a file with exactly that text.
    assert_eq!(
        mystery.commitment(),
        "a06c09b4815c3bd28fdcac300a15978117bf5992db4a4cadc0e5060de64cadce"
    );
}

#[test]
fn mysteries_are_varied_and_can_be_measured() {
    let mut families = [BTreeSet::new(), BTreeSet::new()];
    for name in names() {
        let mystery = mystery(&name, "pepper");
        assert!(
            (0.02..=0.4).contains(&mystery.delay().mean()),
            "{}",
            mystery.seal().opening()
        );
        // The bulk of the values is between 0 and 100, or not far from there.
        assert!(
            mystery.value().quantile(0.01) > -10.0,
            "{}",
            mystery.seal().opening()
        );
        assert!(
            mystery.value().quantile(0.9) < 110.0,
            "{}",
            mystery.seal().opening()
        );
        let texts = [mystery.value().to_string(), mystery.delay().to_string()];
        for (families, text) in families.iter_mut().zip(texts) {
            let mixture = text.contains('+').then_some("mixture");
            let first = FAMILIES.into_iter().find(|family| text.starts_with(family));
            families.insert(mixture.or(first).unwrap());
        }
    }
    // All nine families that hide anything and the mixture, but no Pareto among
    // values.
    assert_eq!(families.map(|families| families.len()), [9, 10]);
}

#[test]
fn name_and_salt_both_matter_and_do_not_run_together() {
    let openings = [
        ("a", "b"),
        ("a", "c"),
        ("c", "b"),
        ("ab", ""),
        ("a", "ab"),
        ("aa", "b"),
    ]
    .map(|(name, salt)| {
        let mystery = mystery(name, salt);
        (mystery.value().to_string(), mystery.delay().to_string())
    });
    assert_eq!(BTreeSet::from(openings).len(), 6);
}

#[test]
fn a_mystery_shows_no_law() {
    let mystery = mystery("tuesday", "pepper");
    let sealed = mystery.clone().seal_with(0x5eed);
    let shown = format!("{sealed} {sealed:?} {sealed:#?} {mystery:?} {mystery:#?}");
    assert!(shown.contains("tuesday") && shown.contains(&sealed.commitment()));
    for secret in FAMILIES.into_iter().chain(["pepper", "mean", "ms", "5eed"]) {
        assert!(!shown.contains(secret), "{shown} gives `{secret}` away");
    }
}

#[test]
fn a_commitment_changes_with_everything_it_commits_to() {
    let commitments = [("a", "b", 1), ("a", "c", 1), ("c", "b", 1), ("a", "b", 2)]
        .map(|(name, salt, nonce)| mystery(name, salt).seal_with(nonce).commitment());
    assert_eq!(BTreeSet::from(commitments).len(), 4);
}

/// Who knows all but the nonce cannot see whether a guessed salt is right: the commitment
/// is another each time, and the opening does not have the salt.
#[test]
fn a_commitment_is_no_oracle() {
    let seal = || mystery("tuesday", "pepper").seal();
    let sealed: Vec<_> = (0..100).map(|_| seal()).collect();
    let commitments: BTreeSet<_> = sealed.iter().map(Sealed::commitment).collect();
    assert_eq!(commitments.len(), 100);
    assert!(
        sealed
            .iter()
            .all(|sealed| !sealed.opening().contains("pepper"))
    );
}

#[test]
fn a_random_salt_takes_more_than_2_to_the_64_guesses() {
    let salts: BTreeSet<_> = (0..1_000).map(|_| random_salt()).collect();
    assert_eq!(salts.len(), 1_000);
    let digits = |salt: &String| salt.bytes().all(|digit| digit.is_ascii_hexdigit());
    assert!(salts.iter().all(|salt| salt.len() == 32 && digits(salt)));
    // Every one of the 128 bits is drawn.
    let bits = salts
        .iter()
        .map(|salt| u128::from_str_radix(salt, 16).expect("digits"));
    let (ones, zeros) = bits.fold((0, 0), |(ones, zeros), bits| (ones | bits, zeros | !bits));
    assert_eq!((ones, zeros), (u128::MAX, u128::MAX));
}
