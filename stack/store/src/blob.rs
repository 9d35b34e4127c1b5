//! Content on its way out.

use crate::error::Result;
use crate::props::BlobProps;
use bytes::Bytes;
use futures::Stream;
use std::ops::Range;

/// A blob as it was when it was looked up: a later overwrite or deletion changes nothing here.
#[derive(Debug)]
pub struct Blob {
    pub props: BlobProps,
}

impl Blob {
    /// Streams a range of the content, which is cut to the blob's length. Each byte has been checked against its checksum; at the first
    /// that fails the stream ends with an error. Err(`RangeInvalid`) where the range begins past the end.
    pub fn read(self, _range: Range<u64>) -> Result<impl Stream<Item = Result<Bytes>> + Send + 'static> {
        Ok(futures::stream::once(async { todo!() }))
    }
}
