//! A mirror between two real servers: what lies in one shows up in the other, stays current, is read through, and is as it was there however
//! often either is killed.

use crate::support;
use crate::support::azcopy::AzCopy;
use crate::support::{ACCOUNT, CONTAINER, Stack, header, python, rclone, send, tree, verdict};
use greenroom_model::control::SasRequest;
use greenroom_model::feed::ChangeFeed;
use greenroom_model::mirror::{Attach, Mirror, MirrorState, MirrorStatus};
use greenroom_model::tenancy::ByteCount;
use greenroom_store::{Clock as _, SystemClock};
use reqwest::{Method, StatusCode};
use std::time::Duration;

const LAKE: &str = "/v1/accounts/shown/mirrors/lake";
const SHOWN: &str = "shown";
const LOOK_EVERY: Duration = Duration::from_millis(100);
const LOOKS_MAX: usize = 600;
/// Kills of the normal run; `GREENROOM_KILLS` says another number.
const KILLS: u64 = 4;

struct Two {
    origin: Stack,
    here: Stack,
    /// Of the account that shows it.
    key: String,
    attach: Attach,
}

impl Two {
    /// An origin with a change feed, and a server that shows it.
    async fn start(change: impl FnOnce(Mirror) -> Mirror) -> Two {
        let origin = Stack::start().await;
        let key = origin.make_account("gold", ACCOUNT, &[CONTAINER]).await.key;
        let feed = ChangeFeed { segment_seconds: 1, retention_days: None, shards: 2 };
        let answer = origin.put(&format!("/v1/accounts/{ACCOUNT}/change-feed"), &feed).await;
        assert!(answer.status().is_success());
        let address = origin.ready.blob.trim_start_matches("http://").to_owned();
        let here = Stack::start_with(&["--copy-source-allow", &address]).await;
        let own = here.make_account("silver", SHOWN, &[]).await.key;
        let mirror = Mirror { poll_ms: 200, ..Mirror::of(format!("{}/{ACCOUNT}/{CONTAINER}", origin.ready.blob)) };
        Two { origin, here, key: own, attach: Attach { mirror: change(mirror), secret: Some(key) } }
    }

    async fn attach(&self) {
        let answer = self.here.put(LAKE, &self.attach).await;
        let (status, text) = (answer.status(), answer.text().await.expect("a text"));
        assert_eq!(status, StatusCode::OK, "{text}");
    }

    async fn status(&self) -> MirrorStatus {
        let answer = self.here.control(Method::GET, LAKE).send().await.expect("an answer");
        answer.json().await.expect("a status")
    }

    async fn until(&self, what: &str, is_so: impl Fn(&MirrorStatus) -> bool) -> MirrorStatus {
        for _ in 0..LOOKS_MAX {
            let status = self.status().await;
            if is_so(&status) {
                return status;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        panic!("never {what}: {:#?}", self.status().await);
    }

    /// Waits until all that has happened there is here.
    async fn settle(&self) {
        let now_us = SystemClock.now().0;
        self.until("complete", |status| status.complete_until_us > now_us).await;
    }

    /// Everything that a list says of the blobs of a container, but what is the server's own.
    async fn listed(stack: &Stack, account: &str, container: &str) -> Vec<String> {
        let url = stack.url_in(account, container).await;
        let url = format!("{url}&restype=container&comp=list&include=metadata,tags");
        let text = stack.http.get(url).send().await.expect("an answer").text().await.expect("a text");
        let blobs = support::all_between(&text, "<Blob>", "</Blob>");
        let own = ["<LeaseStatus>", "<LeaseState>", "<Content-CRC64>", "<ServerEncrypted>", "<Content-MD5>"];
        let plain = |blob: String| own.iter().fold(blob, |blob, open| without(&blob, open));
        blobs.into_iter().map(plain).collect()
    }

    async fn assert_same(&self) {
        let there = Self::listed(&self.origin, ACCOUNT, CONTAINER).await;
        let here = Self::listed(&self.here, SHOWN, CONTAINER).await;
        assert_eq!(here, there);
    }

    async fn get(&self, name: &str, headers: &[(&str, &str)]) -> reqwest::Response {
        let mut get = self.here.http.get(self.here.url_in(SHOWN, &format!("{CONTAINER}/{name}")).await);
        for (name, value) in headers {
            get = get.header(*name, *value);
        }
        get.send().await.expect("an answer")
    }
}

/// A text without an element.
fn without(text: &str, open: &str) -> String {
    let close = open.replace('<', "</");
    match (text.find(open), text.find(&close)) {
        (Some(begin), Some(end)) => format!("{}{}", &text[..begin], &text[end + close.len()..]),
        _ => text.to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_there_shows_up_and_stays_current() {
    let two = Two::start(|mirror| mirror).await;
    for number in 0..300 {
        two.origin.put_blob(&format!("folder{}/{number}", number % 5), format!("content {number}")).await;
    }
    two.attach().await;
    let status = two.until("following", |status| status.state == MirrorState::Following).await;
    assert_eq!(status.blobs, 300);
    two.assert_same().await;
    // New, overwritten, deleted, said otherwise of, and more of one folder than is looked at name by name.
    let there = |path: &str| format!("{CONTAINER}/{path}");
    two.origin.put_blob("new", "new").await;
    two.origin.put_blob("folder1/1", "again").await;
    for (method, path, headers, body, expected) in [
        ("DELETE", there("folder0/0"), &[][..], "", 202),
        ("PUT", there("folder2/2?comp=metadata"), &[("x-ms-meta-a", "b")][..], "", 200),
        ("PUT", there("folder3/3?comp=tier"), &[("x-ms-access-tier", "Cool")][..], "", 200),
        (
            "PUT",
            there("folder4/4?comp=tags"),
            &[][..],
            "<Tags><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tags>",
            204,
        ),
        ("PUT", there("folder2/7?comp=properties"), &[("x-ms-blob-content-type", "text/odd")][..], "", 200),
    ] {
        let answer = send(&two.origin, method, &path, headers, body).await;
        assert_eq!(answer.status().as_u16(), expected, "{method} {path}");
    }
    for number in 0..60 {
        two.origin.put_blob(&format!("tree/{number}"), "x").await;
    }
    two.settle().await;
    two.assert_same().await;
    let status = two.status().await;
    // Once, and once more where the feed had not begun when it was attached.
    assert!(status.lag.events > 60 && status.counts.rounds <= 2 && status.counts.gaps == 0, "{status:?}");
    // The tenant may store nothing more, and none of this counts.
    let usage = two.here.control(Method::GET, "/v1/tenants/silver").send().await.expect("an answer");
    assert!(usage.status().is_success());
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_read_through_and_never_written() {
    let two =
        Two::start(|mirror| Mirror { cache: ByteCount(1 << 20), pinned: vec!["pinned/".to_owned()], ..mirror }).await;
    let large = vec![7_u8; 3 << 20];
    two.origin.put_blob("large", large.clone()).await;
    two.origin.put_blob("small", "one").await;
    two.origin.put_blob("pinned/a", "kept").await;
    two.attach().await;
    two.until("following", |status| status.state == MirrorState::Following).await;
    let answer = two.get("large", &[("x-ms-range", "bytes=1000-1999999")]).await;
    assert_eq!(answer.status(), 206);
    assert!(header(&answer, "x-greenroom-as-of").starts_with("20"), "{answer:?}");
    assert_eq!(answer.bytes().await.expect("content"), large[1000..2_000_000]);
    assert_eq!(two.get("large", &[]).await.bytes().await.expect("content"), large);
    assert_eq!(two.get("small", &[]).await.text().await.expect("content"), "one");
    for (method, path, headers) in [
        ("PUT", "photos/small", &[("x-ms-blob-type", "BlockBlob")][..]),
        ("DELETE", "photos/small", &[]),
        ("PUT", "photos/small?comp=metadata", &[]),
        ("PUT", "photos/small?comp=lease", &[("x-ms-lease-action", "acquire"), ("x-ms-lease-duration", "-1")]),
        ("DELETE", "photos?restype=container", &[]),
        ("PUT", "photos?restype=container&comp=acl", &[]),
    ] {
        let (path, more) = path.split_once('?').unwrap_or((path, ""));
        let url = format!("{}&{more}", two.here.url_in(SHOWN, path).await);
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let mut request = two.here.http.request(method.clone(), url).header("content-length", "0");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().await.expect("an answer");
        assert_eq!(verdict(&answer), (403, "AuthorizationPermissionMismatch".to_owned()), "{method} {path} {more}");
    }
    // Another version there is told with the next read, not mixed, whatever the feed says by then.
    let paused = two.here.control(Method::POST, &format!("{LAKE}/pause")).send().await.expect("an answer");
    assert!(paused.status().is_success());
    two.origin.put_blob("small", "two").await;
    let old = two.get("small", &[("x-ms-version", "2023-11-03")]).await;
    assert_eq!(old.text().await.expect("content"), "two");
    two.origin.put_blob("large", "short").await;
    let head = two.here.http.head(two.here.url_in(SHOWN, "photos/large").await);
    assert_eq!(header(&head.send().await.expect("an answer"), "content-length"), large.len().to_string());
    let head =
        two.here.http.head(two.here.url_in(SHOWN, "photos/large").await).header("x-greenroom-check-origin", "true");
    assert_eq!(header(&head.send().await.expect("an answer"), "content-length"), "5");
    // What is pinned is kept in that version, too: no event has to tell of it again.
    two.origin.put_blob("pinned/a", "kept anew").await;
    let head =
        two.here.http.head(two.here.url_in(SHOWN, "photos/pinned/a").await).header("x-greenroom-check-origin", "true");
    assert_eq!(header(&head.send().await.expect("an answer"), "content-length"), "9");
    two.until("kept anew", |status| status.cached_bytes >= 9).await;
    // A copy into a container of one's own takes the content along.
    let made =
        two.here.http.put(two.here.url_in(SHOWN, "own").await + "&restype=container").header("content-length", "0");
    assert_eq!(made.send().await.expect("an answer").status(), 201);
    let source = two.here.url_in(SHOWN, "photos/small").await;
    let copy = two.here.http.put(two.here.url_in(SHOWN, "own/copy").await);
    let copy =
        copy.header("x-ms-copy-source", source).header("x-ms-requires-sync", "true").header("content-length", "0");
    let copied = copy.send().await.expect("an answer");
    assert_eq!(copied.status(), 202, "{:?}", verdict(&copied));
    let own = two.here.http.get(two.here.url_in(SHOWN, "own/copy").await).send().await.expect("an answer");
    assert_eq!(own.text().await.expect("content"), "two");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_origin_away_the_cache_answers_and_nothing_else_does() {
    let mut two =
        Two::start(|mirror| Mirror { cache: ByteCount(1 << 20), pinned: vec!["pinned/".to_owned()], ..mirror }).await;
    for name in ["pinned/a", "read/twice", "unread"] {
        two.origin.put_blob(name, format!("content of {name}")).await;
    }
    two.attach().await;
    two.until("following", |status| status.state == MirrorState::Following).await;
    for _ in 0..2 {
        assert_eq!(two.get("read/twice", &[]).await.text().await.expect("content"), "content of read/twice");
    }
    let bytes = "content of pinned/a".len() + "content of read/twice".len();
    two.until("cached", |status| status.cached_bytes == bytes as u64).await;
    two.origin.kill().await;
    two.until("away", |status| status.state == MirrorState::Away && status.why.is_some()).await;
    for name in ["pinned/a", "read/twice"] {
        assert_eq!(two.get(name, &[]).await.text().await.expect("content"), format!("content of {name}"));
    }
    let answer = two.get("unread", &[]).await;
    assert_eq!(verdict(&answer), (503, "ServerBusy".to_owned()));
    // Names are here, whoever is away; and so they are after a start.
    assert_eq!(Two::listed(&two.here, SHOWN, CONTAINER).await.len(), 3);
    two.here.kill().await;
    let at = two.origin.ready.blob.trim_start_matches("http://").to_owned();
    two.here.restart_with(&["--copy-source-allow", &at]).await;
    assert_eq!(two.get("pinned/a", &[]).await.text().await.expect("content"), "content of pinned/a");
    two.origin.restart().await;
    two.origin.put_blob("back", "again").await;
    two.settle().await;
    two.assert_same().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_the_same_however_often_either_is_killed() {
    let kills = std::env::var("GREENROOM_KILLS").map_or(KILLS, |kills| kills.parse().expect("a number"));
    let mut two = Two::start(|mirror| mirror).await;
    two.attach().await;
    let at = two.origin.ready.blob.trim_start_matches("http://").to_owned();
    for kill in 0..kills {
        let moment = Duration::from_millis(200 + kill * 337 % 1_400);
        let _ = tokio::time::timeout(moment, scribble(&two.origin, kill)).await;
        if kill % 2 == 0 {
            two.here.kill().await;
            two.here.restart_with(&["--copy-source-allow", &at]).await;
        } else {
            two.origin.kill().await;
            two.origin.restart().await;
        }
    }
    let _ = tokio::time::timeout(Duration::from_millis(300), scribble(&two.origin, 99)).await;
    two.settle().await;
    two.assert_same().await;
    assert_eq!(two.status().await.counts.gaps, 0);
}

/// Writes and deletes for ever.
async fn scribble(stack: &Stack, seed: u64) {
    let mut number = seed;
    loop {
        number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let name = format!("a{}/{}", (number >> 33) % 3, (number >> 40) % 9);
        if (number >> 50).is_multiple_of(4) {
            send(stack, "DELETE", &format!("{CONTAINER}/{name}"), &[], "").await;
        } else {
            stack.put_blob(&name, format!("{number}")).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_mirrored_with_its_containers_and_tools_see_one_namespace() {
    let two = Two::start(|mirror| {
        let account = mirror.origin.trim_end_matches(CONTAINER).trim_end_matches('/').to_owned();
        Mirror { origin: account, relist_s: 1, canary_s: None, ..mirror }
    })
    .await;
    two.origin.put_blob("a", "a").await;
    two.attach().await;
    two.until("following", |status| status.state == MirrorState::Following && status.blobs == 1).await;
    let made = send(&two.origin, "PUT", "other?restype=container", &[], "").await;
    assert_eq!(made.status(), 201);
    let put = two.origin.blob("PUT", "other/b").await.header("x-ms-blob-type", "BlockBlob").body("of other");
    assert_eq!(put.send().await.expect("an answer").status(), 201);
    two.until("there", |status| status.blobs == 2 && status.containers.len() == 2).await;
    let (azcopy, dir) = (AzCopy::find(), tempfile::tempdir().expect("a folder"));
    let from = two.here.url_in(SHOWN, "other").await;
    azcopy.run(&["copy", &from, dir.path().to_str().expect("UTF-8"), "--recursive", "--from-to", "BlobLocal"]).await;
    assert_eq!(std::fs::read(dir.path().join("other/b")).expect("a file"), b"of other");
    let gone = send(&two.origin, "DELETE", "other?restype=container", &[], "").await;
    assert_eq!(gone.status(), 202);
    two.until("gone", |status| status.blobs == 1 && status.containers.len() == 1).await;
    // Detached, what was shown is gone with it.
    let detached = two.here.control(Method::DELETE, LAKE).send().await.expect("an answer");
    assert!(detached.status().is_success());
    assert_eq!(two.get("a", &[]).await.status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_has_no_feed_and_is_listed_again() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("sub")).expect("a folder");
    std::fs::write(folder.path().join("sub/a"), "a").expect("a file");
    let two = Two::start(|mirror| {
        let container = Some("files".parse().expect("a good name"));
        let origin = format!("file://{}", folder.path().display());
        Mirror { origin, container, relist_s: 1, ..mirror }
    })
    .await;
    let attach = Attach { secret: None, ..two.attach.clone() };
    assert!(two.here.put(LAKE, &attach).await.status().is_success());
    let status = two.until("listed", |status| status.state == MirrorState::ByList).await;
    assert!(status.why.expect("it says why").contains("no change feed"));
    std::fs::write(folder.path().join("sub/b"), "b").expect("a file");
    std::fs::remove_file(folder.path().join("sub/a")).expect("removed");
    two.until("seen", |status| status.counts.gone == 1 && status.blobs == 1).await;
    let get = two.here.http.get(two.here.url_in(SHOWN, "files/sub/b").await).send().await.expect("an answer");
    assert_eq!(get.text().await.expect("content"), "b");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canary_measures_the_true_lag() {
    let two = Two::start(|mirror| Mirror { canary_s: Some(1), ..mirror }).await;
    two.attach().await;
    let status = two.until("measured", |status| status.canary_lag_ms.is_some()).await;
    assert!(status.canary_lag_ms.is_some_and(|lag_ms| lag_ms > 0), "{status:?}");
    let there = two.origin.names().await;
    assert!(there.iter().any(|name| name.starts_with(".greenroom-canary-")), "{there:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canary_that_is_refused_is_said_and_keeps_nothing_else_from_being_mirrored() {
    let two = Two::start(|mirror| Mirror { canary_s: Some(1), ..mirror }).await;
    two.origin.put_blob("a", "first").await;
    let readable = SasRequest::new(ACCOUNT.parse().expect("a good name"), "rl", 3600);
    let attach = Attach { secret: Some(two.origin.mint(&readable).await), ..two.attach.clone() };
    let answer = two.here.put(LAKE, &attach).await;
    assert!(answer.status().is_success(), "{}", answer.text().await.expect("a text"));
    let status = two.until("there", |status| status.blobs == 1 && status.why.is_some()).await;
    assert_ne!(status.state, MirrorState::Away, "{status:?}");
    assert!(status.why.expect("it says why").contains("canary may not be written"));
    two.origin.put_blob("b", "second").await;
    two.until("still followed", |status| status.blobs == 2 && status.state != MirrorState::Away).await;
    assert_eq!(two.origin.names().await, ["a", "b"]);
    // Where none can ever be written, it is refused at once.
    let folder = tempfile::tempdir().expect("a folder");
    let mirror = Mirror { canary_s: Some(1), ..Mirror::of(format!("file://{}", folder.path().display())) };
    let answer = two.here.put("/v1/accounts/shown/mirrors/files", &Attach { mirror, secret: None }).await;
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    assert!(answer.text().await.expect("a text").contains("canary_s"));
}

#[tokio::test(flavor = "multi_thread")]
async fn rclone_sees_one_namespace() {
    let two = Two::start(|mirror| mirror).await;
    let files = [("plain.txt", 10), ("empty", 0), ("deep/er/ü 日本+%25.bin", 300_000), ("large.bin", 9_000_000)];
    let (from, to) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    for (name, bytes) in files {
        let file = from.path().join(name);
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        std::fs::write(file, tree::content(name, bytes)).expect("a file");
    }
    let (from_text, to_text) = (from.path().to_str().expect("UTF-8"), to.path().to_str().expect("UTF-8"));
    let (there, here) = (two.origin.url(CONTAINER).await, two.here.url_in(SHOWN, CONTAINER).await);
    let remotes = [("origin", there.as_str()), ("here", &here)];
    let rclone = async |arguments: &[&str]| rclone::run(&remotes, arguments).await;
    let (origin, shown) = (format!("origin:{CONTAINER}"), format!("here:{CONTAINER}"));
    rclone(&["sync", from_text, &origin, "--azureblob-chunk-size", "4M"]).await;
    two.attach().await;
    two.settle().await;
    let tree = async |remote: &str| rclone(&["lsf", "-R", "--hash", "MD5", "--format", "psht", remote]).await;
    assert_eq!(tree(&shown).await, tree(&origin).await);
    rclone(&["check", from_text, &shown, "--download"]).await;
    rclone(&["sync", &shown, to_text]).await;
    // Overwritten, removed and new there: a second sync brings those and nothing else.
    std::fs::write(from.path().join("plain.txt"), "another one").expect("a file");
    std::fs::remove_file(from.path().join("empty")).expect("removed");
    std::fs::write(from.path().join("deep/new"), "new").expect("a file");
    rclone(&["sync", from_text, &origin]).await;
    two.settle().await;
    assert_eq!(tree(&shown).await, tree(&origin).await);
    rclone(&["sync", &shown, to_text]).await;
    rclone(&["check", from_text, to_text, "--download"]).await;
    // It may not be written to, and rclone says so.
    let refused =
        rclone::ended(&remotes, &["copyto", &format!("{from_text}/plain.txt"), &format!("{shown}/mine")]).await;
    let complaint = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && complaint.contains("mirror"), "{complaint}");
    two.assert_same().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn microsofts_sdk_sees_one_namespace() {
    let two = Two::start(|mirror| mirror).await;
    for number in 0..119 {
        let folder = ["a", "b/c", "b"][number % 3];
        let answer = two.origin.blob("PUT", &format!("{CONTAINER}/{folder}/{number}")).await;
        let answer = answer.header("x-ms-blob-type", "BlockBlob").header("x-ms-meta-number", number.to_string());
        let answer =
            answer.header("x-ms-tags", format!("kind={}", number % 2)).header("x-ms-blob-content-type", "text/odd");
        let answer = answer.header("x-ms-access-tier", if number % 2 == 0 { "Cool" } else { "Hot" });
        assert_eq!(answer.body(format!("{number}")).send().await.expect("an answer").status(), 201);
    }
    two.origin.put_blob("large", (0..9_000_000_u32).map(|byte| byte as u8).collect::<Vec<_>>()).await;
    two.attach().await;
    two.until("following", |status| status.state == MirrorState::Following).await;
    let (there, here) = (format!("{}/{ACCOUNT}", two.origin.ready.blob), format!("{}/{SHOWN}", two.here.ready.blob));
    let origin_key = two.attach.secret.clone().expect("a key");
    let named =
        [("ORIGIN_URL", there.as_str()), ("ORIGIN_KEY", &origin_key), ("BLOB_URL", &here), ("ACCOUNT_KEY", &two.key)];
    python::run_checks("mirror.py", &named).await;
}
