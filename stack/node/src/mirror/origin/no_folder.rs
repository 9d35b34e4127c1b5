//! In place of a folder of this machine, where there is no way to open what is in one without following a link out of it.

use async_trait::async_trait;
use bytes::Bytes;
use greenroom_mirror::{Content, Listed, Origin, OriginError};
use std::ops::Range;
use std::path::Path;

/// There is none.
#[derive(Debug)]
pub enum Folder {}

impl Folder {
    /// Err: what to do in its place, as a sentence.
    pub fn new(_path: &Path) -> Result<Self, String> {
        Err("on Windows no folder of this machine can be mirrored: name an account or a bucket".to_owned())
    }

    pub fn name(&self) -> &str {
        match *self {}
    }
}

#[async_trait]
impl Origin for Folder {
    async fn containers(&self, _after: Option<String>) -> Result<(Vec<String>, Option<String>), OriginError> {
        match *self {}
    }

    async fn list(
        &self,
        _container: &str,
        _prefix: &str,
        _rolled_up: bool,
        _after: Option<String>,
        _max: usize,
    ) -> Result<Listed, OriginError> {
        match *self {}
    }

    async fn whole(&self, _container: &str, _name: &str, _bytes_max: u64) -> Result<Bytes, OriginError> {
        match *self {}
    }

    async fn read(&self, _: &str, _: &str, _etag: &str, _range: Range<u64>) -> Result<Content, OriginError> {
        match *self {}
    }
}
