//! The URL of a copy source.

use crate::error::{Code, Error};
use crate::head::Head;
use http::Uri;

/// Azure's longest copy source.
const URL_BYTES_MAX: usize = 2 * 1024;

/// The URL of a blob, as a header names it.
#[derive(Debug)]
pub struct Url {
    pub(super) uri: Uri,
    pub(super) host: String,
}

impl Url {
    pub(super) fn of(head: &Head) -> Result<Url, Error> {
        let url = head.filled("x-ms-copy-source").and_then(Url::parse);
        url.ok_or_else(|| Error::new(Code::InvalidHeaderValue, "x-ms-copy-source"))
    }

    /// `None` for what names nothing that could be asked for.
    pub fn parse(text: &str) -> Option<Url> {
        let uri: Uri = text.parse().ok()?;
        let web = matches!(uri.scheme_str(), Some("http" | "https"));
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_ascii_lowercase();
        // A name and a password before the host would be a credential of a kind that no source takes.
        let plain = uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
        let good = web && !host.is_empty() && plain && text.len() <= URL_BYTES_MAX;
        good.then_some(Url { uri, host })
    }

    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    pub fn authority(&self) -> &str {
        self.uri.authority().map(|authority| authority.as_str()).unwrap_or_default()
    }

    pub(super) fn port(&self) -> u16 {
        let default = if self.uri.scheme_str() == Some("https") { 443 } else { 80 };
        self.uri.port_u16().unwrap_or(default)
    }

    /// Without the query, which holds the credential; a snapshot is named again.
    pub(super) fn shown(&self) -> String {
        let snapshot = self.uri.query().and_then(|query| query.split('&').find(|pair| pair.starts_with("snapshot=")));
        let authority = self.authority();
        let base = format!("{}://{authority}{}", self.uri.scheme_str().unwrap_or("http"), self.uri.path());
        snapshot.map_or(base.clone(), |snapshot| format!("{base}?{snapshot}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::IpAddr;

    fn url(text: &str) -> Result<Url, Error> {
        let request = http::Request::builder().uri("http://127.0.0.1/acct/photos/a").header("x-ms-copy-source", text);
        let (parts, ()) = request.body(()).expect("a request").into_parts();
        let head = Head::parse(parts, IpAddr::from([127, 0, 0, 1]), crate::head::Transport::Plain, "id");
        Url::of(&head.expect("a good head"))
    }

    #[test]
    fn a_source_is_shown_without_its_credential() {
        let sas = "sv=2022-11-02&sp=r&sig=secret";
        for (text, shown) in [
            (format!("http://127.0.0.1:1/acct/c/b?{sas}"), "http://127.0.0.1:1/acct/c/b"),
            (format!("https://a.blob.x/c/b?snapshot=T&{sas}"), "https://a.blob.x/c/b?snapshot=T"),
        ] {
            assert_eq!(url(&text).expect("a good source").shown(), shown);
        }
    }

    #[test]
    fn what_is_no_url_of_a_blob_is_refused() {
        let long = format!("http://h/{}", "x".repeat(URL_BYTES_MAX));
        for bad in ["", "a/b", "/acct/c/b", "ftp://h/a", "http://user:word@h/a", "file:///etc/passwd", &long] {
            assert!(url(bad).is_err(), "{bad}");
        }
    }
}
