//! Index tags as a client sees them: searched for, and as a condition.

use crate::support::{ACCOUNT, Stack, all_between, send, verdict};
use greenroom_model::AccountName;
use greenroom_model::control::SasRequest;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Response;

const BLOCK_BLOB: (&str, &str) = ("x-ms-blob-type", "BlockBlob");

async fn find(stack: &Stack, path: &str, search: &str) -> Response {
    let account = AccountName::new(ACCOUNT).expect("a good name");
    let sas = stack.mint(&SasRequest::new(account, "f", 3600)).await;
    let search = utf8_percent_encode(search, NON_ALPHANUMERIC);
    let joint = if path.contains('?') { '&' } else { '?' };
    let url = format!("{}/{ACCOUNT}{path}{joint}comp=blobs&where={search}&{sas}", stack.ready.blob);
    stack.http.get(url).send().await.expect("an answer")
}

async fn names(stack: &Stack, path: &str, search: &str) -> Vec<String> {
    let answer = find(stack, path, search).await;
    let document = answer.text().await.expect("a text");
    all_between(&document, "<Name>", "</Name>")
}

#[tokio::test]
async fn blobs_are_found_by_their_tags() {
    let stack = Stack::start().await;
    stack.make_account("gold", ACCOUNT, &["photos", "videos"]).await;
    for (path, tags) in [
        ("photos/a", "team=gold&year=2025"),
        ("photos/b", "team=gold&year=2026"),
        ("photos/c", "team=silver"),
        ("videos/d", "team=gold&year=2026&note=long"),
        ("videos/e", ""),
    ] {
        let put = send(&stack, "PUT", path, &[BLOCK_BLOB, ("x-ms-tags", tags)], "content").await;
        assert_eq!(put.status(), 201, "{path}");
    }
    let container = "/photos?restype=container";
    for (path, search, found) in [
        ("", "team = 'gold'", &["a", "b", "d"][..]),
        ("", "team = 'gold' AND year >= '2026'", &["b", "d"]),
        ("", "@container = 'videos' AND team = 'gold'", &["d"]),
        (container, "team = 'gold'", &["a", "b"]),
        (container, "@container = 'videos' AND team = 'gold'", &[]),
        ("", "team = 'bronze'", &[]),
    ] {
        assert_eq!(names(&stack, path, search).await, found, "{path} {search}");
    }
    // Page by page, each with the tags that were asked about only.
    let (mut found, mut marker) = (Vec::new(), String::new());
    loop {
        let page = find(&stack, &format!("/?maxresults=1&marker={marker}"), "year > '2000'").await;
        let page = page.text().await.expect("a text");
        assert!(!page.contains("<Key>team"), "{page}");
        found.extend(all_between(&page, "<Name>", "</Name>"));
        match all_between(&page, "<NextMarker>", "</NextMarker>").pop() {
            Some(next) => marker = next,
            None => break,
        }
    }
    assert_eq!(found, ["a", "b", "d"]);
    // What changes is found as it is now.
    let tags = "<Tags><TagSet><Tag><Key>team</Key><Value>bronze</Value></Tag></TagSet></Tags>";
    assert_eq!(send(&stack, "PUT", "photos/a?comp=tags", &[], tags).await.status(), 204);
    assert_eq!(names(&stack, "", "team = 'bronze'").await, ["a"]);

    let eleven = (0..11).map(|n| format!("tag{n} = 'a'")).collect::<Vec<_>>().join(" AND ");
    let (long_name, long_value) = (format!("{} = 'a'", "x".repeat(129)), format!("team = '{}'", "x".repeat(257)));
    let invalid = "InvalidQueryParameterValue";
    for (search, code) in [
        ("team", invalid),
        ("", "MissingRequiredQueryParameter"),
        ("@Container = 'videos' AND team = 'gold'", invalid),
        ("@contaner = 'videos' AND team = 'gold'", invalid),
        ("@container = 'No such name' AND team = 'gold'", invalid),
        ("\"@name\" = 'videos' AND team = 'gold'", invalid),
        (&eleven, invalid),
        (&long_name, invalid),
        (&long_value, invalid),
        ("team = 'ü'", invalid),
        ("\"te*m\" = 'gold'", invalid),
    ] {
        for path in ["", container] {
            assert_eq!(verdict(&find(&stack, path, search).await), (400, code.into()), "{search}");
        }
    }
    let missing = find(&stack, "/nowhere?restype=container", "team = 'gold'").await;
    assert_eq!(verdict(&missing), (404, "ContainerNotFound".into()));
    let without = send(&stack, "GET", "?comp=blobs&where=a%3D%27b%27", &[], "").await;
    assert_eq!(verdict(&without), (403, "AuthorizationPermissionMismatch".into()));
}

#[tokio::test]
async fn tags_are_a_condition() {
    let stack = Stack::with_container().await;
    let tagged = [BLOCK_BLOB, ("x-ms-tags", "team=gold")];
    assert_eq!(send(&stack, "PUT", "photos/a", &tagged, "content").await.status(), 201);
    for (method, path, condition, status) in [
        ("GET", "photos/a", "team = 'gold'", 200),
        ("GET", "photos/a", "team <> 'gold'", 412),
        ("PUT", "photos/a?comp=metadata", "\"team\" = 'silver' OR team = 'gold'", 200),
        ("PUT", "photos/a?comp=metadata", "team = 'silver'", 412),
        ("DELETE", "photos/a", "team = gold", 400),
        ("DELETE", "photos/a", "team > 'silver'", 412),
        ("DELETE", "photos/a", "team < 'silver'", 202),
    ] {
        let answer = send(&stack, method, path, &[("x-ms-if-tags", condition)], "").await;
        assert_eq!(answer.status().as_u16(), status, "{method} {path} {condition}");
    }
}

#[tokio::test]
async fn what_says_something_of_blocks_or_tags_keeps_its_conditions() {
    let stack = Stack::with_container().await;
    let tagged = [BLOCK_BLOB, ("x-ms-tags", "team=gold")];
    assert_eq!(send(&stack, "PUT", "photos/a", &tagged, "content").await.status(), 201);
    assert_eq!(send(&stack, "PUT", "photos/staged?comp=block&blockid=QUFB", &[], "x").await.status(), 201);
    let (mine, other) = ("aaaaaaaa-0000-4000-8000-000000000001", "bbbbbbbb-0000-4000-8000-000000000002");
    let tags = "<Tags><TagSet><Tag><Key>team</Key><Value>gold</Value></Tag></TagSet></Tags>";
    let (met, unmet) = (("x-ms-if-tags", "team = 'gold'"), ("x-ms-if-tags", "team = 'blue'"));
    let lease = |id| ("x-ms-lease-id", id);
    let free = (412, "LeaseNotPresentWithBlobOperation");
    let reads = [
        ("GET", "photos/a?comp=blocklist", 200),
        ("GET", "photos/a?comp=tags", 200),
        ("PUT", "photos/a?comp=tags", 204),
    ];
    for (method, path, good) in reads {
        for (header, expected) in [(met, (good, "")), (unmet, (412, "ConditionNotMet")), (lease(mine), free)] {
            let answer = send(&stack, method, path, &[header], tags).await;
            assert_eq!(verdict(&answer), (expected.0, expected.1.into()), "{method} {path} {header:?}");
        }
    }
    let headers = [("x-ms-lease-action", "acquire"), ("x-ms-lease-duration", "-1"), ("x-ms-proposed-lease-id", mine)];
    assert_eq!(send(&stack, "PUT", "photos/a?comp=lease", &headers, "").await.status(), 201);
    for (method, path, good) in reads {
        let held = [lease(mine), met];
        assert_eq!(send(&stack, method, path, &held, tags).await.status().as_u16(), good, "{method} {path}");
        let wrong = send(&stack, method, path, &[lease(other)], tags).await;
        assert_eq!(verdict(&wrong), (412, "LeaseIdMismatchWithBlobOperation".into()), "{method} {path}");
    }
    let without = send(&stack, "PUT", "photos/a?comp=tags", &[], tags).await;
    assert_eq!(verdict(&without), (412, "LeaseIdMissing".into()));
    // Where only blocks are staged there is neither a tag nor a lease.
    let staged = "photos/staged?comp=blocklist&blocklisttype=all";
    for (headers, expected) in [(&[][..], (200, "")), (&[met], (412, "ConditionNotMet")), (&[lease(mine)], free)] {
        let answer = send(&stack, "GET", staged, headers, "").await;
        assert_eq!(verdict(&answer), (expected.0, expected.1.into()), "{headers:?}");
    }
}
