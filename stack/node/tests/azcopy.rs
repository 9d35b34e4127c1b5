//! The real AzCopy against the real server.

use crate::support::azcopy::AzCopy;
use crate::support::tree::{self, Hashes};
use crate::support::{CONTAINER, Stack};

fn args<'a>(verb: &'a str, from: &'a str, to: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&[verb, from, to], more].concat()
}

/// 120 small files in folders, an empty one, and two that need several blocks.
fn make_tree(root: &std::path::Path) -> Hashes {
    let small = (0..120).map(|n| tree::write(root, &format!("small/{}/{n:03}.bin", n % 7), 1000 + n * 37));
    let mut hashes: Hashes = small.collect();
    hashes.extend([
        tree::write(root, "empty", 0),
        tree::write(root, "large/a.bin", 9 * 1024 * 1024 + 17),
        tree::write(root, "large/b.bin", 4 * 1024 * 1024),
    ]);
    hashes
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tree_goes_up_is_listed_comes_down_the_same_and_is_removed() {
    let (azcopy, stack) = (AzCopy::find(), Stack::with_container().await);
    let (source, back) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let expected = make_tree(source.path());
    let sas = stack.sas(Some(CONTAINER), "racwdl").await;
    let container = format!("{}/acct/{CONTAINER}?{sas}", stack.ready.blob);
    let into = format!("{}/acct/{CONTAINER}/in?{sas}", stack.ready.blob);

    let from = format!("{}/*", source.path().display());
    let up = ["--recursive", "--from-to=LocalBlob", "--block-size-mb=1", "--put-blob-size-mb=1", "--put-md5"];
    azcopy.run(&args("copy", &from, &into, &up)).await;
    let names = stack.names().await;
    assert_eq!(names, expected.keys().map(|name| format!("in/{name}")).collect::<Vec<_>>());

    let listed = azcopy.run(&["list", &container, "--location=Blob", "--machine-readable"]).await;
    for name in expected.keys() {
        assert!(listed.contains(&format!("in/{name}; ")), "{name} is not in:\n{listed}");
    }

    let all = format!("{}/acct/{CONTAINER}/in/*?{sas}", stack.ready.blob);
    let to = back.path().to_str().expect("UTF-8");
    let down = ["--recursive", "--from-to=BlobLocal", "--check-md5=FailIfDifferentOrMissing"];
    azcopy.run(&args("copy", &all, to, &down)).await;
    assert_eq!(tree::hashes(back.path()), expected);

    azcopy.run(&["remove", &into, "--recursive", "--from-to=BlobTrash"]).await;
    assert_eq!(stack.names().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_names_survive_the_way_there_and_back() {
    let (azcopy, stack) = (AzCopy::find(), Stack::with_container().await);
    let (source, back) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let names = [
        "50%.txt",
        "%2525",
        "a+b c",
        "#hash",
        "question?",
        "ümläut/日本語.txt",
        "amp&lt;'\"",
        "sp ace/ lead",
        "semi;colon=1",
        "[brackets]{}",
        "tilde~^`|",
        "comma,dot..",
    ];
    let expected: Hashes = names.iter().map(|name| tree::write(source.path(), name, name.len() * 100)).collect();
    let sas = stack.sas(Some(CONTAINER), "racwdl").await;
    let container = format!("{}/acct/{CONTAINER}?{sas}", stack.ready.blob);

    let from = format!("{}/*", source.path().display());
    azcopy.run(&args("copy", &from, &container, &["--recursive", "--from-to=LocalBlob"])).await;
    let all = format!("{}/acct/{CONTAINER}/*?{sas}", stack.ready.blob);
    let to = back.path().to_str().expect("UTF-8");
    azcopy.run(&args("copy", &all, to, &["--recursive", "--from-to=BlobLocal"])).await;
    assert_eq!(tree::hashes(back.path()), expected);
    azcopy.run(&["remove", &container, "--recursive", "--from-to=BlobTrash"]).await;
    assert_eq!(stack.names().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_tags_and_tier_are_set_and_kept() {
    let (azcopy, stack) = (AzCopy::find(), Stack::with_container().await);
    let source = tempfile::tempdir().expect("a folder");
    tree::write(source.path(), "a.bin", 100);
    let sas = stack.sas(None, "rwdlact").await;
    let blob = format!("{}/acct/{CONTAINER}/a.bin?{sas}", stack.ready.blob);
    let from = source.path().join("a.bin");
    let from = from.to_str().expect("UTF-8");
    let with = ["--from-to=LocalBlob", "--metadata=color=blue", "--blob-tags=team=gold", "--block-blob-tier=Cool"];
    azcopy.run(&args("copy", from, &blob, &with)).await;

    let head = stack.blob("HEAD", &format!("{CONTAINER}/a.bin")).await.send().await.expect("an answer");
    let header = |name: &str| head.headers()[name].to_str().expect("text").to_owned();
    assert_eq!((header("x-ms-meta-color"), header("x-ms-tag-count")), ("blue".into(), "1".into()));
    assert_eq!(header("x-ms-access-tier"), "Cool");

    azcopy.run(&["set-properties", &blob, "--from-to=BlobNone", "--block-blob-tier=Hot", "--metadata=color=red"]).await;
    let head = stack.blob("HEAD", &format!("{CONTAINER}/a.bin")).await.send().await.expect("an answer");
    assert_eq!(head.headers()["x-ms-access-tier"], "Hot");
    assert_eq!(head.headers()["x-ms-meta-color"], "red");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_ends_azcopy_at_once_with_azures_reason() {
    let (azcopy, stack) = (AzCopy::find(), Stack::with_container().await);
    let source = tempfile::tempdir().expect("a folder");
    tree::write(source.path(), "a.bin", 100);
    let from = format!("{}/*", source.path().display());
    let read_only = stack.sas(Some(CONTAINER), "rl").await;
    let into = format!("{}/acct/{CONTAINER}?{read_only}", stack.ready.blob);
    let (good, said) = azcopy.attempt(&args("copy", &from, &into, &["--recursive", "--from-to=LocalBlob"])).await;
    assert!(!good, "{said}");
    assert!(said.contains("Number of File Transfers Failed: 1"), "{said}");
}

/// `kill -9` in the middle of an upload: what was acknowledged is there and whole, and the job can be finished.
#[tokio::test(flavor = "multi_thread")]
async fn a_crash_during_an_upload_loses_nothing_acknowledged() {
    let (azcopy, mut stack) = (AzCopy::find(), Stack::with_container().await);
    let (source, back) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let small = (0..1500).map(|n| tree::write(source.path(), &format!("{}/{n:04}.bin", n % 5), 4096));
    let mut expected: Hashes = small.collect();
    expected.extend((0..4).map(|n| tree::write(source.path(), &format!("large/{n}.bin"), 12 * 1024 * 1024)));
    let sas = stack.sas(Some(CONTAINER), "racwdl").await;
    let container = format!("{}/acct/{CONTAINER}?{sas}", stack.ready.blob);
    let from = format!("{}/*", source.path().display());
    let upload = args("copy", &from, &container, &["--recursive", "--from-to=LocalBlob", "--block-size-mb=1"]);

    let mut running = azcopy.spawn(&upload);
    let acknowledged = loop {
        let names = stack.names().await;
        if names.len() >= 200 {
            break names;
        }
        assert!(running.try_wait().expect("a status").is_none(), "AzCopy ended before the crash");
    };
    stack.kill().await;
    running.kill().await.expect("AzCopy runs");
    stack.restart().await;

    let kept = stack.names().await;
    assert!(kept.len() < expected.len(), "the crash came too late to prove anything");
    let mut checked = 0;
    for name in kept.iter().chain(&acknowledged) {
        let answer = stack.blob("GET", &format!("{CONTAINER}/{name}")).await.send().await.expect("an answer");
        assert_eq!(answer.status(), 200, "{name} was acknowledged");
        let content = answer.bytes().await.expect("its content");
        assert_eq!(blake3::hash(&content), expected[name], "{name}");
        checked += 1;
    }
    println!("{checked} acknowledged blobs intact after kill -9");

    azcopy.run(&upload).await;
    let all = format!("{}/acct/{CONTAINER}/*?{sas}", stack.ready.blob);
    let to = back.path().to_str().expect("UTF-8");
    azcopy.run(&args("copy", &all, to, &["--recursive", "--from-to=BlobLocal"])).await;
    assert_eq!(tree::hashes(back.path()), expected);
}
