//! Put Block List: makes a blob of blocks, staged or already committed.

use crate::block;
use crate::call::Call;
use crate::error::{Code, Error};
use crate::headers::{self, Plain};
use crate::reply::Reply;
use crate::{sealing, xml};
use bytes::Bytes;
use greenroom_store::{BlobDraft, BlockId, BlockSource, COMMITTED_BLOCKS_MAX, Store};
use http::StatusCode;
use std::sync::Arc;

/// 50,000 blocks with the longest ids and tags, and some air.
const DOCUMENT_BYTES_MAX: usize = 8 * 1024 * 1024;
/// A longer list is read elsewhere: it would keep a thread that answers for longer than others should wait for one.
const READ_HERE_BYTES: usize = 64 * 1024;

pub async fn run(call: &mut Call) -> Result<Reply, Error> {
    let (precondition, may_replace) = call.creation()?;
    // Content-Type and its kin describe the XML of this request.
    let headers = headers::content_headers(&call.head, Plain::Ignored)?;
    let (metadata, tags, tier) = (headers::metadata(&call.head)?, call.tags()?, headers::tier(&call.head)?);
    call.body.length()?;
    let document = call.body.document(DOCUMENT_BYTES_MAX).await?;
    let list = read(call, document).await?;
    let draft = BlobDraft { headers, metadata, tags, tier, copy: None, seal: call.seal_of_new().await? };
    let (path, list) = (call.blob()?, Arc::<[_]>::from(list));
    let commit = |store: Store| {
        let (path, draft, list, precondition) = (path.clone(), draft.clone(), list.clone(), precondition.clone());
        async move { store.commit_blocks(&path, draft, list, &precondition).await }
    };
    let props = call.with_content_here(&path, commit).await.map_err(|error| may_replace.explain(error))?;
    let reply = Reply::new(StatusCode::CREATED).version(&props.etag, props.modified);
    Ok(sealing::written(reply, props.encryption.as_ref()))
}

async fn read(call: &mut Call, document: Bytes) -> Result<Vec<(BlockId, BlockSource)>, Error> {
    if document.len() <= READ_HERE_BYTES {
        return parse(&document);
    }
    // With a core's place: no more of them are read at a time than there are cores.
    call.body.turn().await;
    let read = tokio::task::spawn_blocking(move || parse(&document)).await;
    call.body.give_way();
    read.map_err(|_| Code::InternalError)?
}

fn parse(document: &[u8]) -> Result<Vec<(BlockId, BlockSource)>, Error> {
    let leaves = xml::leaves(document, COMMITTED_BLOCKS_MAX + 1)?;
    if leaves.len() > COMMITTED_BLOCKS_MAX {
        return Err(Code::BlockListTooLong.into());
    }
    let mut list = Vec::with_capacity(leaves.len());
    for leaf in leaves {
        let source = match leaf.path.as_str() {
            "BlockList/Committed" => BlockSource::Committed,
            "BlockList/Uncommitted" => BlockSource::Uncommitted,
            "BlockList/Latest" => BlockSource::Latest,
            // An empty list is a document of one element.
            "BlockList" if leaf.text.trim().is_empty() => continue,
            other => return Err(Error::new(Code::InvalidXmlDocument, format!("Element {other:?} is not expected."))),
        };
        list.push((block::id(leaf.text.trim())?, source));
    }
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(document: &str) -> Result<Vec<BlockSource>, Code> {
        let list = parse(document.as_bytes()).map_err(|error| error.code)?;
        Ok(list.into_iter().map(|(_, source)| source).collect())
    }

    #[test]
    fn a_list_keeps_its_order_and_sources() {
        let document = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<BlockList><Latest>QUFB</Latest>\n\
                        <Committed>QUFC</Committed><Uncommitted>QUFD</Uncommitted></BlockList>";
        let expected = vec![BlockSource::Latest, BlockSource::Committed, BlockSource::Uncommitted];
        assert_eq!(sources(document), Ok(expected));
        assert_eq!(sources("<BlockList></BlockList>"), Ok(vec![]));
        assert_eq!(sources("<BlockList />"), Ok(vec![]));
    }

    #[test]
    fn a_bad_list_is_refused() {
        for (document, code) in [
            ("", Code::InvalidXmlDocument),
            ("<BlockList>", Code::InvalidXmlDocument),
            ("<BlockList><Other>QUFB</Other></BlockList>", Code::InvalidXmlDocument),
            ("<List><Latest>QUFB</Latest></List>", Code::InvalidXmlDocument),
            ("<BlockList><Latest>not base64!</Latest></BlockList>", Code::InvalidBlockId),
            ("<BlockList><Latest></Latest></BlockList>", Code::InvalidBlockId),
        ] {
            assert_eq!(sources(document), Err(code), "{document}");
        }
    }
}
