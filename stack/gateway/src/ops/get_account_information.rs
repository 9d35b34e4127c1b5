//! Get Account Information.

use crate::call::Call;
use crate::error::Error;
use crate::reply::Reply;
use http::StatusCode;

/// A general-purpose account of one place without hierarchical namespace: the kind whose rules this gateway keeps.
pub async fn run(_call: &mut Call) -> Result<Reply, Error> {
    Ok(Reply::new(StatusCode::OK)
        .header("x-ms-sku-name", "Standard_LRS")
        .header("x-ms-account-kind", "StorageV2")
        .header("x-ms-is-hns-enabled", "false"))
}
