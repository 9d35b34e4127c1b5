//! Requests about what is mirrored: it is read here and written where it comes from.

use crate::call::Call;
use crate::error::{Code, Error};
use crate::reply::Reply;
use crate::route::Row;
use crate::time;
use greenroom_store::ShownIn;

/// Asks the origin first, should it have another version by now.
pub const CHECK: &str = "x-greenroom-check-origin";
/// Up to when an answer is complete.
const AS_OF: &str = "x-greenroom-as-of";

/// What the request's container shows, where that is something that lies elsewhere. Err: 403 where it would be changed.
pub async fn prepare(row: &Row, call: &mut Call) -> Result<Option<ShownIn>, Error> {
    let shown = call.head.target.container().and_then(|container| call.store.mirrored(container));
    let Some(shown) = shown else { return Ok(None) };
    if !row.reads() {
        let why = format!("(mirror '{}' shows it, and writes it alone)", shown.mirror);
        return Err(Error::new(Code::AuthorizationPermissionMismatch, why));
    }
    let is_asked = call.head.filled(CHECK).is_some_and(|text| text.eq_ignore_ascii_case("true"));
    if let (true, Some(blob)) = (is_asked, call.head.target.blob()) {
        let look = call.store.origins()?.look(blob);
        call.body.work(look).await?;
    }
    Ok(Some(shown))
}

/// Whether the blob has changed under a read, and is known by now as it is: the read had better begin anew.
pub fn has_changed<T>(row: &Row, outcome: &Result<T, Error>) -> bool {
    row.reads() && outcome.as_ref().is_err_and(|error| error.code == Code::OriginChanged)
}

pub fn mark(reply: Reply, shown: &ShownIn) -> Reply {
    reply.header(AS_OF, &time::iso(shown.as_of()))
}
