//! Conditional requests, decided by one pure function.
//! Source: Microsoft, "Specifying conditional headers for Blob service operations".

use crate::clock::Timestamp;
use crate::encryption::{self, Encryption, EncryptionUnmet, Shown};
use crate::error::StoreError;
use crate::etag::ETag;
use crate::lease::{Leasable, Lease, LeaseId, LeaseNeed, LeaseUnmet};
use crate::props::{BlobProps, ContainerProps, Tags};
use crate::tag_filter::TagFilter;

/// What a request demands of the resource as it stands. The default demands nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Precondition {
    pub if_match: Option<ETags>,
    pub if_none_match: Option<ETags>,
    pub if_modified_since: Option<Timestamp>,
    pub if_unmodified_since: Option<Timestamp>,
    /// As the two above, of the blob's tier.
    pub if_tier_modified_since: Option<Timestamp>,
    pub if_tier_unmodified_since: Option<Timestamp>,
    /// The lease under which the request comes.
    pub lease: Option<LeaseId>,
    /// What the blob's tags must be.
    pub tags: Option<TagFilter>,
    /// What is shown for what the blob is sealed by.
    pub encryption: Shown,
}

/// The value of an `If-Match` or `If-None-Match` header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ETags {
    Any,
    /// One of these. A tag that no store gave out matches nothing and is left away, so this may be empty.
    OneOf(Vec<ETag>),
}

/// The part of a resource that conditions look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version<'a> {
    pub etag: ETag,
    pub modified: Timestamp,
    /// `None` where no tier was ever set.
    pub tier_changed: Option<Timestamp>,
    pub lease: Lease,
    pub kind: Leasable,
    /// A container has none.
    pub tags: Option<&'a Tags>,
    pub encryption: Option<&'a Encryption>,
}

/// Reads and writes weigh the same headers differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    Read,
    /// Needs the lease, where there is one.
    Write,
    /// A write that a lease does not keep others from.
    FreeWrite,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unmet {
    /// 412.
    ConditionNotMet,
    /// 304, for reads only.
    NotModified,
    /// 409: a write that demanded absence by `If-None-Match: *`.
    Exists,
    /// 412.
    Lease(LeaseUnmet, Leasable),
    /// 409.
    Encryption(EncryptionUnmet),
}

impl ETags {
    /// Reads a header value: `*`, or one or more tags parted by commas. A weak tag is that of no content in particular, and matches
    /// nothing: HTTP's strong comparison, that of `If-Match`.
    pub fn parse(value: &str) -> ETags {
        Self::read(value, ETag::parse)
    }

    /// As `parse`, where a weak tag stands for the strong one: HTTP's weak comparison, that of `If-None-Match`. Whoever packs an answer
    /// on its way makes its tag a weak one.
    pub fn parse_weak(value: &str) -> ETags {
        Self::read(value, |tag| ETag::parse(tag.trim().strip_prefix("W/").unwrap_or(tag)))
    }

    fn read(value: &str, tag: impl Fn(&str) -> Option<ETag>) -> ETags {
        if value.trim() == "*" {
            return ETags::Any;
        }
        ETags::OneOf(value.split(',').filter_map(tag).collect())
    }

    fn hold(&self, etag: ETag) -> bool {
        match self {
            ETags::Any => true,
            ETags::OneOf(tags) => tags.contains(&etag),
        }
    }
}

impl Precondition {
    pub fn if_match(etag: ETag) -> Self {
        Self { if_match: Some(ETags::OneOf(vec![etag])), ..Self::default() }
    }

    pub fn if_absent() -> Self {
        Self { if_none_match: Some(ETags::Any), ..Self::default() }
    }

    /// Weighs the conditions against the resource as it stands; `None` where there is none.
    pub fn check(&self, current: Option<Version<'_>>, access: Access, now: Timestamp) -> Result<(), Unmet> {
        let Some(current) = current else {
            // What is absent matches no tag; of its age nothing can be said, so dates do not speak.
            return match (self.if_match.is_some() || self.tags.is_some(), self.lease) {
                (true, _) => Err(Unmet::ConditionNotMet),
                (false, Some(_)) => Err(Unmet::Lease(LeaseUnmet::NotPresent, Leasable::Blob)),
                (false, None) => Ok(()),
            };
        };
        let tags = self.tags.as_ref().zip(current.tags);
        if tags.is_some_and(|(filter, tags)| !filter.matches(tags)) {
            return Err(Unmet::ConditionNotMet);
        }
        self.check_version(current, access)?;
        let need = match access {
            Access::Write => LeaseNeed::Holder,
            Access::Read | Access::FreeWrite => LeaseNeed::IfGiven,
        };
        current.lease.admit(self.lease, need, now).map_err(|why| Unmet::Lease(why, current.kind))?;
        match &self.encryption {
            Shown::Unasked => Ok(()),
            Shown::Asked(shown) => encryption::admit(current.encryption, shown.as_ref()).map_err(Unmet::Encryption),
        }
    }

    fn check_version(&self, current: Version<'_>, access: Access) -> Result<(), Unmet> {
        let matched = self.if_match.as_ref().is_none_or(|tags| tags.hold(current.etag));
        // HTTP dates carry whole seconds: a client that sends back the date it was given must match.
        let modified = current.modified.seconds();
        let unmodified = self.if_unmodified_since.is_none_or(|since| modified <= since.seconds());
        // A tier that was never set has not been changed since whenever.
        let tier_changed = |since: Timestamp| current.tier_changed.is_some_and(|at| at.seconds() > since.seconds());
        let tier_fits = self.if_tier_modified_since.is_none_or(tier_changed)
            && !self.if_tier_unmodified_since.is_some_and(tier_changed);
        if !matched || !unmodified || !tier_fits {
            return Err(Unmet::ConditionNotMet);
        }
        let differs = self.if_none_match.as_ref().map(|tags| !tags.hold(current.etag));
        let newer = self.if_modified_since.map(|since| modified > since.seconds());
        match access {
            Access::Read => match (differs, newer) {
                (None, None) => Ok(()),
                // Either is reason enough to send it again.
                (differs, newer) if differs == Some(true) || newer == Some(true) => Ok(()),
                _ => Err(Unmet::NotModified),
            },
            Access::Write | Access::FreeWrite => match (differs, newer) {
                (Some(false), _) if self.if_none_match == Some(ETags::Any) => Err(Unmet::Exists),
                (Some(false), _) | (_, Some(false)) => Err(Unmet::ConditionNotMet),
                (None | Some(true), None | Some(true)) => Ok(()),
            },
        }
    }
}

impl From<Unmet> for StoreError {
    fn from(unmet: Unmet) -> Self {
        match unmet {
            Unmet::ConditionNotMet => StoreError::ConditionNotMet,
            Unmet::NotModified => StoreError::NotModified,
            Unmet::Exists => StoreError::BlobExists,
            Unmet::Lease(why, on) => StoreError::LeaseUnmet { why, on },
            Unmet::Encryption(why) => StoreError::EncryptionUnmet(why),
        }
    }
}

impl<'a> From<&'a BlobProps> for Version<'a> {
    fn from(props: &'a BlobProps) -> Self {
        let BlobProps { etag, modified, tier_changed, lease, .. } = *props;
        let (tags, encryption) = (Some(&props.tags), props.encryption.as_ref());
        Version { etag, modified, tier_changed, lease, kind: Leasable::Blob, tags, encryption }
    }
}

impl From<&ContainerProps> for Version<'_> {
    fn from(props: &ContainerProps) -> Self {
        let ContainerProps { etag, modified, lease, .. } = *props;
        Version { etag, modified, tier_changed: None, lease, kind: Leasable::Container, tags: None, encryption: None }
    }
}

#[cfg(test)]
mod tests {
    use super::Access::{Read, Write};
    use super::Unmet::{ConditionNotMet, Exists, NotModified};
    use super::*;

    const MODIFIED: i64 = 1_000;
    const TAG: &str = "\"0x8DE0000000000AA\"";
    const OTHER: &str = "\"0x8DE0000000000BB\"";

    /// Conditions as a request states them: `match`, `none-match`, `since`, `unmodified`, each with its value.
    fn condition(text: &str) -> Precondition {
        let mut condition = Precondition::default();
        for part in text.split_whitespace() {
            let (name, value) = part.split_once(':').expect("name:value");
            let value = value.replace("SAME", TAG).replace("OTHER", OTHER);
            let date = || {
                let offset = match value.as_str() {
                    "before" => -1,
                    "equal" => 0,
                    "after" => 1,
                    _ => panic!("{part}"),
                };
                Some(Timestamp::from_seconds(MODIFIED + offset))
            };
            match name {
                "match" => condition.if_match = Some(ETags::parse(&value)),
                "none-match" => condition.if_none_match = Some(ETags::parse_weak(&value)),
                "tier-since" => condition.if_tier_modified_since = date(),
                "tier-unmodified" => condition.if_tier_unmodified_since = date(),
                "since" => condition.if_modified_since = date(),
                "unmodified" => condition.if_unmodified_since = date(),
                _ => panic!("{part}"),
            }
        }
        condition
    }

    #[test]
    fn conditions_on_what_is_there() {
        // Half a second past what an HTTP date can say.
        let modified = Timestamp(MODIFIED * 1_000_000 + 500_000);
        let etag = ETag::parse(TAG).expect("a good tag");
        let tier_changed = Some(modified);
        let (lease, kind) = (Lease::Free, Leasable::Blob);
        let current = Version { etag, modified, tier_changed, lease, kind, tags: None, encryption: None };
        let table = [
            ("", Ok(()), Ok(())),
            ("match:SAME", Ok(()), Ok(())),
            ("match:*", Ok(()), Ok(())),
            ("match:OTHER", Err(ConditionNotMet), Err(ConditionNotMet)),
            ("match:nonsense", Err(ConditionNotMet), Err(ConditionNotMet)),
            ("match:OTHER,SAME", Ok(()), Ok(())),
            ("none-match:SAME", Err(NotModified), Err(ConditionNotMet)),
            ("none-match:OTHER", Ok(()), Ok(())),
            ("none-match:nonsense", Ok(()), Ok(())),
            ("none-match:OTHER,SAME", Err(NotModified), Err(ConditionNotMet)),
            ("none-match:*", Err(NotModified), Err(Exists)),
            ("match:W/SAME", Err(ConditionNotMet), Err(ConditionNotMet)),
            ("none-match:W/SAME", Err(NotModified), Err(ConditionNotMet)),
            ("none-match:OTHER,W/SAME", Err(NotModified), Err(ConditionNotMet)),
            ("none-match:W/OTHER", Ok(()), Ok(())),
            ("tier-since:before", Ok(()), Ok(())),
            ("tier-since:equal", Err(ConditionNotMet), Err(ConditionNotMet)),
            ("tier-since:after", Err(ConditionNotMet), Err(ConditionNotMet)),
            ("tier-unmodified:before", Err(ConditionNotMet), Err(ConditionNotMet)),
            ("tier-unmodified:equal", Ok(()), Ok(())),
            ("tier-unmodified:after", Ok(()), Ok(())),
            ("since:before", Ok(()), Ok(())),
            ("since:equal", Err(NotModified), Err(ConditionNotMet)),
            ("since:after", Err(NotModified), Err(ConditionNotMet)),
            ("unmodified:before", Err(ConditionNotMet), Err(ConditionNotMet)),
            ("unmodified:equal", Ok(()), Ok(())),
            ("unmodified:after", Ok(()), Ok(())),
            ("match:SAME unmodified:before", Err(ConditionNotMet), Err(ConditionNotMet)),
            ("match:OTHER none-match:SAME", Err(ConditionNotMet), Err(ConditionNotMet)),
            ("match:SAME none-match:SAME", Err(NotModified), Err(ConditionNotMet)),
            ("none-match:SAME since:before", Ok(()), Err(ConditionNotMet)),
            ("none-match:OTHER since:after", Ok(()), Err(ConditionNotMet)),
            ("none-match:SAME since:after", Err(NotModified), Err(ConditionNotMet)),
            ("none-match:OTHER since:before", Ok(()), Ok(())),
        ];
        for (text, read, write) in table {
            assert_eq!(condition(text).check(Some(current), Read, modified), read, "read {text}");
            assert_eq!(condition(text).check(Some(current), Write, modified), write, "write {text}");
        }
    }

    #[test]
    fn a_tier_that_was_never_set_was_never_changed() {
        let etag = ETag::parse(TAG).expect("a good tag");
        let modified = Timestamp::from_seconds(MODIFIED);
        let (lease, kind) = (Lease::Free, Leasable::Blob);
        let current = Version { etag, modified, tier_changed: None, lease, kind, tags: None, encryption: None };
        assert_eq!(condition("tier-unmodified:before").check(Some(current), Write, modified), Ok(()));
        assert_eq!(condition("tier-since:before").check(Some(current), Write, modified), Err(ConditionNotMet));
    }

    #[test]
    fn conditions_on_what_is_not_there() {
        let table = [
            ("", Ok(())),
            ("match:*", Err(ConditionNotMet)),
            ("match:SAME", Err(ConditionNotMet)),
            ("none-match:*", Ok(())),
            ("none-match:SAME", Ok(())),
            ("since:after", Ok(())),
            ("unmodified:before", Ok(())),
        ];
        for (text, outcome) in table {
            for access in [Read, Write] {
                assert_eq!(condition(text).check(None, access, Timestamp(0)), outcome, "{text}");
            }
        }
    }
}
