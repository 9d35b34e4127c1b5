//! A reply being built by an operation. The headers that every reply has are added in `dispatch`.

use crate::content::{BrokenOff, Content};
use crate::error::Error;
use crate::{time, xml};
use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use greenroom_store::{ETag, Timestamp};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    /// What the status line says instead of the status's usual words: AzCopy shows its user that and nothing of the document.
    pub reason: Option<&'static str>,
    pub headers: HeaderMap,
    /// Names of headers that are not written in lower case.
    pub spelt: Vec<String>,
    pub content: Content,
}

impl Reply {
    pub fn new(status: StatusCode) -> Self {
        Self { status, reason: None, headers: HeaderMap::new(), spelt: Vec::new(), content: Content::Empty }
    }

    /// `200` with an XML document.
    pub fn xml(document: String) -> Self {
        let reply = Self::new(StatusCode::OK).header("content-type", "application/xml");
        Self { content: Content::Whole(Bytes::from(document)), ..reply }
    }

    /// `200` with an XML document that is made while it is sent: no more of it is held than one part.
    pub fn xml_in_parts(parts: impl Stream<Item = Result<String, Error>> + Send + 'static) -> Self {
        let reply = Self::new(StatusCode::OK).header("content-type", "application/xml");
        let parts = parts.map(|part| {
            part.map(Bytes::from).map_err(|error| {
                tracing::error!(%error, "a list could not be read to its end");
                BrokenOff
            })
        });
        Self { content: Content::Parts(Some(Box::pin(parts))), ..reply }
    }

    /// Sets a header. A stored value that HTTP cannot carry is left out: it came in as a header, so there is none.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        match (HeaderName::try_from(name), HeaderValue::from_bytes(value.as_bytes())) {
            (Ok(name), Ok(value)) => _ = self.headers.insert(name, value),
            _ => tracing::warn!(name, "a header cannot be sent"),
        }
        self
    }

    /// As `header`, with the name written as it is given.
    pub fn spelt(mut self, name: String, value: &str) -> Self {
        self = self.header(&name, value);
        if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            self.spelt.push(name);
        }
        self
    }

    pub fn header_if(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.header(name, value),
            None => self,
        }
    }

    /// `ETag` and `Last-Modified`.
    pub fn version(self, etag: &ETag, modified: Timestamp) -> Self {
        self.header(header::ETAG.as_str(), &format!("\"{etag}\"")).header("last-modified", &time::http(modified))
    }
}

/// An error as Azure's document of it.
pub fn document(error: &Error, request_id: &str, time: &str) -> String {
    let row = error.code.row();
    let mut doc = xml::Document::new();
    doc.open("Error");
    doc.text("Code", row.code);
    let detail = error.detail.as_deref().map(|detail| format!(" {detail}")).unwrap_or_default();
    doc.text("Message", &format!("{}{detail}\nRequestId:{request_id}\nTime:{time}", row.message));
    doc.close("Error");
    doc.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;

    #[test]
    fn a_document_names_code_message_and_request() {
        let document = document(&Error::new(Code::InvalidTags, "\"<a>\""), "id-1", "now");
        assert!(
            document.starts_with("<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>InvalidTags</Code><Message>")
        );
        assert!(document.contains("&quot;&lt;a&gt;&quot;\nRequestId:id-1\nTime:now</Message></Error>"), "{document}");
    }
}
