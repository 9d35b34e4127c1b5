//! An account on Azure, or on what speaks its Blob protocol.

mod page;
mod way;
mod xml;

use crate::place::Account;
use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt as _, stream};
use greenroom_gateway::source::Sources;
use greenroom_mirror::{Content, Listed, Origin, OriginError};
use http::header::{CONTENT_RANGE, ETAG, IF_MATCH};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use page::Asked;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Response;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use way::{Failure, Question, Way};

/// Azure's longest page, of blobs and of containers.
const PAGE_MAX: usize = 5_000;
/// Five thousand blobs with all that they may have would be more: whoever has such is asked by smaller pages.
const PAGE_BYTES_MAX: u64 = 64 << 20;
/// What a credential does not allow it may allow later: tags are asked for again so often.
const TAGS_AGAIN: Duration = Duration::from_secs(15 * 60);
const BLOB_TYPE: HeaderName = HeaderName::from_static("x-ms-blob-type");
const RANGE: HeaderName = HeaderName::from_static("x-ms-range");
/// What stays as it is in a path.
const IN_NAMES: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'$');
const IN_PATHS: &AsciiSet = &IN_NAMES.remove(b'/');

#[derive(Debug)]
pub struct Azure {
    way: Way,
    /// When a list with tags was refused, and one without was not.
    without_tags: Mutex<Option<Instant>>,
}

impl Azure {
    /// Err: what is wrong, as a sentence.
    pub fn new(account: Account, sources: &Sources) -> Result<Self, String> {
        Ok(Self { way: Way::new(account, sources)?, without_tags: Mutex::default() })
    }

    /// A page of a list, with tags where the credential allows them.
    async fn page(&self, container: &str, query: &str) -> Result<Bytes, Failure> {
        let path = in_path(container).map_err(Failure::Unfit)?;
        let question = |include: &str| {
            Question::get(path.clone(), format!("restype=container&comp=list&include={include}&{query}"))
        };
        let (with, without) = (question("metadata%2Ctags"), question("metadata"));
        let refused = *self.without_tags.lock().unwrap_or_else(PoisonError::into_inner);
        if refused.is_some_and(|at| at.elapsed() < TAGS_AGAIN) {
            return self.way.document(&without, PAGE_BYTES_MAX).await;
        }
        match self.way.document(&with, PAGE_BYTES_MAX).await {
            // Without the right to tags, of a folder tree (which has none), or of what does not know tags.
            Err(Failure::Status { status: 400 | 401 | 403 | 409 | 501, .. }) => {
                let page = self.way.document(&without, PAGE_BYTES_MAX).await?;
                *self.without_tags.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
                tracing::info!(origin = ?self.way, "the origin does not give tags: none are shown");
                Ok(page)
            }
            page => page,
        }
    }
}

#[async_trait]
impl Origin for Azure {
    async fn containers(&self, after: Option<String>) -> Result<(Vec<String>, Option<String>), OriginError> {
        let marker = after.as_deref().map(|after| format!("&marker={}", in_query(after))).unwrap_or_default();
        let question = Question::get("/".to_owned(), format!("comp=list&maxresults={PAGE_MAX}{marker}"));
        let document = self.way.document(&question, PAGE_BYTES_MAX).await?;
        let asked = Asked { prefix: "", after: after.as_deref(), max: PAGE_MAX };
        page::containers(&document, asked).map_err(|why| no_list("containers", why))
    }

    async fn list(
        &self,
        container: &str,
        prefix: &str,
        rolled_up: bool,
        after: Option<String>,
        max: usize,
    ) -> Result<Listed, OriginError> {
        let max = max.clamp(1, PAGE_MAX);
        let mut query = format!("maxresults={max}&prefix={}", in_query(prefix));
        if rolled_up {
            query.push_str("&delimiter=%2F");
        }
        if let Some(after) = &after {
            query.push_str("&marker=");
            query.push_str(&in_query(after));
        }
        let document = self.page(container, &query).await?;
        let asked = Asked { prefix, after: after.as_deref(), max };
        page::blobs(&document, asked).map_err(|why| no_list("blobs", why))
    }

    async fn whole(&self, container: &str, name: &str, bytes_max: u64) -> Result<Bytes, OriginError> {
        Ok(self.way.document(&Question::get(blob(container, name)?, String::new()), bytes_max).await?)
    }

    async fn read(&self, container: &str, name: &str, etag: &str, range: Range<u64>) -> Result<Content, OriginError> {
        let length = range.end.saturating_sub(range.start);
        let mut question = Question::get(blob(container, name)?, String::new());
        let quoted = HeaderValue::try_from(format!("\"{etag}\"")).map_err(|_| away("no header can have its ETag"))?;
        question.headers.insert(IF_MATCH, quoted);
        // Of nothing there is no range.
        if length > 0 {
            let bytes = HeaderValue::try_from(format!("bytes={}-{}", range.start, range.end - 1));
            question.headers.insert(RANGE, bytes.map_err(|_| away("no header can have that range"))?);
        }
        let answer = self.way.open(&question).await?;
        let found = etag_of(&answer);
        if found != Some(etag) {
            return Err(OriginError::Changed);
        }
        if length == 0 {
            return Ok(stream::empty().boxed());
        }
        let said = answer.headers().get(CONTENT_RANGE).and_then(|said| said.to_str().ok()).unwrap_or_default();
        let is_range = match answer.status() {
            StatusCode::PARTIAL_CONTENT => said.starts_with(&format!("bytes {}-{}/", range.start, range.end - 1)),
            // All of it, where it was asked for, may come without mention of a range.
            _ => range.start == 0,
        };
        if !is_range || answer.content_length().is_some_and(|found| found != length) {
            return Err(away("it answers with another range than was asked for"));
        }
        Ok(content(answer, length))
    }

    async fn put(&self, container: &str, name: &str, bytes: Bytes) -> Result<String, OriginError> {
        let get = Question::get(blob(container, name)?, String::new());
        let mut question = Question { method: Method::PUT, body: bytes, ..get };
        question.headers.insert(BLOB_TYPE, HeaderValue::from_static("BlockBlob"));
        let answer = self.way.open(&question).await?;
        etag_of(&answer).map(str::to_owned).ok_or_else(|| away("it answers a write without an ETag"))
    }

    async fn delete(&self, container: &str, name: &str) -> Result<(), OriginError> {
        let get = Question::get(blob(container, name)?, String::new());
        match self.way.open(&Question { method: Method::DELETE, ..get }).await.map_err(OriginError::from) {
            // Perhaps by a request whose answer was lost.
            Ok(_) | Err(OriginError::Missing) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn may_tell(&self) -> bool {
        true
    }
}

fn etag_of(answer: &Response) -> Option<&str> {
    answer.headers().get(ETAG).and_then(|found| found.to_str().ok()).map(|found| found.trim_matches('"'))
}

/// Exactly so many bytes, or an error at their end.
fn content(answer: Response, length: u64) -> Content {
    let parts = stream::unfold(Some((answer, length)), |state| async move {
        let (mut answer, left) = state?;
        let failed = |why: &str| Some((Err(away(why)), None));
        match answer.chunk().await {
            Ok(Some(bytes)) => match left.checked_sub(bytes.len() as u64) {
                Some(left) => Some((Ok(bytes), Some((answer, left)))),
                None => failed("it sends more than was asked for"),
            },
            Ok(None) if left == 0 => None,
            Ok(None) => failed("it broke off"),
            Err(error) => Some((Err(way::broke(&error).into()), None)),
        }
    });
    parts.boxed()
}

/// The path of a blob. A URL's `.` and `..` lead elsewhere, unless nothing shows that they are folders.
fn blob(container: &str, name: &str) -> Result<String, OriginError> {
    let leads_elsewhere = |name: &str| name.split('/').any(|part| part == "." || part == "..");
    let name = match leads_elsewhere(name) {
        true if name.contains('/') => utf8_percent_encode(name, IN_NAMES),
        true => return Err(away("no URL has its name")),
        false => utf8_percent_encode(name, IN_PATHS),
    };
    Ok(format!("{}/{name}", in_path(container).map_err(OriginError::Away)?))
}

/// Err: what is wrong.
fn in_path(container: &str) -> Result<String, String> {
    match container {
        "" | "." | ".." => Err("no URL has the container's name".to_owned()),
        _ => Ok(format!("/{}", utf8_percent_encode(container, IN_NAMES))),
    }
}

fn in_query(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

fn no_list(of: &str, why: &str) -> OriginError {
    away(&format!("its answer is no list of {of}: {why}"))
}

fn away(why: &str) -> OriginError {
    OriginError::Away(why.to_owned())
}

#[cfg(test)]
mod tests;
