//! One shard's embeddings: a table of bounded capacity that forgets what was
//! looked up longest ago. Knows no metric, no lock and no other shard.
//!
//! An entry is an embedding and the state of its optimiser, Adagrad (Duchi,
//! Hazan and Singer, 2011): one sum of squared gradients for each weight.
//!
//! Why not a crate such as lru: it allocates every entry by itself. Here an entry is a slot
//! in a few long vectors, linked by 32-bit indices, and an evicted one's slot is reused.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::features::{DIMENSION, initial_embedding};

const LEARNING_RATE: f32 = 0.1;
/// What the sum of squares starts with: the first steps are no jumps.
const INITIAL_SQUARES: f32 = 0.1;
/// No weight leaves ±10, whatever the gradients.
const WEIGHT_BOUND: f32 = 10.0;

const STRIDE: usize = 2 * DIMENSION;
const NONE: u32 = u32::MAX;

/// The ids are hashes already.
#[derive(Debug, Default)]
struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        // A table finds the bucket by the low bits, which are random in an id,
        // and tells entries apart by the highest, which are the feature's.
        self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("ids are written as numbers");
    }

    fn write_u64(&mut self, id: u64) {
        self.0 = id;
    }
}

/// Embeddings by id, the least recently looked up of which make room.
#[derive(Debug)]
pub struct EmbeddingTable {
    capacity: usize,
    slots: HashMap<u64, u32, BuildHasherDefault<IdHasher>>,
    links: Vec<Link>,
    /// [`STRIDE`] numbers a slot: the embedding, then its squares.
    values: Vec<f32>,
    free: Vec<u32>,
    /// The ends of the list by recency.
    oldest: u32,
    newest: u32,
}

#[derive(Clone, Copy, Debug)]
struct Link {
    id: u64,
    older: u32,
    newer: u32,
}

impl EmbeddingTable {
    /// An empty table for this many embeddings, at least one.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.max(1),
            slots: HashMap::default(),
            links: Vec::new(),
            values: Vec::new(),
            free: Vec::new(),
            oldest: NONE,
            newest: NONE,
        }
    }

    /// How many embeddings it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// How many it may hold.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Changes how many it may hold, at least one; returns how many had to go.
    pub fn set_capacity(&mut self, capacity: usize) -> usize {
        self.capacity = capacity.max(1);
        let mut evicted = 0;
        while self.slots.len() > self.capacity {
            self.evict_oldest();
            evicted += 1;
        }
        if evicted > 0 {
            self.compact();
        }
        evicted
    }

    /// The embedding, which becomes the one looked up last.
    pub fn look_up(&mut self, id: u64) -> Option<&[f32]> {
        let slot = *self.slots.get(&id)?;
        self.unlink(slot);
        self.append(slot);
        Some(self.embedding(slot))
    }

    /// The embedding, without changing its recency.
    #[must_use]
    pub fn peek(&self, id: u64) -> Option<&[f32]> {
        self.slots.get(&id).map(|&slot| self.embedding(slot))
    }

    /// Adds an embedding that nobody has trained yet, as the one looked up
    /// last, and returns it with the number of others (0 or 1) that made room.
    pub fn admit(&mut self, id: u64) -> (&[f32], usize) {
        let mut entry = [INITIAL_SQUARES; STRIDE];
        entry[..DIMENSION].copy_from_slice(&initial_embedding(id));
        let evicted = self.insert(id, &entry);
        let slot = self.newest;
        (self.embedding(slot), evicted)
    }

    /// One step of Adagrad on the embedding, whose recency stays; `false` where
    /// there is none.
    pub fn update(&mut self, id: u64, gradient: &[f32]) -> bool {
        let Some(&slot) = self.slots.get(&id) else {
            return false;
        };
        let start = slot as usize * STRIDE;
        let (weights, squares) = self.values[start..start + STRIDE].split_at_mut(DIMENSION);
        for ((weight, square), gradient) in weights.iter_mut().zip(squares).zip(gradient) {
            *square += gradient * gradient;
            let moved = *weight - LEARNING_RATE * gradient / square.sqrt();
            *weight = moved.clamp(-WEIGHT_BOUND, WEIGHT_BOUND);
        }
        true
    }

    /// Every entry, the one looked up longest ago first: id, embedding, squares.
    pub fn entries(&self) -> impl Iterator<Item = (u64, &[f32])> {
        let mut next = self.oldest;
        std::iter::from_fn(move || {
            let slot = next as usize;
            let link = self.links.get(slot)?;
            next = link.newer;
            Some((link.id, &self.values[slot * STRIDE..][..STRIDE]))
        })
    }

    /// The numbers of an entry: an embedding and its squares.
    pub const ENTRY_LENGTH: usize = STRIDE;

    /// Puts an entry as [`Self::entries`] gave it back, as the one looked up
    /// last; returns how many others (0 or 1) made room.
    ///
    /// # Panics
    ///
    /// If the entry does not have [`Self::ENTRY_LENGTH`] numbers.
    pub fn insert(&mut self, id: u64, entry: &[f32]) -> usize {
        assert_eq!(entry.len(), STRIDE, "an embedding and its squares");
        if let Some(&slot) = self.slots.get(&id) {
            self.unlink(slot);
            self.append(slot);
            self.values[slot as usize * STRIDE..][..STRIDE].copy_from_slice(entry);
            return 0;
        }
        let evicted = usize::from(self.slots.len() >= self.capacity);
        if evicted == 1 {
            self.evict_oldest();
        }
        let slot = self.free.pop().unwrap_or_else(|| {
            let slot = u32::try_from(self.links.len()).expect("fewer than four billion entries");
            self.links.push(Link {
                id,
                older: NONE,
                newer: NONE,
            });
            self.values.resize(self.values.len() + STRIDE, 0.0);
            slot
        });
        self.links[slot as usize].id = id;
        self.values[slot as usize * STRIDE..][..STRIDE].copy_from_slice(entry);
        self.append(slot);
        self.slots.insert(id, slot);
        evicted
    }

    fn embedding(&self, slot: u32) -> &[f32] {
        &self.values[slot as usize * STRIDE..][..DIMENSION]
    }

    fn evict_oldest(&mut self) {
        let slot = self.oldest;
        self.unlink(slot);
        self.slots.remove(&self.links[slot as usize].id);
        self.free.push(slot);
    }

    /// Gives the memory of evicted entries back.
    fn compact(&mut self) {
        let mut compacted = Self::new(self.capacity);
        for (id, entry) in self.entries() {
            compacted.insert(id, entry);
        }
        *self = compacted;
    }

    fn unlink(&mut self, slot: u32) {
        let Link { older, newer, .. } = self.links[slot as usize];
        match self.links.get_mut(older as usize) {
            Some(link) => link.newer = newer,
            None => self.oldest = newer,
        }
        match self.links.get_mut(newer as usize) {
            Some(link) => link.older = older,
            None => self.newest = older,
        }
    }

    fn append(&mut self, slot: u32) {
        let older = self.newest;
        match self.links.get_mut(older as usize) {
            Some(link) => link.newer = slot,
            None => self.oldest = slot,
        }
        let link = &mut self.links[slot as usize];
        link.older = older;
        link.newer = NONE;
        self.newest = slot;
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::Xoshiro256PlusPlus;
    use rand::{RngExt, SeedableRng};

    use super::*;

    /// The plainest thing that is an LRU: a list, the oldest first.
    #[derive(Default)]
    struct Reference(Vec<u64>);

    impl Reference {
        fn touch(&mut self, id: u64, capacity: usize) -> bool {
            let hit = self.0.iter().position(|&known| known == id);
            match hit {
                Some(place) => {
                    self.0.remove(place);
                }
                None if self.0.len() == capacity => {
                    self.0.remove(0);
                }
                None => {}
            }
            self.0.push(id);
            hit.is_some()
        }
    }

    #[test]
    fn it_forgets_what_a_reference_forgets() {
        let mut stream = Xoshiro256PlusPlus::seed_from_u64(6);
        let mut table = EmbeddingTable::new(50);
        let mut reference = Reference::default();
        for step in 0..20_000 {
            let id = stream.random_range(0..100_u64) << 40;
            if step == 10_000 {
                table.set_capacity(20);
                reference.0.drain(..reference.0.len() - 20);
            }
            // Updates and looks from aside leave the order alone.
            let other = stream.random_range(0..100_u64) << 40;
            let there = reference.0.contains(&other);
            assert_eq!(table.update(other, &[0.0; DIMENSION]), there);
            assert_eq!(table.peek(other).is_some(), there);
            let hit = table.look_up(id).is_some();
            if !hit {
                table.admit(id);
            }
            assert_eq!(hit, reference.touch(id, table.capacity()), "step {step}");
        }
        let order: Vec<_> = table.entries().map(|(id, _)| id).collect();
        assert_eq!(order, reference.0);
        assert_eq!(table.len(), 20);
    }

    #[test]
    fn a_gradient_moves_against_itself_and_stays_in_bounds() {
        let mut table = EmbeddingTable::new(1);
        let before = table.admit(7).0.to_vec();
        let mut gradient = [0.0; DIMENSION];
        gradient[0] = 1.0;
        assert!(table.update(7, &gradient));
        let after = table.peek(7).unwrap();
        assert!(after[0] < before[0]);
        assert_eq!(after[1..], before[1..]);
        for _ in 0..100_000 {
            table.update(7, &gradient);
        }
        assert_eq!(table.peek(7).unwrap()[0], -WEIGHT_BOUND);
    }
}
