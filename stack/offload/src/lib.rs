//! Moves cold blobs to an object store and brings them back: what leaves, how it is packed, how it is found again, what may be removed.
//! Knows nothing of HTTP, of the catalog, or of how flash keeps its bytes; those come in through `Flash`.

pub mod adopt;
mod cloud;
mod error;
pub mod flash;
pub mod format;
pub mod gc;
mod hash;
pub mod keys;
mod layout;
pub mod log;
pub mod mend;
pub mod offload;
pub mod pack;
pub mod policy;
pub mod rebuild;
pub mod recall;
pub mod seal;
mod volume;

pub use cloud::{Cloud, Created, Retry, Traffic};
pub use error::{Error, FlashError, Result};
pub use hash::{Hash, NotAHash, TenantKey};
pub use volume::{Claim, Identity, InFlight, Volume, make_or_load};
