//! Where blobs go: a URL and a secret, made into an object store. The secret stays in here.

use super::wire::Wire;
use crate::fault::Fault;
use crate::place::{self, Account, Authority, Azure, Named, shown};
use object_store::aws::{AmazonS3Builder, Checksum};
use object_store::azure::MicrosoftAzureBuilder;
use object_store::local::LocalFileSystem;
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, RetryConfig};
use std::path::Path;
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

impl Target {
    /// Err: `OffloadTarget`.
    pub fn open(text: &str, secret: Option<&Secret>) -> Result<Target, Fault> {
        let url = Url::parse(text).map_err(|error| bad(text, error))?;
        let sas = url.query().filter(|query| query.contains("sig=")).map(str::to_owned);
        let named = place::name(&url).map_err(|why| bad(text, why))?;
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
            Named::Azure(azure) => {
                let store = open(&azure, sas, secret).map_err(|error| bad(text, error))?;
                (Arc::new(store), azure.prefix)
            }
        };
        let prefix = ObjectPath::parse(prefix.trim_matches('/')).map_err(|error| bad(text, error))?;
        Ok(Target { store, prefix, shown: shown(&url) })
    }
}

fn open(azure: &Azure, sas: Option<String>, secret: Option<&Secret>) -> Result<impl ObjectStore + use<>, String> {
    let container = azure.container.clone().ok_or("it names no container")?;
    let Account { name, endpoint, authority } = azure.account(sas, secret.map(|secret| secret.0.as_str()))?;
    let builder = MicrosoftAzureBuilder::new()
        .with_account(&name)
        .with_container_name(container)
        .with_allow_http(true)
        .with_retry(no_retry());
    let builder = match endpoint {
        Some(endpoint) => builder.with_endpoint(endpoint),
        None => builder,
    };
    let builder = match authority {
        Authority::Sas(sas) => {
            let pairs = url::form_urlencoded::parse(sas.as_bytes());
            let pairs: Vec<_> = pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
            builder.with_sas_authorization(pairs).with_http_connector(Wire::azure(None)?)
        }
        Authority::Key(key) => {
            let wire = Wire::azure(Some((&name, &key)))?;
            builder.with_access_key(key).with_http_connector(wire)
        }
        Authority::Nothing => {
            return Err(format!("there is no key or SAS: set {SECRET_VARIABLE}, or give --offload-secret-file"));
        }
    };
    builder.build().map_err(|error| error.to_string())
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

    #[test]
    fn what_authorises_is_not_shown() {
        let secret = Secret("c2VjcmV0".into());
        let target = Target::open("http://127.0.0.1:9/acct/box?sv=1&sig=hidden", Some(&secret)).expect("a target");
        assert_eq!(target.shown, "http://127.0.0.1:9/acct/box");
        assert!(!format!("{target:?}{secret:?}").contains("hidden"), "{target:?}");
        for text in ["http://127.0.0.1:9/acct", "https://acct.blob.core.windows.net/"] {
            let refused = Target::open(text, Some(&secret)).expect_err("no container").to_string();
            assert!(refused.contains("names no container"), "{refused}");
        }
        let refused = Target::open("ftp://user:hidden@x/y?sig=hidden", None).expect_err("no such scheme").to_string();
        assert!(!refused.contains("hidden"), "{refused}");
    }
}
