//! Set Blob Properties: replaces the content headers; one that is not sent is cleared. Of a page blob also the length and the
//! sequence number, which by themselves leave the headers alone.

use crate::call::Call;
use crate::error::{Code, Error};
use crate::head::Head;
use crate::headers::{self, Plain};
use crate::page;
use crate::properties::NO_CONTENT_TYPE;
use crate::reply::Reply;
use greenroom_store::{BlobChange, HttpHeaders, PageUpdate, Precondition, SequenceChange};
use http::StatusCode;

pub async fn run(call: &mut Call) -> Result<Reply, Error> {
    let precondition = Precondition { encryption: call.shown_if_any(), ..headers::precondition(&call.head)? };
    let headers = headers::content_headers(&call.head, Plain::Ignored)?;
    let (length, sequence) = (page::length(&call.head)?, sequence(&call.head)?);
    let props = if length.is_some() || sequence.is_some() {
        let headers = Some(headers).filter(|headers| *headers != HttpHeaders::default()).map(whole);
        let update = PageUpdate { length, sequence, headers };
        call.store.update_page_blob(&call.blob()?, update, &precondition).await?
    } else {
        call.store.update_blob(&call.blob()?, BlobChange::Headers(whole(headers)), &precondition).await?
    };
    Ok(page::written(StatusCode::OK, &props))
}

/// A type that is not sent is cleared, and not taken for one that was never named.
fn whole(headers: HttpHeaders) -> HttpHeaders {
    let content_type = headers.content_type.or_else(|| Some(NO_CONTENT_TYPE.to_owned()));
    HttpHeaders { content_type, ..headers }
}

fn sequence(head: &Head) -> Result<Option<SequenceChange>, Error> {
    let name = "x-ms-sequence-number-action";
    let Some(action) = head.filled(name) else { return Ok(None) };
    let number = page::number(head, "x-ms-blob-sequence-number")?;
    match (action.to_ascii_lowercase().as_str(), number) {
        ("max", Some(number)) => Ok(Some(SequenceChange::Max(number))),
        ("update", Some(number)) => Ok(Some(SequenceChange::Set(number))),
        ("increment", None) => Ok(Some(SequenceChange::Increment)),
        ("max" | "update", None) => Err(Error::new(Code::MissingRequiredHeader, "x-ms-blob-sequence-number")),
        _ => Err(Error::new(Code::InvalidHeaderValue, name)),
    }
}
