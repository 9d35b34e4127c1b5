//! What a caller is told when a request fails: one table from an error to Azure's status, `x-ms-error-code` and message.
//! Source: "Common REST API error codes" and "Blob Storage error codes".

use crate::gate::Busy;
use greenroom_model::metrics::OpClass;
use greenroom_store::{COMMITTED_BLOCKS_MAX, EncryptionUnmet, Leasable, LeaseRefusal, LeaseUnmet, StoreError};
use http::StatusCode;
use std::io::ErrorKind;

const SERVER_BUSY: &str = "ServerBusy";

/// An error of the Blob protocol. The table is [`Code::row`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(test, derive(strum::EnumIter))]
pub enum Code {
    AccountDisabled,
    AccountRequiresHttps,
    AuthenticationFailed,
    AuthorizationPermissionMismatch,
    AuthorizationProtocolMismatch,
    AuthorizationResourceTypeMismatch,
    AuthorizationServiceMismatch,
    AuthorizationSourceIpMismatch,
    BlobAlreadyExists,
    BlobArchived,
    BlobBeingWritten,
    BlobCustomerSpecifiedEncryptionMismatch,
    BlobDoesNotUseCustomerSpecifiedEncryption,
    BlobNotFound,
    BlobTypeNotSupported,
    BlobUsesCustomerSpecifiedEncryption,
    BlockCountExceedsLimit,
    BlockListTooLong,
    BothCrc64AndMd5HeaderPresent,
    CloudAway,
    ConditionHeadersNotSupported,
    ConditionNotMet,
    ContainerAlreadyExists,
    ContainerNotFound,
    CopyAcrossAccountsNotSupported,
    CopySourceEncrypted,
    CopySourceForbidden,
    CopySourceNotFound,
    CopySourceRefused,
    CorsPreflightFailure,
    Crc64Mismatch,
    EgressOverLimit,
    EncryptionScopeDisabled,
    FlashFull,
    IncompleteBody,
    IngressOverLimit,
    InternalError,
    InvalidAuthenticationInfo,
    InvalidBlobOrBlock,
    InvalidBlobTier,
    InvalidBlobType,
    InvalidBlockId,
    InvalidBlockList,
    InvalidHeaderValue,
    InvalidInput,
    InvalidMarker,
    InvalidMd5,
    InvalidMetadata,
    InvalidPageRange,
    InvalidQueryParameterValue,
    InvalidRange,
    InvalidResourceName,
    InvalidTags,
    InvalidUri,
    InvalidXmlDocument,
    InvalidXmlNodeValue,
    KeyAway,
    KeyVaultEncryptionKeyNotFound,
    LeaseAlreadyPresent,
    LeaseIdMismatch,
    LeaseIdMismatchWithBlob,
    LeaseIdMismatchWithContainer,
    LeaseIdMissing,
    LeaseBreakingNotAcquired,
    LeaseBreakingNotChanged,
    LeaseBrokenNotRenewed,
    LeaseLost,
    LeaseNotPresent,
    LeaseNotPresentOnBlob,
    LeaseNotPresentOnContainer,
    Md5Mismatch,
    MetadataTooLarge,
    MissingContentLengthHeader,
    MissingRequiredHeader,
    MissingRequiredQueryParameter,
    NoAuthenticationInformation,
    NoPendingCopyOperation,
    NotModified,
    OperationNotSupported,
    OperationsOverLimit,
    OriginChanged,
    OutOfRangeInput,
    OutOfRangeQueryParameterValue,
    PageBlobTooFragmented,
    PreviousSnapshotCannotBeNewer,
    PreviousSnapshotNotFound,
    PreviousSnapshotOperationNotSupported,
    PublicAccessNotPermitted,
    QuotaExceeded,
    RequestBodyTooLarge,
    RequestForbiddenByContainerEncryptionPolicy,
    RequestTimeout,
    ResourceNotFound,
    SequenceNumberConditionNotMet,
    SnapshotsPresent,
    SourceConditionNotMet,
    UnauthorizedBlobOverwrite,
    UnsupportedHeader,
    UnsupportedHttpVerb,
    UnsupportedQueryParameter,
}

/// The message by which AzCopy tells what to slow down.
impl From<(Busy, OpClass)> for Code {
    fn from((busy, class): (Busy, OpClass)) -> Self {
        match (busy, class) {
            (Busy::Operations, _) => Code::OperationsOverLimit,
            (Busy::Bytes, OpClass::Put) => Code::IngressOverLimit,
            (Busy::Bytes, OpClass::Get | OpClass::List | OpClass::Delete | OpClass::Other) => Code::EgressOverLimit,
        }
    }
}

/// How an error leaves the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    pub status: StatusCode,
    pub code: &'static str,
    pub message: &'static str,
}

impl Code {
    /// The table. Only what the caller cannot have caused is a 5xx: AzCopy retries those for minutes.
    #[rustfmt::skip]
    pub fn row(self) -> Row {
        let (status, code, message) = match self {
            Code::AuthenticationFailed => (403, "AuthenticationFailed", "Server failed to authenticate the request. Make sure the value of the Authorization header or of the signature in the query is formed correctly."),
            Code::AuthorizationPermissionMismatch => (403, "AuthorizationPermissionMismatch", "This request is not authorized to perform this operation using this permission."),
            Code::AuthorizationProtocolMismatch => (403, "AuthorizationProtocolMismatch", "This request is not authorized to perform this operation using this protocol."),
            Code::AuthorizationResourceTypeMismatch => (403, "AuthorizationResourceTypeMismatch", "This request is not authorized to perform this operation using this resource type."),
            Code::AuthorizationServiceMismatch => (403, "AuthorizationServiceMismatch", "This request is not authorized to perform this operation using this service."),
            Code::AuthorizationSourceIpMismatch => (403, "AuthorizationSourceIPMismatch", "This request is not authorized to perform this operation using this source IP."),
            Code::BlobAlreadyExists => (409, "BlobAlreadyExists", "The specified blob already exists."),
            Code::BlobArchived => (409, "BlobArchived", "This operation is not permitted on an archived blob. Set another tier first."),
            // Its own tenant's writes are in the way, and a retry at once would meet them again.
            Code::BlobBeingWritten => (409, "BlobBeingWritten", "This operation goes through all pages of the blob, and is not permitted while others write to it all the time. Try again when fewer writes come."),
            Code::BlobCustomerSpecifiedEncryptionMismatch => (409, "BlobCustomerSpecifiedEncryptionMismatch", "The given customer specified encryption does not match the encryption used to encrypt the blob."),
            Code::BlobDoesNotUseCustomerSpecifiedEncryption => (409, "BlobDoesNotUseCustomerSpecifiedEncryption", "The blob is not encrypted with customer specified encryption, but one was provided in the request."),
            Code::BlobNotFound => (404, "BlobNotFound", "The specified blob does not exist."),
            Code::BlobTypeNotSupported => (409, "BlobTypeNotSupported", "This endpoint keeps block blobs and page blobs only."),
            Code::BlobUsesCustomerSpecifiedEncryption => (409, "BlobUsesCustomerSpecifiedEncryption", "The blob is encrypted with customer specified encryption, but it was not provided in the request."),
            Code::BlockCountExceedsLimit => (409, "BlockCountExceedsLimit", "The uncommitted block count cannot exceed the maximum limit of 100,000 blocks."),
            Code::BlockListTooLong => (400, "BlockListTooLong", "The block list may not contain more than 50,000 blocks."),
            Code::BothCrc64AndMd5HeaderPresent => (400, "BothCrc64AndMd5HeaderPresent", "An MD5 and a CRC64 of the same content are sent. Specify one of them."),
            // Tools read bodies of 503 for the names of limits, and wait: the cable may be plugged in again.
            Code::CloudAway => (503, "ServerBusy", "The content is in the cloud, which cannot be reached now. Retry later."),
            Code::ConditionHeadersNotSupported => (400, "ConditionHeadersNotSupported", "Condition headers are not supported by this operation."),
            Code::ConditionNotMet => (412, "ConditionNotMet", "The condition specified using HTTP conditional header(s) is not met."),
            Code::ContainerAlreadyExists => (409, "ContainerAlreadyExists", "The specified container already exists."),
            Code::ContainerNotFound => (404, "ContainerNotFound", "The specified container does not exist."),
            Code::CopyAcrossAccountsNotSupported => (400, "CopyAcrossAccountsNotSupported", "The copy source account and destination account must be of one tenant."),
            Code::CopySourceEncrypted => (409, "CannotVerifyCopySource", "The copy source is encrypted with customer specified encryption, which is not what the request provides for it."),
            Code::CopySourceForbidden => (403, "CannotVerifyCopySource", "The copy source is not authorized by the credential that came with it."),
            Code::CopySourceNotFound => (404, "CannotVerifyCopySource", "The specified copy source does not exist."),
            Code::CopySourceRefused => (400, "CannotVerifyCopySource", "The copy source cannot be read."),
            Code::CorsPreflightFailure => (403, "CorsPreflightFailure", "CORS not enabled or no matching rule found for this request."),
            Code::Crc64Mismatch => (400, "Crc64Mismatch", "The CRC64 value specified in the request did not match with the CRC64 value calculated by the server."),
            // Neither 500, 503 nor 429: the flash stays full while a client retries, so a client must not spend minutes on it.
            // Nor 507, which some clients count among the 5xx worth a retry. 409 is what Azure answers where an account's state forbids a write.
            Code::FlashFull => (409, "AccountCapacityExceeded", "The flash tier of this stack is full. Delete blobs or give it more capacity; reads, lists and deletes go on."),
            // Azure documents the status and no code.
            Code::EncryptionScopeDisabled => (403, "EncryptionScopeDisabled", "The encryption scope is disabled. What it encrypts is neither read nor written until it is enabled again."),
            Code::IncompleteBody => (400, "IncompleteBody", "The request body is shorter than its Content-Length."),
            Code::AccountRequiresHttps => (400, "AccountRequiresHttps", "The account being accessed does not support http."),
            Code::AccountDisabled => (403, "AccountIsDisabled", "The specified account is disabled."),
            // AzCopy slows down by these three messages, word by word.
            Code::IngressOverLimit => (503, SERVER_BUSY, "Ingress is over the account limit."),
            Code::EgressOverLimit => (503, SERVER_BUSY, "Egress is over the account limit."),
            Code::OperationsOverLimit => (503, SERVER_BUSY, "Operations per second is over the account limit."),
            // It is known by now as it is, and the next read finds it.
            Code::OriginChanged => (503, SERVER_BUSY, "The blob has changed where it is mirrored from. Retry."),
            // As full flash: a quota stays reached while a client retries.
            Code::QuotaExceeded => (409, "QuotaExceeded", "The quota is reached. Delete blobs or have it raised; reads, lists and deletes go on."),
            Code::InternalError => (500, "InternalError", "The server encountered an internal error. Please retry the request."),
            Code::InvalidAuthenticationInfo => (401, "InvalidAuthenticationInfo", "Authentication information is not given in the correct format. Check the value of the Authorization header."),
            Code::InvalidBlobOrBlock => (400, "InvalidBlobOrBlock", "The specified blob or block content is invalid."),
            Code::InvalidBlobTier => (400, "InvalidBlobTier", "The specified blob tier name is invalid."),
            Code::InvalidBlobType => (409, "InvalidBlobType", "The blob type is invalid for this operation."),
            Code::InvalidBlockId => (400, "InvalidBlockId", "The specified block ID is invalid. The block ID must be Base64-encoded."),
            Code::InvalidBlockList => (400, "InvalidBlockList", "The specified block list is invalid."),
            Code::InvalidHeaderValue => (400, "InvalidHeaderValue", "The value for one of the HTTP headers is not in the correct format."),
            Code::InvalidInput => (400, "InvalidInput", "One of the request inputs is not valid."),
            Code::InvalidMarker => (400, "InvalidMarker", "The specified marker is invalid."),
            Code::InvalidMd5 => (400, "InvalidMd5", "The MD5 value specified in the request is invalid. MD5 value must be 128 bits and base64 encoded."),
            Code::InvalidMetadata => (400, "InvalidMetadata", "The metadata specified is invalid. It has characters that are not permitted."),
            Code::InvalidPageRange => (416, "InvalidPageRange", "The page range specified is invalid."),
            Code::InvalidQueryParameterValue => (400, "InvalidQueryParameterValue", "Value for one of the query parameters specified in the request URI is invalid."),
            Code::InvalidRange => (416, "InvalidRange", "The range specified is invalid for the current size of the resource."),
            Code::InvalidResourceName => (400, "InvalidResourceName", "The specified resource name contains invalid characters."),
            Code::InvalidTags => (400, "InvalidTags", "The tags specified are invalid. A blob has at most 10 tags, of letters, digits, space and + - . / : = _"),
            Code::InvalidUri => (400, "InvalidUri", "The requested URI does not represent any resource on the server."),
            Code::InvalidXmlDocument => (400, "InvalidXmlDocument", "XML specified is not syntactically valid."),
            Code::InvalidXmlNodeValue => (400, "InvalidXmlNodeValue", "The value provided for one of the XML nodes in the request body was not in the correct format."),
            // Nobody can tell yet whether it was revoked: what is away comes back.
            Code::KeyAway => (503, SERVER_BUSY, "The key that the content is encrypted with cannot be had now. Retry later."),
            Code::KeyVaultEncryptionKeyNotFound => (403, "KeyVaultEncryptionKeyNotFound", "The key vault key is not found to unwrap the encryption key."),
            Code::LeaseAlreadyPresent => (409, "LeaseAlreadyPresent", "There is already a lease present."),
            Code::LeaseIdMismatch => (409, "LeaseIdMismatchWithLeaseOperation", "The lease ID specified did not match the lease ID for the resource."),
            Code::LeaseIdMismatchWithBlob => (412, "LeaseIdMismatchWithBlobOperation", "The lease ID specified did not match the lease ID for the blob."),
            Code::LeaseIdMismatchWithContainer => (412, "LeaseIdMismatchWithContainerOperation", "The lease ID specified did not match the lease ID for the container."),
            Code::LeaseIdMissing => (412, "LeaseIdMissing", "There is currently a lease on the resource and no lease ID was specified in the request."),
            Code::LeaseBreakingNotAcquired => (409, "LeaseIsBreakingAndCannotBeAcquired", "The lease ID matched, but the lease is currently in breaking state and cannot be acquired until it is broken."),
            Code::LeaseBreakingNotChanged => (409, "LeaseIsBreakingAndCannotBeChanged", "The lease ID matched, but the lease is currently in breaking state and cannot be changed."),
            Code::LeaseBrokenNotRenewed => (409, "LeaseIsBrokenAndCannotBeRenewed", "The lease ID matched, but the lease has been broken explicitly and cannot be renewed."),
            Code::LeaseLost => (412, "LeaseLost", "A lease ID was specified, but the lease for the resource has expired."),
            Code::LeaseNotPresent => (409, "LeaseNotPresentWithLeaseOperation", "There is currently no lease on the resource."),
            Code::LeaseNotPresentOnBlob => (412, "LeaseNotPresentWithBlobOperation", "There is currently no lease on the blob."),
            Code::LeaseNotPresentOnContainer => (412, "LeaseNotPresentWithContainerOperation", "There is currently no lease on the container."),
            Code::Md5Mismatch => (400, "Md5Mismatch", "The MD5 value specified in the request did not match with the MD5 value calculated by the server."),
            Code::MetadataTooLarge => (400, "MetadataTooLarge", "The size of the specified metadata exceeds the maximum size permitted."),
            Code::MissingContentLengthHeader => (411, "MissingContentLengthHeader", "The Content-Length header was not specified."),
            Code::MissingRequiredHeader => (400, "MissingRequiredHeader", "An HTTP header that's mandatory for this request is not specified."),
            Code::MissingRequiredQueryParameter => (400, "MissingRequiredQueryParameter", "A query parameter that's mandatory for this request is not specified."),
            Code::NoAuthenticationInformation => (401, "NoAuthenticationInformation", "Server failed to authenticate the request. Please refer to the information in the www-authenticate header."),
            Code::NoPendingCopyOperation => (409, "NoPendingCopyOperation", "There is currently no pending copy operation."),
            Code::NotModified => (304, "ConditionNotMet", "The condition specified using HTTP conditional header(s) is not met."),
            Code::OperationNotSupported => (400, "FeatureNotSupported", "This endpoint does not offer the operation."),
            Code::OutOfRangeInput => (400, "OutOfRangeInput", "One of the request inputs is out of range."),
            Code::OutOfRangeQueryParameterValue => (400, "OutOfRangeQueryParameterValue", "One of the query parameters specified in the request URI is outside the permissible range."),
            Code::PageBlobTooFragmented => (409, "PageBlobTooFragmented", "The pages of this blob lie in too many pieces. Copy it, or write larger ranges."),
            Code::PreviousSnapshotCannotBeNewer => (400, "PreviousSnapshotCannotBeNewer", "The prevsnapshot query parameter value cannot be newer than snapshot query parameter value."),
            Code::PreviousSnapshotNotFound => (409, "PreviousSnapshotNotFound", "The previous snapshot is not found."),
            Code::PreviousSnapshotOperationNotSupported => (409, "PreviousSnapshotOperationNotSupported", "Differential Get Page Ranges is not supported on the previous snapshot."),
            Code::PublicAccessNotPermitted => (409, "PublicAccessNotPermitted", "Public access is not permitted on this storage account."),
            Code::RequestBodyTooLarge => (413, "RequestBodyTooLarge", "The request body is too large and exceeds the maximum permissible limit."),
            Code::RequestForbiddenByContainerEncryptionPolicy => (403, "RequestForbiddenByContainerEncryptionPolicy", "The request is forbidden by the container encryption policy."),
            Code::RequestTimeout => (408, "RequestTimeout", "The request body did not arrive in time."),
            Code::ResourceNotFound => (404, "ResourceNotFound", "The specified resource does not exist."),
            Code::SequenceNumberConditionNotMet => (412, "SequenceNumberConditionNotMet", "The sequence number condition specified was not met."),
            Code::SnapshotsPresent => (409, "SnapshotsPresent", "This operation is not permitted because the blob has snapshots."),
            Code::SourceConditionNotMet => (412, "SourceConditionNotMet", "The source condition specified using HTTP conditional header(s) is not met."),
            Code::UnauthorizedBlobOverwrite => (403, "UnauthorizedBlobOverwrite", "This request is not authorized to perform blob overwrites."),
            Code::UnsupportedHttpVerb => (405, "UnsupportedHttpVerb", "The resource doesn't support specified Http Verb."),
            Code::UnsupportedHeader => (400, "UnsupportedHeader", "One of the HTTP headers specified in the request is not supported."),
            Code::UnsupportedQueryParameter => (400, "UnsupportedQueryParameter", "One of the query parameters specified in the request URI is not supported."),
        };
        Row { status: StatusCode::from_u16(status).expect("every status of the table is a valid one"), code, message }
    }
}

/// A failed request: what the caller is told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{}", code.row().code, detail.as_deref().map(|detail| format!(": {detail}")).unwrap_or_default())]
pub struct Error {
    pub code: Code,
    /// One sentence more than the table's, such as which header was wrong. Never a secret, never more than the caller sent.
    pub detail: Option<String>,
    /// Of content, a range of which was asked for that begins past its end.
    pub length: Option<u64>,
}

impl Error {
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: Some(detail.into()), length: None }
    }

    /// A range begins at the end of content of this length, or past it.
    pub fn past_the_end(length: u64) -> Self {
        Self { code: Code::InvalidRange, detail: None, length: Some(length) }
    }

    /// `Content-Range`, from which clients learn the length: the SDK for Java knows empty blobs by it. Source: RFC 9110, section 14.4.
    pub fn content_range(&self) -> Option<String> {
        self.length.map(|length| format!("bytes */{length}"))
    }
}

impl From<StoreError> for Error {
    /// What the store says, as Azure says it. What only the operator can mend is logged here, once.
    fn from(error: StoreError) -> Self {
        let code = match &error {
            StoreError::Full { .. } => {
                tracing::warn!(%error, "a write was refused");
                Code::FlashFull
            }
            // The file system ran out before the capacity did.
            StoreError::Io { source, .. } if source.kind() == ErrorKind::StorageFull => {
                tracing::warn!(%error, "a write was refused");
                Code::FlashFull
            }
            StoreError::QuotaReached { .. } => return Error::new(Code::QuotaExceeded, format!("({error})")),
            StoreError::ContainerExists => Code::ContainerAlreadyExists,
            StoreError::ContainerMissing => Code::ContainerNotFound,
            StoreError::BlobExists => Code::BlobAlreadyExists,
            StoreError::BlobMissing => Code::BlobNotFound,
            StoreError::SnapshotsPresent => Code::SnapshotsPresent,
            StoreError::ConditionNotMet => Code::ConditionNotMet,
            StoreError::SourceChanged => Code::SourceConditionNotMet,
            StoreError::KeepsChanging => Code::BlobBeingWritten,
            StoreError::NotModified => Code::NotModified,
            StoreError::LeaseUnmet { why, on } => match (why, on) {
                (LeaseUnmet::IdMissing, _) => Code::LeaseIdMissing,
                (LeaseUnmet::Lost, _) => Code::LeaseLost,
                (LeaseUnmet::IdMismatch, Leasable::Blob) => Code::LeaseIdMismatchWithBlob,
                (LeaseUnmet::IdMismatch, Leasable::Container) => Code::LeaseIdMismatchWithContainer,
                (LeaseUnmet::NotPresent, Leasable::Blob) => Code::LeaseNotPresentOnBlob,
                (LeaseUnmet::NotPresent, Leasable::Container) => Code::LeaseNotPresentOnContainer,
            },
            StoreError::LeaseRefused(refusal) => match refusal {
                LeaseRefusal::AlreadyPresent => Code::LeaseAlreadyPresent,
                LeaseRefusal::BreakingNotAcquired => Code::LeaseBreakingNotAcquired,
                LeaseRefusal::BreakingNotChanged => Code::LeaseBreakingNotChanged,
                LeaseRefusal::BrokenNotRenewed => Code::LeaseBrokenNotRenewed,
                LeaseRefusal::IdMismatch => Code::LeaseIdMismatch,
                LeaseRefusal::NotPresent => Code::LeaseNotPresent,
            },
            StoreError::BlobKind => Code::InvalidBlobType,
            StoreError::PageRange => Code::InvalidPageRange,
            StoreError::SequenceUnmet => Code::SequenceNumberConditionNotMet,
            StoreError::TooManyRuns { .. } => Code::PageBlobTooFragmented,
            StoreError::InvalidBlockList => Code::InvalidBlockList,
            StoreError::BlockIdLength => Code::InvalidBlobOrBlock,
            StoreError::TooManyBlocks { max, .. } if *max == COMMITTED_BLOCKS_MAX => Code::BlockListTooLong,
            StoreError::TooManyPieces { .. } => Code::BlockListTooLong,
            StoreError::TooManyBlocks { .. } => Code::BlockCountExceedsLimit,
            StoreError::BodyLength { .. } => Code::IncompleteBody,
            StoreError::RangeInvalid => Code::InvalidRange,
            StoreError::PropsTooLarge { .. } => Code::MetadataTooLarge,
            // The account was there when the request was authenticated.
            StoreError::AccountDisabled => Code::AccountDisabled,
            StoreError::TenantMissing(_) | StoreError::AccountMissing(_) | StoreError::AccountTaken { .. } => {
                Code::AuthenticationFailed
            }
            StoreError::Away(_) => {
                tracing::debug!(%error, "a cold read was put off");
                Code::CloudAway
            }
            StoreError::OriginChanged => Code::OriginChanged,
            StoreError::KeyDenied(_) => Code::KeyVaultEncryptionKeyNotFound,
            StoreError::KeyAway(_) => {
                tracing::debug!(%error, "a request was put off");
                Code::KeyAway
            }
            StoreError::AcrossTenants => Code::CopyAcrossAccountsNotSupported,
            StoreError::PagesSealedOtherwise => {
                let why = "(its pages would be encrypted otherwise: they are copied by Put Page From URL)";
                return Error::new(Code::CopySourceRefused, why);
            }
            StoreError::EncryptionUnmet(EncryptionUnmet::NotShown) => Code::BlobUsesCustomerSpecifiedEncryption,
            StoreError::EncryptionUnmet(EncryptionUnmet::NotUsed) => Code::BlobDoesNotUseCustomerSpecifiedEncryption,
            StoreError::EncryptionUnmet(EncryptionUnmet::Other) => Code::BlobCustomerSpecifiedEncryptionMismatch,
            StoreError::ScopeMissing(_) => return Error::new(Code::InvalidHeaderValue, format!("({error})")),
            StoreError::ScopeDisabled(_) => Code::EncryptionScopeDisabled,
            StoreError::Locked { .. }
            | StoreError::KeyLocked(_)
            | StoreError::SecretSealed(_)
            | StoreError::KeyMissing(_)
            | StoreError::StaysSealed
            | StoreError::MirrorMissing(_)
            | StoreError::NotMirrored(_)
            | StoreError::CloudDamaged(_)
            | StoreError::Moved
            | StoreError::InCloud
            | StoreError::ManifestLeftOut { .. }
            | StoreError::VolumeTaken
            | StoreError::NotWritable { .. }
            | StoreError::Exposed { .. }
            | StoreError::FormatOld { .. }
            | StoreError::FormatUnknown { .. }
            | StoreError::GoingBack { .. }
            | StoreError::NoWayBack { .. }
            | StoreError::NoLinks { .. }
            | StoreError::Corrupt { .. }
            | StoreError::Io { .. }
            | StoreError::Catalog(_)
            | StoreError::Closed => {
                tracing::error!(%error, "the store failed a request");
                Code::InternalError
            }
        };
        code.into()
    }
}

impl From<Code> for Error {
    fn from(code: Code) -> Self {
        Self { code, detail: None, length: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use strum::IntoEnumIterator as _;

    #[test]
    fn only_what_the_caller_cannot_have_caused_is_retried() {
        let retried = [408, 429, 500, 502, 503, 504, 507];
        let codes: Vec<_> = Code::iter().filter(|code| retried.contains(&code.row().status.as_u16())).collect();
        let busy = [Code::EgressOverLimit, Code::IngressOverLimit, Code::OperationsOverLimit];
        let (told, others): (Vec<_>, Vec<_>) = codes.into_iter().partition(|code| busy.contains(code));
        assert_eq!(
            (told.as_slice(), others.as_slice()),
            (
                &busy[..],
                &[Code::CloudAway, Code::InternalError, Code::KeyAway, Code::OriginChanged, Code::RequestTimeout][..]
            )
        );
    }

    #[test]
    fn names_are_azures_form_and_mean_one_thing() {
        let mut seen: BTreeMap<&str, Code> = BTreeMap::new();
        for code in Code::iter() {
            let Row { status, code: name, message } = code.row();
            assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric()) && message.ends_with(['.', '_']), "{name}");
            assert!(status.is_client_error() || status.is_server_error() || code == Code::NotModified, "{name}");
            if let Some(twin) = seen.insert(name, code) {
                // One condition, told to writers as 412 and to readers as 304; one for copy sources, with the status of its reason.
                let told_twice = (twin, code) == (Code::ConditionNotMet, Code::NotModified);
                assert!(told_twice || ["CannotVerifyCopySource", SERVER_BUSY].contains(&name), "{name}");
            }
        }
    }
}
