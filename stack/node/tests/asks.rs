//! What a request asks for is done, or refused: headers, parameters, conditions and dates.

use crate::support::{CONTAINER, Headers, Stack, header, send, verdict};

const BLOCK_BLOB: (&str, &str) = ("x-ms-blob-type", "BlockBlob");
const LONG_AGO: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
/// The same moment, as RFC 850 and as C's `asctime` write it.
const LONG_AGO_OTHERWISE: [&str; 2] = ["Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"];
const LEASE: &str = "11111111-1111-1111-1111-111111111111";

#[tokio::test]
async fn what_is_not_done_is_refused_and_leaves_nothing() {
    let stack = Stack::with_container().await;
    stack.put_blob("there", "0123456789").await;
    let header = (400, "UnsupportedHeader".to_owned());
    let parameter = (400, "UnsupportedQueryParameter".to_owned());
    for (name, value) in [
        ("x-ms-legal-hold", "true"),
        ("x-ms-immutability-policy-mode", "unlocked"),
        ("x-ms-immutability-policy-until-date", "Fri, 01 Jan 2100 00:00:00 GMT"),
        ("x-ms-source-encryption-key", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="),
        ("x-ms-default-encryption-scope", "scope"),
        ("x-ms-expiry-option", "NeverExpire"),
        ("x-ms-seal-blob", "true"),
        ("x-ms-something-new", "1"),
    ] {
        let put = send(&stack, "PUT", "photos/new", &[BLOCK_BLOB, (name, value)], "content").await;
        assert_eq!(verdict(&put), header, "{name}");
        let document = put.text().await.expect("a text");
        assert!(document.contains(name), "the answer names {name}: {document}");
        let list = [(name, value)];
        let put = send(&stack, "PUT", "photos/new?comp=blocklist", &list, "<BlockList></BlockList>").await;
        assert_eq!(verdict(&put), header, "{name} with a block list");
    }
    let source = stack.url("photos/there").await;
    for (method, path, headers, expected) in [
        ("GET", "photos/there", &[("x-ms-encryption-scope", "scope")][..], &header),
        ("DELETE", "photos/there", &[("x-ms-encryption-key", "a2V5")], &header),
        ("PUT", "photos/new", &[("x-ms-copy-source", &source), ("x-ms-source-encryption-key", "a2V5")], &header),
        ("PUT", "photos/new", &[("x-ms-copy-source", &source), ("x-ms-legal-hold", "true")], &header),
        ("PUT", "photos/new?comp=block&blockid=QUFB", &[("x-ms-tags", "a=1")], &header),
        ("PUT", "photos/new", &[BLOCK_BLOB, ("content-range", "bytes 0-1/2")], &header),
        ("PUT", "photos?restype=container&comp=metadata", &[("x-ms-default-encryption-scope", "scope")], &header),
        ("GET", "photos/there?nonsense=1", &[], &parameter),
        ("DELETE", "photos/there?deletetype=permanent", &[], &parameter),
        ("GET", "photos/there?prefix=a", &[], &parameter),
    ] {
        let answer = send(&stack, method, path, headers, "").await;
        assert_eq!(verdict(&answer), *expected, "{method} {path} {headers:?}");
    }
    let priority = [("x-ms-access-tier", "Hot"), ("x-ms-rehydrate-priority", "Soon")];
    let set = send(&stack, "PUT", "photos/there?comp=tier", &priority, "").await;
    assert_eq!(verdict(&set), (400, "InvalidHeaderValue".into()));
    let none = [BLOCK_BLOB, ("x-ms-legal-hold", "false"), ("x-ms-seal-blob", "false"), ("x-ms-encryption-scope", "")];
    assert_eq!(send(&stack, "PUT", "photos/asks-nothing", &none, "content").await.status(), 201);
    assert_eq!(stack.names().await, ["asks-nothing", "there"], "nothing that was refused left anything");
}

/// Operations with all that they need: method, path, headers, body.
type Operation<'a> = (&'a str, &'a str, Vec<(&'a str, &'a str)>, &'a str);

/// An operation that fails its condition, for each that is sent: whoever takes a condition obeys it.
async fn guards(stack: &Stack, operations: &[Operation<'_>], conditions: Headers<'_>, codes: &[&str]) {
    for (method, path, headers, body) in operations {
        for condition in conditions {
            let headers = [headers.as_slice(), &[*condition]].concat();
            let answer = send(stack, method, path, &headers, body).await;
            let (status, code) = verdict(&answer);
            assert!(status == 412 && codes.contains(&code.as_str()), "{status} {code}: {method} {path} {condition:?}");
        }
    }
}

#[tokio::test]
async fn whatever_takes_a_condition_obeys_it() {
    let stack = Stack::with_container().await;
    stack.put_blob("there", "0123456789").await;
    let pages = [("x-ms-blob-type", "PageBlob"), ("x-ms-blob-content-length", "512")];
    assert_eq!(send(&stack, "PUT", "photos/pages", &pages, "").await.status(), 201);
    let source = stack.url("photos/there").await;
    let (copy, page) = (("x-ms-copy-source", source.as_str()), "p".repeat(512));
    let update = vec![("x-ms-page-write", "update"), ("x-ms-range", "bytes=0-511")];
    let tags = "<Tags><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tags>";
    let blob: [Operation<'_>; 17] = [
        ("PUT", "photos/there", vec![BLOCK_BLOB], "new"),
        ("PUT", "photos/there", vec![copy], ""),
        ("PUT", "photos/there", vec![copy, BLOCK_BLOB], ""),
        ("PUT", "photos/there", pages.to_vec(), ""),
        ("PUT", "photos/there?comp=blocklist", vec![], "<BlockList></BlockList>"),
        ("PUT", "photos/there?comp=metadata", vec![("x-ms-meta-a", "1")], ""),
        ("PUT", "photos/there?comp=properties", vec![], ""),
        ("PUT", "photos/there?comp=snapshot", vec![], ""),
        ("PUT", "photos/there?comp=tier", vec![("x-ms-access-tier", "Cool")], ""),
        ("PUT", "photos/pages?comp=page", update, &page),
        ("PUT", "photos/pages?comp=page", vec![("x-ms-page-write", "clear"), ("x-ms-range", "bytes=0-511")], ""),
        ("GET", "photos/pages?comp=pagelist", vec![], ""),
        ("GET", "photos/there", vec![], ""),
        ("HEAD", "photos/there", vec![], ""),
        ("GET", "photos/there?comp=metadata", vec![], ""),
        ("HEAD", "photos/there?comp=metadata", vec![], ""),
        ("DELETE", "photos/there", vec![], ""),
    ];
    let unmet = &["ConditionNotMet"];
    let mut dated: Vec<(&str, &str)> = vec![("if-match", "\"0x1\""), ("if-unmodified-since", LONG_AGO)];
    dated.extend(LONG_AGO_OTHERWISE.map(|date| ("if-unmodified-since", date)));
    guards(&stack, &blob, &dated, unmet).await;
    let by_tags = ("x-ms-if-tags", "\"k\"='other'");
    let by_lease = ("x-ms-lease-id", LEASE);
    guards(&stack, &blob, &[by_tags], unmet).await;
    guards(&stack, &blob, &[by_lease], &["LeaseNotPresentWithBlobOperation"]).await;
    let block = [("PUT", "photos/there?comp=block&blockid=QUFB", vec![], "block")];
    guards(&stack, &block, &[by_lease], &["LeaseNotPresentWithBlobOperation"]).await;
    let lease = vec![("x-ms-lease-action", "acquire"), ("x-ms-lease-duration", "15")];
    let lease_blob = [("PUT", "photos/there?comp=lease", lease.clone(), "")];
    guards(&stack, &lease_blob, &[dated.as_slice(), &[by_tags]].concat(), unmet).await;

    let of_tags = [("GET", "photos/there?comp=tags", vec![], ""), ("PUT", "photos/there?comp=tags", vec![], tags)];
    let etag = header(&send(&stack, "HEAD", "photos/there", &[], "").await, "etag");
    let far = "Fri, 01 Jan 2100 00:00:00 GMT";
    let conditions = [
        ("x-ms-blob-if-match", "\"0x1\""),
        ("x-ms-blob-if-none-match", etag.as_str()),
        ("x-ms-blob-if-unmodified-since", LONG_AGO),
        ("x-ms-blob-if-modified-since", far),
        by_tags,
    ];
    guards(&stack, &of_tags, &conditions, unmet).await;

    let container = [
        ("PUT", "photos?restype=container&comp=metadata", vec![("x-ms-meta-a", "1")], ""),
        ("PUT", "photos?restype=container&comp=lease", lease, ""),
        ("DELETE", "photos?restype=container", vec![], ""),
    ];
    guards(&stack, &container, &dated, unmet).await;
    let leased = [container[0].clone(), container[2].clone(), ("GET", "photos?restype=container", vec![], "")];
    guards(&stack, &leased, &[by_lease], &["LeaseNotPresentWithContainerOperation"]).await;
    let got = send(&stack, "GET", "photos/there", &[], "").await;
    assert_eq!((header(&got, "etag"), got.text().await.expect("a text")), (etag, "0123456789".to_owned()));
}

#[tokio::test]
async fn a_deletion_looks_at_the_tier_where_it_is_told_to() {
    let stack = Stack::with_container().await;
    let tiered = [BLOCK_BLOB, ("x-ms-access-tier", "Cool")];
    assert_eq!(send(&stack, "PUT", "photos/a", &tiered, "content").await.status(), 201);
    let far = "Fri, 01 Jan 2100 00:00:00 GMT";
    for (name, value) in [
        ("x-ms-access-tier-if-unmodified-since", LONG_AGO),
        ("x-ms-access-tier-if-unmodified-since", LONG_AGO_OTHERWISE[0]),
        ("x-ms-access-tier-if-modified-since", far),
    ] {
        let deleted = send(&stack, "DELETE", "photos/a", &[(name, value)], "").await;
        assert_eq!(verdict(&deleted), (412, "ConditionNotMet".into()), "{name}: {value}");
    }
    let met = [("x-ms-access-tier-if-modified-since", LONG_AGO), ("x-ms-access-tier-if-unmodified-since", far)];
    assert_eq!(send(&stack, "DELETE", "photos/a", &met, "").await.status(), 202);
}

#[tokio::test]
async fn a_date_that_is_none_guards_no_write() {
    let stack = Stack::with_container().await;
    stack.put_blob("a", "0123456789").await;
    let source = stack.url("photos/a").await;
    let bad = (400, "InvalidHeaderValue".to_owned());
    for date in ["yesterday", "2026-11-28", "Sun, 31 Feb 2026 00:00:00 GMT"] {
        for (method, path, headers) in [
            ("PUT", "photos/a", vec![BLOCK_BLOB, ("if-unmodified-since", date)]),
            ("PUT", "photos/a", vec![BLOCK_BLOB, ("if-modified-since", date)]),
            ("PUT", "photos/b", vec![("x-ms-copy-source", source.as_str()), ("x-ms-source-if-modified-since", date)]),
            ("PUT", "photos/a?comp=tags", vec![("x-ms-blob-if-unmodified-since", date)]),
            ("DELETE", "photos/a", vec![("if-unmodified-since", date)]),
            ("DELETE", "photos/a", vec![("x-ms-access-tier-if-unmodified-since", date)]),
            ("DELETE", "photos?restype=container", vec![("if-unmodified-since", date)]),
        ] {
            let answer = send(&stack, method, path, &headers, "").await;
            assert_eq!(verdict(&answer), bad, "{method} {path} {headers:?}");
        }
        let got = send(&stack, "GET", "photos/a", &[("if-modified-since", date)], "").await;
        assert_eq!(got.status(), 200, "a read ignores it, as HTTP asks: {date}");
    }
}

#[tokio::test]
async fn weak_tags_and_half_done_downloads_are_compared_as_http_does() {
    let stack = Stack::with_container().await;
    let etag = header(&stack.put_blob("a", "0123456789").await, "etag");
    let weak = format!("W/{etag}");
    for (method, headers, status) in [
        ("GET", vec![("if-none-match", weak.as_str())], 304),
        ("GET", vec![("if-match", weak.as_str())], 412),
        ("PUT", vec![BLOCK_BLOB, ("if-none-match", weak.as_str())], 412),
        ("PUT", vec![BLOCK_BLOB, ("if-match", weak.as_str())], 412),
        ("GET", vec![("range", "bytes=0-1"), ("if-range", etag.as_str())], 206),
        ("GET", vec![("range", "bytes=0-1"), ("if-range", weak.as_str())], 200),
        ("GET", vec![("range", "bytes=0-1"), ("if-range", "\"0x1\"")], 200),
        ("GET", vec![("x-ms-range", "bytes=0-1"), ("if-range", LONG_AGO)], 200),
        ("PUT", vec![BLOCK_BLOB, ("if-match", etag.as_str())], 201),
    ] {
        let answer = send(&stack, method, &format!("{CONTAINER}/a"), &headers, "0123456789").await;
        assert_eq!(answer.status(), status, "{method} {headers:?}");
    }
}
