//! Get Blob Service Properties.

use crate::call::Call;
use crate::error::Error;
use crate::reply::Reply;
use crate::service;

pub async fn run(call: &mut Call) -> Result<Reply, Error> {
    let settings = call.store.service_settings(call.account()).await?;
    Ok(Reply::xml(service::document(&settings)))
}
