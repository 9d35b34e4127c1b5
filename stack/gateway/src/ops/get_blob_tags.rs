//! Get Blob Tags.

use crate::call::Call;
use crate::error::Error;
use crate::reply::Reply;
use crate::{properties, xml};

pub async fn run(call: &mut Call) -> Result<Reply, Error> {
    let blob = call.find_blob().await?;
    let mut doc = xml::Document::new();
    properties::tags_xml(&mut doc, &blob.props.tags);
    Ok(Reply::xml(doc.finish()))
}
