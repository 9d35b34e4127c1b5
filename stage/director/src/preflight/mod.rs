//! Go or no-go before a talk: the facts are gathered here and judged in `board`, which knows no machine.

mod board;
mod facts;
mod offline;

pub use board::{judge, judge_offline};
pub use facts::{Facts, Power, Recording, disk_free, memory_free, ports, power};
pub use offline::{OfflineError, Proof, prove};
