//! Go or no-go before a talk: the facts are gathered here and judged in `board`, which knows no machine.

mod board;
mod facts;

pub use board::judge;
pub use facts::{Facts, Power, Recording};
