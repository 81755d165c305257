//! Faults that change while the training runs: a file that is read again
//! whenever it says something else. One file serves all processes of a
//! training, wherever it is mounted.

use std::fmt::Display;
use std::fs;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use tokio::sync::watch;

use super::faults::{Faults, FeatureName, SlowShard};
use super::options::drift;

/// Short enough that a saved change has taken effect when its editor looks up.
const READ_INTERVAL: Duration = Duration::from_millis(500);

/// The faults that a file may set. The options set the rest.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Overlay {
    nan_every: Option<u64>,
    #[serde(deserialize_with = "parsed")]
    nan_feature: Option<FeatureName>,
    masked_features: Option<Vec<String>>,
    /// `none`, or as the option has it.
    #[serde(deserialize_with = "parsed")]
    slow_shard: Option<SlowShardOrNone>,
    table_capacity: Option<u32>,
    drift: Option<f64>,
}

#[derive(Clone, Copy, Debug)]
struct SlowShardOrNone(Option<SlowShard>);

impl FromStr for SlowShardOrNone {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "none" => Ok(Self(None)),
            text => text.parse().map(|slow| Self(Some(slow))),
        }
    }
}

/// A value as its option spells it.
fn parsed<'de, D: Deserializer<'de>, T: FromStr<Err: Display>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| text.parse().map_err(D::Error::custom))
        .transpose()
}

/// The faults that the file's text makes of those of the options; else what is
/// wrong with it, in one line.
fn overlaid(text: &str, options: &Faults) -> Result<Faults, String> {
    let overlay: Option<Overlay> = serde_saphyr::from_str(text).map_err(|error| {
        let said = error.to_string();
        said.lines().next().unwrap_or_default().to_owned()
    })?;
    let overlay = overlay.unwrap_or_default();
    let masked = overlay.masked_features.map(|names| {
        let parsed = names.iter().map(|name| {
            name.parse()
                .map_err(|remedy| format!("masked_features: {name}: {remedy}"))
        });
        parsed.collect::<Result<Vec<_>, _>>()
    });
    let table_capacity = match overlay.table_capacity {
        Some(0) => return Err("table_capacity: 0: must be at least 1".to_owned()),
        Some(capacity) => capacity as usize,
        None => options.table_capacity,
    };
    let drift = overlay.drift.map(|share| {
        drift(&share.to_string()).map_err(|remedy| format!("drift: {share}: {remedy}"))
    });
    Ok(Faults {
        nan_every: overlay.nan_every.unwrap_or(options.nan_every),
        nan_feature: overlay.nan_feature.or(options.nan_feature),
        masked_features: masked
            .transpose()?
            .unwrap_or_else(|| options.masked_features.clone()),
        slow_shard: overlay
            .slow_shard
            .map_or(options.slow_shard, |SlowShardOrNone(slow)| slow),
        table_capacity,
        drift: drift.transpose()?.unwrap_or(options.drift),
    })
}

/// The faults that the file says now, for so many shards, where they are known.
///
/// # Errors
///
/// If it cannot be read, or says what cannot be.
pub(super) fn read(path: &Path, options: &Faults, shards: Option<usize>) -> Result<Faults, String> {
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    let faults = overlaid(&text, options)?;
    faults
        .check_slow_shard(shards)
        .map_err(|(named, last)| format!("slow_shard: {named}: the shards are 0 to {last}"))?;
    Ok(faults)
}

/// Reads the file again and again. One that cannot be used changes nothing and
/// is complained about once.
pub(super) async fn follow(
    path: &Path,
    options: Faults,
    shards: Option<usize>,
    faults: watch::Sender<Faults>,
) {
    let mut complaint = String::new();
    loop {
        tokio::time::sleep(READ_INTERVAL).await;
        // A few lines, on a local disk: not worth another thread.
        match read(path, &options, shards) {
            Ok(said) => {
                complaint.clear();
                let changed = faults.send_if_modified(|now| {
                    let changed = *now != said;
                    now.clone_from(&said);
                    changed
                });
                if changed {
                    tracing::info!(path = %path.display(), "faults changed");
                }
            }
            Err(wrong) if wrong == complaint => {}
            Err(wrong) => {
                tracing::warn!(path = %path.display(), wrong, "cannot apply the faults file; faults unchanged");
                complaint = wrong;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_what_differs() {
        let options = Faults {
            nan_every: 7,
            slow_shard: "0=1s".parse().ok(),
            table_capacity: 100,
            drift: 0.5,
            ..Faults::default()
        };
        assert_eq!(overlaid("", &options).unwrap(), options);
        assert_eq!(overlaid("# all is well\n", &options).unwrap(), options);
        let faults = overlaid(
            "nan_every: 3\nnan_feature: user\nmasked_features: [item, context]\n\
             slow_shard: 1=50ms\ntable_capacity: 20\ndrift: 2\n",
            &options,
        )
        .unwrap();
        assert_eq!(faults.nan_every, 3);
        assert_eq!(faults.nan_feature.unwrap().place(), 0);
        assert_eq!(faults.masked_features.len(), 2);
        assert_eq!(faults.slow_shard.unwrap().shard, 1);
        assert_eq!((faults.table_capacity, faults.drift), (20, 2.0));
        let healed = overlaid("slow_shard: none", &options).unwrap();
        assert_eq!(healed.slow_shard, None);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, named) in [
            ("nan_evry: 3", "nan_evry"),
            ("nan_feature: items", "must be one of user, item"),
            ("masked_features: [items]", "masked_features: items"),
            ("slow_shard: 50ms", "like 1=50ms"),
            ("table_capacity: 0", "table_capacity: 0"),
            ("drift: -1", "drift: -1"),
            ("[", ""),
        ] {
            let wrong = overlaid(text, &Faults::default()).unwrap_err();
            assert!(wrong.contains(named) && !wrong.contains('\n'), "{wrong}");
        }
    }
}
