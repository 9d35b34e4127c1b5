//! The bytes of the volume: `docs/OFFLOAD_FORMAT.md` is the specification, and this its one implementation.

pub mod chunk;
pub mod document;
pub mod footer;
pub mod segment;

use crate::error::{Error, Result};

/// Of the volume as a whole. What cannot be told by a feature flag gets a new one.
pub const FORMAT: u32 = 1;

/// Some of it may be sealed by tenants' keys.
pub const FEATURE_SEALED: u32 = 1;

/// A reader must not guess at what it does not know.
pub(crate) fn check_features(object: &str, features: u32) -> Result<()> {
    match features & !FEATURE_SEALED {
        0 => Ok(()),
        unknown => {
            let what = format!("unknown features {unknown:#x}").into();
            Err(Error::Unsupported { object: object.into(), what })
        }
    }
}

/// Takes `N` bytes at `at`. The caller has checked the length.
pub(crate) fn take<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}
