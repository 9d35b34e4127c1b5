//! A request's head as the rest of the gateway sees it: parsed and typed once, at the edge.

use crate::error::{Code, Error};
use crate::query::Query;
use crate::target::Target;
use http::{HeaderMap, HeaderName, Method, header, request};
use std::net::IpAddr;

/// Headers of one request together; a SAS, 8 KiB of metadata and a 1,024-character name encoded fit several times.
const HEADER_BYTES_MAX: usize = 64 * 1024;

/// Headers that are not printed, whoever prints them all.
static SECRETS: [HeaderName; 4] = [
    header::AUTHORIZATION,
    HeaderName::from_static("x-ms-copy-source-authorization"),
    HeaderName::from_static("x-ms-encryption-key"),
    HeaderName::from_static("x-ms-source-encryption-key"),
];

/// Everything of a request but its body.
#[derive(Debug)]
pub struct Head {
    pub method: Method,
    pub headers: HeaderMap,
    pub target: Target,
    pub query: Query,
    pub peer: IpAddr,
    pub transport: Transport,
    /// As `x-ms-request-id` tells it to the caller.
    pub request_id: String,
    /// The names of the metadata headers as they were sent, where that is known.
    pub spelt: Vec<String>,
}

/// How the request came; a SAS may ask for TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    Plain,
    Tls,
}

impl Head {
    pub fn parse(parts: request::Parts, peer: IpAddr, transport: Transport, request_id: &str) -> Result<Head, Error> {
        let request_id = request_id.to_owned();
        let header_bytes = parts.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum::<usize>();
        if header_bytes > HEADER_BYTES_MAX {
            let why =
                format!("The headers are {header_bytes} bytes together, and {HEADER_BYTES_MAX} at most are taken.");
            return Err(Error::new(Code::InvalidHeaderValue, why));
        }
        if parts.headers.get_all(header::HOST).iter().nth(1).is_some() {
            return Err(Error::new(Code::InvalidHeaderValue, "Host: there are two."));
        }
        let host = match parts.uri.authority() {
            Some(authority) => authority.as_str().to_owned(),
            None => {
                let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
                host.ok_or_else(|| Error::new(Code::MissingRequiredHeader, "Host"))?.to_owned()
            }
        };
        let target = Target::parse(&host, parts.uri.path())?;
        let query = Query::parse(parts.uri.query().unwrap_or(""))?;
        let (method, mut headers) = (parts.method, parts.headers);
        for (_, value) in headers.iter_mut().filter(|(name, _)| SECRETS.contains(name)) {
            value.set_sensitive(true);
        }
        Ok(Head { method, headers, target, query, peer, transport, request_id, spelt: Vec::new() })
    }

    /// A header's text; absent where it is not text.
    pub fn text(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.headers.get(name)?.as_bytes()).ok().map(str::trim)
    }

    /// As `text`, with an empty value taken for an absent one.
    pub fn filled(&self, name: &str) -> Option<&str> {
        self.text(name).filter(|value| !value.is_empty())
    }

    /// The base URL under which the client reached the account.
    pub fn endpoint(&self) -> String {
        let scheme = match self.transport {
            Transport::Plain => "http",
            Transport::Tls => "https",
        };
        let host = self.text(header::HOST.as_str()).unwrap_or("localhost");
        match self.target.style {
            crate::target::Style::Host => format!("{scheme}://{host}/"),
            crate::target::Style::Path => format!("{scheme}://{host}/{}/", self.target.account),
        }
    }
}
