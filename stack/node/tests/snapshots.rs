//! Snapshots as a client sees them.

use crate::support::{Stack, all_between, header, send, verdict};

#[tokio::test]
async fn a_snapshot_is_taken_read_listed_and_deleted() {
    let stack = Stack::with_container().await;
    stack.put_blob("a", "before").await;
    let taken = send(&stack, "PUT", "photos/a?comp=snapshot", &[], "").await;
    let at = header(&taken, "x-ms-snapshot");
    assert_eq!((taken.status().as_u16(), at.len()), (201, "2026-11-22T19:25:00.1234567Z".len()));
    let own = send(&stack, "PUT", "photos/a?comp=snapshot", &[("x-ms-meta-why", "audit")], "").await;
    let with_metadata = header(&own, "x-ms-snapshot");
    assert_ne!(header(&own, "etag"), header(&taken, "etag"), "one with metadata of its own is a version of its own");
    stack.put_blob("a", "after it").await;

    let read = |at: &str| format!("photos/a?snapshot={at}");
    let got = send(&stack, "GET", &read(&at), &[("x-ms-range", "bytes=2-4")], "").await;
    assert_eq!((got.status().as_u16(), got.text().await.expect("a text")), (206, "for".into()));
    let head = send(&stack, "HEAD", &read(&with_metadata), &[], "").await;
    assert_eq!((header(&head, "content-length"), header(&head, "x-ms-meta-why")), ("6".into(), "audit".into()));
    let tier = format!("{}&comp=tier", read(&at));
    assert_eq!(send(&stack, "PUT", &tier, &[("x-ms-access-tier", "Cool")], "").await.status(), 200);
    assert_eq!(header(&send(&stack, "HEAD", &read(&at), &[], "").await, "x-ms-access-tier"), "Cool");
    assert_eq!(header(&send(&stack, "HEAD", "photos/a", &[], "").await, "x-ms-access-tier"), "Hot");

    let list = "photos?restype=container&comp=list&include=snapshots,metadata&maxresults=2";
    let page = send(&stack, "GET", list, &[], "").await.text().await.expect("a text");
    assert_eq!(all_between(&page, "<Snapshot>", "</Snapshot>"), [at.clone(), with_metadata.clone()]);
    let marker = &all_between(&page, "<NextMarker>", "</NextMarker>")[0];
    let rest = send(&stack, "GET", &format!("{list}&marker={marker}"), &[], "").await.text().await.expect("a text");
    assert_eq!(all_between(&rest, "<Name>", "</Name>"), ["a"]);
    assert!(!rest.contains("<Snapshot>"), "{rest}");

    let refused = send(&stack, "DELETE", "photos/a", &[], "").await;
    assert_eq!(verdict(&refused), (409, "SnapshotsPresent".into()));
    assert_eq!(send(&stack, "DELETE", &read(&at), &[], "").await.status(), 202);
    assert_eq!(verdict(&send(&stack, "GET", &read(&at), &[], "").await), (404, "BlobNotFound".into()));
    let only = [("x-ms-delete-snapshots", "only")];
    assert_eq!(send(&stack, "DELETE", "photos/a", &only, "").await.status(), 202);
    assert_eq!(send(&stack, "GET", "photos/a", &[], "").await.text().await.expect("a text"), "after it");
    send(&stack, "PUT", "photos/a?comp=snapshot", &[], "").await;
    let include = [("x-ms-delete-snapshots", "include")];
    assert_eq!(send(&stack, "DELETE", "photos/a", &include, "").await.status(), 202);
    assert_eq!(stack.names().await, Vec::<String>::new());
}

#[tokio::test]
async fn staged_names_are_listed_where_they_are_asked_for() {
    let stack = Stack::with_container().await;
    stack.put_blob("a", "content").await;
    send(&stack, "PUT", "photos/b?comp=block&blockid=QUFB", &[], "block").await;
    assert_eq!(stack.names().await, ["a"]);
    let list = "photos?restype=container&comp=list&include=uncommittedblobs";
    let page = send(&stack, "GET", list, &[], "").await.text().await.expect("a text");
    assert_eq!(all_between(&page, "<Name>", "</Name>"), ["a", "b"]);
}
