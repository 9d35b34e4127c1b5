//! The Blob protocol as a client sees it: codes, headers, conditions, ranges, blocks, listings.

use crate::support::{ACCOUNT, CONTAINER, Headers, Stack, all_between, header, send, verdict};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Method, path, headers; status and code.
type Case<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], u16, &'a str);

const BLOCK_BLOB: (&str, &str) = ("x-ms-blob-type", "BlockBlob");

#[tokio::test]
async fn refusals_have_azures_status_and_code() {
    let stack = Stack::with_container().await;
    stack.put_blob("there", "0123456789").await;
    let tags = |count: usize| (0..count).map(|n| format!("t{n}=v")).collect::<Vec<_>>().join("&");
    let eleven = tags(11);
    let cases: &[Case<'_>] = &[
        ("GET", "photos/missing", &[], 404, "BlobNotFound"),
        ("GET", "nowhere/missing", &[], 404, "ContainerNotFound"),
        ("HEAD", "photos/missing", &[], 404, "BlobNotFound"),
        ("DELETE", "photos/missing", &[], 404, "BlobNotFound"),
        ("GET", "nowhere?restype=container&comp=list", &[], 404, "ContainerNotFound"),
        ("DELETE", "nowhere?restype=container", &[], 404, "ContainerNotFound"),
        ("PUT", "photos?restype=container", &[], 409, "ContainerAlreadyExists"),
        ("PUT", "Bad_Name?restype=container", &[], 400, "InvalidResourceName"),
        ("PUT", "ab?restype=container", &[], 400, "OutOfRangeInput"),
        ("PUT", "nowhere/new", &[BLOCK_BLOB], 404, "ContainerNotFound"),
        ("PUT", "photos/new", &[], 400, "MissingRequiredHeader"),
        ("PUT", "photos/new", &[("x-ms-blob-type", "AppendBlob")], 409, "BlobTypeNotSupported"),
        ("PUT", "photos/new", &[("x-ms-blob-type", "Blob")], 400, "InvalidHeaderValue"),
        ("PUT", "photos/new", &[BLOCK_BLOB, ("content-md5", "AAAAAAAAAAAAAAAAAAAAAA==")], 400, "Md5Mismatch"),
        ("PUT", "photos/new", &[BLOCK_BLOB, ("content-md5", "short")], 400, "InvalidMd5"),
        ("PUT", "photos/new", &[BLOCK_BLOB, ("x-ms-content-crc64", "AAAAAAAAAAA=")], 400, "Crc64Mismatch"),
        ("PUT", "photos/new", &[BLOCK_BLOB, ("x-ms-meta-not-an-identifier", "x")], 400, "InvalidMetadata"),
        ("PUT", "photos/new", &[BLOCK_BLOB, ("x-ms-access-tier", "Lukewarm")], 400, "InvalidBlobTier"),
        ("PUT", "photos/new", &[BLOCK_BLOB, ("x-ms-tags", &eleven)], 400, "InvalidTags"),
        ("PUT", "photos/there", &[BLOCK_BLOB, ("if-none-match", "*")], 409, "BlobAlreadyExists"),
        ("PUT", "photos/there", &[BLOCK_BLOB, ("if-match", "\"0x1\"")], 412, "ConditionNotMet"),
        ("PUT", "photos/new", &[BLOCK_BLOB, ("if-match", "*")], 412, "ConditionNotMet"),
        ("GET", "photos/there", &[("if-match", "\"0x1\"")], 412, "ConditionNotMet"),
        ("GET", "photos/there", &[("if-none-match", "*")], 304, "ConditionNotMet"),
        ("GET", "photos/there", &[("range", "bytes=10-")], 416, "InvalidRange"),
        ("GET", "photos/there", &[("x-ms-range", "bytes=5-2")], 400, "InvalidHeaderValue"),
        ("GET", "photos/there?snapshot=2026-01-01T00:00:00.0000000Z", &[], 404, "BlobNotFound"),
        ("GET", "photos/there?snapshot=yesterday", &[], 400, "InvalidQueryParameterValue"),
        ("GET", "photos/there?versionid=2026-01-01T00:00:00.0000000Z", &[], 400, "FeatureNotSupported"),
        ("PUT", "photos/there?comp=metadata&snapshot=2026-01-01", &[], 400, "UnsupportedQueryParameter"),
        ("DELETE", "photos/there", &[("x-ms-delete-snapshots", "some")], 400, "InvalidHeaderValue"),
        ("PUT", "photos/there?comp=lease", &[], 400, "MissingRequiredHeader"),
        ("PUT", "photos/there?comp=lease", &[("x-ms-lease-action", "borrow")], 400, "InvalidHeaderValue"),
        ("PUT", "photos/there?comp=appendblock", &[], 409, "BlobTypeNotSupported"),
        ("DELETE", "photos/there", &[("x-ms-lease-id", "1")], 400, "InvalidHeaderValue"),
        ("PUT", "photos/there?comp=block", &[], 400, "MissingRequiredQueryParameter"),
        ("PUT", "photos/there?comp=block&blockid=!", &[], 400, "InvalidBlockId"),
        ("PUT", "photos/there?comp=nonsense", &[], 400, "InvalidQueryParameterValue"),
        ("POST", "photos/there", &[], 405, "UnsupportedHttpVerb"),
        ("GET", "photos?restype=container&comp=list&maxresults=0", &[], 400, "OutOfRangeQueryParameterValue"),
        ("GET", "photos?restype=container&comp=list&include=all", &[], 400, "InvalidQueryParameterValue"),
        ("GET", "photos?restype=container&comp=list&marker=!", &[], 400, "InvalidMarker"),
        ("GET", "photos/there?comp=blocklist&blocklisttype=odd", &[], 400, "InvalidQueryParameterValue"),
    ];
    for (method, path, headers, status, code) in cases {
        let body = if *method == "PUT" { "content" } else { "" };
        let answer = send(&stack, method, path, headers, body).await;
        assert_eq!(verdict(&answer), (*status, (*code).to_owned()), "{method} {path} {headers:?}");
        assert!(!header(&answer, "x-ms-request-id").is_empty());
        let document = answer.text().await.expect("a text");
        if *method == "HEAD" || *status == 304 {
            assert_eq!(document, "");
        } else {
            assert!(document.contains(&format!("<Error><Code>{code}</Code><Message>")), "{document}");
        }
    }
    assert_eq!(stack.names().await, ["there"], "nothing that was refused left anything");
}

#[tokio::test]
async fn strangers_are_told_nothing() {
    let stack = Stack::with_container().await;
    stack.put_blob("there", "secret").await;
    let base = &stack.ready.blob;
    let sas = stack.sas(Some(CONTAINER), "r").await;
    let bent = sas.replace("sig=", "sig=A");
    for (url, status, code) in [
        (format!("{base}/{ACCOUNT}/photos/there"), 409, "PublicAccessNotPermitted"),
        (format!("{base}/{ACCOUNT}/photos/missing"), 409, "PublicAccessNotPermitted"),
        (format!("{base}/stranger/photos/there"), 409, "PublicAccessNotPermitted"),
        (format!("{base}/{ACCOUNT}/?comp=list"), 401, "NoAuthenticationInformation"),
        (format!("{base}/{ACCOUNT}/photos/there?{bent}"), 403, "AuthenticationFailed"),
        (format!("{base}/stranger/photos/there?{sas}"), 403, "AuthenticationFailed"),
        (format!("{base}/{ACCOUNT}/other/there?{sas}"), 403, "AuthenticationFailed"),
        (format!("{base}/{ACCOUNT}/photos?restype=container&comp=list&{sas}"), 403, "AuthorizationPermissionMismatch"),
    ] {
        let answer = stack.http.get(&url).send().await.expect("an answer");
        assert_eq!(verdict(&answer), (status, code.into()), "{url}");
        let document = answer.text().await.expect("a text");
        assert!(!document.contains("secret") && !document.contains("\\n/"), "{document}");
    }
}

#[tokio::test]
async fn what_is_put_comes_back_with_its_headers() {
    let stack = Stack::with_container().await;
    let headers = [
        BLOCK_BLOB,
        ("content-type", "text/plain"),
        ("x-ms-blob-cache-control", "no-cache"),
        ("x-ms-blob-content-encoding", "gzip"),
        ("x-ms-blob-content-language", "de"),
        ("x-ms-blob-content-disposition", "attachment"),
        ("x-ms-meta-color", "blue"),
        ("x-ms-tags", "team=gold&note=a+b"),
        ("x-ms-access-tier", "cool"),
        ("x-ms-client-request-id", "mine-1"),
        ("x-ms-version", "2099-01-01"),
    ];
    let put = send(&stack, "PUT", "photos/a.txt", &headers, "hello").await;
    assert_eq!(put.status(), 201);
    assert_eq!(header(&put, "content-md5"), "XUFAKrxLKna5cZ2REBfFkg==");
    assert_eq!(header(&put, "x-ms-client-request-id"), "mine-1");
    assert_eq!(header(&put, "x-ms-version"), "2099-01-01");
    for method in ["GET", "HEAD"] {
        let got = send(&stack, method, "photos/a.txt", &[], "").await;
        assert_eq!(got.status(), 200);
        for (name, value) in [
            ("content-type", "text/plain"),
            ("cache-control", "no-cache"),
            ("content-encoding", "gzip"),
            ("content-language", "de"),
            ("content-disposition", "attachment"),
            ("content-length", "5"),
            ("content-md5", "XUFAKrxLKna5cZ2REBfFkg=="),
            ("x-ms-meta-color", "blue"),
            ("x-ms-tag-count", "2"),
            // Azure tells it with the properties only.
            ("x-ms-access-tier", if method == "HEAD" { "Cool" } else { "" }),
            ("x-ms-blob-type", "BlockBlob"),
            ("x-ms-lease-state", "available"),
            ("accept-ranges", "bytes"),
        ] {
            assert_eq!(header(&got, name), value, "{method} {name}");
        }
        assert_eq!(header(&got, "etag"), header(&put, "etag"));
        assert_eq!(header(&got, "last-modified"), header(&put, "last-modified"));
        assert!(header(&got, "x-ms-creation-time").ends_with(" GMT"));
        assert_eq!(got.text().await.expect("a text"), if method == "GET" { "hello" } else { "" });
    }
    let tags = send(&stack, "GET", "photos/a.txt?comp=tags", &[], "").await.text().await.expect("a text");
    assert!(tags.contains("<Tag><Key>note</Key><Value>a b</Value></Tag>"), "{tags}");
}

#[tokio::test]
async fn properties_metadata_tags_and_tier_change_alone() {
    let stack = Stack::with_container().await;
    stack.put_blob("a", "hello").await;
    let etag = async |stack: &Stack| header(&send(stack, "HEAD", "photos/a", &[], "").await, "etag");
    let before = etag(&stack).await;
    let set = send(&stack, "PUT", "photos/a?comp=tier", &[("x-ms-access-tier", "Cold")], "").await;
    assert_eq!(set.status(), 200);
    let document = "<Tags><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tags>";
    assert_eq!(send(&stack, "PUT", "photos/a?comp=tags", &[], document).await.status(), 204);
    assert_eq!(etag(&stack).await, before, "tier and tags leave the ETag");
    let set = send(&stack, "PUT", "photos/a?comp=metadata", &[("x-ms-meta-a", "1")], "").await;
    assert_eq!(set.status(), 200);
    assert_ne!(header(&set, "etag"), before);
    let set = send(&stack, "PUT", "photos/a?comp=properties", &[("x-ms-blob-content-type", "image/png")], "").await;
    assert_eq!(set.status(), 200);
    let head = send(&stack, "HEAD", "photos/a", &[], "").await;
    assert_eq!(header(&head, "content-type"), "image/png");
    assert_eq!((header(&head, "x-ms-meta-a"), header(&head, "x-ms-access-tier")), ("1".into(), "Cold".into()));
    assert_eq!(header(&head, "content-md5"), "", "a property that is not sent is cleared");
    let metadata = send(&stack, "GET", "photos/a?comp=metadata", &[], "").await;
    assert_eq!(header(&metadata, "x-ms-meta-a"), "1");
}

#[tokio::test]
async fn an_md5_is_one_or_refused_and_a_type_that_is_cleared_is_gone() {
    let stack = Stack::with_container().await;
    stack.put_blob("a", "hello").await;
    let good = "AAAAAAAAAAAAAAAAAAAAAA==";
    let set = async |headers: Headers<'_>| send(&stack, "PUT", "photos/a?comp=properties", headers, "").await;
    let head = async |path: &str| send(&stack, "HEAD", path, &[], "").await;
    assert_eq!(header(&head("photos/a").await, "content-type"), "application/octet-stream", "none was named");
    let both = [("x-ms-blob-content-md5", good), ("x-ms-blob-content-type", "text/plain")];
    assert_eq!(set(&both).await.status(), 200);
    for bad in
        ["nonsense", "AAAA", "AAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAAA=", "AAAAAAAAAAAAAAAAAAAAAAAA", "!", "="]
    {
        let refused = set(&[("x-ms-blob-content-md5", bad)]).await;
        assert_eq!(verdict(&refused), (400, "InvalidMd5".into()), "{bad}");
        let kept = head("photos/a").await;
        assert_eq!(["content-md5", "content-type"].map(|name| header(&kept, name)), [good, "text/plain"], "{bad}");
    }
    assert_eq!(set(&[("x-ms-blob-cache-control", "none")]).await.status(), 200);
    stack.put_blob("b", "").await;
    let copied = [("x-ms-copy-source", stack.url("photos/a").await)];
    let copied: Vec<_> = copied.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(send(&stack, "PUT", "photos/c", &copied, "").await.status(), 202);
    for path in ["photos/a", "photos/c"] {
        for method in ["HEAD", "GET"] {
            let cleared = send(&stack, method, path, &[], "").await;
            let told = ["content-md5", "content-type", "cache-control"].map(|name| header(&cleared, name));
            assert_eq!(told, ["", "", "none"], "{method} {path}");
        }
    }
    let list = send(&stack, "GET", "photos?restype=container&comp=list", &[], "").await.text().await.expect("a text");
    assert_eq!(list.matches("<Content-Type />").count(), 2, "{list}");
    assert_eq!(all_between(&list, "<Content-Type>", "</Content-Type>"), ["application/octet-stream"]);
}

#[tokio::test]
async fn a_list_ends_before_and_shows_what_it_is_asked_for_or_says_no() {
    let stack = Stack::with_container().await;
    for name in ["a", "b/1", "b/2", "b/3", "c", "d"] {
        stack.put_blob(name, "x").await;
    }
    let list =
        async |more: &str| send(&stack, "GET", &format!("photos?restype=container&comp=list{more}"), &[], "").await;
    for (more, names) in [
        ("&endBefore=c", &["a", "b/1", "b/2", "b/3"][..]),
        ("&endbefore=b/2", &["a", "b/1"]),
        ("&startFrom=b/2&endBefore=c", &["b/2", "b/3"]),
        ("&prefix=b/&endBefore=b/3", &["b/1", "b/2"]),
        ("&prefix=b/&endBefore=a", &[]),
        ("&delimiter=/&endBefore=c", &["a", "b/"]),
        ("&delimiter=/&endBefore=b/2", &["a", "b/"]),
        ("&endBefore=c&maxresults=2", &["a", "b/1"]),
        ("&endBefore=", &["a", "b/1", "b/2", "b/3", "c", "d"]),
        ("&include=deleted,versions,metadata", &["a", "b/1", "b/2", "b/3", "c", "d"]),
    ] {
        let text = list(more).await.text().await.expect("a text");
        assert_eq!(all_between(&text, "<Name>", "</Name>"), names, "{more}");
    }
    // The last page of a list that ends early leads no further.
    let first = list("&endBefore=b/3&maxresults=2").await.text().await.expect("a text");
    let marker = all_between(&first, "<NextMarker>", "</NextMarker>").concat();
    let second = list(&format!("&endBefore=b/3&maxresults=2&marker={marker}")).await.text().await.expect("a text");
    assert_eq!(all_between(&second, "<Name>", "</Name>"), ["b/2"]);
    assert!(second.contains("<NextMarker />"), "{second}");
    for (more, code) in [
        ("&showonly=deleted", "FeatureNotSupported"),
        ("&showonly=files", "FeatureNotSupported"),
        ("&include=permissions", "FeatureNotSupported"),
        ("&include=system", "InvalidQueryParameterValue"),
        ("&include=acl", "InvalidQueryParameterValue"),
    ] {
        assert_eq!(verdict(&list(more).await), (400, code.into()), "{more}");
    }
    for (more, code) in [
        ("&endBefore=a", "UnsupportedQueryParameter"),
        ("&startFrom=a", "UnsupportedQueryParameter"),
        ("&delimiter=a", "UnsupportedQueryParameter"),
        ("&showonly=deleted", "UnsupportedQueryParameter"),
        ("&include=snapshots", "InvalidQueryParameterValue"),
    ] {
        let refused = send(&stack, "GET", &format!("?comp=list{more}"), &[], "").await;
        assert_eq!(verdict(&refused), (400, code.into()), "{more}");
    }
}

#[tokio::test]
async fn ranges_are_cut_as_azure_cuts_them() {
    let stack = Stack::with_container().await;
    stack.put_blob("digits", "0123456789").await;
    stack.put_blob("empty", "").await;
    for (name, value, status, content_range, content) in [
        ("range", "bytes=2-4", 206, "bytes 2-4/10", "234"),
        ("x-ms-range", "bytes=2-4", 206, "bytes 2-4/10", "234"),
        ("range", "bytes=7-", 206, "bytes 7-9/10", "789"),
        ("range", "bytes=7-700", 206, "bytes 7-9/10", "789"),
        ("range", "bytes=0-9", 206, "bytes 0-9/10", "0123456789"),
        ("range", "bytes=-3", 200, "", "0123456789"),
        ("range", "bytes=0-1,3-4", 200, "", "0123456789"),
    ] {
        let got = send(&stack, "GET", "photos/digits", &[(name, value)], "").await;
        assert_eq!(got.status(), status, "{name}: {value}");
        assert_eq!(header(&got, "content-range"), content_range);
        assert_eq!(got.text().await.expect("a text"), content, "{name}: {value}");
    }
    let both = send(&stack, "GET", "photos/digits", &[("range", "bytes=0-0"), ("x-ms-range", "bytes=9-9")], "").await;
    assert_eq!(both.text().await.expect("a text"), "9", "x-ms-range goes first");
    let md5 = [("x-ms-range", "bytes=0-4"), ("x-ms-range-get-content-md5", "true")];
    let part = send(&stack, "GET", "photos/digits", &md5, "").await;
    assert_eq!(header(&part, "content-md5"), "QQDE1E2pF3JH5EpfwVRneA==");
    assert_eq!(header(&part, "x-ms-blob-content-md5"), "eB5eJF1ptWaXm4bijSPyxw==");
    assert_eq!(part.text().await.expect("a text"), "01234");
    let crc64 = [("x-ms-range", "bytes=0-4"), ("x-ms-range-get-content-crc64", "true")];
    let part = send(&stack, "GET", "photos/digits", &crc64, "").await;
    assert_eq!(header(&part, "x-ms-content-crc64"), "4rmSIcZnl9o=");
    assert_eq!(part.text().await.expect("a text"), "01234");
    let both = send(&stack, "GET", "photos/digits", &[md5[1], crc64[0], crc64[1]], "").await;
    assert_eq!(verdict(&both), (400, "InvalidHeaderValue".into()));
    for (path, range, length) in [
        ("photos/empty", ("range", "bytes=0-"), "bytes */0"),
        ("photos/empty", ("x-ms-range", "bytes=0-4194303"), "bytes */0"),
        ("photos/digits", ("x-ms-range", "bytes=10-"), "bytes */10"),
        ("photos/digits", ("range", "bytes=99-100"), "bytes */10"),
    ] {
        let past = send(&stack, "GET", path, &[range], "").await;
        assert_eq!(verdict(&past), (416, "InvalidRange".into()), "{path} {range:?}");
        assert_eq!(header(&past, "content-range"), length, "{path} {range:?}");
    }
    assert_eq!(send(&stack, "GET", "photos/empty", &[], "").await.status(), 200);
}

#[tokio::test]
async fn blocks_become_a_blob_in_the_order_of_their_list() {
    let stack = Stack::with_container().await;
    for (id, content) in [("QUFB", "one "), ("QUFC", "two "), ("QUFD", "never")] {
        let staged = send(&stack, "PUT", &format!("photos/b?comp=block&blockid={id}"), &[], content).await;
        assert_eq!(staged.status(), 201);
        assert!(!header(&staged, "x-ms-content-crc64").is_empty());
    }
    assert_eq!(stack.names().await, Vec::<String>::new(), "staged blocks are no blob");
    let list =
        send(&stack, "GET", "photos/b?comp=blocklist&blocklisttype=all", &[], "").await.text().await.expect("a text");
    assert!(
        list.contains("<CommittedBlocks></CommittedBlocks><UncommittedBlocks><Block><Name>QUFB</Name><Size>4</Size>"),
        "{list}"
    );
    let odd = send(&stack, "PUT", "photos/b?comp=block&blockid=QQ==", &[], "x").await;
    assert_eq!(verdict(&odd), (400, "InvalidBlobOrBlock".into()), "all ids of a blob have one length");

    let commit = |ids: &[&str]| {
        let blocks: String = ids.iter().map(|id| format!("<Latest>{id}</Latest>")).collect();
        format!("<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>{blocks}</BlockList>")
    };
    let unknown = send(&stack, "PUT", "photos/b?comp=blocklist", &[], &commit(&["QUFB", "WFhY"])).await;
    assert_eq!(verdict(&unknown), (400, "InvalidBlockList".into()));
    let headers = [("x-ms-blob-content-type", "text/plain"), ("x-ms-blob-content-md5", "AAAAAAAAAAAAAAAAAAAAAA==")];
    let made = send(&stack, "PUT", "photos/b?comp=blocklist", &headers, &commit(&["QUFC", "QUFB", "QUFC"])).await;
    assert_eq!(made.status(), 201);
    let got = send(&stack, "GET", "photos/b", &[], "").await;
    assert_eq!(header(&got, "content-md5"), "AAAAAAAAAAAAAAAAAAAAAA==", "kept as it was given");
    assert_eq!(got.text().await.expect("a text"), "two one two ");
    let list =
        send(&stack, "GET", "photos/b?comp=blocklist&blocklisttype=all", &[], "").await.text().await.expect("a text");
    assert!(
        list.ends_with("<UncommittedBlocks></UncommittedBlocks></BlockList>"),
        "a commit discards the rest: {list}"
    );
    assert_eq!(all_between(&list, "<Name>", "</Name>"), ["QUFC", "QUFB", "QUFC"]);
}

#[tokio::test]
async fn listings_page_fold_and_escape() {
    let stack = Stack::with_container().await;
    for name in ["a%261", "dir/x", "dir/y", "dir/sub/z", "e%20%3C%26%3E", "f%07", "%E6%97%A5"] {
        stack.put_blob(name, "x").await;
    }
    let list = async |more: &str| {
        let path = format!("photos?restype=container&comp=list{more}");
        send(&stack, "GET", &path, &[], "").await.text().await.expect("a text")
    };
    let folded = list("&delimiter=/").await;
    assert_eq!(all_between(&folded, "<BlobPrefix><Name>", "</Name>"), ["dir/"]);
    assert_eq!(all_between(&folded, "<Blob><Name>", "</Name>"), ["a&amp;1", "e &lt;&amp;&gt;", "日"]);
    assert!(folded.contains("<Name Encoded=\"true\">f%07</Name>"), "{folded}");
    let below = list("&delimiter=/&prefix=dir/").await;
    assert_eq!(all_between(&below, "<BlobPrefix><Name>", "</Name>"), ["dir/sub/"]);
    assert_eq!(all_between(&below, "<Blob><Name>", "</Name>"), ["dir/x", "dir/y"]);

    let (mut names, mut marker) = (Vec::new(), String::new());
    loop {
        let page = list(&format!("&maxresults=2&marker={marker}")).await;
        let blobs = page.matches("<Blob>").count();
        assert!(blobs <= 2);
        names.push(blobs);
        marker = all_between(&page, "<NextMarker>", "</NextMarker>").pop().unwrap_or_default();
        if marker.is_empty() {
            break;
        }
    }
    assert_eq!(names.iter().sum::<usize>(), 7);
}

#[tokio::test]
async fn containers_live_and_die() {
    let stack = Stack::with_container().await;
    let made = send(&stack, "PUT", "second?restype=container", &[("x-ms-meta-a", "1")], "").await;
    assert_eq!(made.status(), 201);
    let head = send(&stack, "HEAD", "second?restype=container", &[], "").await;
    assert_eq!((header(&head, "x-ms-meta-a"), header(&head, "etag")), ("1".into(), header(&made, "etag")));
    let set = send(&stack, "PUT", "second?restype=container&comp=metadata", &[("x-ms-meta-b", "2")], "").await;
    assert_eq!(set.status(), 200);
    let list = send(&stack, "GET", "?comp=list&include=metadata", &[], "").await.text().await.expect("a text");
    assert_eq!(all_between(&list, "<Container><Name>", "</Name>"), ["photos", "second"]);
    assert!(list.contains("<Metadata><b>2</b></Metadata>"), "{list}");
    assert_eq!(send(&stack, "DELETE", "second?restype=container", &[], "").await.status(), 202);
    assert_eq!(send(&stack, "HEAD", "second?restype=container", &[], "").await.status(), 404);
}

#[tokio::test]
async fn a_sas_that_only_creates_may_not_replace() {
    let stack = Stack::with_container().await;
    let sas = stack.sas(Some(CONTAINER), "c").await;
    let put = async || {
        let url = format!("{}/{ACCOUNT}/{CONTAINER}/once?{sas}", stack.ready.blob);
        let put = stack.http.put(url).header(BLOCK_BLOB.0, BLOCK_BLOB.1).body("x").send().await;
        verdict(&put.expect("an answer"))
    };
    assert_eq!(put().await.0, 201);
    assert_eq!(put().await, (403, "UnauthorizedBlobOverwrite".into()));
}

#[tokio::test]
async fn accounts_are_reached_by_host_name_too() {
    let stack = Stack::with_container().await;
    stack.put_blob("a", "hello").await;
    let sas = stack.sas(Some(CONTAINER), "r").await;
    for host in ["acct.blob.localhost:10000", "acct.blob.core.windows.net"] {
        let url = format!("{}/{CONTAINER}/a?{sas}", stack.ready.blob);
        let got = stack.http.get(url).header("host", host).send().await.expect("an answer");
        assert_eq!(got.text().await.expect("a text"), "hello", "{host}");
    }
}

/// A client in the middle of a long body must see why it was refused, and not a broken connection, which it would retry.
#[tokio::test]
async fn a_refusal_reaches_a_client_that_is_still_sending() {
    let stack = Stack::with_container().await;
    for (path, headers, code) in [
        ("nowhere/large", vec![BLOCK_BLOB], "ContainerNotFound"),
        ("photos/large", vec![], "MissingRequiredHeader"),
        ("photos/large", vec![BLOCK_BLOB, ("if-match", "*")], "ConditionNotMet"),
    ] {
        let mut put = stack.blob("PUT", path).await.body(vec![7; 24 * 1024 * 1024]);
        for (name, value) in headers {
            put = put.header(name, value);
        }
        assert_eq!(verdict(&put.send().await.expect("an answer")).1, code, "{path}");
    }
}

#[tokio::test]
async fn a_client_that_waits_to_be_asked_is_answered_without_its_body() {
    let stack = Stack::with_container().await;
    let sas = stack.sas(Some(CONTAINER), "w").await;
    let put = async |name: &str, condition: &str| {
        let mut stream =
            TcpStream::connect(stack.ready.blob.trim_start_matches("http://")).await.expect("a connection");
        let head = format!(
            "PUT /{ACCOUNT}/{CONTAINER}/{name}?{sas} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\n\
             x-ms-blob-type: BlockBlob\r\nExpect: 100-continue\r\n{condition}\r\n"
        );
        stream.write_all(head.as_bytes()).await.expect("the headers go");
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.expect("an answer");
        String::from_utf8_lossy(&answer).into_owned()
    };
    assert_eq!(put("new", "").await, "HTTP/1.1 100");
    assert_eq!(put("new", "If-Match: *\r\n").await, "HTTP/1.1 412");
}

#[tokio::test]
async fn a_full_flash_refuses_writes_at_once_and_nothing_else() {
    let stack = Stack::start_with(&["--capacity", "16MiB"]).await;
    stack.make_account("gold", ACCOUNT, &[CONTAINER]).await;
    stack.put_blob("kept", "hello").await;
    let mut refused = None;
    for n in 0..64 {
        let put = stack.blob("PUT", &format!("{CONTAINER}/fill{n}")).await.header(BLOCK_BLOB.0, BLOCK_BLOB.1);
        let answer = put.body(vec![n; 1024 * 1024]).send().await.expect("an answer");
        if answer.status() != 201 {
            refused = Some(verdict(&answer));
            break;
        }
    }
    assert_eq!(refused, Some((409, "AccountCapacityExceeded".into())));
    let got = send(&stack, "GET", "photos/kept", &[], "").await;
    assert_eq!(got.text().await.expect("a text"), "hello");
    assert_eq!(send(&stack, "DELETE", "photos/fill0", &[], "").await.status(), 202);
}
