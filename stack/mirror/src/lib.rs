//! A mirror: what lies in an account elsewhere, shown here, and kept as it is there. What to look at, and what a look comes to; how an origin is
//! reached is for others. See `docs/design/a-mirror.md`.

mod cache;
mod follow;
mod look;
mod origin;
mod scope;
mod seen;
mod standing;
mod told;

pub use cache::{Cache, Wants};
pub use follow::{FollowError, Follower, Pace, Turn, look_now};
pub use origin::{Content, Listed, Origin, OriginError, TheirKind, There};
pub use scope::Scope;
pub use standing::{Known, Standing, ms_between};
