//! What one aggressor came to, and a line of the table in `docs/RELIABILITY.md`.

use crate::attack::Tally;
use crate::quiet::Served;
use hdrhistogram::Histogram;
use std::fmt;
use std::time::Duration;

/// Beside an aggressor, the p99 of the quiet one may be so many times what it is alone, or this long, whichever is more.
const RATIO_MAX: f64 = 3.0;
const FREE_MS: f64 = 50.0;
/// Far more than half of its requests take on any machine, beside anybody.
const STALLED_MS: f64 = 1_000.0;

pub const HEAD: &str = "| aggressor | comes to, a second | GET alone | beside | PUT alone | beside | p99, times |\n\
                        | --- | --- | --- | --- | --- | --- | --- |";

pub struct Line {
    pub name: &'static str,
    pub alone: Vec<Served>,
    pub beside: Vec<Served>,
    pub tally: Tally,
    /// How long it was attacked in all.
    pub took: Duration,
}

impl Line {
    pub fn new(name: &'static str) -> Self {
        Self { name, alone: Vec::new(), beside: Vec::new(), tally: Tally::default(), took: Duration::ZERO }
    }

    pub fn failed(&self) -> Vec<&str> {
        self.alone.iter().chain(&self.beside).flat_map(|served| &served.failed).map(String::as_str).collect()
    }

    pub fn is_hurt(&self) -> bool {
        [Served::get, Served::put].into_iter().any(|of| {
            let (alone, beside) = (ms(&self.alone, of, 0.99), ms(&self.beside, of, 0.99));
            beside > (RATIO_MAX * alone).max(FREE_MS)
        })
    }

    pub fn is_stalled(&self) -> bool {
        [Served::get, Served::put].into_iter().any(|of| ms(&self.beside, of, 0.5) > STALLED_MS)
    }
}

/// The median over the rounds.
fn ms(rounds: &[Served], of: fn(&Served) -> &Histogram<u64>, quantile: f64) -> f64 {
    let mut all: Vec<_> = rounds.iter().map(|round| of(round).value_at_quantile(quantile)).collect();
    all.sort_unstable();
    all[all.len() / 2] as f64 / 1_000.0
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "| {} | {} |", self.name, self.tally.a_second(self.took))?;
        for of in [Served::get, Served::put] {
            for rounds in [&self.alone, &self.beside] {
                write!(f, " {:.1}, {:.1} ms |", ms(rounds, of, 0.5), ms(rounds, of, 0.99))?;
            }
        }
        let times = |of| ms(&self.beside, of, 0.99) / ms(&self.alone, of, 0.99);
        write!(f, " {:.1}, {:.1} |", times(Served::get), times(Served::put))?;
        if self.is_hurt() { f.write_str(" **hurt**") } else { Ok(()) }
    }
}
