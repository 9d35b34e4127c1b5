//! Find Blobs by Tags, in an account or in a container. It reads the rows that it judges: a page ends where it has found or judged
//! enough, and its marker leads on.

use crate::call::Call;
use crate::error::{Code, Error};
use crate::listing::{self, Listed};
use crate::reply::Reply;
use crate::tag_query::{self, Search};
use crate::{properties, xml};
use greenroom_model::{ContainerName, ContainerPath};
use greenroom_store::{ListQuery, Tags};

/// Rows that one request judges: some tens of milliseconds of reading.
const JUDGED_MAX: usize = 50_000;

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

/// Writes what is found, and returns where the next page begins: `container/name`.
async fn find(
    call: &Call,
    search: &Search,
    query: &ListQuery,
    doc: &mut xml::Document,
) -> Result<Option<String>, Error> {
    let (mut found, mut judged) = (0, 0);
    let mut from = query.after.clone().and_then(|after| {
        let (container, name) = after.split_once('/')?;
        Some((container.to_owned(), name.to_owned()))
    });
    for container in containers(call, search).await? {
        let mut after = match &from {
            Some((first, _)) if container.container.as_str() < first.as_str() => continue,
            Some((first, name)) if container.container.as_str() == first => Some(name.clone()),
            Some(_) | None => None,
        };
        from = None;
        loop {
            let page = call.store.list_blobs(&container, &ListQuery { after, ..ListQuery::default() }).await?;
            for entry in &page.entries {
                let greenroom_store::Entry::Blob(name, props) = entry else { continue };
                judged += 1;
                if search.filter.matches(&props.tags) {
                    found += 1;
                    let named = |(tag, _): &(&String, &String)| search.filter.names(tag);
                    let tags = props.tags.iter().filter(named).map(|(tag, value)| (tag.clone(), value.clone()));
                    write(doc, container.container.as_str(), name.as_str(), &tags.collect());
                }
                if found == query.max || judged == JUDGED_MAX {
                    return Ok(Some(format!("{}/{name}", container.container)));
                }
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    Ok(None)
}

/// Where to look, in order.
async fn containers(call: &Call, search: &Search) -> Result<Vec<ContainerPath>, Error> {
    if let Ok(container) = call.container() {
        call.store.container(&container).await?;
        let elsewhere = search.container.as_ref().is_some_and(|name| *name != container.container);
        return Ok(if elsewhere { Vec::new() } else { vec![container] });
    }
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = call.store.list_containers(call.account(), &ListQuery { after, ..ListQuery::default() }).await?;
        let wanted = |name: &ContainerName| search.container.as_ref().is_none_or(|container| container == name);
        let names = page.entries.into_iter().map(|(name, _)| name).filter(wanted);
        found.extend(names.map(|container| ContainerPath { account: call.account().clone(), container }));
        after = page.next;
        if after.is_none() {
            return Ok(found);
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
