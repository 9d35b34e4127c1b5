//! When which operation is due. Pure: all follows from the seed.

use super::shape::{Arrivals, Mix, Shape};
use greenroom_show::Micros;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Op {
    Put,
    Get,
    List,
    Delete,
}

impl Op {
    pub const ALL: [Op; 4] = [Op::Put, Op::Get, Op::List, Op::Delete];

    pub fn as_str(self) -> &'static str {
        match self {
            Op::Put => "put",
            Op::Get => "get",
            Op::List => "list",
            Op::Delete => "delete",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// Since the load began.
    pub at: Micros,
    pub op: Op,
    pub key: u32,
    /// Makes bodies differ.
    pub nonce: u64,
}

pub struct Schedule {
    times: Box<dyn Iterator<Item = Micros> + Send>,
    random: Random,
    mix: Mix,
    keys: u32,
    taken: u64,
}

impl Schedule {
    pub fn new(shape: &Shape) -> Schedule {
        Schedule {
            times: Box::new(times(shape)),
            random: random(shape.seed, "operations"),
            mix: shape.mix(),
            keys: shape.keys,
            taken: 0,
        }
    }

    /// How many arrivals it has given.
    pub fn taken(&self) -> u64 {
        self.taken
    }
}

impl Iterator for Schedule {
    type Item = Arrival;

    fn next(&mut self) -> Option<Arrival> {
        let at = self.times.next()?;
        self.taken += 1;
        let weights = [self.mix.put, self.mix.get, self.mix.list, self.mix.delete].map(u64::from);
        let mut drawn = self.random.next() % self.mix.total();
        let mut op = Op::Put;
        for (candidate, weight) in Op::ALL.into_iter().zip(weights) {
            if drawn < weight {
                op = candidate;
                break;
            }
            drawn -= weight;
        }
        let key = u32::try_from(self.random.next() % u64::from(self.keys)).unwrap_or_default();
        Some(Arrival { at, op, key, nonce: self.random.next() })
    }
}

/// The times of all arrivals, in order.
pub fn times(shape: &Shape) -> impl Iterator<Item = Micros> + Send + use<> {
    let mut random = random(shape.seed, "times");
    let (arrivals, mean_us) = (shape.arrivals, 1e6 / shape.rate.0);
    let end = shape.lasts.as_micros() as f64;
    let mut at = 0.0;
    let mut first = true;
    std::iter::from_fn(move || {
        at += match arrivals {
            Arrivals::Even if first => 0.0,
            Arrivals::Even => mean_us,
            // Independent clients: the gaps between them are exponential.
            Arrivals::Poisson => -(1.0 - random.fraction()).ln() * mean_us,
        };
        first = false;
        (at < end).then_some(at as Micros)
    })
}

/// Numbers that follow from a seed, as the data of the demos does.
pub struct Random(blake3::OutputReader);

pub fn random(seed: u64, purpose: &str) -> Random {
    let mut hasher = blake3::Hasher::new_derive_key("greenroom load v1");
    hasher.update(&seed.to_le_bytes());
    hasher.update(purpose.as_bytes());
    Random(hasher.finalize_xof())
}

impl Random {
    pub fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill(bytes);
    }

    fn next(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    /// 0 to 1, without 1.
    fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}
