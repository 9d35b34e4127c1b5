//! Blob Batch: many deletions or changes of tier in one request, each authenticated as if it had come alone.

use crate::call::Call;
use crate::content::Content;
use crate::error::{Code, Error};
use crate::head::Head;
use crate::headers::VERSION;
use crate::reply::{self, Reply};
use crate::target::{Scope, Style};
use crate::time;
use bytes::Bytes;
use futures::StreamExt as _;
use http::{HeaderValue, StatusCode, header};

const CLIENT_REQUEST_ID: &str = "x-ms-client-request-id";

/// Azure's limits.
const REQUESTS_MAX: usize = 256;
const DOCUMENT_BYTES_MAX: usize = 4 * 1024 * 1024;
const HEADERS_MAX: usize = 64;
/// Requests of one batch under way at once: enough that they share the store's commits.
const AT_ONCE: usize = 32;

pub async fn run(call: &mut Call) -> Result<Reply, Error> {
    scope_fits(&call.head)?;
    let boundary = boundary(call.head.filled("content-type").unwrap_or_default())?;
    call.body.length()?;
    let document = call.body.document(DOCUMENT_BYTES_MAX).await?;
    let parts = split(&document, &boundary)?;
    let parts: Vec<_> = parts.into_iter().enumerate().map(|(at, part)| Asked::of(call, at, part)).collect();
    // Places are taken by the requests, one by one: a batch that held some while these wait for theirs would keep others from them.
    call.body.let_go();
    let call = &*call;
    let answers = futures::stream::iter(parts).map(|part| async move {
        let Asked { echo, head } = part;
        let outcome = match head {
            Ok(head) => perform(call, head).await,
            Err(error) => Err(error),
        };
        echo.render(outcome, call)
    });
    let answers: Vec<String> = answers.buffered(AT_ONCE).collect().await;
    let boundary = format!("batchresponse_{:016x}", call.now.0);
    let body: String = answers.into_iter().map(|answer| format!("--{boundary}\r\n{answer}\r\n")).collect();
    let content = Content::Whole(Bytes::from(format!("{body}--{boundary}--\r\n")));
    let reply = Reply::new(StatusCode::ACCEPTED);
    Ok(Reply { content, ..reply.header("content-type", &format!("multipart/mixed; boundary={boundary}")) })
}

/// The SDK for JavaScript takes the account's name in a path for a container's, and says so of a batch for the account.
fn scope_fits(head: &Head) -> Result<(), Error> {
    let of_container = head.query.get("restype").is_some_and(|restype| !restype.is_empty());
    match (head.target.scope(), head.target.style, of_container) {
        (Scope::Service, Style::Host, true) => Err(Error::new(Code::InvalidQueryParameterValue, "restype")),
        (Scope::Service | Scope::Container | Scope::Blob, Style::Host | Style::Path, _) => Ok(()),
    }
}

/// A request of the batch, read as any other is.
struct Asked {
    echo: Echo,
    head: Result<Head, Error>,
}

impl Asked {
    fn of(batch: &Call, at: usize, part: Part) -> Asked {
        let Part { content_id, mut request } = part;
        let request_id = part_id(&batch.head.request_id, at);
        let client_request_id = request.headers.get(CLIENT_REQUEST_ID).cloned();
        // The host decides between path-style and host-style; within the batch it is left away.
        if let Some(host) = batch.head.headers.get(header::HOST) {
            request.headers.insert(header::HOST, host.clone());
        }
        let head = Head::parse(request, batch.head.peer, batch.head.transport, &request_id);
        Asked { echo: Echo { content_id, request_id, client_request_id }, head }
    }
}

/// A request lies within what the batch was sent to: an account, or one container of it.
fn within(batch: &Call, head: &Head) -> Result<(), Error> {
    if head.target.account != *batch.account() {
        return Err(Error::new(Code::AuthenticationFailed, "A batch is for one account."));
    }
    match batch.head.target.container() {
        Some(container) if head.target.container() != Some(container) => {
            Err(Error::new(Code::InvalidInput, "A batch that is sent to a container is for blobs in it."))
        }
        Some(_) | None => Ok(()),
    }
}

async fn perform(batch: &Call, head: Head) -> Result<Reply, Error> {
    within(batch, &head)?;
    batch.run_part(head).await
}

/// A part's own id: the batch's, with the part's number where other requests have none.
fn part_id(batch: &str, at: usize) -> String {
    let mut groups: Vec<&str> = batch.split('-').collect();
    let number = format!("{:04x}", at + 1);
    if let Some(group) = groups.get_mut(3) {
        *group = &number;
    }
    groups.join("-")
}

/// What of a part its answer repeats.
struct Echo {
    content_id: Option<String>,
    request_id: String,
    client_request_id: Option<HeaderValue>,
}

impl Echo {
    /// One answer, as a part of the reply.
    fn render(self, outcome: Result<Reply, Error>, batch: &Call) -> String {
        let (reply, words, document) = match outcome {
            Ok(reply) => (reply, None, String::new()),
            Err(error) => {
                let row = error.code.row();
                let reply = Reply::new(row.status).header("x-ms-error-code", row.code);
                let reply = reply.header("content-type", "application/xml");
                (reply, Some(row.message), reply::document(&error, &self.request_id, &time::iso(batch.now)))
            }
        };
        let status = reply.status;
        let reply = reply.header("x-ms-request-id", &self.request_id);
        let mut headers = reply.header("x-ms-version", batch.head.text("x-ms-version").unwrap_or(VERSION)).headers;
        if let Some(id) = self.client_request_id {
            headers.insert(CLIENT_REQUEST_ID, id);
        }
        headers.insert(header::CONTENT_LENGTH, document.len().into());
        let mut text = String::from("Content-Type: application/http\r\n");
        if let Some(id) = self.content_id {
            text.push_str(&format!("Content-ID: {id}\r\n"));
        }
        let words = words.or_else(|| status.canonical_reason()).unwrap_or_default();
        text.push_str(&format!("\r\nHTTP/1.1 {} {words}\r\n", status.as_u16()));
        for (name, value) in &headers {
            text.push_str(&format!("{name}: {}\r\n", String::from_utf8_lossy(value.as_bytes())));
        }
        text.push_str("\r\n");
        text.push_str(&document);
        text
    }
}

/// A request of the batch.
struct Part {
    content_id: Option<String>,
    request: http::request::Parts,
}

fn bad(what: &str) -> Error {
    Error::new(Code::InvalidInput, what)
}

/// The words and names of a media type are the same in either case.
fn boundary(content_type: &str) -> Result<String, Error> {
    let mut words = content_type.split(';').map(str::trim);
    let mixed = words.next().is_some_and(|kind| kind.eq_ignore_ascii_case("multipart/mixed"));
    let named = |word: &str| {
        let (name, value) = word.split_once('=')?;
        name.trim().eq_ignore_ascii_case("boundary").then(|| value.trim().trim_matches('"').to_owned())
    };
    let boundary = words.find_map(named).filter(|boundary| mixed && !boundary.is_empty());
    boundary.ok_or_else(|| bad("Content-Type must be multipart/mixed with a boundary."))
}

/// Cuts the document at its boundaries and reads each part: headers of the part, then a whole request.
fn split(document: &[u8], boundary: &str) -> Result<Vec<Part>, Error> {
    let text = std::str::from_utf8(document).map_err(|_| bad("The batch is not text."))?;
    let mark = format!("--{boundary}");
    let mut sections = text.split(mark.as_str()).skip(1);
    let mut parts = Vec::new();
    for section in &mut sections {
        if section.starts_with("--") {
            return if parts.is_empty() { Err(bad("The batch is empty.")) } else { Ok(parts) };
        }
        if parts.len() == REQUESTS_MAX {
            return Err(bad("A batch holds at most 256 requests."));
        }
        parts.push(part(section)?);
    }
    Err(bad("The batch has no end."))
}

fn part(section: &str) -> Result<Part, Error> {
    let section = section.trim_start_matches(['\r', '\n']);
    let (headers, request) = section.split_once("\r\n\r\n").ok_or_else(|| bad("A part has no request."))?;
    let id_of = |line: &str| {
        let (name, value) = line.split_once(':')?;
        name.trim().eq_ignore_ascii_case("content-id").then(|| value.trim().to_owned())
    };
    let content_id = headers.lines().find_map(id_of);
    // It is told again in a header.
    if content_id.as_ref().is_some_and(|id| !id.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic())) {
        return Err(bad("A Content-ID is text."));
    }
    // A request without a header of its own ends in one line end; the parser wants the empty line too.
    Ok(Part { content_id, request: request_of(&format!("{}\r\n\r\n", request.trim_end()))? })
}

fn request_of(text: &str) -> Result<http::request::Parts, Error> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut parsed = httparse::Request::new(&mut headers);
    let length = parsed.parse(text.as_bytes()).ok().and_then(|status| match status {
        httparse::Status::Complete(length) => Some(length),
        httparse::Status::Partial => None,
    });
    let (Some(method), Some(path), Some(length)) = (parsed.method, parsed.path, length) else {
        return Err(bad("A part is not a request."));
    };
    if !text[length..].trim().is_empty() {
        return Err(bad("A part has a body: neither of the operations takes one."));
    }
    let mut request = http::Request::builder().method(method).uri(path);
    for header in parsed.headers.iter() {
        request = request.header(header.name, header.value);
    }
    let (parts, ()) = request.body(()).map_err(|_| bad("A part is not a request."))?.into_parts();
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "--b\r\nContent-Type: application/http\r\nContent-ID: 7\r\n\r\nDELETE /acct/photos/a%20b?x=1 HTTP/1.1\r\nx-ms-date: D\r\n\r\n";

    #[test]
    fn a_batch_is_cut_into_its_requests() {
        let bare = "--b\r\nContent-Type: application/http\r\n\r\nDELETE /acct/photos/c HTTP/1.1\r\n";
        let parts = split(format!("{ONE}\r\n{bare}--b--\r\n").as_bytes(), "b").expect("a good batch");
        assert_eq!(parts.len(), 2);
        assert_eq!((parts[0].content_id.as_deref(), parts[1].content_id.as_deref()), (Some("7"), None));
        assert_eq!(parts[0].request.uri.path_and_query().map(|path| path.as_str()), Some("/acct/photos/a%20b?x=1"));
        assert_eq!(parts[0].request.headers["x-ms-date"], "D");
    }

    #[test]
    fn a_part_has_an_id_of_its_own() {
        assert_eq!(part_id("01234567-89ab-cdef-0000-000000000007", 0), "01234567-89ab-cdef-0001-000000000007");
        assert_eq!(part_id("01234567-89ab-cdef-0000-000000000007", 255), "01234567-89ab-cdef-0100-000000000007");
    }

    #[test]
    fn bad_batches_are_refused() {
        let many = format!("{}--b--", ONE.repeat(257));
        for bad in ["", "--b--", ONE, "--b\r\n\r\n--b--", "--b\r\nA: b\r\n\r\nnot a request\r\n--b--", &many] {
            assert_eq!(split(bad.as_bytes(), "b").err().map(|error| error.code), Some(Code::InvalidInput), "{bad:.80}");
        }
        for bad in [
            "A: b\r\n\r\nDELETE /acct/photos/c HTTP/1.1\r\n\r\nbody",
            "Content-ID: 1\rX: y\r\n\r\nDELETE /acct/photos/c HTTP/1.1",
        ] {
            assert!(split(format!("--b\r\n{bad}\r\n--b--").as_bytes(), "b").is_err(), "{bad}");
        }
        assert!(boundary("application/json").is_err() && boundary("application/json; boundary=b").is_err());
        assert_eq!(boundary("Multipart/Mixed; charset=utf-8; Boundary=b").as_deref(), Ok("b"));
        assert_eq!(boundary("multipart/mixed; boundary=\"x y\"").as_deref(), Ok("x y"));
    }
}
