//! Takes content into the store: bounded, streamed, its checksums compared before anything names it.

use crate::call::Call;
use crate::checks::Checks;
use crate::error::{Code, Error};
use crate::structured::{self, Decoder};
use bytes::Bytes;
use greenroom_model::BlobPath;
use greenroom_store::{Access, Body, BodyWriter, Kept, Precondition, Store, StoreError, Version};
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
    /// What `x-ms-structured-body` said, which the reply says again.
    pub framing: Option<&'static str>,
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

/// How long a request's content is, which is less than its body where that is a structured message.
pub fn content_length(call: &Call) -> Result<u64, Error> {
    match structured::content_length(&call.head)? {
        Some(length) => Ok(length),
        None => call.body.length(),
    }
}

/// Takes a request's content in.
pub async fn take(call: &mut Call, bytes_max: u64, kept: Kept<'_>, wanted: Md5Wanted) -> Result<Taken, Error> {
    let length = content_length(call)?;
    if length > bytes_max {
        return Err(Code::RequestBodyTooLarge.into());
    }
    let checks = Checks::of_content(&call.head)?;
    let mut frames = Decoder::asked(&call.head, call.body.length()?)?;
    let target = (&call.blob()?, kept);
    let mut intake = call.body.work(Intake::begin(&call.store, target, length, checks, wanted)).await?;
    while let Some(mut bytes) = call.body.next().await? {
        match &mut frames {
            None => call.body.work(intake.push(bytes)).await?,
            Some(frames) => {
                while let Some(content) = frames.next(&mut bytes)? {
                    call.body.work(intake.push(content)).await?;
                }
            }
        }
    }
    match frames {
        None => intake.finish().await,
        Some(frames) => {
            intake.checks.crc64 = Some(frames.finish()?);
            Ok(Taken { framing: Some(structured::FORMAT), ..intake.finish().await? })
        }
    }
}

impl Intake {
    /// Asks for nothing but what may be kept: the quotas come before the flash, and both before the content.
    pub async fn begin(
        store: &Store,
        (target, kept): (&BlobPath, Kept<'_>),
        length: u64,
        checks: Checks,
        wanted: Md5Wanted,
    ) -> Result<Self, Error> {
        store.foresee(target, kept, length)?;
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
        Ok(Taken { body, md5, crc64, framing: None })
    }
}
