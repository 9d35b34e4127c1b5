//! Abort Copy Blob. Every copy has ended by the time it is answered, so that there is none to abort.

use crate::call::Call;
use crate::error::{Code, Error};
use crate::reply::Reply;

pub async fn run(call: &mut Call) -> Result<Reply, Error> {
    let aborts = call.head.filled("x-ms-copy-action").is_some_and(|action| action.eq_ignore_ascii_case("abort"));
    if !aborts {
        return Err(Error::new(Code::InvalidHeaderValue, "x-ms-copy-action"));
    }
    call.store.blob(&call.blob()?).await?;
    Err(Code::NoPendingCopyOperation.into())
}
