//! Listings, against a sorted map as the model.

use crate::support;
use crate::support::*;
use greenroom_model::BlobName;
use greenroom_store::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// What a listing must answer, all pages taken together.
fn expected(names: &BTreeSet<String>, prefix: &str, delimiter: Option<&str>) -> Vec<String> {
    let mut entries: Vec<String> = Vec::new();
    for name in names.iter().filter(|name| name.starts_with(prefix)) {
        let rest = &name[prefix.len()..];
        let rolled = delimiter.and_then(|delimiter| rest.find(delimiter).map(|at| at + delimiter.len()));
        let entry = match rolled {
            Some(at) => format!("{}{} (prefix)", prefix, &rest[..at]),
            None => name.clone(),
        };
        if entries.last() != Some(&entry) {
            entries.push(entry);
        }
    }
    entries
}

/// Follows the pages to the end, and checks that each but the last is full.
async fn listed(store: &Store, prefix: &str, delimiter: Option<&str>, max: usize) -> Vec<String> {
    let mut query =
        ListQuery { prefix: prefix.to_owned(), delimiter: delimiter.map(str::to_owned), max, ..ListQuery::default() };
    let mut entries = Vec::new();
    loop {
        let page = store.list_blobs(&photos(), &query).await.expect("list");
        assert!(page.entries.len() <= max);
        assert!(page.next.is_none() || page.entries.len() == max, "only the last page may be short");
        entries.extend(page.entries.iter().map(|entry| match entry {
            Entry::Blob(name, _) | Entry::Uncommitted(name) | Entry::Snapshot(name, ..) => name.to_string(),
            Entry::Prefix(prefix) => format!("{prefix} (prefix)"),
        }));
        match page.next {
            Some(next) => query.after = Some(next),
            None => return entries,
        }
    }
}

async fn fill(bed: &Bed, names: &BTreeSet<String>) {
    let puts = names.iter().map(|name| async move {
        let name = photos().blob(BlobName::new(name.as_str()).expect("a good name"));
        let body = bed.store.begin_body(Some(0)).expect("begin").finish().await.expect("finish");
        let none = Precondition::default();
        bed.store.put_blob(&name, BlobDraft::default(), body, &none).await.expect("put");
    });
    futures::future::join_all(puts).await;
}

/// Short names over few letters, so that they share prefixes; odd ones among them.
fn names() -> impl Strategy<Value = BTreeSet<String>> {
    let letter =
        prop::sample::select(vec!["a", "b", "/", "//", "%2F", "+", " ", ".", "é", "\0", "\u{10FFFF}", "\u{7f}"]);
    let name = prop::collection::vec(letter, 1..6).prop_map(|letters| letters.concat());
    prop::collection::btree_set(name, 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_listing_is_that_of_a_sorted_map(
        names in names(),
        prefix in prop::sample::select(vec!["", "a", "a/", "/", "b", "é", "\0", "\u{10FFFF}", "none"]),
        delimiter in prop::sample::select(vec![None, Some("/"), Some("//"), Some("a"), Some("\u{10FFFF}"), Some("%2F")]),
        max in 1..8usize,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("runtime");
        runtime.block_on(async {
            let bed = bed_with(Config { durability: Durability::Os, ..Config::default() }).await;
            fill(&bed, &names).await;
            // Neighbours that must not show: a container on either side.
            for (container, name) in [("photo", "a"), ("photos0", "a")] {
                let path = support::container(container);
                bed.store.create_container(&path, Metadata::new()).await.expect("create");
                let body = bed.body(b"").await;
                let name = path.blob(BlobName::new(name).expect("a good name"));
                let none = Precondition::default();
                bed.store.put_blob(&name, BlobDraft::default(), body, &none).await.expect("put");
            }
            assert_eq!(listed(&bed.store, prefix, delimiter, max).await, expected(&names, prefix, delimiter));
        });
    }
}

#[tokio::test]
async fn an_empty_delimiter_is_none() {
    let bed = bed().await;
    bed.put("a/b", b"").await;
    assert_eq!(listed(&bed.store, "", Some(""), 10).await, ["a/b"]);
}

#[tokio::test]
async fn a_page_is_never_larger_than_azures() {
    let bed = bed_with(Config { durability: Durability::Os, ..Config::default() }).await;
    let names = (0..LIST_MAX + 1).map(|number| format!("{number:06}")).collect();
    fill(&bed, &names).await;
    let page = bed.list(ListQuery { max: usize::MAX, ..ListQuery::default() }).await;
    assert_eq!((page.entries.len(), page.next.as_deref()), (LIST_MAX, Some("004999")));
    let last = bed.list(ListQuery { after: page.next, ..ListQuery::default() }).await;
    assert_eq!((last.entries.len(), last.next), (1, None));
    let least = bed.list(ListQuery { max: 0, ..ListQuery::default() }).await;
    assert_eq!(least.entries.len(), 1, "a page that could hold nothing would never end");
}

#[tokio::test]
async fn a_marker_goes_on_where_it_points_also_after_changes() {
    let bed = bed().await;
    for name in ["a", "b/1", "b/2", "c", "d"] {
        bed.put(name, b"").await;
    }
    let query = ListQuery { delimiter: Some("/".into()), max: 2, ..ListQuery::default() };
    let first = bed.list(query.clone()).await;
    assert_eq!(first.next.as_deref(), Some("b/"));
    for name in ["b/1", "b/2", "c"] {
        bed.delete(name).await.expect("delete");
    }
    let second = bed.list(ListQuery { after: first.next, ..query }).await;
    assert_eq!(second.entries.iter().map(Entry::name).collect::<Vec<_>>(), ["d"]);
    assert_eq!(second.next, None);
}

#[tokio::test]
async fn lists_show_snapshots_and_staged_names_in_order_and_in_pages() {
    let bed = bed().await;
    for name in ["a", "c/1", "c/2"] {
        bed.put(name, b"x").await;
        for _ in 0..2 {
            bed.store.snapshot_blob(&blob(name), None, &Precondition::default()).await.expect("snapshot");
        }
    }
    for name in ["a", "b", "d"] {
        bed.stage(name, "1", b"x").await.expect("stage");
    }
    let (snapshots, uncommitted) = (ListSnapshots::List, ListUncommitted::List);
    let shown = |entry: &Entry| match entry {
        Entry::Blob(name, _) => name.to_string(),
        Entry::Snapshot(name, ..) => format!("{name}@"),
        Entry::Uncommitted(name) => format!("{name}?"),
        Entry::Prefix(prefix) => format!("{prefix}*"),
    };
    for (delimiter, expected) in [
        (None, vec!["a@", "a@", "a", "b?", "c/1@", "c/1@", "c/1", "c/2@", "c/2@", "c/2", "d?"]),
        (Some("/"), vec!["a@", "a@", "a", "b?", "c/*", "d?"]),
    ] {
        for max in 1..=12 {
            let delimiter = delimiter.map(str::to_owned);
            let mut query = ListQuery { snapshots, uncommitted, max, delimiter, ..ListQuery::default() };
            let mut found = Vec::new();
            loop {
                let page = bed.list(query.clone()).await;
                found.extend(page.entries.iter().map(shown));
                let Some(next) = page.next else { break };
                (query.after, query.after_snapshot) = (Some(next), page.next_snapshot);
            }
            assert_eq!(found, expected, "pages of {max} by {:?}", query.delimiter);
        }
    }
}

/// What a page costs is counted in rows, which no busy machine changes.
#[tokio::test]
async fn a_page_costs_the_same_however_large_the_container_is() {
    let bed = bed().await;
    let mut costs = Vec::new();
    let mut made = 0;
    for size in [500, 5_000] {
        let puts = (made..size).map(|number| {
            let store = &bed.store;
            async move {
                let path = blob(&format!("folder-{:02}/{number:06}", number * 7 % 50));
                store.put_blob(&path, BlobDraft::default(), body(store, b"").await, &Precondition::default()).await
            }
        });
        futures::future::try_join_all(puts).await.expect("put");
        made = size;
        let page = |prefix: &str, delimiter: &str, after: Option<&str>| ListQuery {
            prefix: prefix.to_owned(),
            delimiter: Some(delimiter.to_owned()),
            after: after.map(str::to_owned),
            max: 8,
            ..ListQuery::default()
        };
        let queries = [
            page("", "", None),
            page("", "", Some("folder-25/000100")),
            page("folder-42/", "", None),
            page("", "/", None),
            page("", "/", Some("folder-30/")),
            page("folder-42/", "/", None),
            page("none", "/", None),
        ];
        let mut rows = Vec::new();
        for query in queries {
            rows.push(bed.list(query).await.rows);
        }
        costs.push(rows);
    }
    assert_eq!(costs[0], costs[1]);
    assert!(costs[0].iter().all(|rows| *rows <= 9), "{costs:?}");
}

#[tokio::test]
async fn a_listing_may_begin_at_a_name() {
    let bed = bed().await;
    for name in ["a", "b/1", "b/2", "c"] {
        bed.put(name, b"x").await;
    }
    let names = async |from: &str, delimiter: Option<&str>| {
        let (from, delimiter) = (Some(from.to_owned()), delimiter.map(str::to_owned));
        let page = bed.list(ListQuery { from, delimiter, ..ListQuery::default() }).await;
        page.entries.iter().map(|entry| entry.name().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names("b/1", None).await, ["b/1", "b/2", "c"], "the name itself is part of it");
    assert_eq!(names("b/10", None).await, ["b/2", "c"]);
    assert_eq!(names("b/2", Some("/")).await, ["b/", "c"], "a prefix that holds more is listed");
    assert_eq!(names("d", None).await, [""; 0]);
}
