//! Content on its way in.

use crate::error::Result;
use bytes::Bytes;

/// Takes a body as it arrives. Dropped before `finish` it leaves nothing but dead space.
#[derive(Debug)]
pub struct BodyWriter {}

/// A body that is written, waiting to become a blob or a block. Dropped unused it leaves nothing but dead space.
#[derive(Debug)]
pub struct Body {}

impl BodyWriter {
    /// Waits while the disk is behind: memory stays bounded whatever the body's length.
    pub async fn write(&mut self, _bytes: Bytes) -> Result<()> {
        todo!()
    }

    /// The content is durable when this returns, or, if it is small, when the operation that takes the `Body` returns.
    pub async fn finish(self) -> Result<Body> {
        todo!()
    }
}

impl Body {
    pub fn length(&self) -> u64 {
        todo!()
    }

    /// CRC-64/NVME of the content.
    pub fn crc64(&self) -> u64 {
        todo!()
    }
}
