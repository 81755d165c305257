#!/usr/bin/env python3
"""Computes Persia's fifteen metrics from the ids of a training's batches, with nothing of
the training's own code: sets, an LRU, and the definitions in docs/training.md.

    persia.py IDS --shards N --capacity N [--nan-every N --nan-feature NAME]

IDS has one line a batch: a JSON list of the features in their order, each a pair of its name
and the ids that it delivers, sample after sample. The batches must have been trained on one after the other (--staleness 1). Prints what one
embedding worker and each shard must have counted, as JSON. Of time costs, which no
reference can know, it is the number of observations. Fractions are written as text.
"""

import argparse
import collections
import json

BITS = (1 << 64) - 1


def shard_of(number, shards):
    """The shard of an id: the finaliser of SplitMix64, spread by the golden ratio once
    more, then Lemire's multiply-shift."""
    z = (number + 0x9E3779B97F4A7C15) & BITS
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & BITS
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & BITS
    z ^= z >> 31
    return ((z * 0x9E3779B97F4A7C15) & BITS) * shards >> 64


class Shard:
    def __init__(self, capacity):
        self.capacity = capacity
        self.table = collections.OrderedDict()
        self.lookups = 0
        self.misses = 0
        self.ratio = None
        self.lost_gradients = 0

    def look_up(self, ids):
        misses = 0
        for number in ids:
            if number in self.table:
                self.table.move_to_end(number)
                continue
            misses += 1
            if len(self.table) >= self.capacity:
                self.table.popitem(last=False)
            self.table[number] = None
        self.lookups += 1
        self.misses += misses
        if ids:
            self.ratio = misses / len(ids)

    def update(self, ids):
        self.lost_gradients += sum(number not in self.table for number in ids)


def replay(batches, arguments):
    shards = [Shard(arguments.capacity) for _ in range(arguments.shards)]
    seen = collections.defaultdict(set)
    nans = collections.Counter()
    skipped = collections.Counter()
    rates = {}
    number = 0
    for number, batch in enumerate(batches, 1):
        distinct = {name: list(dict.fromkeys(ids)) for name, ids in batch.items()}
        asked = [[] for _ in shards]
        trained = [[] for _ in shards]
        for name, ids in distinct.items():
            seen[name].update(ids)
            rates[name] = repr(len(ids) / len(batch[name])) if ids else None
            spoilt = arguments.nan_every and number % arguments.nan_every == 0 and name == arguments.nan_feature
            skipped[name] += not ids
            nans[name] += bool(ids and spoilt)
            for one in ids:
                shard = shard_of(one, len(shards))
                asked[shard].append(one)
                if not spoilt:
                    trained[shard].append(one)
        for shard, ids in zip(shards, asked):
            shard.look_up(ids)
        for shard, ids in zip(shards, trained):
            shard.update(ids)
    of_worker = ["lookup_create_requests", "lookup_rpc", "update_gradient", "summation", "lookup_batched"]
    return {
        "parameter-server": {
            "index_miss_count": [shard.misses for shard in shards],
            "index_miss_ratio": [repr(shard.ratio) for shard in shards],
            "gradient_id_miss_count": [shard.lost_gradients for shard in shards],
            "lookup_mixed_batch_time_cost_count": [shard.lookups for shard in shards],
        },
        "embedding-worker": {
            "staleness": 0,
            "num_pending_batches": 0,
            **{f"{cost}_time_cost_count": number for cost in of_worker},
        },
        "features": {
            "estimated_distinct_id": {name: len(ids) for name, ids in seen.items()},
            "batch_unique_indices_rate": rates,
            "nan_count": nans,
            "nan_grad_skipped": skipped,
        },
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("ids")
    parser.add_argument("--shards", type=int, required=True)
    parser.add_argument("--capacity", type=int, required=True)
    parser.add_argument("--nan-every", type=int, default=0)
    parser.add_argument("--nan-feature", default="item")
    arguments = parser.parse_args()
    with open(arguments.ids, encoding="utf-8") as file:
        batches = (dict(json.loads(line)) for line in file)
        print(json.dumps(replay(batches, arguments)))


if __name__ == "__main__":
    main()
