//! Go or no-go before a talk: the facts are gathered here and judged in `board`, which knows no machine.

mod board;
mod facts;
mod offline;

pub use board::{judge, judge_around, judge_offline};
pub use facts::{Around, Facts, Power, Recording};
pub use offline::{OfflineError, Proof, prove};
