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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_read_as_it_is_printed_with_or_without_quotes() {
        let tag = ETag(0x8DE_29F0_1234_5678);
        assert_eq!(tag.to_string(), "0x8DE29F012345678");
        for text in ["0x8DE29F012345678", "\"0x8DE29F012345678\"", " \"0x8de29f012345678\" "] {
            assert_eq!(ETag::parse(text), Some(tag), "{text}");
        }
        for text in
            ["", "\"", "\"\"", "*", "8DE29F012345678", "0x", "0x+1", "0xG", "0x11111111111111111", "W/\"0x1\"", "\"0x1"]
        {
            assert_eq!(ETag::parse(text), None, "{text}");
        }
    }
}
