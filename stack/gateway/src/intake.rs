//! Takes a request's content into the store: bounded, streamed, its checksums compared before anything names it.

use crate::call::Call;
use crate::error::{Code, Error};
use crate::headers;
use greenroom_store::{Access, Body, Precondition, StoreError, Version};
use md5::{Digest as _, Md5};

/// Whether the MD5 of the content is wanted beyond checking the one that the client sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Md5Wanted {
    /// For the blob's Content-MD5.
    Always,
    /// Blocks: computed only to compare.
    ToCompare,
}

/// Content that is durable in the store, and not yet named by anything.
#[derive(Debug)]
pub struct Taken {
    pub body: Body,
    pub md5: Option<[u8; 16]>,
    /// CRC-64/NVME.
    pub crc64: u64,
}

/// Refuses content that would be refused once it is here, before it takes up the wire and the flash.
/// The store weighs the same conditions again when it writes.
pub async fn foresee(call: &Call, precondition: &Precondition) -> Result<(), Error> {
    let current = match call.store.blob(&call.blob()?).await {
        Ok(blob) => Some(Version::from(&blob.props)),
        Err(StoreError::BlobMissing) => None,
        Err(error) => return Err(error.into()),
    };
    precondition.check(current, Access::Write, call.now).map_err(|unmet| StoreError::from(unmet).into())
}

pub async fn take(call: &mut Call, bytes_max: u64, wanted: Md5Wanted) -> Result<Taken, Error> {
    let length = call.body.length()?;
    if length > bytes_max {
        return Err(Code::RequestBodyTooLarge.into());
    }
    let md5_sent = headers::md5(&call.head, "content-md5")?;
    let crc64_sent = headers::crc64(&call.head)?;
    let mut md5 = (wanted == Md5Wanted::Always || md5_sent.is_some()).then(Md5::new);
    let mut writer = call.store.begin_body(Some(length))?;
    let mut taken = 0;
    while let Some(bytes) = call.body.next().await? {
        if let Some(md5) = &mut md5 {
            md5.update(&bytes);
        }
        taken += bytes.len() as u64;
        writer.write(bytes).await?;
    }
    if taken != length {
        return Err(Code::IncompleteBody.into());
    }
    let md5: Option<[u8; 16]> = md5.map(|md5| md5.finalize().into());
    if md5_sent.is_some() && md5_sent != md5 {
        return Err(Code::Md5Mismatch.into());
    }
    let body = writer.finish().await?;
    let crc64 = body.crc64();
    if crc64_sent.is_some_and(|sent| sent != crc64) {
        return Err(Code::Crc64Mismatch.into());
    }
    Ok(Taken { body, md5, crc64 })
}
