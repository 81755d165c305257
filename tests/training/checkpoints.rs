//! What a shard saves comes back: to itself, to the owners of its embeddings where the
//! number of shards has changed, and not at all where it is not what was saved.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use training::call::CallError;
use training::checkpoint::{CheckpointId, Checkpoints, SavedShard};
use training::embedding_worker::{EmbeddingWorker, owner};
use training::faults::Faults;
use training::features::{DIMENSION, mix};
use training::messages::{Lookup, Prepare, Save, ShardGradients};
use training::metrics::ParameterServerMetrics;
use training::parameter_server::ParameterServer;
use training::shard::Shard;

use super::wiring::{faults, healthy};
use crate::support::daemon::Daemon;

/// A directory of one test. Removed when dropped.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        Self(Daemon::directory("checkpoints"))
    }

    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).expect("it is there");
        let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
        let mut names: Vec<_> = entries.flatten().map(name).collect();
        names.sort();
        names
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // What is left is in the build's own temporary directory.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn shard(place: usize, directory: Option<&Path>, capacity: usize) -> Arc<ParameterServer> {
    counted_shard(place, directory, capacity).0
}

fn counted_shard(
    place: usize,
    directory: Option<&Path>,
    capacity: usize,
) -> (Arc<ParameterServer>, Arc<ParameterServerMetrics>) {
    let metrics = Arc::<ParameterServerMetrics>::default();
    let present = Faults {
        table_capacity: capacity,
        ..healthy()
    };
    let checkpoints = directory.map(|path| Checkpoints::in_directory(path).expect("it is ours"));
    let always = "1".parse().expect("it is a probability");
    let counted = Some(Arc::clone(&metrics));
    let shard = ParameterServer::new(place, always, 1, faults(present), checkpoints, counted);
    (Arc::new(shard), metrics)
}

fn shards(count: usize, directory: &Directory) -> Vec<Arc<ParameterServer>> {
    (0..count)
        .map(|place| shard(place, Some(&directory.0), 1_000_000))
        .collect()
}

fn worker(shards: &[Arc<ParameterServer>]) -> EmbeddingWorker {
    let shards = shards.iter().map(|shard| Shard::Local(Arc::clone(shard)));
    EmbeddingWorker::new(shards.collect(), None)
}

fn ids(ids: &[u64], training: bool) -> Lookup {
    Lookup {
        ids: ids.to_vec(),
        training,
    }
}

fn id(step: u64) -> CheckpointId {
    CheckpointId { step, session: 7 }
}

fn save(step: u64, keep: Option<u64>) -> Save {
    Save {
        id: id(step),
        keep: keep.map(id),
        discard: false,
        shard: 0,
        shards: 0,
    }
}

fn resuming(checkpoint: Option<u64>, saved: &[SavedShard]) -> Prepare {
    Prepare {
        saving: true,
        resuming: true,
        checkpoint: checkpoint.map(id),
        saved: saved.to_vec(),
        shard: 0,
        shards: 0,
    }
}

fn refusal<T: std::fmt::Debug>(refused: Result<T, CallError>) -> String {
    match refused {
        Err(CallError::Refused(reason)) => reason,
        other => panic!("it was to be refused: {other:?}"),
    }
}

/// It knows what it knew, and in which order it would forget it.
#[tokio::test]
async fn a_shard_that_comes_back_from_its_checkpoint_misses_nothing() {
    let directory = Directory::new();
    let (first, _) = counted_shard(0, Some(&directory.0), 3);
    assert_eq!(
        first.resume(Some(1)).unwrap(),
        None,
        "nothing has been saved"
    );
    first
        .look_up(&ids(&[1 << 56, 2 << 56, 3 << 56], true))
        .await;
    first.look_up(&ids(&[1 << 56], true)).await;
    let gradients = ShardGradients {
        ids: vec![1 << 56],
        values: vec![0.5; DIMENSION],
    };
    first.update(&gradients).await.unwrap();
    let saved = worker(&[Arc::clone(&first)])
        .save(save(9, None))
        .await
        .unwrap();

    let (second, metrics) = counted_shard(0, Some(&directory.0), 3);
    assert_eq!(second.resume(Some(1)).unwrap(), Some(3));
    // The trainer goes on from the same one: there is nothing to be read again.
    let again = resuming(Some(9), &saved.shards);
    worker(&[Arc::clone(&second)]).prepare(again).await.unwrap();
    let all = ids(&[1 << 56, 2 << 56, 3 << 56], false);
    assert_eq!(second.look_up(&all).await, first.look_up(&all).await);
    // Its optimiser goes on too.
    first.update(&gradients).await.unwrap();
    second.update(&gradients).await.unwrap();
    assert_eq!(second.look_up(&all).await, first.look_up(&all).await);
    assert_eq!(metrics.index_miss_count.get(), 0);
    assert_eq!(metrics.set_embedding_time_cost.count(), 1);
    assert_eq!(metrics.lookup_inference_batch_time_cost.count(), 2);
    assert_eq!(metrics.lookup_mixed_batch_time_cost.count(), 0);
    // The one looked up longest ago makes room, as it would have before.
    second.look_up(&ids(&[4 << 56], true)).await;
    let gone = second.look_up(&ids(&[2 << 56], false)).await;
    assert_eq!(gone.values, vec![0.0; DIMENSION]);
}

#[tokio::test]
async fn with_other_shards_each_embedding_goes_to_its_new_owner() {
    let all: Vec<u64> = (0..5_000)
        .map(|number| 1 << 56 | mix(number) >> 8)
        .collect();
    let of = |shard, shards| -> Vec<u64> {
        let owned = all.iter().filter(|&&id| owner(id, shards) == shard);
        owned.copied().collect()
    };
    let directory = Directory::new();
    let before = shards(3, &directory);
    for (place, shard) in before.iter().enumerate() {
        let own = of(place, 3);
        shard.look_up(&ids(&own, true)).await;
        let values: Vec<f32> = own
            .iter()
            .flat_map(|&id| [(id % 1000) as f32 / 1000.0 - 0.5; DIMENSION])
            .collect();
        let gradients = ShardGradients { ids: own, values };
        shard.update(&gradients).await.unwrap();
    }
    let saved = worker(&before).save(save(9, None)).await.unwrap();
    for count in [1, 2, 3, 8] {
        let now = shards(count, &directory);
        let prepare = resuming(Some(9), &saved.shards);
        worker(&now).prepare(prepare).await.unwrap();
        assert_eq!(
            now.iter().map(|shard| shard.entries()).sum::<usize>(),
            5_000
        );
        for (place, shard) in now.iter().enumerate() {
            assert_eq!(
                shard.entries(),
                of(place, count).len(),
                "{place} of {count}"
            );
            for id in of(place, count).into_iter().step_by(50) {
                let asked = ids(&[id], false);
                let known = before[owner(id, 3)].look_up(&asked).await;
                assert_eq!(shard.look_up(&asked).await, known);
            }
            // A shard that starts by itself finds the same.
            let alone = self::shard(place, Some(&directory.0), 1_000_000);
            let resumed = alone.resume(Some(count)).unwrap();
            assert_eq!(resumed, Some(of(place, count).len()));
        }
    }
}

/// A checkpoint that the trainer never came to name is none; one that is older than what a
/// shard has learned since takes nothing from it.
#[tokio::test]
async fn what_is_resumed_is_what_the_manifest_names() {
    let directory = Directory::new();
    let before = shards(2, &directory);
    let mine: Vec<u64> = (0..).filter(|&id| owner(id, 2) == 0).take(2).collect();
    before[0].look_up(&ids(&mine[..1], true)).await;
    let complete = worker(&before).save(save(10, None)).await.unwrap();
    before[0].look_up(&ids(&mine[1..], true)).await;
    worker(&before).save(save(20, Some(10))).await.unwrap();
    assert_eq!(directory.files().len(), 4, "the last complete one stays");

    // Alone, a shard takes the last step; its trainer knows better.
    let now = shards(2, &directory);
    assert_eq!(now[0].resume(Some(2)).unwrap(), Some(2));
    let prepare = resuming(Some(10), &complete.shards);
    worker(&now).prepare(prepare.clone()).await.unwrap();
    assert_eq!(now[0].entries(), 1);
    now[0].look_up(&ids(&mine, true)).await;
    worker(&now).prepare(prepare).await.unwrap();
    assert_eq!(now[0].entries(), 2, "it had learned more");

    // Without any manifest nothing was complete.
    let now = shards(2, &directory);
    now[0].resume(Some(2)).unwrap();
    worker(&now).prepare(resuming(None, &[])).await.unwrap();
    assert_eq!(now[0].entries(), 0);

    // The next one takes the place of both.
    worker(&now).save(save(30, None)).await.unwrap();
    assert!(
        directory
            .files()
            .iter()
            .all(|name| name.contains("step-30."))
    );
}

#[tokio::test]
async fn a_shard_that_cannot_save_is_known_before_training_and_leaves_nothing_half_done() {
    let directory = Directory::new();
    let with = shard(0, Some(&directory.0), 100);
    let without = shard(1, None, 100);
    let both = worker(&[with, without]);
    let said = refusal(both.prepare(resuming(None, &[])).await);
    assert!(said.starts_with("shard 1 has nowhere to save"), "{said}");
    assert!(said.contains("--checkpoints DIRECTORY"), "{said}");
    // Who does not save needs no directory.
    let fleeting = Prepare {
        saving: false,
        resuming: false,
        ..resuming(None, &[])
    };
    both.prepare(fleeting).await.expect("nothing is asked for");
    // Nor does the other one keep what will be no checkpoint.
    refusal(both.save(save(5, None)).await);
    assert_eq!(directory.files(), [""; 0]);

    // A directory that is gone.
    let gone = directory.0.join("gone");
    let lost = worker(&[shard(0, Some(&gone), 100)]);
    fs::remove_dir(&gone).expect("it was made, and is empty");
    let said = refusal(lost.save(save(5, None)).await);
    assert!(
        said.contains("make room there, or give --checkpoints"),
        "{said}"
    );

    // Shards that are not where their worker believes them to be.
    let swapped = worker(&[
        shard(1, Some(&directory.0), 100),
        shard(0, Some(&directory.0), 100),
    ]);
    let said = refusal(swapped.prepare(resuming(None, &[])).await);
    assert!(said.contains("the same --parameter-servers"), "{said}");
}

#[tokio::test]
async fn a_wrong_file_is_named_with_what_is_wrong_and_what_helps() {
    let directory = Directory::new();
    let before = shards(2, &directory);
    before[0].look_up(&ids(&[1 << 56], true)).await;
    let saved = worker(&before).save(save(9, None)).await.unwrap();
    let name = directory.files().remove(0);
    assert_eq!(name, "shard-0-of-2.step-9.0000000000000007.checkpoint");
    let path = directory.0.join(&name);
    let whole = fs::read(&path).expect("it was saved");
    let flipped = |place: usize| {
        let mut bytes = whole.clone();
        bytes[place] ^= 1;
        bytes
    };
    let prepare = resuming(Some(9), &saved.shards);
    for (bytes, wrong) in [
        (Vec::new(), "it is empty (0 bytes)"),
        (flipped(whole.len() - 1), "it is damaged"),
        (flipped(27), "version 257 of the format"),
        (whole[..whole.len() - 3].to_vec(), "bytes where"),
        (b"garbage".to_vec(), "within its header"),
    ] {
        fs::write(&path, bytes).expect("the directory is ours");
        for count in [1, 2] {
            let now = shards(count, &directory);
            let said = refusal(worker(&now).prepare(prepare.clone()).await);
            for part in [&name, wrong, "train anew with another --checkpoints"] {
                assert_eq!(said.matches(part).count(), 1, "{part}: {said}");
            }
            let alone = now[0].resume(Some(count)).unwrap_err().to_string();
            assert!(alone.contains(wrong), "{alone}");
        }
    }
    // Whole, and of another checkpoint than the manifest's.
    fs::write(&path, &whole).expect("the directory is ours");
    let mut other = saved.shards.clone();
    other[0].checksum ^= 1;
    let now = shards(2, &directory);
    let said = refusal(worker(&now).prepare(resuming(Some(9), &other)).await);
    assert!(
        said.contains("it is not the file that trainer.checkpoint names"),
        "{said}"
    );
    fs::remove_file(&path).expect("the directory is ours");
    let said = refusal(worker(&now).prepare(prepare).await);
    assert!(said.contains("copy the files of all 2 shards"), "{said}");
}
