//! Whether an answer is the target's. A sign-in page, a proxy and a parked address answer too, and what they say means nothing. Pure.
//! Why: `docs/design/seen-in-the-cloud.md`.

use http::header::{CONTENT_TYPE, ETAG, LOCATION};
use http::{HeaderMap, Method, StatusCode, Uri};

/// What a target speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    Azure,
    S3,
}

/// What a request asks for, as far as the answer shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    Write,
    Read,
    List,
    Remove,
    /// Something that offload does not ask for.
    Other,
}

/// Why an answer is none. Each of these may be gone when it is tried again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Doubt {
    #[error(
        "the address of the target sends elsewhere ({status}, to {to}), which is not followed: something between here and the target answers \
         in its place (a sign-in page?), or the address is not the target's"
    )]
    Elsewhere { status: u16, to: String },
    #[error(
        "something between here and the target answers in its place (a sign-in page?): it answered {status}, {why}"
    )]
    NotTheTarget { status: u16, why: &'static str },
    #[error("the target has no such container or bucket: it answers {0}")]
    NoContainer(String),
}

impl Asked {
    pub fn of(protocol: Protocol, method: &Method, uri: &Uri) -> Self {
        let query = uri.query().unwrap_or_default();
        let has = |pair: &str| query.split('&').any(|found| found == pair);
        let is_list = match protocol {
            Protocol::Azure => has("comp=list"),
            Protocol::S3 => has("list-type=2"),
        };
        let removes_many = match protocol {
            Protocol::Azure => has("comp=batch"),
            Protocol::S3 => has("delete") || has("delete="),
        };
        match *method {
            Method::GET if is_list => Asked::List,
            Method::GET | Method::HEAD => Asked::Read,
            // A block, a block list or a part has an answer of its own.
            Method::PUT if query.contains("comp=") || query.contains("partNumber=") => Asked::Other,
            Method::PUT => Asked::Write,
            Method::DELETE => Asked::Remove,
            Method::POST if removes_many => Asked::Remove,
            _ => Asked::Other,
        }
    }
}

/// Err: it is no answer. `sent` is the id that the request had, which Azure repeats.
pub fn judge(
    protocol: Protocol,
    asked: Asked,
    sent: Option<&str>,
    status: StatusCode,
    headers: &HeaderMap,
) -> Result<(), Doubt> {
    let doubt = |why| Err(Doubt::NotTheTarget { status: status.as_u16(), why });
    if status.is_redirection() {
        let to = text(headers, LOCATION.as_str()).and_then(|to| to.parse::<Uri>().ok());
        let to = to.as_ref().and_then(Uri::authority).map_or("nowhere", |authority| authority.host());
        return Err(Doubt::Elsewhere { status: status.as_u16(), to: to.to_owned() });
    }
    // Azurite's errors name no version; what they must have instead is looked at below.
    let (mark, more) = match protocol {
        Protocol::Azure => ("x-ms-request-id", status.is_success().then_some("x-ms-version")),
        Protocol::S3 => ("x-amz-request-id", None),
    };
    if !headers.contains_key(mark) || more.is_some_and(|more| !headers.contains_key(more)) {
        return doubt("without what the target marks its answers by");
    }
    let repeated = text(headers, "x-ms-client-request-id");
    if sent.is_some() && repeated.is_some() && repeated != sent {
        return doubt("as the answer to another request");
    }
    if status.is_success() {
        judge_success(protocol, asked, status, headers)
    } else {
        judge_error(protocol, status, headers)
    }
}

fn judge_success(protocol: Protocol, asked: Asked, status: StatusCode, headers: &HeaderMap) -> Result<(), Doubt> {
    let doubt = |why| Err(Doubt::NotTheTarget { status: status.as_u16(), why });
    let expected: &[u16] = match (protocol, asked) {
        (Protocol::Azure, Asked::Write) => &[201],
        (Protocol::S3, Asked::Write) | (_, Asked::List) => &[200],
        (_, Asked::Read) => &[200, 206],
        (Protocol::Azure, Asked::Remove) => &[202],
        (Protocol::S3, Asked::Remove) => &[200, 204],
        (_, Asked::Other) => &[200, 201, 202, 204],
    };
    if !expected.contains(&status.as_u16()) {
        return doubt("which is not what the target answers here");
    }
    match asked {
        Asked::Write | Asked::Read if !headers.contains_key(ETAG) => doubt("without an ETag"),
        Asked::List if !text(headers, CONTENT_TYPE.as_str()).is_some_and(|kind| kind.contains("xml")) => {
            doubt("with something that is no list")
        }
        Asked::Write | Asked::Read | Asked::List | Asked::Remove | Asked::Other => Ok(()),
    }
}

/// Only a blob that is missing is missing: where its container is, nothing is known of what lies there.
fn judge_error(protocol: Protocol, status: StatusCode, headers: &HeaderMap) -> Result<(), Doubt> {
    match (protocol, text(headers, "x-ms-error-code")) {
        (Protocol::S3, _) => Ok(()),
        (Protocol::Azure, None) => Err(Doubt::NotTheTarget {
            status: status.as_u16(),
            why: "without the code that the target gives its errors",
        }),
        (Protocol::Azure, Some(code)) if status == StatusCode::NOT_FOUND && code != "BlobNotFound" => {
            Err(Doubt::NoContainer(code.to_owned()))
        }
        (Protocol::Azure, Some(_)) => Ok(()),
    }
}

/// The body of S3's 404 to anything but HEAD.
pub fn judge_missing(body: &[u8]) -> Result<(), Doubt> {
    let body = String::from_utf8_lossy(body);
    let code = body.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>")).map(|(code, _)| code);
    match code {
        Some("NoSuchKey") => Ok(()),
        Some(code) => Err(Doubt::NoContainer(code.to_owned())),
        None => Err(Doubt::NotTheTarget { status: 404, why: "without the code that the target gives its errors" }),
    }
}

/// Whether a document is what a list, or a removal of many, is answered by: its parser would take anything else for an empty one.
pub fn judge_document(protocol: Protocol, asked: Asked, body: &[u8]) -> Result<(), Doubt> {
    let root = match (protocol, asked) {
        (Protocol::Azure, Asked::List) => "EnumerationResults",
        (Protocol::S3, Asked::List) => "ListBucketResult",
        (Protocol::S3, Asked::Remove) => "DeleteResult",
        (_, Asked::Write | Asked::Read | Asked::Remove | Asked::Other) => return Ok(()),
    };
    let body = String::from_utf8_lossy(body);
    let mut begin = body.trim_start_matches('\u{feff}').trim_start();
    if let Some((_, rest)) = begin.strip_prefix("<?xml").and_then(|rest| rest.split_once("?>")) {
        begin = rest.trim_start();
    }
    let opens = begin.strip_prefix('<').and_then(|rest| rest.strip_prefix(root));
    let opens = opens.is_some_and(|rest| rest.starts_with([' ', '>', '/', '\n', '\r', '\t']));
    let whole = begin.trim_end();
    let is_one_element = whole.ends_with("/>") && whole.matches('<').count() == 1;
    let closes = whole.ends_with(&format!("</{root}>")) || is_one_element;
    match opens && closes {
        true => Ok(()),
        false => Err(Doubt::NotTheTarget { status: 200, why: "with something that is no list, or not all of one" }),
    }
}

/// Whether a body has to be looked at before the answer counts.
pub fn is_document(protocol: Protocol, asked: Asked) -> bool {
    matches!((protocol, asked), (_, Asked::List) | (Protocol::S3, Asked::Remove))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARKS: [(&str, &str); 2] = [("x-ms-request-id", "1"), ("x-ms-version", "2023-11-03")];

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().expect("a name"), value.parse().expect("a value"))).collect()
    }

    fn azure(asked: Asked, status: u16, more: &[(&'static str, &'static str)]) -> Result<(), Doubt> {
        let status = StatusCode::from_u16(status).expect("a status");
        judge(Protocol::Azure, asked, Some("mine"), status, &headers(&[&MARKS, more].concat()))
    }

    fn s3(asked: Asked, status: u16, more: &[(&'static str, &'static str)]) -> Result<(), Doubt> {
        let status = StatusCode::from_u16(status).expect("a status");
        judge(Protocol::S3, asked, None, status, &headers(&[&[("x-amz-request-id", "1")], more].concat()))
    }

    #[test]
    fn answers_of_the_target_pass() {
        let etag = [("etag", "\"1\"")];
        let xml = [("content-type", "application/xml")];
        let missing = [("x-ms-error-code", "BlobNotFound")];
        for (asked, status, more) in [
            (Asked::Write, 201, &etag[..]),
            (Asked::Write, 201, &[("etag", "\"1\""), ("x-ms-client-request-id", "mine")]),
            (Asked::Write, 409, &[("x-ms-error-code", "BlobAlreadyExists")]),
            (Asked::Write, 400, &[("x-ms-error-code", "Md5Mismatch")]),
            (Asked::Read, 200, &etag),
            (Asked::Read, 206, &etag),
            (Asked::Read, 404, &missing),
            (Asked::Read, 503, &[("x-ms-error-code", "ServerBusy")]),
            (Asked::List, 200, &xml),
            (Asked::Remove, 202, &[]),
        ] {
            assert_eq!(azure(asked, status, more), Ok(()), "{asked:?} {status} {more:?}");
        }
        for (asked, status, more) in [
            (Asked::Write, 200, &etag[..]),
            (Asked::Read, 206, &etag),
            (Asked::Read, 404, &[]),
            (Asked::List, 200, &xml),
        ] {
            assert_eq!(s3(asked, status, more), Ok(()), "{asked:?} {status} {more:?}");
        }
    }

    #[test]
    fn what_is_no_answer_does_not_pass() {
        let etag = [("etag", "\"1\"")];
        for (asked, status, more) in [
            (Asked::Write, 200, &etag[..]),
            (Asked::Write, 201, &[]),
            (Asked::Write, 201, &[("etag", "\"1\""), ("x-ms-client-request-id", "another's")]),
            (Asked::Write, 409, &[]),
            (Asked::Read, 200, &[]),
            (Asked::Read, 204, &etag),
            (Asked::Read, 404, &[]),
            (Asked::Read, 404, &[("x-ms-error-code", "ContainerNotFound")]),
            (Asked::Read, 302, &[("location", "http://portal.example/")]),
            (Asked::Write, 307, &[]),
            (Asked::List, 200, &[("content-type", "text/html")]),
            (Asked::Remove, 200, &[]),
        ] {
            assert!(azure(asked, status, more).is_err(), "{asked:?} {status} {more:?}");
        }
        // A page has an ETag as well, but not the marks.
        let page = headers(&[("etag", "\"1\""), ("content-type", "text/html"), ("last-modified", "now")]);
        for protocol in [Protocol::Azure, Protocol::S3] {
            for asked in [Asked::Write, Asked::Read, Asked::List, Asked::Remove] {
                for status in [200, 201, 202, 403, 404, 409, 500, 502, 511] {
                    let status = StatusCode::from_u16(status).expect("a status");
                    let doubt = judge(protocol, asked, None, status, &page).expect_err("a page");
                    assert!(doubt.to_string().contains("a sign-in page?"), "{doubt}");
                }
            }
        }
    }

    #[test]
    fn a_list_is_one_from_its_first_element_to_its_last() {
        let good = [
            (
                Protocol::Azure,
                "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<EnumerationResults a=\"b\"><Blobs/></EnumerationResults>\n",
            ),
            (Protocol::Azure, "<EnumerationResults></EnumerationResults>"),
            (Protocol::S3, "<?xml version=\"1.0\"?><ListBucketResult xmlns=\"x\"><Name>b</Name></ListBucketResult>"),
            (Protocol::S3, "<ListBucketResult/>"),
        ];
        for (protocol, body) in good {
            assert_eq!(judge_document(protocol, Asked::List, body.as_bytes()), Ok(()), "{body}");
            let half = &body[..body.len() / 2];
            let cut = half.char_indices().last().map_or("", |(at, _)| &half[..at]);
            assert!(judge_document(protocol, Asked::List, cut.as_bytes()).is_err(), "{cut}");
        }
        for body in
            ["", "<html><ListBucketResult></ListBucketResult>", "<!DOCTYPE html><html></html>", "<ListBucketResults/>"]
        {
            assert!(judge_document(Protocol::S3, Asked::List, body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn only_a_key_that_is_missing_is_missing() {
        assert_eq!(judge_missing(b"<Error><Code>NoSuchKey</Code></Error>"), Ok(()));
        for body in ["<Error><Code>NoSuchBucket</Code></Error>", "<html>404</html>", ""] {
            assert!(judge_missing(body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn requests_are_told_apart() {
        let asked = |protocol, method, uri: &str| Asked::of(protocol, &method, &uri.parse().expect("a URI"));
        let azure = [
            (Method::PUT, "http://h/a/c/x", Asked::Write),
            (Method::PUT, "http://h/a/c/x?sv=1&sig=2", Asked::Write),
            (Method::PUT, "http://h/a/c/x?comp=block&blockid=1", Asked::Other),
            (Method::GET, "http://h/a/c?restype=container&comp=list", Asked::List),
            (Method::HEAD, "http://h/a/c/x", Asked::Read),
            (Method::POST, "http://h/a/c?restype=container&comp=batch", Asked::Remove),
        ];
        for (method, uri, expected) in azure {
            assert_eq!(asked(Protocol::Azure, method, uri), expected, "{uri}");
        }
        let s3 = [
            (Method::PUT, "http://b.h/x", Asked::Write),
            (Method::GET, "http://h/b?list-type=2&prefix=v1", Asked::List),
            (Method::POST, "http://h/b?delete", Asked::Remove),
            (Method::GET, "http://h/b/x", Asked::Read),
        ];
        for (method, uri, expected) in s3 {
            assert_eq!(asked(Protocol::S3, method, uri), expected, "{uri}");
        }
    }
}
