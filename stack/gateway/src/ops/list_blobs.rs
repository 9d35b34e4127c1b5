//! List Blobs: flat, or by a delimiter as if there were folders.

use crate::call::Call;
use crate::error::Error;
use crate::listing::{self, Asked, Include, Listed};
use crate::reply::Reply;
use crate::{properties, time, xml};
use futures::{StreamExt as _, stream};
use greenroom_model::ContainerPath;
use greenroom_store::{BlobProps, Entry, ListQuery, Store, Timestamp};

/// Rows of which one part of the reply is made; as XML they take some times as much, and that is all that a list which is not read on holds.
const PART_ROW_BYTES: usize = 96 << 10;

pub async fn run(call: &mut Call) -> Result<Reply, Error> {
    let include = Include::parse(&call.head.query, Listed::Blobs)?;
    let (snapshots, uncommitted) = (include.snapshots, include.uncommitted);
    let query = ListQuery { snapshots, uncommitted, ..listing::query(&call.head.query, Listed::Blobs)? };
    let container = call.container()?;
    let mut doc = xml::Document::new();
    let attributes =
        [("ServiceEndpoint", call.head.endpoint()), ("ContainerName", container.container.as_str().to_owned())];
    doc.open_with("EnumerationResults", &attributes.each_ref().map(|(name, value)| (*name, value.as_str())));
    doc.name_if("Prefix", call.head.query.filled("prefix"));
    doc.text_if("Marker", call.head.query.filled("marker"));
    doc.text_if("MaxResults", call.head.query.filled("maxresults"));
    doc.name_if("Delimiter", call.head.query.filled("delimiter"));
    doc.open("Blobs");
    let (store, now) = (call.store.clone(), call.now);
    // The first part is there before the reply is: what is wrong is said by its status.
    let mut list = List { store, container, query, include, now, doc, state: State::Goes };
    let first = list.part().await?;
    if list.state == State::Ended {
        return Ok(Reply::xml(first.unwrap_or_default()));
    }
    let rest = stream::try_unfold(list, async |mut list| Ok(list.part().await?.map(|part| (part, list))));
    Ok(Reply::xml_in_parts(stream::iter(first.map(Ok)).chain(rest)))
}

/// A list on its way to the client, part by part.
struct List {
    store: Store,
    container: ContainerPath,
    /// What is still to be listed.
    query: ListQuery,
    include: Include,
    now: Timestamp,
    doc: xml::Document,
    state: State,
}

#[derive(PartialEq, Eq)]
enum State {
    Goes,
    Ended,
}

impl List {
    async fn part(&mut self) -> Result<Option<String>, Error> {
        if self.state == State::Ended {
            return Ok(None);
        }
        let query = ListQuery { row_bytes_max: PART_ROW_BYTES, ..self.query.clone() };
        let page = self.store.list_blobs(&self.container, &query).await?;
        page.entries.iter().for_each(|found| entry(&mut self.doc, found, &self.include, self.now));
        self.query.max -= page.entries.len();
        match page.next {
            Some(next) if self.query.max > 0 => {
                (self.query.after, self.query.after_snapshot) = (Some(next), page.next_snapshot);
            }
            next => {
                self.doc.close("Blobs");
                let marker = next.map(|next| listing::marker(&next, page.next_snapshot));
                self.doc.text("NextMarker", &marker.unwrap_or_default());
                self.doc.close("EnumerationResults");
                self.state = State::Ended;
            }
        }
        Ok(Some(self.doc.part()))
    }
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
        properties::blob_metadata_xml(doc, props);
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
