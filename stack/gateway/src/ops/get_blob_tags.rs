//! Get Blob Tags.

use crate::call::Call;
use crate::error::{Code, Error};
use crate::reply::Reply;
use crate::{headers, properties, xml};

pub async fn run(call: &mut Call) -> Result<Reply, Error> {
    let precondition = headers::tag_precondition(&call.head)?;
    let blob = call.find_blob().await?;
    // These conditions guard: where one is not met, there is nothing that the caller has already.
    headers::check_read(&precondition, &blob.props, call.now).map_err(|error| match error.code {
        Code::NotModified => Code::ConditionNotMet.into(),
        _ => error,
    })?;
    let mut doc = xml::Document::new();
    properties::tags_xml(&mut doc, &blob.props.tags);
    Ok(Reply::xml(doc.finish()))
}
