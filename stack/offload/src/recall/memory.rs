//! Remembers what was used last, up to a number of bytes.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

#[derive(Debug)]
pub struct Memory<K, V> {
    bytes: usize,
    bytes_max: usize,
    tick: u64,
    kept: HashMap<K, (V, usize, u64)>,
    order: BTreeMap<u64, K>,
}

impl<K: Hash + Eq + Copy, V: Clone> Memory<K, V> {
    pub fn new(bytes_max: usize) -> Self {
        Self { bytes: 0, bytes_max, tick: 0, kept: HashMap::new(), order: BTreeMap::new() }
    }

    pub fn get(&mut self, key: &K) -> Option<V> {
        let (value, _, used) = self.kept.get_mut(key)?;
        self.order.remove(used);
        self.tick += 1;
        *used = self.tick;
        self.order.insert(self.tick, *key);
        Some(value.clone())
    }

    pub fn put(&mut self, key: K, value: V, bytes: usize) {
        if bytes > self.bytes_max {
            return;
        }
        self.tick += 1;
        if let Some((_, replaced, used)) = self.kept.insert(key, (value, bytes, self.tick)) {
            self.order.remove(&used);
            self.bytes -= replaced;
        }
        self.order.insert(self.tick, key);
        self.bytes += bytes;
        while self.bytes > self.bytes_max
            && let Some((_, oldest)) = self.order.pop_first()
            && let Some((_, bytes, _)) = self.kept.remove(&oldest)
        {
            self.bytes -= bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_last_stays() {
        let mut memory = Memory::new(10);
        for key in 0..3 {
            memory.put(key, key, 4);
            memory.get(&0);
        }
        assert_eq!([0, 1, 2].map(|key| memory.get(&key)), [Some(0), None, Some(2)]);
        memory.put(2, 9, 10);
        assert_eq!([0, 2].map(|key| memory.get(&key)), [None, Some(9)]);
        memory.put(3, 3, 11);
        assert_eq!([2, 3].map(|key| memory.get(&key)), [Some(9), None]);
    }
}
