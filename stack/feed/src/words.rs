//! What an event's parts are called, in the change feed and wherever else events are told.
//! Sources: "Change feed support in Azure Blob Storage", "Azure Blob Storage as an Event Grid source".

use greenroom_model::feed::{BlobEvent, BlobType, EventKind};
use greenroom_model::{AccountName, BlobName, ContainerName};

const SUBJECT_HEAD: &str = "/blobServices/default/containers/";
const SUBJECT_MIDDLE: &str = "/blobs/";

/// Where an account's events come from.
pub fn topic(account: &AccountName) -> String {
    format!("/greenroom/storageAccounts/{account}")
}

/// What an event is of. A name is not percent-encoded.
pub fn subject(container: &ContainerName, blob: &BlobName) -> String {
    format!("{SUBJECT_HEAD}{container}{SUBJECT_MIDDLE}{blob}")
}

/// Container and blob, as a subject has them. A container's name has no slash, so the first middle is the middle.
pub(crate) fn named(subject: &str) -> Option<(&str, &str)> {
    subject.strip_prefix(SUBJECT_HEAD)?.split_once(SUBJECT_MIDDLE)
}

/// Of one width, so that texts are in the order of their numbers: readers compare texts.
pub fn sequencer(event: &BlobEvent) -> String {
    format!("{:032x}", event.sequence)
}

pub fn etag(event: &BlobEvent) -> String {
    format!("0x{:X}", event.etag)
}

/// As the feed has it; Event Grid puts `Microsoft.Storage.` before it.
pub fn kind(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Created => "BlobCreated",
        EventKind::Deleted => "BlobDeleted",
        EventKind::PropertiesUpdated => "BlobPropertiesUpdated",
        EventKind::SnapshotCreated => "BlobSnapshotCreated",
        EventKind::TierChanged => "BlobTierChanged",
        EventKind::Control => "Control",
    }
}

/// The kind of a name; `None` of one that we have no event for.
pub(crate) fn kind_of(name: &str) -> Option<EventKind> {
    let known = [
        EventKind::Created,
        EventKind::Deleted,
        EventKind::PropertiesUpdated,
        EventKind::SnapshotCreated,
        EventKind::TierChanged,
        EventKind::Control,
    ];
    known.into_iter().find(|known| kind(*known) == name)
}

pub fn blob_type(blob_type: BlobType) -> &'static str {
    match blob_type {
        BlobType::Block => "BlockBlob",
        BlobType::Page => "PageBlob",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_names_container_and_blob_again() {
        let (container, blob) = (ContainerName::new("photos").unwrap(), BlobName::new("a/blobs/é #").unwrap());
        let subject = subject(&container, &blob);
        assert_eq!(subject, "/blobServices/default/containers/photos/blobs/a/blobs/é #");
        assert_eq!(named(&subject), Some(("photos", "a/blobs/é #")));
        assert_eq!(named("/blobServices/default/containers/photos"), None);
    }
}
