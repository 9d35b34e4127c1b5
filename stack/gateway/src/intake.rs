//! Takes content into the store: bounded, streamed, its checksums compared before anything names it.

use crate::checks::Checks;
use crate::error::{Code, Error};
use crate::structured::{self, Decoder};
use bytes::Bytes;
use greenroom_model::BlobPath;
use greenroom_store::{Body, BodyWriter, Kept, Seal, Store};
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

/// What content is to become.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'w> {
    pub target: &'w BlobPath,
    pub kept: Kept<'w>,
    pub seal: &'w Seal,
}

/// Content on its way in.
pub struct Intake {
    writer: BodyWriter,
    length: u64,
    taken: u64,
    md5: Option<Md5>,
    checks: Checks,
}

impl Intake {
    /// Asks for nothing but what may be kept: the quotas come before the flash, and both before the content.
    pub async fn begin(
        store: &Store,
        Wanted { target, kept, seal }: Wanted<'_>,
        length: u64,
        checks: Checks,
        wanted: Md5Wanted,
    ) -> Result<Self, Error> {
        store.foresee(target, kept, length)?;
        let md5 = (wanted == Md5Wanted::Always || checks.md5.is_some()).then(Md5::new);
        let writer = store.begin_body_when_room(&target.container.account, seal, Some(length)).await?;
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

    /// As `finish`, of content that came in frames, whose checksum is in the last of them.
    pub async fn finish_framed(mut self, frames: Decoder) -> Result<Taken, Error> {
        self.checks.crc64 = Some(frames.finish()?);
        Ok(Taken { framing: Some(structured::FORMAT), ..self.finish().await? })
    }
}
