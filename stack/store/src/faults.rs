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

    /// A key that is not to be had is no fault of the content.
    pub fn note(&self, path: &BlobPath, error: &StoreError) {
        if matches!(error, StoreError::KeyLocked(_) | StoreError::KeyDenied(_) | StoreError::KeyAway(_)) {
            return;
        }
        self.0.fetch_add(1, Relaxed);
        tracing::error!(blob = %path, %error, "content could not be read, and was not served");
    }
}
