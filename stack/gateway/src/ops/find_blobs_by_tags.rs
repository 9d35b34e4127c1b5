//! Find Blobs by Tags, in an account or in a container. It reads the rows that it judges: a page ends where it has found or judged
//! enough, and its marker leads on.

use crate::call::Call;
use crate::error::{Code, Error};
use crate::listing::{self, Listed};
use crate::reply::Reply;
use crate::tag_query::{self, Search};
use crate::{properties, xml};
use greenroom_model::{ContainerName, ContainerPath};
use greenroom_store::{ListQuery, StoreError, Tags};

/// Rows that one request judges: some tens of milliseconds of reading.
const JUDGED_MAX: usize = 50_000;
/// Rows that are read between two times that others may go first.
const ROW_BYTES_A_TURN: usize = 128 << 10;
const CONTAINERS_AT_ONCE: usize = 500;

pub async fn run(call: &mut Call) -> Result<Reply, Error> {
    let text = call.head.query.filled("where");
    let text = text.ok_or_else(|| Error::new(Code::MissingRequiredQueryParameter, "where"))?.to_owned();
    let search = tag_query::search(&text)?;
    let query = listing::query(&call.head.query, Listed::Containers)?;
    let mut doc = xml::Document::new();
    doc.open_with("EnumerationResults", &[("ServiceEndpoint", &call.head.endpoint())]);
    doc.text("Where", &text);
    doc.open("Blobs");
    let next = find(call, &search, &query, &mut doc).await?;
    doc.close("Blobs");
    doc.text("NextMarker", &next.map(|next| listing::marker(&next, None)).unwrap_or_default());
    doc.close("EnumerationResults");
    Ok(Reply::xml(doc.finish()))
}

/// Writes what is found, and returns where the next page begins: `container/name`. Containers are gone through in order, a page of them at a
/// time; each costs as much as a row.
async fn find(
    call: &mut Call,
    search: &Search,
    query: &ListQuery,
    doc: &mut xml::Document,
) -> Result<Option<String>, Error> {
    let from = query.after.clone().and_then(|after| {
        let (container, name) = after.split_once('/')?;
        Some((container.to_owned(), name.to_owned()))
    });
    let mut left = Left { found: query.max, judged: JUDGED_MAX };
    let one = call.container().ok();
    if let Some(container) = &one {
        call.store.container(container).await?;
        if search.container.as_ref().is_some_and(|name| *name != container.container) {
            return Ok(None);
        }
    }
    let only = one.map(|container| container.container).or_else(|| search.container.clone());
    if let Some(name) = only {
        let after = from.map(|(_, name)| name);
        let container = ContainerPath { account: call.account().clone(), container: name };
        return judge(call, search, &container, after, &mut left, doc).await;
    }
    let mut after = None;
    if let Some((name, blob)) = from {
        after = Some(name.clone());
        let name = ContainerName::new(name).map_err(|_| Code::InvalidMarker)?;
        let container = ContainerPath { account: call.account().clone(), container: name };
        if let Some(next) = judge(call, search, &container, Some(blob), &mut left, doc).await? {
            return Ok(Some(next));
        }
    }
    loop {
        let query = ListQuery { after, max: CONTAINERS_AT_ONCE, ..ListQuery::default() };
        let page = call.store.list_containers(call.account(), &query).await?;
        for (name, _) in page.entries {
            let container = ContainerPath { account: call.account().clone(), container: name };
            if let Some(next) = judge(call, search, &container, None, &mut left, doc).await? {
                return Ok(Some(next));
            }
        }
        after = page.next;
        if after.is_none() {
            return Ok(None);
        }
    }
}

/// What one request may still find, and still judge.
struct Left {
    found: usize,
    judged: usize,
}

/// One container, from behind a name on; where the next page begins, if this one ends here. One that was deleted meanwhile holds nothing.
async fn judge(
    call: &mut Call,
    search: &Search,
    container: &ContainerPath,
    mut after: Option<String>,
    left: &mut Left,
    doc: &mut xml::Document,
) -> Result<Option<String>, Error> {
    left.judged = left.judged.saturating_sub(1);
    if left.judged == 0 {
        return Ok(Some(format!("{}/{}", container.container, after.unwrap_or_default())));
    }
    loop {
        call.body.turn().await;
        let query = ListQuery { after, row_bytes_max: ROW_BYTES_A_TURN, ..ListQuery::default() };
        let page = match call.store.list_blobs(container, &query).await {
            Ok(page) => page,
            Err(StoreError::ContainerMissing) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        for entry in &page.entries {
            let greenroom_store::Entry::Blob(name, props) = entry else { continue };
            left.judged = left.judged.saturating_sub(1);
            if search.filter.matches(&props.tags) {
                left.found -= 1;
                let named = |(tag, _): &(&String, &String)| search.filter.names(tag);
                let tags = props.tags.iter().filter(named).map(|(tag, value)| (tag.clone(), value.clone()));
                write(doc, container.container.as_str(), name.as_str(), &tags.collect());
            }
            if left.found == 0 || left.judged == 0 {
                return Ok(Some(format!("{}/{name}", container.container)));
            }
        }
        after = page.next;
        if after.is_none() {
            return Ok(None);
        }
    }
}

fn write(doc: &mut xml::Document, container: &str, name: &str, tags: &Tags) {
    doc.open("Blob");
    doc.name("Name", name);
    doc.text("ContainerName", container);
    properties::tags_xml(doc, tags);
    doc.close("Blob");
}
