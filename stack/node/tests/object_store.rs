//! `object_store`'s Azure client with the account's key: an implementation of the protocol that is not ours.

use crate::support::{ACCOUNT, CONTAINER, Stack, tree};
use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::azure::{MicrosoftAzure, MicrosoftAzureBuilder};
use object_store::path::Path;
use object_store::signer::Signer as _;
use object_store::{
    Attribute, Attributes, GetOptions, GetRange, ObjectStore, ObjectStoreExt as _, PutMode, PutMultipartOptions,
    PutOptions, TagSet,
};
use std::time::Duration;

async fn client(stack: &Stack) -> MicrosoftAzure {
    let keys = stack.make_account("gold", ACCOUNT, &[CONTAINER]).await;
    MicrosoftAzureBuilder::new()
        .with_endpoint(format!("{}/{ACCOUNT}", stack.ready.blob))
        .with_allow_http(true)
        .with_account(ACCOUNT)
        .with_access_key(keys.key)
        .with_container_name(CONTAINER)
        .build()
        .expect("a client")
}

/// The suite that `object_store` publishes for its backends: all that it runs against Azure itself and that can be called from
/// outside. Tags and signed URLs, whose checks it keeps to itself, are below.
#[tokio::test]
async fn its_own_integration_suite_passes() {
    use object_store::integration::*;
    let stack = Stack::start().await;
    let store = client(&stack).await;
    put_get_delete_list(&store).await;
    list_with_offset_exclusivity(&store).await;
    get_opts(&store).await;
    list_uses_directories_correctly(&store).await;
    list_with_delimiter(&store).await;
    rename_and_copy(&store).await;
    copy_if_not_exists(&store).await;
    stream_get(&store).await;
    put_opts(&store, true).await;
    multipart(&store, &store).await;
    multipart_put_part_out_of_order(&store, &store).await;
    multipart_race_condition(&store, false).await;
    multipart_out_of_order(&store).await;
    list_paginated(&store, &store).await;
    put_get_attributes(&store).await;
    let missing = get_nonexistent_object(&store, None).await.expect_err("there is none");
    assert!(matches!(missing, object_store::Error::NotFound { .. }), "{missing}");
}

#[tokio::test]
async fn tags_and_signed_urls_are_azures() {
    let stack = Stack::start().await;
    let store = client(&stack).await;
    let path = Path::from("tagged");
    let mut tags = TagSet::default();
    tags.push("team", "gold/1");
    let options = PutOptions { tags: tags.clone(), ..PutOptions::default() };
    store.put_opts(&path, "hello".into(), options).await.expect("a blob with tags");
    let parts = Path::from("tagged-parts");
    let options = PutMultipartOptions { tags, ..PutMultipartOptions::default() };
    let mut upload = store.put_multipart_opts(&parts, options).await.expect("an upload");
    upload.put_part("hello".into()).await.expect("a part");
    upload.complete().await.expect("a blob with tags");
    for name in ["tagged", "tagged-parts"] {
        let got = stack.blob("GET", &format!("{CONTAINER}/{name}?comp=tags")).await.send().await.expect("an answer");
        let text = got.text().await.expect("a text");
        assert!(text.contains("<Key>team</Key><Value>gold/1</Value>"), "{text}");
    }
    let signed = store.signed_url(http::Method::GET, &path, Duration::from_secs(60)).await.expect("a URL");
    let got = stack.http.get(signed.clone()).send().await.expect("an answer");
    assert_eq!(got.text().await.expect("a text"), "hello");
    assert_eq!(stack.http.delete(signed).send().await.expect("an answer").status(), 403, "it was signed for reading");
}

#[tokio::test]
async fn objects_go_there_and_back() {
    let stack = Stack::start().await;
    let store = client(&stack).await;
    let content = Bytes::from(tree::content("object", 3_000_000));
    for name in ["plain", "a b/ü+%25#?", "deep/er/x"] {
        let path = Path::from(name);
        store.put(&path, content.clone().into()).await.expect(name);
        let got = store.get(&path).await.expect(name);
        assert_eq!(got.meta.size, 3_000_000);
        assert_eq!(got.bytes().await.expect(name), content);
        assert_eq!(store.head(&path).await.expect(name).location, path);
        let range = store.get_range(&path, 1_000_000..1_000_100).await.expect(name);
        assert_eq!(range, content.slice(1_000_000..1_000_100));
    }
    let listed: Vec<_> = store.list(None).map_ok(|meta| meta.location.to_string()).try_collect().await.expect("a list");
    assert_eq!(listed.len(), 3);
    let folded = store.list_with_delimiter(None).await.expect("a list");
    assert_eq!((folded.objects.len(), folded.common_prefixes.len()), (1, 2));
    // Deletions travel as a batch.
    let doomed = futures::stream::iter(["plain", "a b/ü+%25#?"].map(|name| Ok(Path::from(name)))).boxed();
    let deleted: Vec<Path> = store.delete_stream(doomed).try_collect().await.expect("two deletions");
    assert_eq!(deleted.len(), 2);
    let missing = store.get(&Path::from("plain")).await.expect_err("it is gone");
    assert!(matches!(missing, object_store::Error::NotFound { .. }), "{missing}");
}

#[tokio::test]
async fn conditions_hold() {
    let stack = Stack::start().await;
    let store = client(&stack).await;
    let path = Path::from("once");
    let create = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
    let first = store.put_opts(&path, "1".into(), create.clone()).await.expect("the first");
    let second = store.put_opts(&path, "2".into(), create).await.expect_err("it exists");
    assert!(matches!(second, object_store::Error::AlreadyExists { .. }), "{second}");
    let update = |version: &object_store::PutResult| PutMode::Update(version.clone().into());
    store.put_opts(&path, "3".into(), update(&first).into()).await.expect("the version is right");
    let stale = store.put_opts(&path, "4".into(), update(&first).into()).await.expect_err("the version is old");
    assert!(matches!(stale, object_store::Error::Precondition { .. }), "{stale}");
    let unchanged = GetOptions { if_none_match: first.e_tag, ..GetOptions::default() };
    assert!(store.get_opts(&path, unchanged).await.is_ok());
    let beyond = GetOptions { range: Some(GetRange::Offset(100)), ..GetOptions::default() };
    assert!(store.get_opts(&path, beyond).await.is_err());
}

#[tokio::test]
async fn multipart_uploads_keep_attributes() {
    let stack = Stack::start().await;
    let store = client(&stack).await;
    let path = Path::from("large");
    let attributes =
        Attributes::from_iter([(Attribute::ContentType, "text/plain"), (Attribute::Metadata("color".into()), "blue")]);
    let mut upload = store.put_multipart_opts(&path, attributes.clone().into()).await.expect("an upload");
    let content = tree::content("large", 11_000_000);
    for part in content.chunks(4_000_000) {
        upload.put_part(part.to_vec().into()).await.expect("a part");
    }
    upload.complete().await.expect("a blob");
    let got = store.get(&path).await.expect("the blob");
    assert_eq!(got.attributes, attributes);
    assert_eq!(blake3::hash(&got.bytes().await.expect("content")), blake3::hash(&content));
}
