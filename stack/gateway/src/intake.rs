//! Takes content into the store: bounded, streamed, its checksums compared before anything names it.

use crate::call::Call;
use crate::error::{Code, Error};
use crate::headers;
use bytes::Bytes;
use greenroom_store::{Access, Body, BodyWriter, Precondition, Store, StoreError, Version};
use md5::{Digest as _, Md5};

/// Whether the MD5 of the content is wanted beyond checking the one that the client sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Md5Wanted {
    /// For the blob's Content-MD5.
    Always,
    /// Blocks: computed only to compare.
    ToCompare,
}

/// Checksums that the content must have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Checks {
    pub md5: Option<[u8; 16]>,
    /// CRC-64/NVME.
    pub crc64: Option<u64>,
}

/// Content that is durable in the store, and not yet named by anything.
#[derive(Debug)]
pub struct Taken {
    pub body: Body,
    pub md5: Option<[u8; 16]>,
    /// CRC-64/NVME.
    pub crc64: u64,
}

/// Content on its way in.
pub struct Intake {
    writer: BodyWriter,
    length: u64,
    taken: u64,
    md5: Option<Md5>,
    checks: Checks,
}

/// Refuses content that would be refused once it is here, before it takes up the wire and the flash.
/// The store weighs the same conditions again when it writes.
pub async fn foresee(call: &Call, precondition: &Precondition) -> Result<(), Error> {
    let found = match call.store.blob(&call.blob()?).await {
        Ok(blob) => Some(blob.props),
        Err(StoreError::BlobMissing) => None,
        Err(error) => return Err(error.into()),
    };
    let current = found.as_ref().map(Version::from);
    precondition.check(current, Access::Write, call.now).map_err(|unmet| StoreError::from(unmet).into())
}

/// Takes a request's content in.
pub async fn take(call: &mut Call, bytes_max: u64, wanted: Md5Wanted) -> Result<Taken, Error> {
    let length = call.body.length()?;
    if length > bytes_max {
        return Err(Code::RequestBodyTooLarge.into());
    }
    let md5 = headers::md5(&call.head, "content-md5")?;
    let checks = Checks { md5, crc64: headers::crc64(&call.head, "x-ms-content-crc64")? };
    let mut intake = call.body.work(Intake::begin(&call.store, length, checks, wanted)).await?;
    while let Some(bytes) = call.body.next().await? {
        call.body.work(intake.push(bytes)).await?;
    }
    intake.finish().await
}

impl Intake {
    pub async fn begin(store: &Store, length: u64, checks: Checks, wanted: Md5Wanted) -> Result<Self, Error> {
        let md5 = (wanted == Md5Wanted::Always || checks.md5.is_some()).then(Md5::new);
        let writer = store.begin_body_when_room(Some(length)).await?;
        Ok(Self { writer, length, taken: 0, md5, checks })
    }

    pub async fn push(&mut self, bytes: Bytes) -> Result<(), Error> {
        if let Some(md5) = &mut self.md5 {
            md5.update(&bytes);
        }
        self.taken += bytes.len() as u64;
        Ok(self.writer.write(bytes).await?)
    }

    pub async fn finish(self) -> Result<Taken, Error> {
        if self.taken != self.length {
            return Err(Code::IncompleteBody.into());
        }
        let md5: Option<[u8; 16]> = self.md5.map(|md5| md5.finalize().into());
        let body = self.writer.finish().await?;
        let crc64 = body.crc64();
        self.checks.compare(md5, crc64)?;
        Ok(Taken { body, md5, crc64 })
    }
}

impl Checks {
    /// `md5` may be left out where none is to be compared.
    pub fn compare(self, md5: Option<[u8; 16]>, crc64: u64) -> Result<(), Error> {
        if self.md5.is_some() && self.md5 != md5 {
            return Err(Code::Md5Mismatch.into());
        }
        if self.crc64.is_some_and(|sent| sent != crc64) {
            return Err(Code::Crc64Mismatch.into());
        }
        Ok(())
    }
}
