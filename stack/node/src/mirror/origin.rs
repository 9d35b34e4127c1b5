//! Origins: a URL and a secret, made into what a mirror asks. The secret stays in here.
//!
//! A folder of this machine, and a bucket where the environment leads to one, are the operator's: whoever lets others attach mirrors lets them name
//! accounts only.

mod azure;
mod bucket;
#[cfg(unix)]
mod folder;
#[cfg(not(unix))]
#[path = "origin/no_folder.rs"]
mod folder;

use crate::place::{self, Account, Named};
use azure::Azure;
use bucket::{Bucket, Where};
use folder::Folder;
use greenroom_gateway::source::Sources;
use greenroom_mirror::Origin;
use std::sync::Arc;
use url::Url;

/// An origin, and what of it is mirrored.
#[derive(Debug)]
pub struct Opened {
    pub origin: Arc<dyn Origin>,
    pub scope: Scope,
    /// Its URL, for people: without what authorises.
    pub shown: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// Absent: all containers of an account.
    pub container: Option<String>,
    /// What names begin with; it may end within a part of a name. Empty of an account.
    pub prefix: String,
}

/// Asks nothing of it yet: whether it is there is found out by the first list. `secret` is an account key, a SAS, a connection string, or for a
/// bucket `ID:SECRET`.
/// Err: what is wrong and what to do, as a sentence without what authorises.
pub fn open(text: &str, secret: Option<&str>, sources: &Sources) -> Result<Opened, String> {
    let url = Url::parse(text).map_err(|error| {
        format!("the origin is no URL ({error}): give one such as https://ACCOUNT.blob.core.windows.net/CONTAINER")
    })?;
    let shown = place::shown(&url);
    let bad = |why: String| format!("the origin {shown} cannot be opened: {why}");
    is_bare(&url).map_err(|why| bad(why.to_owned()))?;
    let secret = secret.map(str::trim).filter(|secret| !secret.is_empty());
    let (origin, scope) = match place::name(&url).map_err(&bad)? {
        Named::Azure(_) if url.scheme() == "azure" => {
            return Err(bad("give https://ACCOUNT.blob.core.windows.net/CONTAINER in its place".to_owned()));
        }
        Named::Azure(named) => {
            // What the URL says is shown, so it counts, whatever a connection string says.
            let account = Account { endpoint: named.endpoint.clone(), ..named.account(None, secret).map_err(&bad)? };
            let azure = Azure::new(account, sources).map_err(&bad)?;
            (Arc::new(azure) as Arc<dyn Origin>, Scope { container: named.container, prefix: named.prefix })
        }
        Named::S3 { bucket, prefix } => {
            let opened = Bucket::new(&bucket, Where::of_environment(), secret, sources).map_err(&bad)?;
            (Arc::new(opened) as Arc<dyn Origin>, Scope { container: Some(bucket), prefix })
        }
        Named::Folder(path) => {
            let folder = Folder::new(&path).map_err(&bad)?;
            let scope = Scope { container: Some(folder.name().to_owned()), prefix: String::new() };
            (Arc::new(folder) as Arc<dyn Origin>, scope)
        }
    };
    Ok(Opened { origin, scope, shown })
}

/// Whether it can be shown and logged as it is.
fn is_bare(url: &Url) -> Result<(), &'static str> {
    if !url.username().is_empty() || url.password().is_some() {
        return Err("its URL has a user or a password in it: give it without, and what authorises as the secret");
    }
    match url.query() {
        Some(query) if query.contains("sig=") => {
            Err("its URL has a SAS in it: give what comes after the question mark as the secret, and the URL without")
        }
        Some(_) => Err("its URL has a query: give it without, a question mark in a name as %3F"),
        None if url.fragment().is_some() => Err("its URL has a fragment: give it without, a # in a name as %23"),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls;
    use std::net::SocketAddr;

    const KEY: &str = "c2VjcmV0";

    fn sources(allowed: &[&str]) -> Sources {
        let own = SocketAddr::from(([127, 0, 0, 1], 10_000));
        let allowed = allowed.iter().map(|entry| entry.parse().expect("HOST:PORT")).collect();
        Sources::new(own, allowed, tls::trust(None).expect("a trust"))
    }

    #[test]
    fn urls_name_what_is_mirrored() {
        let dir = tempfile::tempdir().expect("a folder");
        let folder = dir.path().file_name().and_then(|name| name.to_str()).expect("a name");
        let file = format!("file://{}", dir.path().display());
        for (text, container, prefix) in [
            ("https://lake.blob.core.windows.net", None, ""),
            ("https://lake.blob.core.windows.net/raw", Some("raw"), ""),
            ("https://lake.blob.core.windows.net/raw/2026/a%20b/", Some("raw"), "2026/a b/"),
            ("http://127.0.0.1:81/lake", None, ""),
            ("http://127.0.0.1:81/lake/raw/a", Some("raw"), "a"),
            ("s3://bucket.of-mine/a/", Some("bucket.of-mine"), "a/"),
            (&file, Some(folder), ""),
        ] {
            let opened = open(text, None, &sources(&["127.0.0.1:81"])).unwrap_or_else(|why| panic!("{text}: {why}"));
            let expected = Scope { container: container.map(str::to_owned), prefix: prefix.to_owned() };
            assert_eq!(opened.scope, expected, "{text}");
            assert_eq!(opened.shown.trim_end_matches('/'), text.trim_end_matches('/'));
            assert_eq!(opened.origin.may_tell(), text.starts_with("http"), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_without_what_authorises() {
        let account = "https://lake.blob.core.windows.net/raw";
        for (text, secret, says) in [
            ("", None, "no URL"),
            ("lake/raw", None, "no URL"),
            ("ftp://x/hidden", None, "ftp is not one of"),
            ("azure://raw", None, "ACCOUNT.blob.core.windows.net"),
            ("https://lake.blob.core.windows.net/raw?sv=1&sig=hidden", None, "as the secret"),
            ("https://lake.blob.core.windows.net/raw?x=hidden", None, "%3F"),
            ("https://lake.blob.core.windows.net/raw#hidden", None, "%23"),
            ("https://user:hidden@lake.blob.core.windows.net/raw", None, "a user or a password"),
            ("https://lake.blob.core.windows.net//raw", None, "container's name is empty"),
            (account, Some("hidden"), "no account key"),
            (account, Some("sv=1&sig=hid den"), "percent-encoded"),
            ("http://127.0.0.1:82/lake", None, "--copy-source-allow 127.0.0.1:82"),
            ("http://169.254.169.254/lake", None, "not public"),
            ("http://localhost:82/lake", None, "--copy-source-allow localhost:82"),
            ("s3://Bucket_of/x", None, "small letters"),
            ("s3://bucket/x", Some("hidden"), "ID:SECRET"),
            ("file:///no/such/folder", None, "cannot be opened"),
            ("file:///", None, "no name"),
        ] {
            let said = open(text, secret, &sources(&["127.0.0.1:81"])).expect_err(text);
            let authorises = |text: &str| text.contains("hidden") || text.contains("hid den");
            assert!(said.contains(says) && (!authorises(&said) || text.starts_with("ftp")), "{text}: {said}");
        }
    }

    #[test]
    fn what_authorises_is_in_no_debug_output() {
        let at = "http://127.0.0.1:81/lake";
        let string = format!("AccountName=lake;AccountKey={KEY};BlobEndpoint={at}");
        for secret in [KEY, "sv=1&sig=c2VjcmV0", &string] {
            let shown = format!("{:?}", open(at, Some(secret), &sources(&["127.0.0.1:81"])).expect("it opens"));
            assert!(!shown.contains(KEY), "{shown}");
        }
        let shown = format!("{:?}", open("s3://bucket", Some("id:c2VjcmV0"), &sources(&[])).expect("it opens"));
        assert!(!shown.contains(KEY), "{shown}");
    }
}
