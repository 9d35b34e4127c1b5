//! Reads that failed.

use crate::error::StoreError;
use greenroom_model::BlobPath;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Content that was damaged or that the disk would not give.
#[derive(Debug, Default)]
pub struct Faults(AtomicU64);

impl Faults {
    pub fn count(&self) -> u64 {
        self.0.load(Relaxed)
    }

    pub fn note(&self, path: &BlobPath, error: &StoreError) {
        self.0.fetch_add(1, Relaxed);
        tracing::error!(blob = %path, %error, "content could not be read, and was not served");
    }
}
