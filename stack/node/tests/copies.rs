//! Copies as a client sees them: within a stack, between two, and what is refused.

use crate::support::{ACCOUNT, Headers, Stack, all_between, header, send, verdict};
use reqwest::Response;

const BLOCK_BLOB: (&str, &str) = ("x-ms-blob-type", "BlockBlob");
/// Of `0123456789`, in Base64.
const MD5: &str = "eB5eJF1ptWaXm4bijSPyxw==";

async fn text(answer: Response) -> String {
    assert!(answer.status().is_success(), "{answer:?}");
    answer.text().await.expect("a text")
}

async fn get(stack: &Stack, path: &str) -> String {
    text(send(stack, "GET", path, &[], "").await).await
}

/// A stack with `a`, which has metadata, tags, a type and blocks.
async fn with_source() -> Stack {
    let stack = Stack::with_container().await;
    send(&stack, "PUT", "photos/a?comp=block&blockid=QUFB", &[], "01234").await;
    send(&stack, "PUT", "photos/a?comp=block&blockid=QUFC", &[], "56789").await;
    let headers = [("x-ms-meta-color", "blue"), ("x-ms-tags", "team=gold"), ("x-ms-blob-content-type", "text/plain")];
    let list = "<BlockList><Latest>QUFB</Latest><Latest>QUFC</Latest></BlockList>";
    assert_eq!(send(&stack, "PUT", "photos/a?comp=blocklist", &headers, list).await.status(), 201);
    stack
}

#[tokio::test]
async fn a_blob_is_copied_with_all_that_is_said_of_it() {
    let stack = with_source().await;
    let source = stack.url("photos/a").await;
    let copied = send(&stack, "PUT", "photos/b", &[("x-ms-copy-source", &source)], "").await;
    assert_eq!((copied.status().as_u16(), header(&copied, "x-ms-copy-status")), (202, "success".into()));
    let id = header(&copied, "x-ms-copy-id");
    let head = send(&stack, "HEAD", "photos/b", &[], "").await;
    let shown = source.split('?').next().expect("a URL").to_owned();
    for (name, value) in [
        ("content-type", "text/plain"),
        ("x-ms-meta-color", "blue"),
        ("x-ms-copy-id", &id),
        ("x-ms-copy-source", &shown),
        ("x-ms-copy-progress", "10/10"),
        ("x-ms-tag-count", ""),
    ] {
        assert_eq!(header(&head, name), value, "{name}");
    }
    assert_eq!(get(&stack, "photos/b").await, "0123456789");
    let blocks = get(&stack, "photos/b?comp=blocklist").await;
    assert_eq!(all_between(&blocks, "<Name>", "</Name>"), ["QUFB", "QUFC"]);
    let listed = get(&stack, "photos?restype=container&comp=list&include=copy").await;
    assert_eq!(all_between(&listed, "<CopySource>", "</CopySource>"), [shown]);
    assert!(!listed.contains("sig="), "{listed}");

    let own = [("x-ms-copy-source", source.as_str()), ("x-ms-meta-own", "1"), ("x-ms-copy-source-tag-option", "COPY")];
    assert_eq!(send(&stack, "PUT", "photos/c", &own, "").await.status(), 202);
    let head = send(&stack, "HEAD", "photos/c", &[], "").await;
    assert_eq!(["x-ms-meta-own", "x-ms-meta-color", "x-ms-tag-count"].map(|name| header(&head, name)), ["1", "", "1"]);
    let abort = send(&stack, "PUT", "photos/b?comp=copy&copyid=1", &[("x-ms-copy-action", "abort")], "").await;
    assert_eq!(verdict(&abort), (409, "NoPendingCopyOperation".into()));

    // The source goes; what was copied stays, also over a restart.
    let mut stack = stack;
    send(&stack, "DELETE", "photos/a", &[], "").await;
    stack.kill().await;
    stack.restart().await;
    assert_eq!(get(&stack, "photos/c").await, "0123456789");
    assert_eq!(header(&send(&stack, "HEAD", "photos/b", &[], "").await, "x-ms-copy-id"), id);
}

#[tokio::test]
async fn blobs_and_blocks_are_put_from_a_url() {
    let stack = with_source().await;
    let source = stack.url("photos/a").await;
    let from = ("x-ms-copy-source", source.as_str());
    let put = send(&stack, "PUT", "photos/b", &[BLOCK_BLOB, from, ("x-ms-source-content-md5", MD5)], "").await;
    assert_eq!(put.status(), 201);
    let head = send(&stack, "HEAD", "photos/b", &[], "").await;
    assert_eq!((header(&head, "content-type"), header(&head, "x-ms-copy-id")), ("text/plain".into(), String::new()));
    let own = [BLOCK_BLOB, from, ("x-ms-copy-source-blob-properties", "false"), ("x-ms-blob-cache-control", "none")];
    assert_eq!(send(&stack, "PUT", "photos/c", &own, "").await.status(), 201);
    let head = send(&stack, "HEAD", "photos/c", &[], "").await;
    let types = (header(&head, "content-type"), header(&head, "cache-control"));
    assert_eq!(types, ("application/octet-stream".into(), "none".into()));
    assert_eq!(get(&stack, "photos/c").await, "0123456789");

    for (id, range) in [("QUFB", "bytes=6-8"), ("QUFC", "bytes=1-2"), ("QUFD", "bytes=7-")] {
        let path = format!("photos/d?comp=block&blockid={id}");
        let staged = send(&stack, "PUT", &path, &[from, ("x-ms-source-range", range)], "").await;
        assert_eq!(staged.status(), 201, "{range}");
    }
    let list = "<BlockList><Latest>QUFB</Latest><Latest>QUFC</Latest><Latest>QUFD</Latest></BlockList>";
    assert_eq!(send(&stack, "PUT", "photos/d?comp=blocklist", &[], list).await.status(), 201);
    assert_eq!(get(&stack, "photos/d").await, "678".to_owned() + "12" + "789");
}

/// A source says who may read it; the one who asks for the copy has no say in that.
#[tokio::test]
async fn a_source_authorises_itself() {
    let stack = with_source().await;
    let base = format!("{}/{ACCOUNT}", stack.ready.blob);
    let (list, read) = (stack.sas(Some("photos"), "l").await, stack.sas(Some("photos"), "r").await);
    let good = format!("{base}/photos/a?{read}");
    let block = "photos/new?comp=block&blockid=QUFB";
    let cases: &[(&str, String, Headers<'_>, u16, &str)] = &[
        ("photos/new", format!("{base}/photos/a"), &[], 403, "CannotVerifyCopySource"),
        ("photos/new", format!("{base}/photos/a?{list}"), &[], 403, "CannotVerifyCopySource"),
        ("photos/new", good.replace("sig=", "sig=A"), &[BLOCK_BLOB], 403, "CannotVerifyCopySource"),
        (block, format!("{base}/photos/a"), &[], 403, "CannotVerifyCopySource"),
        ("photos/new", format!("{base}/photos/missing?{read}"), &[BLOCK_BLOB], 404, "CannotVerifyCopySource"),
        ("photos/new", good.clone(), &[("x-ms-source-if-match", "\"0x1\"")], 412, "SourceConditionNotMet"),
        ("photos/new", good.clone(), &[("x-ms-source-if-none-match", "*")], 412, "SourceConditionNotMet"),
        (
            "photos/new",
            good.clone(),
            &[BLOCK_BLOB, ("x-ms-source-content-md5", "AAAAAAAAAAAAAAAAAAAAAA==")],
            400,
            "Md5Mismatch",
        ),
        ("photos/new", good.clone(), &[("x-ms-copy-source-tag-option", "COPY")], 403, "CannotVerifyCopySource"),
        ("photos/new", good.clone(), &[("x-ms-copy-source-tag-option", "SOME")], 400, "InvalidHeaderValue"),
        ("photos/new", good.clone(), &[("x-ms-blob-type", "PageBlob")], 409, "BlobTypeNotSupported"),
        ("photos/new", "photos/a".into(), &[], 400, "InvalidHeaderValue"),
        (block, good.clone(), &[("x-ms-source-range", "bytes=10-")], 416, "InvalidRange"),
        (block, good.clone(), &[("x-ms-source-range", "most")], 400, "InvalidHeaderValue"),
        ("photos/a", good.clone(), &[("if-none-match", "*")], 409, "BlobAlreadyExists"),
        ("nowhere/new", good.clone(), &[], 404, "ContainerNotFound"),
        // Nothing that is not public, and no detour over names for this machine.
        ("photos/new", "http://127.0.0.1:9/acct/photos/a".into(), &[], 403, "CannotVerifyCopySource"),
        ("photos/new", "http://169.254.169.254/metadata/instance".into(), &[], 403, "CannotVerifyCopySource"),
        ("photos/new", "http://[::ffff:10.0.0.1]/a/b/c".into(), &[BLOCK_BLOB], 403, "CannotVerifyCopySource"),
        ("photos/new", "http://localhost:9/acct/photos/a".into(), &[], 403, "CannotVerifyCopySource"),
        ("photos/new", "https://127.0.0.1:9/acct/photos/a".into(), &[], 403, "CannotVerifyCopySource"),
    ];
    for (path, source, headers, status, code) in cases {
        let headers = [*headers, &[("x-ms-copy-source", source.as_str())][..]].concat();
        let answer = send(&stack, "PUT", path, &headers, "").await;
        assert_eq!(verdict(&answer), (*status, (*code).to_owned()), "{path} {headers:?}");
        let document = answer.text().await.expect("a text");
        assert!(!document.contains("sig="), "{document}");
    }
    assert_eq!(stack.names().await, ["a"], "nothing that was refused left anything");
}

/// Our own names lead inside, whichever is used; no request leaves the process, which the host-style name would not survive.
#[tokio::test]
async fn our_own_names_are_known() {
    let stack = with_source().await;
    let read = stack.sas(Some("photos"), "r").await;
    let port = stack.ready.blob.rsplit(':').next().expect("a port");
    for base in [
        format!("http://127.0.0.1:{port}/{ACCOUNT}"),
        format!("http://localhost:{port}/{ACCOUNT}"),
        format!("http://{ACCOUNT}.blob.localhost:{port}"),
        format!("https://{ACCOUNT}.blob.core.windows.net"),
    ] {
        let source = format!("{base}/photos/a?{read}");
        let copied = send(&stack, "PUT", "photos/b", &[("x-ms-copy-source", &source)], "").await;
        assert_eq!(copied.status(), 202, "{base}");
        assert_eq!(get(&stack, "photos/b").await, "0123456789");
    }
}

#[tokio::test]
async fn another_stack_is_fetched_from_where_it_is_allowed() {
    let from = with_source().await;
    let authority = from.ready.blob.trim_start_matches("http://").to_owned();
    let stack = Stack::start_with(&["--copy-source-allow", &authority]).await;
    stack.make_account("gold", ACCOUNT, &["photos"]).await;
    let source = from.url("photos/a").await;
    let of = |source: &'static str| source;
    let tags = ("x-ms-copy-source-tag-option", "COPY");
    let copied = send(&stack, "PUT", "photos/b", &[("x-ms-copy-source", &source), tags], "").await;
    assert_eq!((copied.status().as_u16(), header(&copied, "x-ms-copy-status")), (202, "success".into()));
    let head = send(&stack, "HEAD", "photos/b", &[], "").await;
    let said = ["content-type", "x-ms-meta-color", "x-ms-tag-count", "content-md5"].map(|name| header(&head, name));
    assert_eq!(said, ["text/plain", "blue", "1", MD5].map(of));
    let put = [BLOCK_BLOB, ("x-ms-copy-source", source.as_str()), ("x-ms-source-content-md5", MD5)];
    assert_eq!(send(&stack, "PUT", "photos/c", &put, "").await.status(), 201);
    let range = [("x-ms-copy-source", source.as_str()), ("x-ms-source-range", "bytes=3-6")];
    assert_eq!(send(&stack, "PUT", "photos/d?comp=block&blockid=QUFB", &range, "").await.status(), 201);
    let list = "<BlockList><Latest>QUFB</Latest></BlockList>";
    assert_eq!(send(&stack, "PUT", "photos/d?comp=blocklist", &[], list).await.status(), 201);
    for (name, content) in [("b", "0123456789"), ("c", "0123456789"), ("d", "3456")] {
        assert_eq!(get(&stack, &format!("photos/{name}")).await, content);
    }

    let missing = from.url("photos/missing").await;
    let bent = source.replace("sig=", "sig=A");
    let cases: &[(&str, Headers<'_>, u16, &str)] = &[
        (&missing, &[], 404, "CannotVerifyCopySource"),
        (&bent, &[], 403, "CannotVerifyCopySource"),
        (&source, &[("x-ms-source-if-match", "\"0x1\"")], 412, "SourceConditionNotMet"),
        (&source, &[BLOCK_BLOB, ("x-ms-source-content-md5", "AAAAAAAAAAAAAAAAAAAAAA==")], 400, "Md5Mismatch"),
    ];
    for (source, headers, status, code) in cases {
        let headers = [*headers, &[("x-ms-copy-source", *source)][..]].concat();
        let answer = send(&stack, "PUT", "photos/new", &headers, "").await;
        assert_eq!(verdict(&answer), (*status, (*code).to_owned()), "{headers:?}");
    }
    assert_eq!(stack.names().await, ["b", "c", "d"]);
}

#[tokio::test]
async fn what_is_in_the_archive_is_copied_out_of_it_and_stays_there() {
    let stack = with_source().await;
    let tier = |tier| ("x-ms-access-tier", tier);
    assert_eq!(send(&stack, "PUT", "photos/a?comp=tier", &[tier("Archive")], "").await.status(), 200);
    let source = stack.url("photos/a").await;
    let from = ("x-ms-copy-source", source.as_str());
    for online in ["Hot", "Cool", "Cold"] {
        let headers = [from, tier(online), ("x-ms-rehydrate-priority", "High")];
        let copied = send(&stack, "PUT", "photos/b", &headers, "").await;
        assert_eq!(
            (copied.status().as_u16(), header(&copied, "x-ms-copy-status")),
            (202, "success".into()),
            "{online}"
        );
        let head = send(&stack, "HEAD", "photos/b", &[], "").await;
        assert_eq!(header(&head, "x-ms-access-tier"), online);
        assert_eq!(get(&stack, "photos/b").await, "0123456789", "as a tier that is set, it can be read at once");
    }
    let head = send(&stack, "HEAD", "photos/a", &[], "").await;
    assert_eq!(header(&head, "x-ms-access-tier"), "Archive");
    assert_eq!(verdict(&send(&stack, "GET", "photos/a", &[], "").await), (409, "BlobArchived".into()));
    // Only by Copy Blob, only into another blob, and only where it is told the tier.
    let sync = ("x-ms-requires-sync", "true");
    let cases: &[(&str, Headers<'_>)] = &[
        ("photos/c", &[from]),
        ("photos/c", &[from, tier("Archive")]),
        ("photos/c", &[from, tier("Hot"), sync]),
        ("photos/c", &[from, tier("Hot"), BLOCK_BLOB]),
        ("photos/c?comp=block&blockid=QUFB", &[from]),
        ("photos/a", &[from, tier("Hot")]),
    ];
    for (path, headers) in cases {
        let refused = send(&stack, "PUT", path, headers, "").await;
        assert_eq!(verdict(&refused), (409, "BlobArchived".into()), "{path} {headers:?}");
    }
}

#[tokio::test]
async fn a_copy_that_is_waited_for_tells_the_checksums() {
    let stack = with_source().await;
    let source = stack.url("photos/a").await;
    let (from, sync) = (("x-ms-copy-source", source.as_str()), ("x-ms-requires-sync", "true"));
    let sums = |answer: &Response| ["content-md5", "x-ms-content-crc64"].map(|name| header(answer, name));
    let checked = send(&stack, "PUT", "photos/b", &[from, sync, ("x-ms-source-content-md5", MD5)], "").await;
    let crc64 = header(&checked, "x-ms-content-crc64");
    assert_eq!((checked.status().as_u16(), sums(&checked)), (202, [MD5.to_owned(), crc64.clone()]));
    // The checksum is that of the content as a client puts it.
    let put = send(&stack, "PUT", "photos/c", &[BLOCK_BLOB], "0123456789").await;
    assert_eq!(sums(&put), [MD5.to_owned(), crc64.clone()]);
    // A blob of blocks has no MD5 of its own.
    let unchecked = send(&stack, "PUT", "photos/b", &[from, sync], "").await;
    assert_eq!(sums(&unchecked), [String::new(), crc64.clone()]);
    let whole = stack.url("photos/c").await;
    let kept = send(&stack, "PUT", "photos/b", &[("x-ms-copy-source", whole.as_str()), sync], "").await;
    assert_eq!(sums(&kept), [MD5.to_owned(), crc64]);
    let other = send(&stack, "PUT", "photos/b", &[from], "").await;
    assert_eq!(sums(&other), [String::new(), String::new()], "Copy Blob tells none");
}
