//! What is said of blobs and containers, as the store has it and as the cloud keeps it. Pure. The names are those of docs/OFFLOAD_FORMAT.md.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use greenroom_gateway::time;
use greenroom_model::{AccountName, BlobName, BlobPath, ContainerName, ContainerPath};
use greenroom_offload::Hash;
use greenroom_offload::format::footer::{About, Key, Place};
use greenroom_store::{
    BlobKind, BlobProps, CloudPlace, ContainerProps, CopyState, Described, ETag, HttpHeaders, Lease, Tier, Timestamp,
};
use std::collections::BTreeMap;

pub fn place(place: CloudPlace) -> Place {
    Place { segment: Hash(place.segment), recipe: place.recipe }
}

pub fn cloud_place(place: Place) -> CloudPlace {
    CloudPlace { segment: place.segment.0, recipe: place.recipe }
}

pub fn key(tenant: &str, path: &BlobPath, snapshot: Option<Timestamp>) -> Key {
    Key {
        tenant: tenant.to_owned(),
        account: path.container.account.to_string(),
        container: path.container.container.to_string(),
        name: path.name.to_string(),
        snapshot: snapshot.map(time::iso),
    }
}

pub fn container_key(tenant: &str, path: &ContainerPath) -> Key {
    Key {
        tenant: tenant.to_owned(),
        account: path.account.to_string(),
        container: path.container.to_string(),
        ..Key::default()
    }
}

/// `None` for names that no store of ours ever had.
pub fn described(key: &Key) -> Option<Described> {
    let account = AccountName::new(key.account.as_str()).ok()?;
    let container = ContainerPath { account, container: ContainerName::new(key.container.as_str()).ok()? };
    if key.name.is_empty() {
        return Some(Described::Container(container));
    }
    let snapshot = match &key.snapshot {
        Some(text) => Some(time::parse_iso(text)?),
        None => None,
    };
    Some(Described::Blob(container.blob(BlobName::new(key.name.as_str()).ok()?), snapshot))
}

pub fn about(props: &BlobProps) -> About {
    let http = &props.headers;
    let mut properties = BTreeMap::new();
    let mut say = |name: &str, text: Option<String>| {
        if let Some(text) = text {
            properties.insert(name.to_owned(), text);
        }
    };
    say("content-type", http.content_type.clone());
    say("content-encoding", http.content_encoding.clone());
    say("content-language", http.content_language.clone());
    say("content-disposition", http.content_disposition.clone());
    say("cache-control", http.cache_control.clone());
    say("content-md5", http.content_md5.map(|md5| BASE64_STANDARD.encode(md5)));
    say("content-crc64", Some(BASE64_STANDARD.encode(props.crc64.to_le_bytes())));
    say("created", Some(props.created.0.to_string()));
    say("modified", Some(props.modified.0.to_string()));
    say("tier", props.tier.map(|tier| tier_name(tier).to_owned()));
    say("tier-changed", props.tier_changed.map(|at| at.0.to_string()));
    if let Some(copy) = &props.copy {
        say("copy-id", Some(copy.id.clone()));
        say("copy-source", Some(copy.source.clone()));
        say("copy-completed", Some(copy.completed.0.to_string()));
    }
    About {
        etag: props.etag.to_string(),
        length: props.length,
        properties,
        metadata: props.metadata.clone(),
        tags: props.tags.clone(),
    }
}

/// `None` where the recipe is not one of a store of ours.
pub fn props(about: &About) -> Option<BlobProps> {
    let said = |name: &str| about.properties.get(name).cloned();
    let at = |name: &str| said(name)?.parse().ok().map(Timestamp);
    let md5 = said("content-md5").and_then(|text| BASE64_STANDARD.decode(text).ok()?.try_into().ok());
    let crc64 = BASE64_STANDARD.decode(said("content-crc64")?).ok()?.try_into().ok()?;
    let copy = said("copy-id").zip(said("copy-source")).zip(at("copy-completed"));
    Some(BlobProps {
        length: about.length,
        etag: ETag::parse(&about.etag)?,
        created: at("created")?,
        modified: at("modified")?,
        headers: HttpHeaders {
            content_type: said("content-type"),
            content_encoding: said("content-encoding"),
            content_language: said("content-language"),
            content_disposition: said("content-disposition"),
            cache_control: said("cache-control"),
            content_md5: md5,
        },
        metadata: about.metadata.clone(),
        tags: about.tags.clone(),
        tier: said("tier").as_deref().and_then(tier),
        tier_changed: at("tier-changed"),
        crc64: u64::from_le_bytes(crc64),
        lease: Lease::Free,
        copy: copy.map(|((id, source), completed)| Box::new(CopyState { id, source, completed })),
        kind: BlobKind::Block,
        // What a scope or a customer's key has sealed never gets there.
        encryption: None,
    })
}

/// The default encryption scope of a container.
const SCOPE: &str = "x-greenroom-encryption-scope";

/// The access rules travel as the store writes them: a container is only rebuilt by a store of ours.
pub fn container_about(props: &ContainerProps) -> About {
    let acl = serde_json::to_string(&props.acl).expect("plain values serialise");
    let told = [
        ("created", props.created.0.to_string()),
        ("modified", props.modified.0.to_string()),
        ("x-greenroom-acl", acl),
    ];
    let scope = props.scope.as_ref().map(|scope| serde_json::to_string(scope).expect("plain values serialise"));
    let told = told.into_iter().chain(scope.map(|scope| (SCOPE, scope)));
    About {
        etag: props.etag.to_string(),
        length: 0,
        properties: told.map(|(name, text)| (name.to_owned(), text)).collect(),
        metadata: props.metadata.clone(),
        tags: BTreeMap::new(),
    }
}

pub fn container_props(about: &About) -> Option<ContainerProps> {
    let at = |name: &str| about.properties.get(name)?.parse().ok().map(Timestamp);
    let acl = about.properties.get("x-greenroom-acl").and_then(|text| serde_json::from_str(text).ok());
    // One that is named and cannot be read is no reason to take in clear what was to be sealed.
    let scope = about.properties.get(SCOPE).map(|text| serde_json::from_str(text)).transpose().ok()?;
    Some(ContainerProps {
        etag: ETag::parse(&about.etag)?,
        created: at("created")?,
        modified: at("modified")?,
        metadata: about.metadata.clone(),
        lease: Lease::Free,
        acl: acl.unwrap_or_default(),
        scope,
    })
}

fn tier_name(tier: Tier) -> &'static str {
    match tier {
        Tier::Hot => "Hot",
        Tier::Cool => "Cool",
        Tier::Cold => "Cold",
        Tier::Archive => "Archive",
    }
}

fn tier(name: &str) -> Option<Tier> {
    [Tier::Hot, Tier::Cool, Tier::Cold, Tier::Archive].into_iter().find(|tier| tier_name(*tier) == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_a_blob_comes_back_as_it_was() {
        let whole = BlobProps {
            length: 7,
            etag: ETag(0x8DE_0000_0000_0001),
            created: Timestamp(5),
            modified: Timestamp(6),
            headers: HttpHeaders {
                content_type: Some("text/plain".into()),
                content_encoding: Some("gzip".into()),
                content_language: Some("de".into()),
                content_disposition: Some("inline".into()),
                cache_control: Some("no-cache".into()),
                content_md5: Some([3; 16]),
            },
            metadata: [("a".to_owned(), "ä".to_owned())].into(),
            tags: [("team".to_owned(), "gold/1".to_owned())].into(),
            tier: Some(Tier::Archive),
            tier_changed: Some(Timestamp(9)),
            crc64: 0xDEAD_BEEF_0123_4567,
            lease: Lease::Free,
            copy: Some(Box::new(CopyState { id: "c".into(), source: "http://x/y".into(), completed: Timestamp(8) })),
            kind: BlobKind::Block,
            encryption: None,
        };
        let bare = BlobProps {
            headers: HttpHeaders::default(),
            tier: None,
            tier_changed: None,
            copy: None,
            metadata: BTreeMap::new(),
            tags: BTreeMap::new(),
            ..whole.clone()
        };
        for said in [whole, bare] {
            let json = serde_json::to_string(&about(&said)).expect("text");
            let kept: About = serde_json::from_str(&json).expect("an about");
            assert_eq!(props(&kept), Some(said));
        }
    }

    #[test]
    fn keys_name_blobs_snapshots_and_containers_and_nothing_else() {
        let path = ContainerPath {
            account: AccountName::new("acct").expect("good"),
            container: ContainerName::new("photos").expect("good"),
        };
        let blob = path.blob(BlobName::new("a/ä b").expect("good"));
        let at = Timestamp(1_700_000_000_123_456);
        assert_eq!(described(&key("gold", &blob, Some(at))), Some(Described::Blob(blob.clone(), Some(at))));
        assert_eq!(described(&key("gold", &blob, None)), Some(Described::Blob(blob, None)));
        assert_eq!(described(&container_key("gold", &path)), Some(Described::Container(path)));
        let bad = Key { account: "UP".into(), container: "photos".into(), ..Key::default() };
        assert_eq!(described(&bad), None);
    }
}
