//! Blob Batch: many deletions or changes of tier in one request, each authenticated as if it had come alone.

use crate::body::{BodyIn, Content};
use crate::call::Call;
use crate::error::{Code, Error};
use crate::reply::Reply;
use crate::request::{Head, Request};
use crate::route::{self, Action, FromUrl};
use crate::time;
use bytes::Bytes;
use futures::StreamExt as _;
use http::{StatusCode, header};

/// Azure's limits.
const REQUESTS_MAX: usize = 256;
const DOCUMENT_BYTES_MAX: usize = 4 * 1024 * 1024;
const HEADERS_MAX: usize = 64;
/// What a batch may hold.
const OFFERED: [&str; 2] = ["Delete Blob", "Set Blob Tier"];
/// Requests of one batch under way at once: enough that they share the store's commits.
const AT_ONCE: usize = 32;

pub async fn run(call: &mut Call) -> Result<Reply, Error> {
    let boundary = boundary(call.head.filled("content-type").unwrap_or_default())?;
    call.body.length()?;
    let document = call.body.document(DOCUMENT_BYTES_MAX).await?;
    let parts = split(&document, &boundary)?;
    let call = &*call;
    let answers = futures::stream::iter(parts).map(|part| async move {
        let outcome = perform(call, part.request).await;
        render(part.content_id.as_deref(), outcome, call)
    });
    let answers: Vec<String> = answers.buffered(AT_ONCE).collect().await;
    let boundary = format!("batchresponse_{:016x}", call.now.0);
    let body: String = answers.into_iter().map(|answer| format!("--{boundary}\r\n{answer}\r\n")).collect();
    let content = Content::Whole(Bytes::from(format!("{body}--{boundary}--\r\n")));
    let reply = Reply::new(StatusCode::ACCEPTED);
    Ok(Reply { content, ..reply.header("content-type", &format!("multipart/mixed; boundary={boundary}")) })
}

/// Runs one request of the batch. It brings its own credential, for the account that the batch was sent to.
async fn perform(batch: &Call, mut request: http::request::Parts) -> Result<Reply, Error> {
    // The host decides between path-style and host-style; within the batch it is left away.
    if let Some(host) = batch.head.headers.get(header::HOST) {
        request.headers.insert(header::HOST, host.clone());
    }
    let head = Head::parse(request, batch.head.peer, batch.head.transport, &batch.head.request_id)?;
    if head.target.account != *batch.account() {
        return Err(Error::new(Code::AuthenticationFailed, "A batch is for one account."));
    }
    let row = route::find(&head.method, head.target.scope(), &head.query, FromUrl::No)?;
    let run = match row.action {
        Action::Run(run) if OFFERED.contains(&row.operation) => run,
        Action::Run(_) | Action::Refuse(_) => {
            return Err(Error::new(Code::OperationNotSupported, format!("({} in a batch)", row.operation)));
        }
    };
    crate::asks::fit(row, &head)?;
    let request = Request { head, body: BodyIn::empty() };
    let admitted = batch.authority.admit(request, &row.permit, batch.now).await;
    let request = admitted.map_err(|turned_away| turned_away.error)?;
    run(&mut Call::new(request, batch.authority.clone(), batch.sources.clone(), batch.now)).await
}

/// One answer, as a part of the reply.
fn render(content_id: Option<&str>, outcome: Result<Reply, Error>, call: &Call) -> String {
    let mut text = String::from("Content-Type: application/http\r\n");
    if let Some(id) = content_id {
        text.push_str(&format!("Content-ID: {id}\r\n"));
    }
    match outcome {
        Ok(reply) => {
            text.push_str(&format!("\r\nHTTP/1.1 {}\r\n", reply.status));
            for (name, value) in &reply.headers {
                text.push_str(&format!("{name}: {}\r\n", String::from_utf8_lossy(value.as_bytes())));
            }
            text.push_str("\r\n");
        }
        Err(error) => {
            let row = error.code.row();
            let document = error.document(content_id.unwrap_or_default(), &time::iso(call.now));
            text.push_str(&format!("\r\nHTTP/1.1 {} {}\r\n", row.status.as_u16(), row.message));
            text.push_str(&format!("x-ms-error-code: {}\r\nContent-Type: application/xml\r\n", row.code));
            text.push_str(&format!("Content-Length: {}\r\n\r\n{document}", document.len()));
        }
    }
    text
}

/// A request of the batch.
struct Part {
    content_id: Option<String>,
    request: http::request::Parts,
}

fn bad(what: &str) -> Error {
    Error::new(Code::InvalidInput, what)
}

fn boundary(content_type: &str) -> Result<String, Error> {
    let boundary = content_type.strip_prefix("multipart/mixed;").and_then(|rest| rest.trim().strip_prefix("boundary="));
    let boundary = boundary.map(|text| text.trim_matches('"')).filter(|text| !text.is_empty());
    Ok(boundary.ok_or_else(|| bad("Content-Type must be multipart/mixed with a boundary."))?.to_owned())
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
    // A request without a header of its own ends in one line end; the parser wants the empty line too.
    Ok(Part { content_id, request: request_of(&format!("{}\r\n\r\n", request.trim_end()))? })
}

fn request_of(text: &str) -> Result<http::request::Parts, Error> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut parsed = httparse::Request::new(&mut headers);
    let complete = parsed.parse(text.as_bytes()).is_ok_and(|status| status.is_complete());
    let (Some(method), Some(path), true) = (parsed.method, parsed.path, complete) else {
        return Err(bad("A part is not a request."));
    };
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
    fn bad_batches_are_refused() {
        let many = format!("{}--b--", ONE.repeat(257));
        for bad in ["", "--b--", ONE, "--b\r\n\r\n--b--", "--b\r\nA: b\r\n\r\nnot a request\r\n--b--", &many] {
            assert_eq!(split(bad.as_bytes(), "b").err().map(|error| error.code), Some(Code::InvalidInput), "{bad:.80}");
        }
        assert!(boundary("application/json").is_err());
        assert_eq!(boundary("multipart/mixed; boundary=\"x y\"").as_deref(), Ok("x y"));
    }
}
