//! How names are looked at: alone, or many of one folder by one list. What is asked for is decided by pure parts.

use crate::origin::{Origin, OriginError, There};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use std::collections::{BTreeMap, BTreeSet};

/// Names of one folder that are worth a list.
const WORTH_A_LIST: usize = 16;
/// Entries that a list may bring for each name that is looked at.
const ENTRIES_A_NAME: usize = 20;
/// Azure's most.
pub const PAGE_MAX: usize = 5_000;
/// Requests under way at once.
const AT_ONCE: usize = 16;

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
enum Look {
    One(String),
    /// All of them begin so.
    Many {
        prefix: String,
        names: BTreeSet<String>,
    },
}

/// What was found under each name, and how many requests that took.
#[derive(Debug, Default)]
pub struct Found {
    pub blobs: BTreeMap<String, Option<There>>,
    pub lists: u64,
}

impl Found {
    fn join(mut self, more: Found) -> Found {
        self.blobs.extend(more.blobs);
        self.lists += more.lists;
        self
    }
}

/// Asks how each of these is now. `Missing`: there is no such container.
pub async fn look(origin: &dyn Origin, container: &str, names: BTreeSet<String>) -> Result<Found, OriginError> {
    let looks = plan(names).into_iter().map(|look| async move {
        match look {
            Look::One(name) => one(origin, container, name).await,
            Look::Many { prefix, names } => many(origin, container, &prefix, names).await,
        }
    });
    stream::iter(looks).buffer_unordered(AT_ONCE).try_fold(Found::default(), async |all, more| Ok(all.join(more))).await
}

/// The name itself is the first of all that begin with it.
async fn one(origin: &dyn Origin, container: &str, name: String) -> Result<Found, OriginError> {
    let listed = origin.list(container, &name, false, None, 1).await?;
    let there = listed.blobs.into_iter().find(|blob| blob.name == name);
    Ok(Found { blobs: BTreeMap::from([(name, there)]), lists: 1 })
}

/// A list of the folder, as far as it is worth it; what it leaves open is looked at alone.
async fn many(
    origin: &dyn Origin,
    container: &str,
    prefix: &str,
    names: BTreeSet<String>,
) -> Result<Found, OriginError> {
    let mut budget = names.len() * ENTRIES_A_NAME;
    let (mut found, mut after, mut last) = (Found::default(), None, String::new());
    let mut open = names;
    // Absence is believed of a list that is in our order, up to where it has come.
    let mut is_in_order = true;
    while budget > 0 && is_in_order && !open.is_empty() {
        let max = budget.min(PAGE_MAX);
        let page = origin.list(container, prefix, false, after, max).await?;
        found.lists += 1;
        budget = budget.saturating_sub(page.blobs.len().max(1));
        for blob in page.blobs {
            is_in_order &= blob.name > last || last.is_empty();
            last.clone_from(&blob.name);
            if open.remove(&blob.name) {
                found.blobs.insert(blob.name.clone(), Some(blob));
            }
        }
        if is_in_order {
            let end = if page.next.is_none() { None } else { Some(&last) };
            let passed: Vec<String> =
                open.iter().take_while(|name| end.is_none_or(|end| *name < end)).cloned().collect();
            for name in passed {
                open.remove(&name);
                found.blobs.insert(name, None);
            }
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let rest = open.into_iter().map(|name| one(origin, container, name));
    stream::iter(rest).buffer_unordered(AT_ONCE).try_fold(found, async |all, more| Ok(all.join(more))).await
}

/// Pure.
fn plan(names: BTreeSet<String>) -> Vec<Look> {
    let mut folders: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for name in names {
        let folder = name.rfind('/').map_or("", |slash| &name[..=slash]).to_owned();
        folders.entry(folder).or_default().insert(name);
    }
    let mut looks = Vec::new();
    for names in folders.into_values() {
        if names.len() < WORTH_A_LIST {
            looks.extend(names.into_iter().map(Look::One));
        } else {
            looks.push(Look::Many { prefix: common(&names), names });
        }
    }
    looks
}

/// What all of them begin with: the first and the last say it.
fn common(names: &BTreeSet<String>) -> String {
    let (Some(first), Some(last)) = (names.first(), names.last()) else { return String::new() };
    let same = first.chars().zip(last.chars()).take_while(|(one, other)| one == other);
    same.map(|(letter, _)| letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &str, count: usize) -> BTreeSet<String> {
        (0..count).map(|number| format!("{folder}x{number:04}")).collect()
    }

    #[test]
    fn a_folder_is_listed_where_enough_of_it_is_looked_at() {
        let few = plan(names("a/", WORTH_A_LIST - 1));
        assert!(few.len() == WORTH_A_LIST - 1 && few.iter().all(|look| matches!(look, Look::One(_))));
        let mixed = plan(names("a/", WORTH_A_LIST).into_iter().chain(names("b/", 2)).collect());
        assert_eq!(mixed.len(), 3);
        assert_eq!(mixed[0], Look::Many { prefix: "a/x00".to_owned(), names: names("a/", WORTH_A_LIST) });
        assert_eq!(plan(BTreeSet::new()), []);
    }

    #[test]
    fn what_names_have_in_common_is_cut_between_letters() {
        for (names, expected) in [(["aé", "aè"], "a"), (["a", "ab"], "a"), (["x", "y"], ""), (["é1", "é2"], "é")] {
            assert_eq!(common(&names.into_iter().map(str::to_owned).collect()), expected);
        }
    }
}
