//! List Containers.

use crate::call::Call;
use crate::error::Error;
use crate::listing::{self, Asked, Include, Listed};
use crate::reply::Reply;
use crate::{acl, properties, sealing, time, xml};
use greenroom_store::ListQuery;

/// A page with more than that ends early, as it may, and its marker leads on: it is held whole until it is sent.
const PAGE_ROW_BYTES: usize = 512 << 10;
/// Written without a pause: others go first then.
const BYTES_A_TURN: usize = 128 << 10;

pub async fn run(call: &mut Call) -> Result<Reply, Error> {
    let query = listing::query(&call.head.query, Listed::Containers)?;
    let include = Include::parse(&call.head.query, Listed::Containers)?;
    let query = ListQuery { row_bytes_max: PAGE_ROW_BYTES, system: include.system, ..query };
    let page = call.store.list_containers(call.account(), &query).await?;
    let mut doc = xml::Document::new();
    doc.open_with("EnumerationResults", &[("ServiceEndpoint", &call.head.endpoint())]);
    doc.name_if("Prefix", call.head.query.filled("prefix"));
    doc.text_if("Marker", call.head.query.filled("marker"));
    doc.text_if("MaxResults", call.head.query.filled("maxresults"));
    doc.open("Containers");
    let mut turn_at = 0;
    for (name, props) in &page.entries {
        if doc.bytes() >= turn_at {
            turn_at = doc.bytes() + BYTES_A_TURN;
            call.body.turn().await;
        }
        doc.open("Container");
        doc.text("Name", name.as_str());
        doc.open("Properties");
        doc.text("Last-Modified", &time::http(props.modified));
        doc.text("Etag", &format!("\"{}\"", props.etag));
        properties::lease_xml(&mut doc, &props.lease, call.now);
        doc.text_if("PublicAccess", acl::level_name(props.acl.public));
        let (scope, deny) = sealing::default_scope_words(props.scope.as_ref());
        doc.text("DefaultEncryptionScope", scope);
        doc.text("DenyEncryptionScopeOverride", deny);
        doc.text("HasImmutabilityPolicy", "false");
        doc.text("HasLegalHold", "false");
        doc.close("Properties");
        if include.metadata == Asked::Yes {
            properties::metadata_xml(&mut doc, &props.metadata);
        }
        doc.close("Container");
    }
    doc.close("Containers");
    doc.text("NextMarker", &page.next.as_deref().map(|next| listing::marker(next, None)).unwrap_or_default());
    doc.close("EnumerationResults");
    Ok(Reply::xml(doc.finish()))
}
