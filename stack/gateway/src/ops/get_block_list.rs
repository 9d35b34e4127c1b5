//! Get Block List.

use crate::call::Call;
use crate::error::{Code, Error};
use crate::reply::Reply;
use crate::{block, headers, xml};
use greenroom_store::Block;

/// Written without a pause: less than a millisecond's work.
const BLOCKS_A_TURN: usize = 1_000;

pub async fn run(call: &mut Call) -> Result<Reply, Error> {
    let wanted = call.head.query.filled("blocklisttype").unwrap_or("committed").to_ascii_lowercase();
    let (committed, uncommitted) = match wanted.as_str() {
        "committed" => (true, false),
        "uncommitted" => (false, true),
        "all" => (true, true),
        _ => return Err(Error::new(Code::InvalidQueryParameterValue, "blocklisttype")),
    };
    let precondition = headers::tag_precondition(&call.head)?;
    let list = call.store.block_list_at(&call.blob()?, call.snapshot()?).await?;
    headers::check_read_of(&precondition, list.blob.as_ref(), call.now)?;
    let mut doc = xml::Document::new();
    doc.open("BlockList");
    if committed {
        blocks(call, &mut doc, "CommittedBlocks", &list.committed).await;
    }
    if uncommitted {
        blocks(call, &mut doc, "UncommittedBlocks", &list.uncommitted).await;
    }
    doc.close("BlockList");
    let reply = Reply::xml(doc.finish());
    Ok(match &list.blob {
        // A blob of staged blocks only has neither an ETag nor a length.
        None => reply,
        Some(props) => {
            reply.version(&props.etag, props.modified).header("x-ms-blob-content-length", &props.length.to_string())
        }
    })
}

async fn blocks(call: &mut Call, doc: &mut xml::Document, tag: &'static str, blocks: &[Block]) {
    doc.open(tag);
    for part in blocks.chunks(BLOCKS_A_TURN) {
        call.body.turn().await;
        for Block { id, length } in part {
            doc.open("Block");
            doc.text("Name", &block::text(id));
            doc.text("Size", &length.to_string());
            doc.close("Block");
        }
    }
    doc.close(tag);
}
