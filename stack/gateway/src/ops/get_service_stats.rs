//! Get Blob Service Stats: there is no second location, which is what they are about.

use crate::call::Call;
use crate::error::Error;
use crate::reply::Reply;
use crate::xml;

pub async fn run(_: &mut Call) -> Result<Reply, Error> {
    let mut doc = xml::Document::new();
    doc.open("StorageServiceStats");
    doc.open("GeoReplication");
    doc.text("Status", "unavailable");
    doc.text("LastSyncTime", "");
    doc.close("GeoReplication");
    doc.close("StorageServiceStats");
    Ok(Reply::xml(doc.finish()))
}
