//! Places elsewhere that a URL names, what authorises there, and what of it may be shown.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use url::Url;

/// Which kind of place a URL names.
#[derive(Debug, PartialEq, Eq)]
pub enum Named {
    Folder(PathBuf),
    S3 { bucket: String, prefix: String },
    Azure(Azure),
}

#[derive(Debug, PartialEq, Eq)]
pub struct Azure {
    /// With the account in its path; absent on Azure itself.
    pub endpoint: Option<String>,
    pub account: Option<String>,
    pub container: Option<String>,
    /// As it stands in the URL, after the container and a slash.
    pub prefix: String,
}

/// An account on Azure, or on what speaks its protocol, and what authorises there.
#[derive(Debug)]
pub struct Account {
    pub name: String,
    pub endpoint: Option<String>,
    pub authority: Authority,
}

pub enum Authority {
    Key(String),
    Sas(String),
    Nothing,
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Authority::Key(_) => "Key(redacted)",
            Authority::Sas(_) => "Sas(redacted)",
            Authority::Nothing => "Nothing",
        })
    }
}

/// Err: what is wrong with it.
pub fn name(url: &Url) -> Result<Named, String> {
    let path = percent_encoding::percent_decode_str(url.path()).decode_utf8().map_err(|error| error.to_string())?;
    let path = path.strip_prefix('/').unwrap_or(&path);
    let host = url.host_str().unwrap_or_default().to_owned();
    match url.scheme() {
        "file" => Ok(Named::Folder(url.to_file_path().map_err(|()| "it is no path of this machine".to_owned())?)),
        "s3" => Ok(Named::S3 { bucket: host, prefix: path.to_owned() }),
        "azure" => {
            Ok(Named::Azure(Azure { endpoint: None, account: None, container: Some(host), prefix: path.to_owned() }))
        }
        "http" | "https" => {
            let by_path = host == "localhost" || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
            let origin = url.origin().ascii_serialization();
            let (endpoint, account, rest) = if by_path {
                let (account, rest) = path.split_once('/').unwrap_or((path, ""));
                if account.is_empty() {
                    return Err("after the host comes an account".to_owned());
                }
                (Some(format!("{origin}/{account}")), account.to_owned(), rest)
            } else {
                let account = host.split('.').next().unwrap_or_default().to_owned();
                let is_azure = host.ends_with(".blob.core.windows.net");
                ((!is_azure).then_some(origin), account, path)
            };
            let (container, prefix) = rest.split_once('/').unwrap_or((rest, ""));
            let container = (!container.is_empty()).then(|| container.to_owned());
            if container.is_none() && !prefix.is_empty() {
                return Err("the container's name is empty".to_owned());
            }
            Ok(Named::Azure(Azure { endpoint, account: Some(account), container, prefix: prefix.to_owned() }))
        }
        other => Err(format!("{other} is not one of http, https, azure, s3, file")),
    }
}

impl Azure {
    /// `sas` is what stood in the URL; `secret` is an account key, a SAS or a connection string. Err: what is wrong.
    pub fn account(&self, sas: Option<String>, secret: Option<&str>) -> Result<Account, String> {
        let parts = connection_string(secret.unwrap_or_default());
        let part =
            |name: &str| parts.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, text)| text.clone());
        let name = self.account.clone().or_else(|| part("AccountName")).ok_or("it names no account")?;
        let endpoint = self.endpoint.clone().or_else(|| part("BlobEndpoint"));
        let endpoint = endpoint.map(|endpoint| endpoint.trim_end_matches('/').to_owned());
        let bare = secret.filter(|_| parts.is_empty());
        let sas = sas.or_else(|| part("SharedAccessSignature"));
        let sas = sas.or_else(|| bare.filter(|text| text.contains("sig=")).map(str::to_owned));
        let authority = match (sas, part("AccountKey").or_else(|| bare.map(str::to_owned))) {
            (Some(sas), _) => Authority::Sas(sas.trim_start_matches('?').to_owned()),
            (None, Some(key)) => Authority::Key(key),
            (None, None) => Authority::Nothing,
        };
        Ok(Account { name, endpoint, authority })
    }
}

/// `Name=value;…`, of which the values may hold more equals signs. Empty for what is none.
fn connection_string(text: &str) -> Vec<(String, String)> {
    let pairs = text.split(';').filter_map(|part| part.split_once('='));
    let pairs: Vec<_> = pairs.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())).collect();
    let known = ["AccountName", "AccountKey", "BlobEndpoint", "SharedAccessSignature"];
    let is_one = pairs.iter().any(|(name, _)| known.iter().any(|known| known.eq_ignore_ascii_case(name)));
    if is_one { pairs } else { Vec::new() }
}

/// Without user, query and fragment.
pub fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(text: &str) -> Result<Named, String> {
        name(&Url::parse(text).expect("a URL"))
    }

    fn azure(endpoint: Option<&str>, account: Option<&str>, container: Option<&str>, prefix: &str) -> Named {
        let own = |text: &str| text.to_owned();
        Named::Azure(Azure {
            endpoint: endpoint.map(own),
            account: account.map(own),
            container: container.map(own),
            prefix: prefix.into(),
        })
    }

    #[test]
    fn urls_name_places() {
        let (here, acct, r#box) = (Some("http://127.0.0.1:9/acct"), Some("acct"), Some("box"));
        let cases = [
            ("http://127.0.0.1:9/acct", azure(here, acct, None, "")),
            ("http://127.0.0.1:9/acct/", azure(here, acct, None, "")),
            ("http://127.0.0.1:9/acct/box", azure(here, acct, r#box, "")),
            ("http://127.0.0.1:9/acct/box/a/b", azure(here, acct, r#box, "a/b")),
            ("http://localhost:9/acct/box/%25%20a//", azure(Some("http://localhost:9/acct"), acct, r#box, "% a//")),
            ("https://acct.blob.core.windows.net/", azure(None, acct, None, "")),
            ("https://acct.blob.core.windows.net/box/a?sv=1&sig=x", azure(None, acct, r#box, "a")),
            ("https://acct.blob.example/box/a/", azure(Some("https://acct.blob.example"), acct, r#box, "a/")),
            ("azure://box/a", azure(None, None, r#box, "a")),
            ("s3://bucket/a/b", Named::S3 { bucket: "bucket".into(), prefix: "a/b".into() }),
            ("file:///tmp/cold", Named::Folder("/tmp/cold".into())),
        ];
        for (text, expected) in cases {
            assert_eq!(named(text), Ok(expected), "{text}");
        }
        for text in [
            "http://127.0.0.1:9/",
            "http://127.0.0.1:9//box",
            "http://127.0.0.1:9/acct//a",
            "ftp://x/y",
            "https://acct.example/%FF",
        ] {
            assert!(named(text).is_err(), "{text}");
        }
    }

    #[test]
    fn connection_strings_are_told_from_keys() {
        assert!(connection_string("c2VjcmV0IQ==").is_empty());
        assert!(connection_string("sv=1&sig=a%3D").is_empty());
        let parts = connection_string("AccountName=a;AccountKey=c2VjcmV0IQ==;BlobEndpoint=http://127.0.0.1:1/a;");
        assert_eq!(parts[1], ("AccountKey".to_owned(), "c2VjcmV0IQ==".to_owned()));
    }
}
