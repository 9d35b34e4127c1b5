//! Where blobs go: a URL and a secret, made into an object store. The secret stays in here.

use super::wire::Wire;
use crate::fault::Fault;
use object_store::aws::{AmazonS3Builder, Checksum};
use object_store::azure::MicrosoftAzureBuilder;
use object_store::local::LocalFileSystem;
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, RetryConfig};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use url::Url;

/// What authorises, for a target that needs it: an account key, a SAS, a connection string, or `ID:SECRET` for S3.
pub const SECRET_VARIABLE: &str = "GREENROOM_OFFLOAD_SECRET";

/// A place to offload to.
#[derive(Clone)]
pub struct Target {
    pub store: Arc<dyn ObjectStore>,
    /// The folder in it.
    pub prefix: ObjectPath,
    /// For people: without what authorises.
    pub shown: String,
}

/// The client prints its SAS.
impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Target {}", self.shown)
    }
}

#[derive(Clone)]
pub struct Secret(String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

impl Secret {
    /// From a file that only its owner can read, or from the environment.
    pub fn find(file: Option<&Path>) -> Result<Option<Secret>, Fault> {
        Secret::of(file, SECRET_VARIABLE)
    }

    /// Likewise, where another variable holds it.
    pub fn of(file: Option<&Path>, variable: &str) -> Result<Option<Secret>, Fault> {
        let Some(file) = file else {
            return Ok(std::env::var(variable).ok().filter(|text| !text.is_empty()).map(Secret));
        };
        let bad = |why: String| Fault::OffloadSecret { file: file.to_owned(), why };
        private(file).map_err(&bad)?;
        let text = std::fs::read_to_string(file).map_err(|error| bad(error.to_string()))?;
        Ok(Some(Secret(text.trim().to_owned())))
    }

    /// For whoever hands it on.
    pub fn into_text(self) -> String {
        self.0
    }
}

#[cfg(unix)]
fn private(file: &Path) -> Result<(), String> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(file).map_err(|error| error.to_string())?.permissions().mode();
    if mode & 0o077 != 0 { Err("others may read it: chmod 600".to_owned()) } else { Ok(()) }
}

#[cfg(not(unix))]
fn private(_file: &Path) -> Result<(), String> {
    Ok(())
}

/// Which kind of place a URL names.
#[derive(Debug, PartialEq, Eq)]
enum Named {
    Folder(PathBuf),
    S3 {
        bucket: String,
        prefix: String,
    },
    /// `endpoint` with the account in its path; absent on Azure itself.
    Azure {
        endpoint: Option<String>,
        account: Option<String>,
        container: String,
        prefix: String,
    },
}

impl Target {
    /// Err: `OffloadTarget`.
    pub fn open(text: &str, secret: Option<&Secret>) -> Result<Target, Fault> {
        let url = Url::parse(text).map_err(|error| bad(text, error))?;
        let sas = url.query().filter(|query| query.contains("sig=")).map(str::to_owned);
        let named = name(&url).map_err(|why| bad(text, why))?;
        let (store, prefix): (Arc<dyn ObjectStore>, String) = match named {
            Named::Folder(folder) => {
                std::fs::create_dir_all(&folder).map_err(|error| bad(text, error))?;
                // What has left flash must outlast a power cut there as well.
                let store = LocalFileSystem::new_with_prefix(&folder).map_err(|error| bad(text, error))?;
                (Arc::new(store.with_fsync(true)), String::new())
            }
            Named::S3 { bucket, prefix } => {
                let wire = Wire::s3(&bucket).map_err(|why| bad(text, why))?;
                let mut builder = AmazonS3Builder::from_env()
                    .with_bucket_name(bucket)
                    .with_allow_http(true)
                    .with_http_connector(wire)
                    // The signature needs the same hash.
                    .with_checksum_algorithm(Checksum::SHA256)
                    .with_retry(no_retry());
                if let Some((id, key)) = secret.and_then(|secret| secret.0.split_once(':')) {
                    builder = builder.with_access_key_id(id).with_secret_access_key(key);
                }
                (Arc::new(builder.build().map_err(|error| bad(text, error))?), prefix)
            }
            Named::Azure { endpoint, account, container, prefix } => {
                let place = Azure { endpoint, account, container, sas };
                (Arc::new(place.open(secret).map_err(|error| bad(text, error))?), prefix)
            }
        };
        let prefix = ObjectPath::parse(&prefix).map_err(|error| bad(text, error))?;
        Ok(Target { store, prefix, shown: shown(&url) })
    }
}

struct Azure {
    endpoint: Option<String>,
    account: Option<String>,
    container: String,
    sas: Option<String>,
}

impl Azure {
    fn open(self, secret: Option<&Secret>) -> Result<impl ObjectStore + use<>, String> {
        let secret = secret.map(|secret| secret.0.as_str());
        let parts = connection_string(secret.unwrap_or_default());
        let part =
            |name: &str| parts.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, text)| text.clone());
        let account = self.account.or_else(|| part("AccountName")).ok_or("it names no account")?;
        let mut builder = MicrosoftAzureBuilder::new()
            .with_account(&account)
            .with_container_name(self.container)
            .with_allow_http(true)
            .with_retry(no_retry());
        if let Some(endpoint) = self.endpoint.or_else(|| part("BlobEndpoint")) {
            builder = builder.with_endpoint(endpoint.trim_end_matches('/').to_owned());
        }
        let bare = secret.filter(|_| parts.is_empty());
        let sas = self.sas.or_else(|| part("SharedAccessSignature"));
        let sas = sas.or_else(|| bare.filter(|text| text.contains("sig=")).map(str::to_owned));
        let builder = if let Some(sas) = sas {
            let pairs = url::form_urlencoded::parse(sas.trim_start_matches('?').as_bytes());
            let pairs: Vec<_> = pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
            builder.with_sas_authorization(pairs).with_http_connector(Wire::azure(None)?)
        } else if let Some(key) = part("AccountKey").or_else(|| bare.map(str::to_owned)) {
            let wire = Wire::azure(Some((&account, &key)))?;
            builder.with_access_key(key).with_http_connector(wire)
        } else {
            return Err(format!("there is no key or SAS: set {SECRET_VARIABLE}, or give --offload-secret-file"));
        };
        builder.build().map_err(|error| error.to_string())
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

fn name(url: &Url) -> Result<Named, String> {
    let path = percent_encoding::percent_decode_str(url.path()).decode_utf8().map_err(|error| error.to_string())?;
    let mut parts = path.trim_matches('/').splitn(3, '/').map(str::to_owned).filter(|part| !part.is_empty());
    let host = url.host_str().unwrap_or_default().to_owned();
    match url.scheme() {
        "file" => Ok(Named::Folder(url.to_file_path().map_err(|()| "it is no path of this machine".to_owned())?)),
        "s3" => Ok(Named::S3 { bucket: host, prefix: path.trim_matches('/').to_owned() }),
        "azure" => Ok(Named::Azure {
            endpoint: None,
            account: None,
            container: host,
            prefix: path.trim_matches('/').to_owned(),
        }),
        "http" | "https" => {
            let by_path = host == "localhost" || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
            let origin = url.origin().ascii_serialization();
            let (endpoint, account) = if by_path {
                let account = parts.next().ok_or("after the host come account and container")?;
                (Some(format!("{origin}/{account}")), account)
            } else {
                let account = host.split('.').next().unwrap_or_default().to_owned();
                let is_azure = host.ends_with(".blob.core.windows.net");
                ((!is_azure).then_some(origin), account)
            };
            let container = parts.next().ok_or("it names no container")?;
            let prefix: Vec<String> = parts.collect();
            Ok(Named::Azure { endpoint, account: Some(account), container, prefix: prefix.join("/") })
        }
        other => Err(format!("{other} is not one of http, https, azure, s3, file")),
    }
}

/// Without user, query and fragment.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.to_string()
}

fn bad(text: &str, why: impl ToString) -> Fault {
    let shown = Url::parse(text).map_or_else(|_| "what was given".to_owned(), |url| shown(&url));
    Fault::OffloadTarget { target: shown, why: why.to_string() }
}

/// Offload tries again itself, and looks up what became of the first attempt.
fn no_retry() -> RetryConfig {
    RetryConfig { max_retries: 0, ..RetryConfig::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(text: &str) -> Result<Named, String> {
        name(&Url::parse(text).expect("a URL"))
    }

    fn azure(endpoint: Option<&str>, account: Option<&str>, container: &str, prefix: &str) -> Named {
        let own = |text: &str| text.to_owned();
        Named::Azure {
            endpoint: endpoint.map(own),
            account: account.map(own),
            container: container.into(),
            prefix: prefix.into(),
        }
    }

    #[test]
    fn urls_name_places() {
        let cases = [
            ("http://127.0.0.1:9/acct/box", azure(Some("http://127.0.0.1:9/acct"), Some("acct"), "box", "")),
            ("http://127.0.0.1:9/acct/box/a/b", azure(Some("http://127.0.0.1:9/acct"), Some("acct"), "box", "a/b")),
            ("https://acct.blob.core.windows.net/box/a?sv=1&sig=x", azure(None, Some("acct"), "box", "a")),
            ("https://acct.blob.example/box", azure(Some("https://acct.blob.example"), Some("acct"), "box", "")),
            ("azure://box/a", azure(None, None, "box", "a")),
            ("s3://bucket/a/b", Named::S3 { bucket: "bucket".into(), prefix: "a/b".into() }),
            ("file:///tmp/cold", Named::Folder("/tmp/cold".into())),
        ];
        for (text, expected) in cases {
            assert_eq!(named(text), Ok(expected), "{text}");
        }
        for text in
            ["http://127.0.0.1:9/acct", "http://127.0.0.1:9/", "ftp://x/y", "https://acct.blob.core.windows.net/"]
        {
            assert!(named(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_authorises_is_not_shown() {
        let secret = Secret("c2VjcmV0".into());
        let target = Target::open("http://127.0.0.1:9/acct/box?sv=1&sig=hidden", Some(&secret)).expect("a target");
        assert_eq!(target.shown, "http://127.0.0.1:9/acct/box");
        assert!(!format!("{target:?}{secret:?}").contains("hidden"), "{target:?}");
        let refused = Target::open("ftp://user:hidden@x/y?sig=hidden", None).expect_err("no such scheme").to_string();
        assert!(!refused.contains("hidden"), "{refused}");
    }

    #[test]
    fn connection_strings_are_told_from_keys() {
        assert!(connection_string("c2VjcmV0IQ==").is_empty());
        assert!(connection_string("sv=1&sig=a%3D").is_empty());
        let parts = connection_string("AccountName=a;AccountKey=c2VjcmV0IQ==;BlobEndpoint=http://127.0.0.1:1/a;");
        assert_eq!(parts[1], ("AccountKey".to_owned(), "c2VjcmV0IQ==".to_owned()));
    }
}
