//! List Blobs: flat, or by a delimiter as if there were folders.

use crate::call::Call;
use crate::error::Error;
use crate::listing::{self, Asked, Include, Listed};
use crate::reply::Reply;
use crate::{properties, time, xml};
use greenroom_store::{BlobProps, Entry, ListQuery, Timestamp};

/// Entries that are written between two times that others may go first.
const ENTRIES_A_TURN: usize = 128;

pub async fn run(call: &mut Call) -> Result<Reply, Error> {
    let include = Include::parse(&call.head.query, Listed::Blobs)?;
    let (snapshots, uncommitted) = (include.snapshots, include.uncommitted);
    let query = ListQuery { snapshots, uncommitted, ..listing::query(&call.head.query, Listed::Blobs)? };
    let container = call.container()?;
    let page = call.store.list_blobs(&container, &query).await?;
    let mut doc = xml::Document::new();
    let attributes =
        [("ServiceEndpoint", call.head.endpoint()), ("ContainerName", container.container.as_str().to_owned())];
    doc.open_with("EnumerationResults", &attributes.each_ref().map(|(name, value)| (*name, value.as_str())));
    doc.name_if("Prefix", call.head.query.filled("prefix"));
    doc.text_if("Marker", call.head.query.filled("marker"));
    doc.text_if("MaxResults", call.head.query.filled("maxresults"));
    doc.name_if("Delimiter", call.head.query.filled("delimiter"));
    doc.open("Blobs");
    for (turn, entries) in page.entries.chunks(ENTRIES_A_TURN).enumerate() {
        if turn > 0 {
            call.body.turn().await;
        }
        entries.iter().for_each(|found| entry(&mut doc, found, &include, call.now));
    }
    doc.close("Blobs");
    doc.text(
        "NextMarker",
        &page.next.as_deref().map(|next| listing::marker(next, page.next_snapshot)).unwrap_or_default(),
    );
    doc.close("EnumerationResults");
    Ok(Reply::xml(doc.finish()))
}

fn entry(doc: &mut xml::Document, entry: &Entry, include: &Include, now: Timestamp) {
    match entry {
        Entry::Prefix(prefix) => {
            doc.open("BlobPrefix");
            doc.name("Name", prefix);
            doc.close("BlobPrefix");
        }
        Entry::Blob(name, props) => blob(doc, name.as_str(), None, props, include, now),
        Entry::Snapshot(name, at, props) => blob(doc, name.as_str(), Some(*at), props, include, now),
        Entry::Uncommitted(name) => staged_name(doc, name.as_str()),
    }
}

fn blob(
    doc: &mut xml::Document,
    name: &str,
    snapshot: Option<Timestamp>,
    props: &BlobProps,
    include: &Include,
    now: Timestamp,
) {
    doc.open("Blob");
    doc.name("Name", name);
    doc.text_if("Snapshot", snapshot.map(time::iso).as_deref());
    properties::blob_xml(doc, props, include.copy, now);
    if include.metadata == Asked::Yes {
        properties::metadata_xml(doc, &props.metadata);
    }
    if include.tags == Asked::Yes && !props.tags.is_empty() {
        properties::tags_xml(doc, &props.tags);
    }
    doc.text("OrMetadata", "");
    doc.close("Blob");
}

/// A name under which only blocks are staged: it has neither an ETag nor a date.
fn staged_name(doc: &mut xml::Document, name: &str) {
    doc.open("Blob");
    doc.name("Name", name);
    doc.open("Properties");
    doc.text("Content-Length", "0");
    doc.text("BlobType", "BlockBlob");
    doc.close("Properties");
    doc.close("Blob");
}
