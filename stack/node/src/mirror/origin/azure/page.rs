//! Pages of lists in Azure's words. Source: "List Blobs", "List Containers". What Azurite leaves out may be left out. Pure.

use super::xml::{Bad, Document, Element};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use greenroom_gateway::time;
use greenroom_mirror::{Listed, TheirKind, There};
use greenroom_store::{HttpHeaders, Metadata, Tags, Tier, Timestamp};
use std::collections::HashSet;

const ROOT: &str = "EnumerationResults";

/// What was asked for, and what an answer is held to.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    pub prefix: &'a str,
    pub after: Option<&'a str>,
    /// Blobs and folders together.
    pub max: usize,
}

/// A page of blobs.
pub fn blobs(document: &[u8], asked: Asked<'_>) -> Result<Listed, Bad> {
    let mut listed = Listed::default();
    listed.next = page(document, "Blobs", asked, |document, element| match element.name.as_str() {
        "Blob" => {
            let blob = blob(document)?;
            let name = blob.name.clone();
            listed.blobs.push(blob);
            Ok(Some(name))
        }
        "BlobPrefix" => {
            let name = named(document)?;
            if !name.ends_with('/') {
                return Err("it rolls names up to something else");
            }
            listed.folders.push(name.clone());
            Ok(Some(name))
        }
        _ => document.skip().map(|()| None),
    })?;
    Ok(listed)
}

/// A page of containers: their names, and where the next page begins.
pub fn containers(document: &[u8], asked: Asked<'_>) -> Result<(Vec<String>, Option<String>), Bad> {
    let mut names = Vec::new();
    let next = page(document, "Containers", asked, |document, element| {
        if element.name != "Container" {
            return document.skip().map(|()| None);
        }
        let name = named(document)?;
        names.push(name.clone());
        Ok(Some(name))
    })?;
    Ok((names, next))
}

/// Reads what stands in `list` by `entry`, which tells the entry's name; and the marker.
fn page(
    document: &[u8],
    list: &str,
    asked: Asked<'_>,
    mut entry: impl FnMut(&mut Document<'_>, Element) -> Result<Option<String>, Bad>,
) -> Result<Option<String>, Bad> {
    let mut document = Document::open(document, ROOT)?;
    let (mut seen, mut has_list, mut next) = (HashSet::new(), false, None);
    while let Some(element) = document.child()? {
        if element.name == list {
            if std::mem::replace(&mut has_list, true) {
                return Err("it has two lists");
            }
            while let Some(element) = document.child()? {
                let Some(name) = entry(&mut document, element)? else { continue };
                if seen.len() == asked.max {
                    return Err("it has more entries than were asked for");
                }
                if !name.starts_with(asked.prefix) {
                    return Err("it has a name that was not asked for");
                }
                if name.is_empty() || !seen.insert(name) {
                    return Err("it has a name twice, or an empty one");
                }
            }
        } else if element.name == "NextMarker" {
            once(&mut next, document.text(&element)?)?;
        } else {
            document.skip()?;
        }
    }
    document.end()?;
    if !has_list {
        return Err("it has no list");
    }
    let next = next.filter(|next| !next.is_empty());
    if next.is_some() && next.as_deref() == asked.after {
        return Err("its next page is itself");
    }
    Ok(next)
}

/// An entry of which only the name matters.
fn named(document: &mut Document<'_>) -> Result<String, Bad> {
    let mut name = None;
    while let Some(element) = document.child()? {
        match element.name.as_str() {
            "Name" => once(&mut name, document.text(&element)?)?,
            _ => document.skip()?,
        }
    }
    name.ok_or("it has an entry without a name")
}

fn blob(document: &mut Document<'_>) -> Result<There, Bad> {
    let (mut name, mut properties, mut metadata, mut tags) = (None, None, None, None);
    while let Some(element) = document.child()? {
        match element.name.as_str() {
            "Name" => once(&mut name, document.text(&element)?)?,
            "Properties" => once(&mut properties, Properties::read(document)?)?,
            "Metadata" => once(&mut metadata, pairs(document)?)?,
            "Tags" => once(&mut tags, tag_sets(document)?)?,
            // Neither was asked for, and neither is the blob of that name.
            "Snapshot" | "Deleted" => {
                let said = document.text(&element)?;
                if !said.is_empty() && !said.eq_ignore_ascii_case("false") {
                    return Err("it has snapshots or deleted blobs, which were not asked for");
                }
            }
            _ => document.skip()?,
        }
    }
    let properties = properties.ok_or("it has a blob without properties")?;
    let name = name.ok_or("it has an entry without a name")?;
    properties.there(name, metadata.unwrap_or_default(), tags.unwrap_or_default())
}

/// As text.
#[derive(Default)]
struct Properties {
    created: Option<String>,
    modified: Option<String>,
    etag: Option<String>,
    length: Option<String>,
    kind: Option<String>,
    content_type: Option<String>,
    content_encoding: Option<String>,
    content_language: Option<String>,
    content_disposition: Option<String>,
    cache_control: Option<String>,
    content_md5: Option<String>,
    tier: Option<String>,
    is_tier_inferred: Option<String>,
    tier_changed: Option<String>,
}

impl Properties {
    fn read(document: &mut Document<'_>) -> Result<Self, Bad> {
        let mut read = Self::default();
        while let Some(element) = document.child()? {
            let field = match element.name.as_str() {
                "Creation-Time" => &mut read.created,
                "Last-Modified" => &mut read.modified,
                "Etag" => &mut read.etag,
                "Content-Length" => &mut read.length,
                "BlobType" => &mut read.kind,
                "Content-Type" => &mut read.content_type,
                "Content-Encoding" => &mut read.content_encoding,
                "Content-Language" => &mut read.content_language,
                "Content-Disposition" => &mut read.content_disposition,
                "Cache-Control" => &mut read.cache_control,
                "Content-MD5" => &mut read.content_md5,
                "AccessTier" => &mut read.tier,
                "AccessTierInferred" => &mut read.is_tier_inferred,
                "AccessTierChangeTime" => &mut read.tier_changed,
                _ => {
                    document.skip()?;
                    continue;
                }
            };
            once(field, document.text(&element)?)?;
        }
        Ok(read)
    }

    fn there(self, name: String, metadata: Metadata, tags: Tags) -> Result<There, Bad> {
        let modified = moment(self.modified)?.ok_or("it has a blob without Last-Modified")?;
        let length = self.length.as_deref().and_then(|length| length.trim().parse().ok());
        let is_inferred = self.is_tier_inferred.is_some_and(|inferred| inferred.eq_ignore_ascii_case("true"));
        let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
        let md5 = filled(self.content_md5).and_then(|text| BASE64_STANDARD.decode(text).ok()?.try_into().ok());
        Ok(There {
            name,
            etag: etag(&self.etag.unwrap_or_default())?,
            length: length.ok_or("it has a blob without Content-Length")?,
            kind: if self.kind.as_deref() == Some("BlockBlob") { TheirKind::Block } else { TheirKind::Other },
            created: moment(self.created)?.unwrap_or(modified),
            modified,
            headers: HttpHeaders {
                content_type: filled(self.content_type),
                content_encoding: filled(self.content_encoding),
                content_language: filled(self.content_language),
                content_disposition: filled(self.content_disposition),
                cache_control: filled(self.cache_control),
                content_md5: md5,
            },
            metadata,
            tags,
            tier: self.tier.as_deref().filter(|_| !is_inferred).and_then(tier),
            tier_changed: moment(self.tier_changed)?,
        })
    }
}

/// Of an ETag that goes back in a header: what one may hold.
fn etag(text: &str) -> Result<String, Bad> {
    let bare = text.trim().trim_matches('"');
    let is_good = !bare.is_empty() && bare.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"');
    if is_good { Ok(bare.to_owned()) } else { Err("it has a blob without a good ETag") }
}

fn moment(text: Option<String>) -> Result<Option<Timestamp>, Bad> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    time::parse_http(&text).map(Some).ok_or("it has a moment that is none")
}

/// `None`: one that we have no name for, of premium accounts for instance, is as the account has it.
fn tier(text: &str) -> Option<Tier> {
    match text {
        "Hot" => Some(Tier::Hot),
        "Cool" => Some(Tier::Cool),
        "Cold" => Some(Tier::Cold),
        "Archive" => Some(Tier::Archive),
        _ => None,
    }
}

/// Metadata: an element each, named as it is.
fn pairs(document: &mut Document<'_>) -> Result<Metadata, Bad> {
    let mut pairs = Metadata::new();
    while let Some(element) = document.child()? {
        let value = document.text(&element)?;
        if pairs.insert(element.name, value).is_some() {
            return Err("it has metadata twice");
        }
    }
    Ok(pairs)
}

/// `<TagSet><Tag><Key>…</Key><Value>…</Value></Tag>…</TagSet>`
fn tag_sets(document: &mut Document<'_>) -> Result<Tags, Bad> {
    let mut tags = Tags::new();
    while let Some(element) = document.child()? {
        if element.name != "TagSet" {
            document.skip()?;
            continue;
        }
        while let Some(_tag) = document.child()? {
            let (mut key, mut value) = (None, None);
            while let Some(element) = document.child()? {
                let field = if element.name == "Key" { &mut key } else { &mut value };
                once(field, document.text(&element)?)?;
            }
            let key = key.ok_or("it has a tag without a key")?;
            if tags.insert(key, value.unwrap_or_default()).is_some() {
                return Err("it has a tag twice");
            }
        }
    }
    Ok(tags)
}

/// Of two elements where one belongs nobody knows which is meant.
fn once<T>(field: &mut Option<T>, value: T) -> Result<(), Bad> {
    if field.replace(value).is_some() { Err("it says something twice") } else { Ok(()) }
}

#[cfg(test)]
mod tests;
