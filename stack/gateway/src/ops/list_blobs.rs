//! List Blobs: flat, or by a delimiter as if there were folders.

use crate::call::Call;
use crate::error::Error;
use crate::listing::{self, Asked, Include};
use crate::reply::Reply;
use crate::{properties, xml};
use greenroom_store::Entry;

pub async fn run(call: &mut Call) -> Result<Reply, Error> {
    let query = listing::query(&call.head.query)?;
    let include = Include::parse(&call.head.query)?;
    let container = call.container()?;
    let page = call.store.list_blobs(&container, &query).await?;
    let mut doc = xml::Document::new();
    let attributes =
        [("ServiceEndpoint", call.head.endpoint()), ("ContainerName", container.container.as_str().to_owned())];
    doc.open_with("EnumerationResults", &attributes.each_ref().map(|(name, value)| (*name, value.as_str())));
    doc.text_if("Prefix", call.head.query.filled("prefix"));
    doc.text_if("Marker", call.head.query.filled("marker"));
    doc.text_if("MaxResults", call.head.query.filled("maxresults"));
    doc.text_if("Delimiter", call.head.query.filled("delimiter"));
    doc.open("Blobs");
    for entry in &page.entries {
        match entry {
            Entry::Prefix(prefix) => {
                doc.open("BlobPrefix");
                doc.name("Name", prefix);
                doc.close("BlobPrefix");
            }
            // A snapshot is listed only where it was asked for, which `listing::query` does not offer.
            Entry::Blob(name, props) | Entry::Snapshot(name, _, props) => {
                doc.open("Blob");
                doc.name("Name", name.as_str());
                properties::blob_xml(&mut doc, props, call.now);
                if include.metadata == Asked::Yes {
                    properties::metadata_xml(&mut doc, &props.metadata);
                }
                if include.tags == Asked::Yes && !props.tags.is_empty() {
                    properties::tags_xml(&mut doc, &props.tags);
                }
                doc.text("OrMetadata", "");
                doc.close("Blob");
            }
        }
    }
    doc.close("Blobs");
    doc.text("NextMarker", &page.next.as_deref().map(listing::marker).unwrap_or_default());
    doc.close("EnumerationResults");
    Ok(Reply::xml(doc.finish()))
}
