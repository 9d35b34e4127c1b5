//! Mirrors: what lies in an account, a container or a prefix elsewhere, shown in one of ours.

use crate::ContainerName;
use crate::tenancy::ByteCount;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use utoipa::ToSchema;

/// Mirrors of one account.
pub const MIRRORS_MAX: usize = 8;
const CACHE_BYTES_DEFAULT: u64 = 1 << 30;
const RELIST_S_DEFAULT: u32 = 3_600;
const RELIST_S_MAX: u32 = 7 * 86_400;
const POLL_MS_DEFAULT: u32 = 5_000;
const POLL_MS_MIN: u32 = 100;
const POLL_MS_MAX: u32 = 600_000;
/// Azure publishes its feed within minutes.
const OBJECTIVE_S_DEFAULT: u32 = 600;
const CANARY_S_MIN: u32 = 1;
const PINNED_MAX: usize = 64;
const PINNED_BYTES_MAX: usize = 1_024;
const ORIGIN_BYTES_MAX: usize = 2_048;
/// Of a lag's histogram: 13 that double, up to the 9 minutes within which a cloud publishes its feed, and one for all that took longer.
pub const LAG_BUCKETS: usize = 14;
const LAG_BUCKET_FIRST_MS: u64 = 125;

/// What is shown, and how closely it is followed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Mirror {
    /// `https://ACCOUNT.blob.core.windows.net[/CONTAINER[/PREFIX]]`, `http://HOST:PORT/ACCOUNT[/CONTAINER[/PREFIX]]`, `s3://BUCKET[/PREFIX]`, or
    /// `file:///FOLDER`. Without what authorises: that is given on its own.
    pub origin: String,
    /// The container here; absent: named as the origin's, or each as it is called there where the origin is an account.
    #[serde(default)]
    pub container: Option<ContainerName>,
    /// How much of its content may be kept on flash.
    #[serde(default = "cache")]
    pub cache: ByteCount,
    /// What begins with one of these is kept on flash as soon as it is known, as far as the cache goes.
    #[serde(default)]
    pub pinned: Vec<String>,
    /// Between two lists of all that is there.
    #[serde(default = "relist_s")]
    pub relist_s: u32,
    /// Between two looks at the origin's change feed.
    #[serde(default = "poll_ms")]
    pub poll_ms: u32,
    /// How far behind it may be.
    #[serde(default = "objective_s")]
    pub objective_s: u32,
    /// Between two blobs that are written to the origin, and waited for here, to measure the true lag. Absent: nothing is ever written there.
    #[serde(default)]
    pub canary_s: Option<u32>,
    #[serde(default)]
    pub paused: bool,
}

impl Mirror {
    pub fn of(origin: impl Into<String>) -> Self {
        Self {
            origin: origin.into(),
            container: None,
            cache: cache(),
            pinned: Vec::new(),
            relist_s: RELIST_S_DEFAULT,
            poll_ms: POLL_MS_DEFAULT,
            objective_s: OBJECTIVE_S_DEFAULT,
            canary_s: None,
            paused: false,
        }
    }

    /// What is wrong with it, as a sentence; whether the origin's URL names one is for whoever opens it.
    pub fn check(&self) -> Result<(), String> {
        if self.origin.is_empty() || self.origin.len() > ORIGIN_BYTES_MAX {
            return Err(format!("origin is a URL of at most {ORIGIN_BYTES_MAX} bytes"));
        }
        if has_credential(&self.origin) {
            return Err(
                "origin is a URL without user, query and fragment: what authorises is given as the secret".to_owned()
            );
        }
        if !(1..=RELIST_S_MAX).contains(&self.relist_s) {
            return Err(format!("relist_s is {}: give 1 to {RELIST_S_MAX}", self.relist_s));
        }
        if !(POLL_MS_MIN..=POLL_MS_MAX).contains(&self.poll_ms) {
            return Err(format!("poll_ms is {}: give {POLL_MS_MIN} to {POLL_MS_MAX}", self.poll_ms));
        }
        if self.objective_s == 0 {
            return Err("objective_s is 0: give the seconds that it may be behind".to_owned());
        }
        if self.canary_s.is_some_and(|seconds| seconds < CANARY_S_MIN) {
            return Err("canary_s is 0: give the seconds between two, or leave it out".to_owned());
        }
        if self.pinned.len() > PINNED_MAX || self.pinned.iter().any(|prefix| prefix.len() > PINNED_BYTES_MAX) {
            return Err(format!("pinned has at most {PINNED_MAX} prefixes, of {PINNED_BYTES_MAX} bytes each"));
        }
        Ok(())
    }
}

/// What a mirror is attached by: the settings, and what authorises at the origin.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Attach {
    pub mirror: Mirror,
    /// An account key, a SAS, a connection string, or `ID:SECRET` for S3. Absent: what it has is kept. Never told again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

/// Without the secret: whoever prints one prints it into a log.
impl fmt::Debug for Attach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mirror, secret } = self;
        f.debug_struct("Attach").field("mirror", mirror).field("has_secret", &secret.is_some()).finish()
    }
}

/// What a mirror is doing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MirrorState {
    /// It has not listed everything yet.
    #[default]
    Listing,
    /// It has what there is, and follows the change feed.
    Following,
    /// It has what there was, and lists again now and then: the origin has no change feed.
    ByList,
    Paused,
    /// The origin cannot be reached or does not answer as one; it is tried again.
    Away,
}

/// How a mirror stands.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MirrorStatus {
    /// Absent of a default only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<Mirror>,
    pub state: MirrorState,
    /// Why it is as it is, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// All that happened there before is here: microseconds since the epoch, 0 where nothing is known yet.
    pub complete_until_us: i64,
    /// How far that is behind now.
    pub behind_ms: u64,
    pub is_within_objective: bool,
    /// Events that are known and not looked at yet.
    pub events_behind: u64,
    /// From a change there to its row here, of the events since the mirror was attached or the server began.
    pub lag: Lag,
    /// The last lag that a canary has measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary_lag_ms: Option<u64>,
    pub containers: Vec<ContainerName>,
    pub blobs: u64,
    /// At the origin.
    #[serde(default)]
    pub bytes: u64,
    pub cached_bytes: u64,
    /// Since the server began.
    pub counts: MirrorCounts,
    /// Blobs that are there and not shown here, by why.
    pub left_out: BTreeMap<String, u64>,
    /// When the last complete list began; 0 for none.
    pub listed_us: i64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Lag {
    pub events: u64,
    pub p50_ms: u64,
    pub p99_ms: u64,
    pub max_ms: u64,
    /// How many events came in at most 125 ms, 250 ms, 500 ms and so on, each twice as long, up to 512 s; the last ones later.
    #[serde(default)]
    pub counts: [u64; LAG_BUCKETS],
}

impl Lag {
    /// The longest lag that a bucket counts; nothing for the last one.
    pub fn upto_ms(bucket: usize) -> Option<u64> {
        (bucket + 1 < LAG_BUCKETS).then(|| LAG_BUCKET_FIRST_MS << bucket)
    }

    /// The bucket that counts a lag.
    pub fn bucket(lag_ms: u64) -> usize {
        let fits = |bucket: &usize| Self::upto_ms(*bucket).is_none_or(|upto_ms| lag_ms <= upto_ms);
        (0..LAG_BUCKETS).find(fits).unwrap_or(LAG_BUCKETS - 1)
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MirrorCounts {
    pub events: u64,
    /// Rows written and removed.
    pub put: u64,
    pub gone: u64,
    /// Requests to the origin: lists, reads of the feed, reads of content.
    pub lists: u64,
    pub feed_reads: u64,
    pub reads: u64,
    pub bytes_read: u64,
    /// Complete lists.
    pub rounds: u64,
    /// Times that the feed had lost what was to be read next.
    pub gaps: u64,
}

/// What becomes of what a mirror showed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Detach {
    /// Its containers go with it.
    #[default]
    Remove,
    /// They stay, and can be written; what is not cached cannot be read.
    Leave,
}

/// Whether a URL has a place in which credentials go: settings are shown to everybody who sees the mirror.
fn has_credential(origin: &str) -> bool {
    let authority = origin.split_once("://").map(|(_, rest)| rest.split('/').next().unwrap_or_default());
    origin.contains(['?', '#']) || authority.is_some_and(|authority| authority.contains('@'))
}

pub(crate) fn cache() -> ByteCount {
    ByteCount(CACHE_BYTES_DEFAULT)
}

pub(crate) fn relist_s() -> u32 {
    RELIST_S_DEFAULT
}

pub(crate) fn poll_ms() -> u32 {
    POLL_MS_DEFAULT
}

pub(crate) fn objective_s() -> u32 {
    OBJECTIVE_S_DEFAULT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mirror_is_checked_and_what_is_wrong_is_said() {
        let mirror = Mirror::of("https://lake.blob.core.windows.net/raw");
        assert_eq!(mirror.check(), Ok(()));
        for (wrong, says) in [
            (Mirror::of(""), "origin"),
            (Mirror::of("https://lake.blob.core.windows.net/raw?sv=1&sig=abc"), "the secret"),
            (Mirror::of("https://user:word@lake.example/raw"), "the secret"),
            (Mirror { relist_s: 0, ..mirror.clone() }, "relist_s"),
            (Mirror { poll_ms: 1, ..mirror.clone() }, "poll_ms"),
            (Mirror { objective_s: 0, ..mirror.clone() }, "objective_s"),
            (Mirror { canary_s: Some(0), ..mirror.clone() }, "canary_s"),
            (Mirror { pinned: vec![String::new(); 65], ..mirror.clone() }, "pinned"),
        ] {
            let said = wrong.check().expect_err("it is wrong");
            assert!(said.contains(says), "{said}");
        }
    }

    #[test]
    fn a_lag_is_counted_in_the_bucket_that_it_fits_into() {
        for (lag_ms, bucket) in
            [(0, 0), (125, 0), (126, 1), (250, 1), (1_000, 3), (1_001, 4), (512_000, 12), (512_001, 13)]
        {
            assert_eq!(Lag::bucket(lag_ms), bucket, "{lag_ms}");
        }
        let bounds: Vec<_> = (0..=LAG_BUCKETS).map(Lag::upto_ms).collect();
        assert_eq!(bounds[..3], [Some(125), Some(250), Some(500)]);
        assert_eq!(bounds[12..], [Some(512_000), None, None]);
    }

    #[test]
    fn a_secret_is_not_printed() {
        let attach = Attach { mirror: Mirror::of("s3://raw"), secret: Some("abc:word".to_owned()) };
        let printed = format!("{attach:?}");
        assert!(printed.contains("has_secret: true") && !printed.contains("word"), "{printed}");
    }
}
