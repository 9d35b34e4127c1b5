//! Shrinks the catalog's file: what was deleted leaves holes in it, which it alone can use, and which are flash that others have to do
//! without.

use crate::error::Result;
use crate::space::Filled;
use crate::store::Store;
use std::time::Duration;

/// A file that is not larger, or takes up less than this part of flash, may have holes.
const FILE_BYTES_MIN: u64 = 4 << 20;
const PART_OF_FLASH: u64 = 8;
/// How many times what is in use the file has to be: it doubles ahead of need.
const HOLES: u64 = 4;
/// It cannot be done while somebody reads: that hardly ever lasts.
const TRIES_MAX: u32 = 20;
const READERS_LEAVE: Duration = Duration::from_millis(5);
/// What a blob or a block takes in it besides what is said of it, roughly.
const ROW_BYTES: u64 = 400;

impl Filled {
    /// Whether shrinking is worth that writers wait for it. Where it was done before and could not do better, something has to have changed.
    fn is_worth_shrinking(self, capacity_bytes: u64, before: Option<Filled>) -> bool {
        let Self { file_bytes, used_bytes } = self;
        let is_large = file_bytes >= FILE_BYTES_MIN && file_bytes >= capacity_bytes / PART_OF_FLASH;
        let has_changed = before.is_none_or(|before| {
            file_bytes > before.file_bytes + before.file_bytes / 4
                || used_bytes < before.used_bytes - before.used_bytes / 4
        });
        is_large && file_bytes >= HOLES * used_bytes && has_changed
    }
}

impl Store {
    /// Whether the file takes less than it did. Writers wait meanwhile, for as long as it takes to move what is in use.
    pub async fn shrink_catalog(&self) -> Result<bool> {
        let mut before = self.shrunk().lock().await;
        let now = self.filled();
        if !now.is_worth_shrinking(self.space().capacity_bytes(), *before) {
            return Ok(false);
        }
        let mut after = now;
        for _ in 0..TRIES_MAX {
            self.shrink_next();
            self.write(|_| Ok(())).await?;
            // The file is shrunk once that is answered, and before the next one is.
            self.write(|_| Ok(())).await?;
            after = self.filled();
            if after.file_bytes < now.file_bytes {
                break;
            }
            tokio::time::sleep(READERS_LEAVE).await;
        }
        *before = Some(after);
        tracing::info!(from_bytes = now.file_bytes, to_bytes = after.file_bytes, "shrank the catalog's file");
        Ok(after.file_bytes < now.file_bytes)
    }

    fn filled(&self) -> Filled {
        let used_bytes = self.with_stored(|held| {
            held.tenants.values().map(|held| held.record_bytes + ROW_BYTES * (held.blobs + held.staged_blocks)).sum()
        });
        Filled { file_bytes: self.space().catalog_bytes(), used_bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn a_file_is_shrunk_where_it_is_in_the_way_and_it_can_help() {
        let filled = |file, used| Filled { file_bytes: file * MIB, used_bytes: used * MIB };
        let cases = [
            ("mostly holes, and a good part of flash", filled(16, 1), 32, None, true),
            ("in use", filled(16, 8), 32, None, false),
            ("flash has room for it", filled(16, 1), 1_024, None, false),
            ("small", filled(3, 0), 8, None, false),
            ("it could not be done better a moment ago", filled(16, 1), 32, Some(filled(16, 1)), false),
            ("it has grown since", filled(21, 1), 32, Some(filled(16, 1)), true),
            ("more was deleted since", filled(16, 2), 32, Some(filled(16, 4)), true),
        ];
        for (name, now, capacity, before, expected) in cases {
            assert_eq!(now.is_worth_shrinking(capacity * MIB, before), expected, "{name}");
        }
    }
}
