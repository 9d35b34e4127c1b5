//! What the two listings share: their query, and the marker that leads to the next page.

use crate::error::{Code, Error};
use crate::query::Query;
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use greenroom_store::{ListQuery, ListSnapshots, ListSystem, ListUncommitted, Timestamp};

/// Azure's largest page, and the size of one for which no size is given.
const PAGE_MAX: usize = 5000;

/// What a listing lists, on which depends what may be asked of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listed {
    Blobs,
    Containers,
}

impl Listed {
    /// What may be asked for along with names, and adds nothing: none of it is ever there.
    fn never_there(self) -> &'static [&'static str] {
        match self {
            Listed::Blobs => &["deleted", "deletedwithversions", "immutabilitypolicy", "legalhold", "versions"],
            Listed::Containers => &["deleted"],
        }
    }

    /// Parameters of a listing that mean nothing to this one.
    fn unknown(self) -> &'static [&'static str] {
        match self {
            Listed::Blobs => &[],
            Listed::Containers => &["delimiter", "startfrom", "endbefore"],
        }
    }
}

pub fn query(query: &Query, listed: Listed) -> Result<ListQuery, Error> {
    if query.filled("showonly").is_some() {
        let why = "(showonly: for accounts with a hierarchical namespace)";
        return Err(Error::new(Code::OperationNotSupported, why));
    }
    if let Some(name) = listed.unknown().iter().find(|name| query.filled(name).is_some()) {
        return Err(Error::new(Code::UnsupportedQueryParameter, *name));
    }
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
        before: query.filled("endbefore").map(str::to_owned),
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
    pub system: ListSystem,
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
        system: ListSystem::Leave,
    };

    pub fn parse(query: &Query, listed: Listed) -> Result<Include, Error> {
        let mut include = Include::NOTHING;
        for word in query.all("include").flat_map(|value| value.split(',')).filter(|word| !word.is_empty()) {
            match (word.to_ascii_lowercase().as_str(), listed) {
                ("metadata", Listed::Blobs | Listed::Containers) => include.metadata = Asked::Yes,
                ("copy", Listed::Blobs) => include.copy = Asked::Yes,
                ("tags", Listed::Blobs) => include.tags = Asked::Yes,
                ("snapshots", Listed::Blobs) => include.snapshots = ListSnapshots::List,
                ("uncommittedblobs", Listed::Blobs) => include.uncommitted = ListUncommitted::List,
                ("system", Listed::Containers) => include.system = ListSystem::List,
                ("permissions", Listed::Blobs) => {
                    let why = "(include=permissions: for accounts with a hierarchical namespace)";
                    return Err(Error::new(Code::OperationNotSupported, why));
                }
                (known, _) if listed.never_there().contains(&known) => {}
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
        let max = |raw: &str| query(&Query::parse(raw).expect("a good query"), Listed::Blobs).map(|query| query.max);
        assert_eq!(max(""), Ok(5000));
        assert_eq!(max("maxresults=7"), Ok(7));
        assert_eq!(max("maxresults=70000"), Ok(5000));
        assert!(max("maxresults=0").is_err());
        assert!(max("maxresults=-1").is_err());
    }

    #[test]
    fn includes_are_a_closed_list() {
        let of = |raw: &str, listed| Include::parse(&Query::parse(raw).expect("a good query"), listed);
        let include = |raw: &str| of(raw, Listed::Blobs);
        assert_eq!(
            include("include=Metadata,copy"),
            Ok(Include { metadata: Asked::Yes, copy: Asked::Yes, ..Include::NOTHING })
        );
        assert_eq!(
            include("include=tags&include=metadata"),
            Ok(Include { metadata: Asked::Yes, tags: Asked::Yes, ..Include::NOTHING })
        );
        assert!(include("include=everything").is_err());
        assert!(include("include=deleted,versions,deletedwithversions,immutabilitypolicy,legalhold").is_ok());
        assert!(include("include=permissions").is_err() && include("include=system").is_err());
        assert!(of("include=metadata,deleted,system", Listed::Containers).is_ok());
        for word in ["snapshots", "tags", "copy", "uncommittedblobs", "versions"] {
            assert!(of(&format!("include={word}"), Listed::Containers).is_err(), "{word}");
        }
    }

    #[test]
    fn what_no_listing_here_knows_is_refused() {
        let asked = |raw: &str, listed| query(&Query::parse(raw).expect("a good query"), listed).err().map(|e| e.code);
        for shown in ["deleted", "files", "directories", "nonsense"] {
            let code = asked(&format!("showonly={shown}"), Listed::Blobs);
            assert_eq!(code, Some(Code::OperationNotSupported), "{shown}");
        }
        for raw in ["delimiter=/", "startFrom=a", "endBefore=b"] {
            assert_eq!(asked(raw, Listed::Blobs), None, "{raw}");
            assert_eq!(asked(raw, Listed::Containers), Some(Code::UnsupportedQueryParameter), "{raw}");
        }
    }
}
