//! A bucket that speaks S3, through the object store library. It has neither metadata nor tags in its lists, and no tiers of ours.
//! The library knows no names with empty parts: a list with such is one that cannot be read.

use crate::offload::answer::Doubt;
use crate::offload::wire::Wire;
use crate::reach;
use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use greenroom_gateway::source::Sources;
use greenroom_mirror::{Content, Listed, Origin, OriginError, TheirKind, There};
use greenroom_store::{HttpHeaders, Metadata, Tags, Timestamp};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::list::{PaginatedListOptions, PaginatedListStore as _};
use object_store::path::Path;
use object_store::{Error, GetOptions, GetRange, ObjectMeta, ObjectStore as _, RetryConfig};
use std::fmt;
use std::ops::Range;
use std::time::Duration;
use url::Url;

/// S3's longest page.
const PAGE_MAX: usize = 1_000;
const REGION_DEFAULT: &str = "us-east-1";
/// Of an error that may hold an answer.
const WORDS_MAX: usize = 500;
const RETRIES_MAX: usize = 2;
const RETRY_MAX: Duration = Duration::from_secs(30);

/// Where a bucket is, beside its name.
#[derive(Debug, Default)]
pub struct Where {
    /// Absent: at Amazon.
    pub endpoint: Option<String>,
    pub region: Option<String>,
}

impl Where {
    /// As the operator has it for all buckets. Of the environment nothing else is taken: its credentials are not those of whoever attaches a mirror.
    pub fn of_environment() -> Self {
        let first = |names: [&str; 2]| names.into_iter().find_map(|name| std::env::var(name).ok());
        Self {
            endpoint: first(["AWS_ENDPOINT_URL", "AWS_ENDPOINT"]),
            region: first(["AWS_REGION", "AWS_DEFAULT_REGION"]),
        }
    }
}

pub struct Bucket {
    name: String,
    store: AmazonS3,
}

/// The library's own words hold the credential.
impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bucket {}", self.name)
    }
}

impl Bucket {
    /// `secret` is `ID:SECRET`; without, the bucket is open to everyone. Err: what is wrong, as a sentence.
    pub fn new(name: &str, at: Where, secret: Option<&str>, sources: &Sources) -> Result<Self, String> {
        // It becomes part of a host or of a path.
        let is_good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.';
        if !(3..=63).contains(&name.len()) || !name.bytes().all(is_good) || name.starts_with('.') {
            return Err("a bucket's name has 3 to 63 small letters, digits, dots and hyphens".to_owned());
        }
        let region = at.region.unwrap_or_else(|| REGION_DEFAULT.to_owned());
        let endpoint = at.endpoint.unwrap_or_else(|| format!("https://s3.{region}.amazonaws.com"));
        let url = Url::parse(&endpoint).map_err(|error| format!("the endpoint of S3 is no URL ({error})"))?;
        reach::check(&url, sources)?;
        let builder = AmazonS3Builder::new()
            .with_bucket_name(name)
            .with_region(region)
            .with_endpoint(endpoint.trim_end_matches('/'))
            .with_allow_http(true)
            .with_http_connector(Wire::s3(name)?.judged(url, sources))
            .with_retry(RetryConfig { max_retries: RETRIES_MAX, retry_timeout: RETRY_MAX, ..RetryConfig::default() });
        let builder = match secret {
            None => builder.with_skip_signature(true),
            Some(secret) => {
                let (id, key) = secret.split_once(':').ok_or("the secret of a bucket is ID:SECRET")?;
                builder.with_access_key_id(id).with_secret_access_key(key)
            }
        };
        let store = builder.build().map_err(|error| error.to_string())?;
        Ok(Self { name: name.to_owned(), store })
    }

    fn holds(&self, container: &str) -> Result<(), OriginError> {
        if container == self.name { Ok(()) } else { Err(OriginError::Missing) }
    }

    async fn get(
        &self,
        container: &str,
        name: &str,
        options: GetOptions,
    ) -> Result<object_store::GetResult, OriginError> {
        self.holds(container)?;
        let path = Path::parse(name).ok().filter(|path| path.as_ref() == name);
        let path = path.ok_or_else(|| OriginError::Away("its name cannot be asked for".to_owned()))?;
        self.store.get_opts(&path, options).await.map_err(failed)
    }
}

#[async_trait]
impl Origin for Bucket {
    async fn containers(&self, _after: Option<String>) -> Result<(Vec<String>, Option<String>), OriginError> {
        Ok((vec![self.name.clone()], None))
    }

    async fn list(
        &self,
        container: &str,
        prefix: &str,
        rolled_up: bool,
        after: Option<String>,
        max: usize,
    ) -> Result<Listed, OriginError> {
        self.holds(container)?;
        let options = PaginatedListOptions {
            delimiter: rolled_up.then_some("/".into()),
            max_keys: Some(max.clamp(1, PAGE_MAX)),
            page_token: after,
            ..PaginatedListOptions::default()
        };
        let page = self.store.list_paginated(Some(prefix), options).await.map_err(failed)?;
        let folders: Vec<_> = page.result.common_prefixes.iter().map(|folder| format!("{folder}/")).collect();
        let blobs: Vec<_> = page.result.objects.into_iter().map(there).collect();
        let names = blobs.iter().map(|blob| &blob.name).chain(&folders);
        if let Some(stranger) = names.into_iter().find(|name| !name.starts_with(prefix)) {
            let why = format!("its answer is no list of blobs: it has a name that was not asked for, {stranger:?}");
            return Err(OriginError::Away(why));
        }
        Ok(Listed { blobs, folders, next: page.page_token })
    }

    async fn whole(&self, container: &str, name: &str, bytes_max: u64) -> Result<Bytes, OriginError> {
        let found = self.get(container, name, GetOptions::default()).await?;
        if found.meta.size > bytes_max {
            return Err(OriginError::Away(format!("it has more than {bytes_max} bytes")));
        }
        found.bytes().await.map_err(failed)
    }

    async fn read(&self, container: &str, name: &str, etag: &str, range: Range<u64>) -> Result<Content, OriginError> {
        let of_nothing = range.is_empty();
        let options = GetOptions {
            if_match: Some(format!("\"{etag}\"")),
            // Of nothing there is no range.
            range: (!of_nothing).then(|| GetRange::Bounded(range.clone())),
            head: of_nothing,
            ..GetOptions::default()
        };
        let found = self.get(container, name, options).await?;
        if found.meta.e_tag.as_deref().map(|found| found.trim_matches('"')) != Some(etag) {
            return Err(OriginError::Changed);
        }
        if of_nothing {
            return Ok(stream::empty().boxed());
        }
        if found.range != range {
            return Err(OriginError::Away("it answers with another range than was asked for".to_owned()));
        }
        Ok(found.into_stream().map_err(failed).boxed())
    }
}

fn there(found: ObjectMeta) -> There {
    let modified = Timestamp(found.last_modified.timestamp_micros());
    let made_up = || format!("{:x}-{:x}", modified.0, found.size);
    let etag = found.e_tag.as_deref().map(|etag| etag.trim_matches('"').to_owned());
    There {
        name: found.location.to_string(),
        etag: etag.unwrap_or_else(made_up),
        length: found.size,
        kind: TheirKind::Block,
        created: modified,
        modified,
        headers: HttpHeaders::default(),
        metadata: Metadata::new(),
        tags: Tags::new(),
        tier: None,
        tier_changed: None,
    }
}

fn failed(error: Error) -> OriginError {
    match error {
        Error::NotFound { .. } => OriginError::Missing,
        Error::Precondition { .. } | Error::NotModified { .. } => OriginError::Changed,
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => refused(),
        error => {
            if let Some(Doubt::NoContainer(code)) = doubt(&error)
                && code == "NoSuchBucket"
            {
                return OriginError::Missing;
            }
            // The words of what lies at the bottom: those above hold the URL.
            let words = reach::root(&error);
            // Of a list the library tells the status in no other way.
            let is_refused = ["status code: 401", "status code: 403"].iter().any(|status| words.contains(status));
            if is_refused { refused() } else { OriginError::Away(words.chars().take(WORDS_MAX).collect()) }
        }
    }
}

/// Why the wire let an answer not through.
fn doubt(error: &Error) -> Option<&Doubt> {
    let mut error: &(dyn std::error::Error + 'static) = error;
    loop {
        match error.downcast_ref() {
            Some(doubt) => return Some(doubt),
            None => error = error.source()?,
        }
    }
}

fn refused() -> OriginError {
    let needs = "a mirror needs a secret ID:SECRET that may list the bucket and get its objects";
    OriginError::Refused(format!("it does not allow that: {needs}"))
}

#[cfg(test)]
mod tests;
