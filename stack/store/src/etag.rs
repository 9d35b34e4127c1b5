//! Entity tags in Azure's form.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Unique for each write of a store: 100 ns ticks since the year 1, as Azure's are, made to grow with every write.
/// Prints as `0x8DE…`, without the quotes that HTTP puts around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ETag(pub u64);

impl ETag {
    /// Reads what a client sends: quoted or bare, as Azure accepts both. `None` for what no store of ours ever gave out.
    pub fn parse(text: &str) -> Option<ETag> {
        let text = text.trim();
        let bare = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
        let digits = bare.strip_prefix("0x")?;
        // `from_str_radix` takes a sign; an ETag has none.
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        u64::from_str_radix(digits, 16).ok().map(ETag)
    }
}

impl fmt::Display for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:X}", self.0)
    }
}
