//! Checksums that come with content: read from a request's headers, and compared.

use crate::error::{Code, Error};
use crate::head::Head;
use crate::{headers, structured};
use greenroom_store::Crc64;
use md5::{Digest as _, Md5};

/// Checksums that the content must have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Checks {
    pub md5: Option<[u8; 16]>,
    /// CRC-64/NVME.
    pub crc64: Option<u64>,
}

impl Checks {
    /// What the headers say of the request's own body.
    pub fn of_body(head: &Head) -> Result<Self, Error> {
        Self::of(head, "content-md5", "x-ms-content-crc64")
    }

    /// What the headers say of a copy source.
    pub fn of_source(head: &Head) -> Result<Self, Error> {
        Self::of(head, "x-ms-source-content-md5", "x-ms-source-content-crc64")
    }

    /// As `of_body`, where the body is a blob's whole content and that has an MD5 of its own.
    pub fn of_content(head: &Head) -> Result<Self, Error> {
        let checks = Self::of_body(head)?;
        let framed = head.filled(structured::HEADER).is_some();
        if framed && checks != Self::default() {
            let why =
                format!("{} has a checksum: Content-MD5 or x-ms-content-crc64 would be another.", structured::HEADER);
            return Err(Error::new(Code::InvalidHeaderValue, why));
        }
        let own = headers::md5(head, "x-ms-blob-content-md5")?;
        match (checks.md5, own) {
            (Some(sent), Some(own)) if sent != own => Err(Error::new(Code::Md5Mismatch, "(the two that were sent)")),
            (sent, own) => Ok(Self { md5: sent.or(own), ..checks }),
        }
    }

    fn of(head: &Head, md5_name: &str, crc64_name: &str) -> Result<Self, Error> {
        let (md5, crc64) = (headers::md5(head, md5_name)?, headers::crc64(head, crc64_name)?);
        if md5.is_some() && crc64.is_some() {
            return Err(Code::BothCrc64AndMd5HeaderPresent.into());
        }
        Ok(Self { md5, crc64 })
    }

    /// Compares a document that is here as a whole.
    pub fn weigh(self, document: &[u8]) -> Result<(), Error> {
        if self == Self::default() {
            return Ok(());
        }
        let mut crc64 = Crc64::default();
        crc64.update(document);
        self.compare(self.md5.map(|_| Md5::digest(document).into()), crc64.finalize())
    }

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
