//! A mirror: what lies in an account elsewhere, shown here, and kept as it is there. What to look at, and what a look comes to; how an origin is
//! reached is for others. See `docs/design/a-mirror.md`.

mod origin;

pub use origin::{Content, Listed, Origin, OriginError, TheirKind, There};
