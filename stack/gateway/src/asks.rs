//! What a request may ask for: every header and query parameter of Azure's, and what becomes of it here. A request that asks an
//! operation for something that it does not do is refused, never answered as if it had been done. Pure.
//! Sources: "Blob service REST API", and the requests that Azure's SDK for Python makes, with which a test compares.

use crate::error::{Code, Error};
use crate::head::Head;
use crate::route::{Row, Snapshots};
use crate::spelling::METADATA;
use greenroom_model::feed::FEED_CONTAINER;
use http::HeaderName;

/// A header or a query parameter.
#[derive(Debug)]
struct Ask {
    /// In lower case; a header that ends in `*` stands for all that begin so.
    name: &'static str,
    what: What,
    /// What it is, or why it is refused: for those who read the document.
    note: &'static str,
}

#[derive(Debug)]
enum What {
    /// Obeyed by these operations; refused by any other.
    By(&'static [&'static [&'static str]]),
    /// As `By`; `false` asks for nothing, wherever it is sent.
    Switch(&'static [&'static [&'static str]]),
    /// As `By`, where Azure has a code of its own for the refusal.
    Condition(&'static [&'static [&'static str]]),
    /// Obeyed, or weighed, wherever it may be sent.
    Everywhere,
    /// Asks for nothing that could fail to happen.
    Harmless,
    /// Asks for what is not offered.
    Never,
}

use What::{By, Condition, Everywhere, Harmless, Never, Switch};

const PUT_BLOB: &[&str] = &["Put Blob"];
const PUT_BLOCK: &[&str] = &["Put Block"];
const PUT_PAGE: &[&str] = &["Put Page"];
const GET_BLOB: &[&str] = &["Get Blob"];
const READ: &[&str] = &["Get Blob", "Get Blob Properties", "Get Blob Metadata", "Get Page Ranges"];
const LISTED: &[&str] = &["Get Block List"];
const TAGS: &[&str] = &["Get Blob Tags", "Set Blob Tags"];
const SET_PROPERTIES: &[&str] = &["Set Blob Properties"];
const SET_TIER: &[&str] = &["Set Blob Tier"];
const DELETE: &[&str] = &["Delete Blob"];
const ABORT: &[&str] = &["Abort Copy Blob"];
const COPY: &[&str] = &["Copy Blob, Copy Blob From URL"];
const PUT_FROM_URL: &[&str] = &["Put Blob From URL"];
const BLOCK_FROM_URL: &[&str] = &["Put Block From URL"];
const PAGE_FROM_URL: &[&str] = &["Put Page From URL"];
const FROM_URL: &[&[&str]] = &[COPY, PUT_FROM_URL, BLOCK_FROM_URL, PAGE_FROM_URL];
/// What makes a blob, with all that is said of it.
const MAKE: &[&str] = &["Put Blob", "Put Blob From URL", "Put Block List"];
/// What changes a blob that is there.
const CHANGE: &[&str] = &[
    "Set Blob Metadata",
    "Set Blob Properties",
    "Snapshot Blob",
    "Lease Blob",
    "Delete Blob",
    "Put Page",
    "Put Page From URL",
];
/// What takes a key along.
const KEYED: &[&str] = &[
    "Put Blob",
    "Put Blob From URL",
    "Put Block",
    "Put Block From URL",
    "Put Block List",
    "Put Page",
    "Put Page From URL",
    "Get Blob",
    "Get Blob Properties",
    "Get Blob Metadata",
    "Set Blob Metadata",
    "Set Blob Properties",
    "Snapshot Blob",
];
/// What writes in a scope.
const SCOPED: &[&str] = &[
    "Put Blob",
    "Put Blob From URL",
    "Put Block",
    "Put Block From URL",
    "Put Block List",
    "Put Page",
    "Put Page From URL",
    "Copy Blob, Copy Blob From URL",
    "Set Blob Metadata",
    "Set Blob Properties",
    "Snapshot Blob",
];
/// What reads its source by a key of its own.
const READ_FROM_URL: &[&[&str]] = &[PUT_FROM_URL, BLOCK_FROM_URL, PAGE_FROM_URL];
const CREATE_CONTAINER: &[&str] = &["Create Container"];
const CONTAINER_ACL: &[&str] = &["Set Container ACL"];
const CONTAINER_METADATA: &[&str] = &["Set Container Metadata"];
const CONTAINER_CHANGE: &[&str] =
    &["Set Container Metadata", "Set Container ACL", "Delete Container", "Lease Container"];
const CONTAINER_READ: &[&str] = &["Get Container Properties", "Get Container Metadata", "Get Container ACL"];
const LEASE: &[&str] = &["Lease Blob", "Lease Container"];
const LISTS: &[&str] = &["List Containers", "List Blobs"];
const LIST_BLOBS: &[&str] = &["List Blobs"];
const FIND: &[&str] = &["Find Blobs by Tags", "Find Blobs by Tags in Container"];
const PAGE_RANGES: &[&str] = &["Get Page Ranges"];

const fn ask(name: &'static str, what: What, note: &'static str) -> Ask {
    Ask { name, what, note }
}

const ALGORITHM: &str = "`AES256`; alone it asks for nothing";
const SHOWN: &str = "over HTTPS, with its SHA-256; see \"Keys that come along\"";
const SCOPES: &str = "see \"Encryption scopes\"";
const HELD: &str = "nothing would keep the blob from being deleted";
const APPEND: &str = "of append blobs";
const HIERARCHY: &str = "of accounts with a hierarchical namespace, or of operations that are refused as a whole";
const OF_SAS: &str = "a field of a SAS";
const TRACE: &str = "tells requests apart in logs";

/// Sorted by name.
#[rustfmt::skip]
static HEADERS: &[Ask] = &[
    ask("authorization", Everywhere, "the credential"),
    ask("content-encoding", Everywhere, "kept by Put Blob, and says elsewhere what the body is"),
    ask("content-language", Everywhere, "as content-encoding"),
    ask("content-md5", Everywhere, "of the body as it is sent"),
    ask("content-range", Never, "a part of a blob cannot be put"),
    ask("content-type", Everywhere, "as content-encoding"),
    ask("if-match", Condition(&[MAKE, COPY, READ, CHANGE, SET_TIER, CONTAINER_CHANGE]), ""),
    ask("if-modified-since", Condition(&[MAKE, COPY, READ, CHANGE, SET_TIER, CONTAINER_CHANGE]), ""),
    ask("if-none-match", Condition(&[MAKE, COPY, READ, CHANGE, SET_TIER, CONTAINER_CHANGE]), ""),
    ask("if-range", Condition(&[GET_BLOB]), "the whole blob, where it is another"),
    ask("if-unmodified-since", Condition(&[MAKE, COPY, READ, CHANGE, SET_TIER, CONTAINER_CHANGE]), ""),
    ask("range", Everywhere, "by Get Blob, Put Page and Get Page Ranges; elsewhere HTTP has it ignored"),
    ask("x-greenroom-check-origin", Switch(&[READ]), "ours: of a mirrored blob the origin is asked first, should it have another version by now"),
    ask("x-ms-access-tier", By(&[MAKE, COPY, SET_TIER]), ""),
    ask("x-ms-access-tier-if-modified-since", By(&[DELETE]), ""),
    ask("x-ms-access-tier-if-unmodified-since", By(&[DELETE]), ""),
    ask("x-ms-blob-cache-control", By(&[MAKE, SET_PROPERTIES]), ""),
    ask("x-ms-blob-condition-appendpos", Never, APPEND),
    ask("x-ms-blob-condition-maxsize", Never, APPEND),
    ask("x-ms-blob-content-disposition", By(&[MAKE, SET_PROPERTIES]), ""),
    ask("x-ms-blob-content-encoding", By(&[MAKE, SET_PROPERTIES]), ""),
    ask("x-ms-blob-content-language", By(&[MAKE, SET_PROPERTIES]), ""),
    ask("x-ms-blob-content-length", By(&[PUT_BLOB, SET_PROPERTIES]), "of page blobs; of a block blob it must be the length of its content"),
    ask("x-ms-blob-content-md5", By(&[MAKE, SET_PROPERTIES]), "Put Blob compares it with the content; the others store it, as Azure does"),
    ask("x-ms-blob-content-type", By(&[MAKE, SET_PROPERTIES]), ""),
    ask("x-ms-blob-if-match", By(&[TAGS]), ""),
    ask("x-ms-blob-if-modified-since", By(&[TAGS]), ""),
    ask("x-ms-blob-if-none-match", By(&[TAGS]), ""),
    ask("x-ms-blob-if-unmodified-since", By(&[TAGS]), ""),
    ask("x-ms-blob-public-access", By(&[CREATE_CONTAINER, CONTAINER_ACL]), ""),
    ask("x-ms-blob-sequence-number", By(&[PUT_BLOB, SET_PROPERTIES]), "of page blobs"),
    ask("x-ms-blob-type", Everywhere, "by Put Blob and Put Blob From URL; elsewhere it asks for nothing"),
    ask("x-ms-client-name", Harmless, TRACE),
    ask("x-ms-client-request-id", Everywhere, "sent back"),
    ask("x-ms-client-session-id", Harmless, TRACE),
    ask("x-ms-content-crc64", Everywhere, "of the body as it is sent"),
    ask("x-ms-copy-action", By(&[ABORT]), ""),
    ask("x-ms-copy-source", By(FROM_URL), ""),
    ask("x-ms-copy-source-authorization", By(FROM_URL), ""),
    ask("x-ms-copy-source-blob-properties", By(&[PUT_FROM_URL]), ""),
    ask("x-ms-copy-source-tag-option", By(&[COPY, PUT_FROM_URL]), ""),
    ask("x-ms-correlation-request-id", Harmless, TRACE),
    ask("x-ms-date", Everywhere, "weighed where it is signed"),
    ask("x-ms-default-encryption-scope", By(&[CREATE_CONTAINER]), SCOPES),
    ask("x-ms-delete-snapshots", By(&[DELETE]), ""),
    ask("x-ms-deleted-container-name", Never, HIERARCHY),
    ask("x-ms-deleted-container-version", Never, HIERARCHY),
    ask("x-ms-deny-encryption-scope-override", Switch(&[CREATE_CONTAINER]), SCOPES),
    ask("x-ms-encryption-algorithm", By(&[KEYED]), ALGORITHM),
    ask("x-ms-encryption-context", Never, HIERARCHY),
    ask("x-ms-encryption-key", By(&[KEYED]), SHOWN),
    ask("x-ms-encryption-key-sha256", By(&[KEYED]), ""),
    ask("x-ms-encryption-scope", By(&[SCOPED]), SCOPES),
    ask("x-ms-expiry-option", Never, HIERARCHY),
    ask("x-ms-expiry-time", Never, HIERARCHY),
    ask("x-ms-file-request-intent", Never, "of sources that are files, which no source here is"),
    ask("x-ms-if-sequence-number-eq", By(&[PUT_PAGE, PAGE_FROM_URL]), ""),
    ask("x-ms-if-sequence-number-le", By(&[PUT_PAGE, PAGE_FROM_URL]), ""),
    ask("x-ms-if-sequence-number-lt", By(&[PUT_PAGE, PAGE_FROM_URL]), ""),
    ask("x-ms-if-tags", By(&[MAKE, COPY, READ, LISTED, TAGS, CHANGE, SET_TIER]), ""),
    ask("x-ms-immutability-policy-mode", Never, HELD),
    ask("x-ms-immutability-policy-until-date", Never, HELD),
    ask("x-ms-lease-action", By(&[LEASE]), ""),
    ask("x-ms-lease-break-period", By(&[LEASE]), ""),
    ask("x-ms-lease-duration", By(&[LEASE]), ""),
    ask("x-ms-lease-id", By(&[
        MAKE, COPY, PUT_BLOCK, BLOCK_FROM_URL, READ, LISTED, TAGS, CHANGE, SET_TIER, ABORT, CONTAINER_READ, CONTAINER_CHANGE,
    ]), ""),
    ask("x-ms-legal-hold", Switch(&[]), HELD),
    ask("x-ms-meta-*", By(&[MAKE, COPY, &["Put Block", "Set Blob Metadata", "Snapshot Blob"], CREATE_CONTAINER, CONTAINER_METADATA]), "a block list says again what its blocks were sent with, and that counts"),
    ask("x-ms-page-write", By(&[PUT_PAGE, PAGE_FROM_URL]), ""),
    ask("x-ms-previous-snapshot-url", By(&[PAGE_RANGES]), "see the operation"),
    ask("x-ms-proposed-lease-id", By(&[LEASE]), ""),
    ask("x-ms-range", By(&[GET_BLOB, PUT_PAGE, PAGE_FROM_URL, PAGE_RANGES]), ""),
    ask("x-ms-range-get-content-crc64", Switch(&[GET_BLOB]), ""),
    ask("x-ms-range-get-content-md5", Switch(&[GET_BLOB]), ""),
    ask("x-ms-rehydrate-priority", By(&[SET_TIER, COPY]), "either priority: what leaves the archive can be read at once"),
    ask("x-ms-requires-sync", Switch(&[COPY]), ""),
    ask("x-ms-return-client-request-id", Harmless, "it is sent back anyway"),
    ask("x-ms-seal-blob", Switch(&[]), APPEND),
    ask("x-ms-sequence-number-action", By(&[SET_PROPERTIES]), ""),
    ask("x-ms-source-container-name", Never, HIERARCHY),
    ask("x-ms-source-content-crc64", By(FROM_URL), ""),
    ask("x-ms-source-content-md5", By(FROM_URL), ""),
    ask("x-ms-source-encryption-algorithm", By(READ_FROM_URL), ALGORITHM),
    ask("x-ms-source-encryption-key", By(READ_FROM_URL), "that of the source"),
    ask("x-ms-source-encryption-key-sha256", By(READ_FROM_URL), ""),
    ask("x-ms-source-if-match", By(FROM_URL), ""),
    ask("x-ms-source-if-modified-since", By(FROM_URL), ""),
    ask("x-ms-source-if-none-match", By(FROM_URL), ""),
    ask("x-ms-source-if-tags", By(FROM_URL), ""),
    ask("x-ms-source-if-unmodified-since", By(FROM_URL), ""),
    ask("x-ms-source-lease-id", By(FROM_URL), ""),
    ask("x-ms-source-range", By(&[BLOCK_FROM_URL, PAGE_FROM_URL]), ""),
    ask("x-ms-structured-body", By(&[GET_BLOB, PUT_BLOB, PUT_BLOCK, PUT_PAGE]), "`XSM/1.0; properties=crc64`"),
    ask("x-ms-structured-content-length", By(&[PUT_BLOB, PUT_BLOCK, PUT_PAGE]), ""),
    ask("x-ms-tags", By(&[MAKE, COPY]), ""),
    ask("x-ms-user-agent", Harmless, TRACE),
    ask("x-ms-useragent", Harmless, TRACE),
    ask("x-ms-version", Everywhere, "any version: the rules are those of the newest that is known"),
];

/// Sorted by name.
#[rustfmt::skip]
static PARAMETERS: &[Ask] = &[
    ask("", Harmless, "an empty pair"),
    ask("_", Harmless, "by which browsers pass their cache"),
    ask("api-version", Harmless, "as x-ms-version"),
    ask("blockid", By(&[PUT_BLOCK, BLOCK_FROM_URL]), ""),
    ask("blocklisttype", By(&[LISTED]), ""),
    ask("comp", Everywhere, "names the operation"),
    ask("copyid", By(&[ABORT]), ""),
    ask("deletetype", Never, "nothing is kept that was deleted"),
    ask("delimiter", By(&[LIST_BLOBS]), ""),
    ask("endbefore", By(&[LIST_BLOBS]), ""),
    ask("include", By(&[LISTS]), "may be sent several times"),
    ask("marker", By(&[LISTS, FIND, PAGE_RANGES]), ""),
    ask("maxresults", By(&[LISTS, FIND, PAGE_RANGES]), ""),
    ask("prefix", By(&[LISTS]), ""),
    ask("prevsnapshot", By(&[PAGE_RANGES]), "see the operation"),
    ask("restype", Everywhere, "names the operation"),
    ask("rscc", Harmless, OF_SAS),
    ask("rscd", Harmless, OF_SAS),
    ask("rsce", Harmless, OF_SAS),
    ask("rscl", Harmless, OF_SAS),
    ask("rsct", Harmless, OF_SAS),
    ask("saoid", Harmless, OF_SAS),
    ask("scid", Harmless, OF_SAS),
    ask("sdd", Harmless, OF_SAS),
    ask("sduoid", Harmless, OF_SAS),
    ask("se", Harmless, OF_SAS),
    ask("ses", Harmless, "a field of a SAS: the scope in which its holder writes"),
    ask("showonly", By(&[LIST_BLOBS]), ""),
    ask("si", Harmless, OF_SAS),
    ask("sig", Harmless, OF_SAS),
    ask("sip", Harmless, OF_SAS),
    ask("skdutid", Harmless, OF_SAS),
    ask("ske", Harmless, OF_SAS),
    ask("skoid", Harmless, OF_SAS),
    ask("sks", Harmless, OF_SAS),
    ask("skt", Harmless, OF_SAS),
    ask("sktid", Harmless, OF_SAS),
    ask("skv", Harmless, OF_SAS),
    ask("snapshot", Everywhere, "obeyed by what a snapshot can be asked, refused by all else"),
    ask("sp", Harmless, OF_SAS),
    ask("spr", Harmless, OF_SAS),
    ask("sr", Harmless, OF_SAS),
    ask("srh", Harmless, OF_SAS),
    ask("srq", Harmless, OF_SAS),
    ask("srt", Harmless, OF_SAS),
    ask("ss", Harmless, OF_SAS),
    ask("st", Harmless, OF_SAS),
    ask("startfrom", By(&[LIST_BLOBS]), ""),
    ask("suoid", Harmless, OF_SAS),
    ask("sv", Harmless, OF_SAS),
    ask("timeout", Harmless, "how long the client means to wait"),
    ask("versionid", Never, "no versions are kept"),
    ask("where", By(&[FIND]), ""),
];

/// Longer than the name of any parameter.
const NAME_BYTES_MAX: usize = 32;

/// Refuses a request that asks its operation for something that this does not do.
pub fn fit(row: &Row, head: &Head) -> Result<(), Error> {
    let container = head.target.container().map(|path| path.container.as_str());
    // What the system keeps there for itself is read, and changed by nobody else.
    if container == Some(FEED_CONTAINER) && !row.reads() {
        let why = format!("({FEED_CONTAINER} is written by the service alone)");
        return Err(Error::new(Code::AuthorizationPermissionMismatch, why));
    }
    headers_fit(row, head)?;
    parameters_fit(row, head)
}

fn headers_fit(row: &Row, head: &Head) -> Result<(), Error> {
    let mut before: Option<&HeaderName> = None;
    for (name, value) in &head.headers {
        let again = before.is_some_and(|before| before == name);
        before = Some(name);
        let Some(known) = header(name.as_str()) else {
            if name.as_str().starts_with("x-ms-") {
                return Err(Error::new(Code::UnsupportedHeader, format!("{name} is not known.")));
            }
            continue;
        };
        if value.as_bytes().trim_ascii().is_empty() {
            continue;
        }
        let off = value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"false");
        known.weigh(row, off, Code::UnsupportedHeader)?;
        // Metadata has an error of its own for that.
        if again && !matches!(known.what, Harmless) && !name.as_str().starts_with(METADATA) {
            return Err(Error::new(Code::InvalidHeaderValue, format!("{name} is sent twice.")));
        }
    }
    Ok(())
}

fn parameters_fit(row: &Row, head: &Head) -> Result<(), Error> {
    for (name, value) in head.query.pairs() {
        let Some(known) = parameter(name) else {
            return Err(Error::new(Code::UnsupportedQueryParameter, format!("{name:?} is not known.")));
        };
        if value.is_empty() {
            continue;
        }
        match known.name {
            "versionid" => return Err(Error::new(Code::OperationNotSupported, "(blob versions)")),
            // Taking the base blob for a snapshot of it would be a lie.
            "snapshot" if row.snapshots == Snapshots::Refused => {
                return Err(Error::new(Code::UnsupportedQueryParameter, "snapshot"));
            }
            _ => known.weigh(row, false, Code::UnsupportedQueryParameter)?,
        }
        let once = !matches!(known.what, Harmless) && known.name != "include";
        if once && head.query.all(known.name).nth(1).is_some() {
            return Err(Error::new(Code::InvalidQueryParameterValue, format!("{name} is given twice.")));
        }
    }
    Ok(())
}

impl Ask {
    fn weigh(&self, row: &Row, off: bool, code: Code) -> Result<(), Error> {
        let (by, code) = match self.what {
            Everywhere | Harmless => return Ok(()),
            Switch(_) if off => return Ok(()),
            By(by) | Switch(by) => (by, code),
            Condition(by) => (by, Code::ConditionHeadersNotSupported),
            Never => (&[] as &[&[&str]], code),
        };
        if by.iter().any(|operations| operations.contains(&row.operation)) {
            return Ok(());
        }
        let Ask { name, note, .. } = self;
        let why = if by.is_empty() { format!(": {note}") } else { format!(" means nothing to {}", row.operation) };
        Err(Error::new(code, format!("{name}{why}.")))
    }
}

fn header(name: &str) -> Option<&'static Ask> {
    let name = if name.starts_with(METADATA) { "x-ms-meta-*" } else { name };
    find(HEADERS, name)
}

/// Names of parameters are compared without regard to case.
fn parameter(name: &str) -> Option<&'static Ask> {
    let mut lower = [0; NAME_BYTES_MAX];
    let lower = lower.get_mut(..name.len())?;
    lower.copy_from_slice(name.as_bytes());
    lower.make_ascii_lowercase();
    find(PARAMETERS, std::str::from_utf8(lower).ok()?)
}

fn find(table: &'static [Ask], name: &str) -> Option<&'static Ask> {
    table.binary_search_by(|ask| ask.name.cmp(name)).ok().map(|at| &table[at])
}

#[cfg(test)]
mod tests;
