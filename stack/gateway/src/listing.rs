//! What the two listings share: their query, and the marker that leads to the next page.

use crate::error::{Code, Error};
use crate::query::Query;
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use greenroom_store::{ListQuery, ListSnapshots, ListUncommitted, Timestamp};

/// Azure's largest page, and the size of one for which no size is given.
const PAGE_MAX: usize = 5000;

/// What may be asked along with names. The ones that name things this store does not keep list nothing more.
const INCLUDES: [&str; 11] = [
    "deleted",
    "deletedwithversions",
    "immutabilitypolicy",
    "legalhold",
    "metadata",
    "permissions",
    "system",
    "tags",
    "versions",
    "deletedblobs",
    "acl",
];

pub fn query(query: &Query) -> Result<ListQuery, Error> {
    let max = match query.filled("maxresults") {
        None => PAGE_MAX,
        Some(text) => match text.parse::<usize>() {
            Ok(max) if max > 0 => max.min(PAGE_MAX),
            _ => return Err(Error::new(Code::OutOfRangeQueryParameterValue, "maxresults")),
        },
    };
    let (after, after_snapshot) = match query.filled("marker").map(read_marker).transpose()? {
        Some((after, snapshot)) => (Some(after), snapshot),
        None => (None, None),
    };
    Ok(ListQuery {
        prefix: query.get("prefix").unwrap_or("").to_owned(),
        delimiter: query.filled("delimiter").map(str::to_owned),
        // Inclusive, and for the first page; a marker is always further on.
        from: query.filled("startfrom").map(str::to_owned),
        after,
        after_snapshot,
        max,
        ..ListQuery::default()
    })
}

/// A marker is opaque to clients; encoded, so that a name with any character survives the way back.
pub fn marker(next: &str, snapshot: Option<Timestamp>) -> String {
    let at = snapshot.map(|at| format!(".{}", at.0)).unwrap_or_default();
    format!("{}{at}", BASE64_URL_SAFE_NO_PAD.encode(next))
}

fn read_marker(text: &str) -> Result<(String, Option<Timestamp>), Error> {
    let (name, at) = text.split_once('.').map_or((text, None), |(name, at)| (name, Some(at)));
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(name).map_err(|_| Code::InvalidMarker)?;
    let at = at.map(|at| at.parse().map(Timestamp)).transpose().map_err(|_| Code::InvalidMarker)?;
    Ok((String::from_utf8(bytes).map_err(|_| Code::InvalidMarker)?, at))
}

/// Which of `include`'s values are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Include {
    pub metadata: Asked,
    pub tags: Asked,
    pub copy: Asked,
    pub snapshots: ListSnapshots,
    pub uncommitted: ListUncommitted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    Yes,
    No,
}

impl Include {
    const NOTHING: Include = Include {
        metadata: Asked::No,
        tags: Asked::No,
        copy: Asked::No,
        snapshots: ListSnapshots::Leave,
        uncommitted: ListUncommitted::Leave,
    };

    pub fn parse(query: &Query) -> Result<Include, Error> {
        let mut include = Include::NOTHING;
        for word in query.all("include").flat_map(|value| value.split(',')).filter(|word| !word.is_empty()) {
            match word.to_ascii_lowercase().as_str() {
                "metadata" => include.metadata = Asked::Yes,
                "copy" => include.copy = Asked::Yes,
                "tags" => include.tags = Asked::Yes,
                "snapshots" => include.snapshots = ListSnapshots::List,
                "uncommittedblobs" => include.uncommitted = ListUncommitted::List,
                known if INCLUDES.contains(&known) => {}
                _ => return Err(Error::new(Code::InvalidQueryParameterValue, "include")),
            }
        }
        Ok(include)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_comes_back_as_the_name_it_was() {
        for name in ["a", "ü/日本\u{1}&<", " "] {
            for at in [None, Some(Timestamp(1_800_000_000_000_000))] {
                assert_eq!(read_marker(&marker(name, at)), Ok((name.to_owned(), at)));
            }
        }
        assert!(read_marker("not base64!").is_err());
    }

    #[test]
    fn pages_are_bounded() {
        let max = |raw: &str| query(&Query::parse(raw).expect("a good query")).map(|query| query.max);
        assert_eq!(max(""), Ok(5000));
        assert_eq!(max("maxresults=7"), Ok(7));
        assert_eq!(max("maxresults=70000"), Ok(5000));
        assert!(max("maxresults=0").is_err());
        assert!(max("maxresults=-1").is_err());
    }

    #[test]
    fn includes_are_a_closed_list() {
        let include = |raw: &str| Include::parse(&Query::parse(raw).expect("a good query"));
        assert_eq!(
            include("include=Metadata,copy"),
            Ok(Include { metadata: Asked::Yes, copy: Asked::Yes, ..Include::NOTHING })
        );
        assert_eq!(
            include("include=tags&include=metadata"),
            Ok(Include { metadata: Asked::Yes, tags: Asked::Yes, ..Include::NOTHING })
        );
        assert!(include("include=everything").is_err());
    }
}
