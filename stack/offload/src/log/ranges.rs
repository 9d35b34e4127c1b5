//! A set of numbers, as sorted ranges: blobs that were packed together often die together.

use serde::{Deserialize, Serialize};

/// JSON: `[[from, to], …]`, where `to` is the first one not in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Ranges(Vec<(u32, u32)>);

/// Ranges from outside may come in any order.
impl<'de> Deserialize<'de> for Ranges {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let pairs: Vec<(u32, u32)> = Deserialize::deserialize(deserializer)?;
        if pairs.iter().any(|(from, to)| from >= to) {
            return Err(serde::de::Error::custom("a range is empty"));
        }
        Ok(Ranges(merge(pairs)))
    }
}

impl FromIterator<u32> for Ranges {
    fn from_iter<I: IntoIterator<Item = u32>>(numbers: I) -> Self {
        Ranges(merge(numbers.into_iter().map(|number| (number, number + 1)).collect()))
    }
}

impl Ranges {
    pub fn all(count: u32) -> Self {
        Ranges(if count == 0 { Vec::new() } else { vec![(0, count)] })
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn contains(&self, number: u32) -> bool {
        let after = self.0.partition_point(|(from, _)| *from <= number);
        after > 0 && number < self.0[after - 1].1
    }

    pub fn count(&self) -> u32 {
        self.0.iter().map(|(from, to)| to - from).sum()
    }

    /// One more than the largest.
    pub fn end(&self) -> u32 {
        self.0.last().map_or(0, |(_, to)| *to)
    }

    /// Those that are smaller.
    pub fn below(&self, end: u32) -> Ranges {
        Ranges(self.0.iter().filter(|(from, _)| *from < end).map(|(from, to)| (*from, (*to).min(end))).collect())
    }

    pub fn union(&mut self, other: &Ranges) {
        let mut all = std::mem::take(&mut self.0);
        all.extend_from_slice(&other.0);
        self.0 = merge(all);
    }
}

fn merge(mut pairs: Vec<(u32, u32)>) -> Vec<(u32, u32)> {
    pairs.sort_unstable();
    let mut merged: Vec<(u32, u32)> = Vec::with_capacity(pairs.len());
    for (from, to) in pairs {
        match merged.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => merged.push((from, to)),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn it_is_a_set(first in proptest::collection::vec(0_u32..60, 0..40), second in proptest::collection::vec(0_u32..60, 0..40)) {
            let set: BTreeSet<u32> = first.iter().chain(&second).copied().collect();
            let mut ranges: Ranges = first.into_iter().collect();
            ranges.union(&second.into_iter().collect());
            prop_assert_eq!(ranges.count() as usize, set.len());
            prop_assert_eq!(ranges.end(), set.last().map_or(0, |last| last + 1));
            prop_assert_eq!(ranges.below(30).count() as usize, set.range(..30).count());
            for number in 0..61 {
                prop_assert_eq!(ranges.contains(number), set.contains(&number));
            }
            let json = serde_json::to_string(&ranges).expect("prints");
            prop_assert_eq!(serde_json::from_str::<Ranges>(&json).expect("reads"), ranges);
        }
    }
}
