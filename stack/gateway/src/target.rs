//! Which account, container and blob a request names: path-style (`/account/container/blob` on an IP host or `localhost`)
//! or host-style (`account.blob.<any suffix>`). The raw path is kept, for it is what a client signs.

use crate::error::{Code, Error};
use greenroom_model::{AccountName, BlobName, BlobPath, ContainerName, ContainerPath};
use percent_encoding::percent_decode_str;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    Path,
    Host,
}

/// What kind of thing is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    Service,
    Container,
    Blob,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub account: AccountName,
    pub style: Style,
    /// The path as it was sent, percent signs and all.
    pub raw_path: String,
    pub place: Place,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    Service,
    Container(ContainerPath),
    Blob(BlobPath),
}

impl Target {
    /// `host` is the authority that the client addressed, with or without a port.
    pub fn parse(host: &str, raw_path: &str) -> Result<Target, Error> {
        let path = raw_path.strip_prefix('/').ok_or(Code::InvalidUri)?;
        let (style, account, rest) = match account_of_host(host) {
            // A host name has no case, and an account no capitals.
            Some(account) => (Style::Host, account.to_ascii_lowercase(), path),
            None => {
                let (account, rest) = path.split_once('/').unwrap_or((path, ""));
                (Style::Path, decode(account)?, rest)
            }
        };
        let account = AccountName::new(account)
            .map_err(|_| Error::new(Code::InvalidUri, "It names no storage account: use /account/container/blob."))?;
        let (container, blob) = rest.split_once('/').unwrap_or((rest, ""));
        let place = if container.is_empty() {
            if !blob.is_empty() {
                return Err(Code::InvalidUri.into());
            }
            Place::Service
        } else {
            let container = ContainerPath { account: account.clone(), container: container_name(&decode(container)?)? };
            if blob.is_empty() { Place::Container(container) } else { Place::Blob(container.blob(blob_name(blob)?)) }
        };
        Ok(Target { account, style, raw_path: raw_path.to_owned(), place })
    }

    pub fn scope(&self) -> Scope {
        match self.place {
            Place::Service => Scope::Service,
            Place::Container(_) => Scope::Container,
            Place::Blob(_) => Scope::Blob,
        }
    }

    /// The container named, or the one that holds the blob named.
    pub fn container(&self) -> Option<&ContainerPath> {
        match &self.place {
            Place::Service => None,
            Place::Container(container) => Some(container),
            Place::Blob(blob) => Some(&blob.container),
        }
    }

    pub fn blob(&self) -> Option<&BlobPath> {
        match &self.place {
            Place::Blob(blob) => Some(blob),
            Place::Service | Place::Container(_) => None,
        }
    }
}

/// `account` of `account.blob.<suffix>`; any other host is path-style.
pub fn account_of_host(host: &str) -> Option<&str> {
    let (account, rest) = host.split_once('.')?;
    rest.get(..5).filter(|service| service.eq_ignore_ascii_case("blob."))?;
    Some(account)
}

/// Decodes once: `%2525` is the name `%25`.
fn decode(raw: &str) -> Result<String, Error> {
    Ok(percent_decode_str(raw)
        .decode_utf8()
        .map_err(|_| Error::new(Code::InvalidUri, "It is not UTF-8."))?
        .into_owned())
}

fn container_name(name: &str) -> Result<ContainerName, Error> {
    // Azure tells a name of the wrong length from one of the wrong letters.
    let out_of_range = !(3..=63).contains(&name.chars().count());
    ContainerName::new(name).map_err(|cause| {
        let code = if out_of_range { Code::OutOfRangeInput } else { Code::InvalidResourceName };
        Error::new(code, cause.to_string())
    })
}

/// As Azure does, a backslash is a slash: what Windows calls a path is one.
fn blob_name(raw: &str) -> Result<BlobName, Error> {
    BlobName::new(decode(raw)?.replace('\\', "/")).map_err(|cause| Error::new(Code::InvalidUri, cause.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(host: &str, path: &str) -> Result<String, Code> {
        let target = Target::parse(host, path).map_err(|error| error.code)?;
        let names = match &target.place {
            Place::Service => target.account.to_string(),
            Place::Container(container) => container.to_string(),
            Place::Blob(blob) => format!("{}|{}", blob.container, blob.name),
        };
        Ok(format!("{:?} {names}", target.style))
    }

    #[test]
    fn both_styles_name_the_same_things() {
        for (host, path, expected) in [
            ("127.0.0.1:10000", "/acct", "Path acct"),
            ("127.0.0.1:10000", "/acct/", "Path acct"),
            ("localhost", "/acct/photos", "Path acct/photos"),
            ("[::1]:10000", "/acct/photos/", "Path acct/photos"),
            ("127.0.0.1", "/acct/photos/a/b.jpg", "Path acct/photos|a/b.jpg"),
            ("acct.blob.localhost:10000", "/", "Host acct"),
            ("acct.blob.core.windows.net", "/photos", "Host acct/photos"),
            ("acct.BLOB.example.com", "/photos/a", "Host acct/photos|a"),
            ("Acct.Blob.Example.COM", "/photos/a", "Host acct/photos|a"),
            ("127.0.0.1", "/acct/$root/a", "Path acct/$root|a"),
        ] {
            assert_eq!(shown(host, path).as_deref(), Ok(expected), "{host}{path}");
        }
    }

    #[test]
    fn odd_names_are_decoded_once() {
        for (raw, name) in [
            ("50%2525", "50%25"),
            ("a+b", "a+b"),
            ("a%2Bb%23c%20d", "a+b#c d"),
            ("*", "*"),
            ("%E6%97%A5", "日"),
            ("a%2Fb", "a/b"),
            ("a%5Cb%5c", "a/b/"),
            ("a%255Cb", "a%5Cb"),
            ("/lead", "/lead"),
            ("dir//x", "dir//x"),
            ("..", ".."),
            ("50%", "50%"),
        ] {
            let target = Target::parse("127.0.0.1", &format!("/acct/photos/{raw}")).expect(raw);
            assert_eq!(target.blob().expect("a blob").name.as_str(), name);
            assert_eq!(target.raw_path, format!("/acct/photos/{raw}"));
        }
    }

    #[test]
    fn what_names_nothing_is_refused() {
        for (path, code) in [
            ("", Code::InvalidUri),
            ("/", Code::InvalidUri),
            ("/UPPER", Code::InvalidUri),
            ("/acct//x", Code::InvalidUri),
            ("/acct/ab", Code::OutOfRangeInput),
            ("/acct/A_B", Code::InvalidResourceName),
            ("/acct/photos/%FF", Code::InvalidUri),
        ] {
            assert_eq!(shown("127.0.0.1", path), Err(code), "{path}");
        }
        assert_eq!(shown("127.0.0.1", &format!("/acct/photos/{}", "x".repeat(1025))), Err(Code::InvalidUri));
    }
}
