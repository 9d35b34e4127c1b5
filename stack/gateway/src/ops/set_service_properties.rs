//! Set Blob Service Properties: replaces the sections that are sent, and leaves the others.

use crate::call::Call;
use crate::cors;
use crate::error::Error;
use crate::reply::Reply;
use crate::service;
use http::StatusCode;

/// Five CORS rules with the longest lists that Azure takes, escaped.
const DOCUMENT_BYTES_MAX: usize = 32 * 1024;

pub async fn run(call: &mut Call) -> Result<Reply, Error> {
    call.body.length()?;
    let document = call.body.document(DOCUMENT_BYTES_MAX).await?;
    let settings = service::parse(&document)?;
    cors::rules(&settings)?;
    call.store.set_service_settings(call.account(), settings).await?;
    Ok(Reply::new(StatusCode::ACCEPTED))
}
