//! What is kept besides content, in bytes, and counts as stored: names and metadata take room as content does, and without a bound those of
//! one tenant would take everybody's. After Azure's billing size; a block counts for what its row takes here, which is more.
//! Source: Microsoft, "Calculate the total billing size of a blob container".

use crate::acl::ContainerAcl;
use crate::props::{BlobDraft, BlobProps, CopyState, HttpHeaders, Metadata};

const CONTAINER_BYTES: u64 = 48;
const POLICY_BYTES: u64 = 512;
const BLOB_BYTES: u64 = 124;
const PAIR_BYTES: u64 = 3;
/// Of a block that is staged or committed: its row, and its place in the content.
pub const BLOCK_BYTES: u64 = 112;

pub fn container(name: &str, metadata: &Metadata, acl: &ContainerAcl) -> u64 {
    CONTAINER_BYTES + name_bytes(name) + pairs(metadata) + POLICY_BYTES * acl.policies.len() as u64
}

impl BlobDraft {
    /// What is said of the blob.
    pub(crate) fn record_bytes(&self) -> u64 {
        blob(&self.headers, &self.metadata, &self.tags, self.copy.as_deref())
    }
}

impl BlobProps {
    /// As for a draft.
    pub(crate) fn record_bytes(&self) -> u64 {
        blob(&self.headers, &self.metadata, &self.tags, self.copy.as_deref())
    }
}

/// Of a blob or a snapshot, without its name and its blocks.
fn blob(headers: &HttpHeaders, metadata: &Metadata, tags: &Metadata, copy: Option<&CopyState>) -> u64 {
    let HttpHeaders { content_type, content_encoding, content_language, content_disposition, cache_control, .. } =
        headers;
    let texts = [content_type, content_encoding, content_language, content_disposition, cache_control];
    let texts: usize = texts.into_iter().flatten().map(String::len).sum();
    let copy = copy.map_or(0, |copy| copy.id.len() + copy.source.len());
    BLOB_BYTES + pairs(metadata) + pairs(tags) + (texts + copy) as u64
}

pub fn name_bytes(name: &str) -> u64 {
    2 * name.chars().count() as u64
}

fn pairs(pairs: &Metadata) -> u64 {
    pairs.iter().map(|(name, value)| PAIR_BYTES + (name.len() + value.len()) as u64).sum()
}
