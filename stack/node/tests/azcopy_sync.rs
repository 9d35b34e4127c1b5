//! AzCopy's scenarios beyond up and down: sync, remove, set-properties, service to service, resume, bench.

use crate::support::azcopy::AzCopy;
use crate::support::bed::Bed;
use crate::support::tree::{self, Hashes};
use crate::support::{ACCOUNT, CONTAINER, Stack, all_between, header, send};
use std::fs;
use std::time::Duration;

const FILES: [&str; 4] = ["a.txt", "b.log", "sub/c.txt", "sub/deep/d.log"];

async fn filled() -> (Bed, Hashes) {
    let bed = Bed::new().await;
    let root = bed.local.path().join("src");
    let hashes = FILES.iter().map(|path| tree::write(&root, path, 100 + path.len())).collect();
    // Older than any blob will be, by more than the second that HTTP dates leave away.
    let past = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    for path in FILES {
        let file = fs::File::options().write(true).open(root.join(path)).expect("a file");
        file.set_modified(past).expect("a time");
    }
    bed.up("src/*", "in/", &["--recursive"]).await;
    (bed, hashes)
}

/// What AzCopy says it has done, such as `Files Scanned at Source`.
fn count(said: &str, of: &str) -> u64 {
    let line = said.lines().find(|line| line.starts_with(of)).unwrap_or_else(|| panic!("{of} is not in:\n{said}"));
    line.rsplit(' ').next().and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("{line}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn sync_moves_what_differs_and_deletes_what_is_gone() {
    let (bed, _) = filled().await;
    let (local, blobs) = (bed.path("src"), bed.url("in"));
    let up = async |flags: &[&str]| {
        let said = bed.azcopy.run(&[&["sync", &local, &blobs, "--from-to=LocalBlob"], flags].concat()).await;
        count(&said, "Number of Copy Transfers for Files:")
    };
    assert_eq!(up(&[]).await, 0, "both sides are the same");
    let (changed, _) = tree::write(&bed.local.path().join("src"), "a.txt", 5_000);
    tree::write(&bed.local.path().join("src"), "new.txt", 10);
    fs::remove_file(bed.path("src/b.log")).expect("a file");
    // What has changed within the second of the last upload is not newer by the seconds that HTTP dates carry.
    let later = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(4_000_000_000);
    for name in [&changed, "new.txt"] {
        let file = fs::File::options().write(true).open(bed.path(&format!("src/{name}"))).expect("a file");
        file.set_modified(later).expect("a time");
    }
    assert_eq!(up(&[]).await, 2);
    assert_eq!(bed.below("in/").await, ["a.txt", "b.log", "new.txt", "sub/c.txt", "sub/deep/d.log"]);
    assert_eq!(bed.content("in/a.txt").await.len(), 5_000);
    up(&["--delete-destination=true"]).await;
    assert_eq!(bed.below("in/").await, ["a.txt", "new.txt", "sub/c.txt", "sub/deep/d.log"]);

    let back = bed.path("back");
    fs::create_dir_all(&back).expect("a folder");
    tree::write(bed.local.path(), "back/stale", 10);
    let down = ["sync", &blobs, &back, "--from-to=BlobLocal", "--delete-destination=true"];
    assert_eq!(count(&bed.azcopy.run(&down).await, "Number of Copy Transfers for Files:"), 4);
    assert_eq!(
        tree::hashes(bed.local.path().join("back").as_path()),
        tree::hashes(bed.local.path().join("src").as_path())
    );
    assert_eq!(count(&bed.azcopy.run(&down).await, "Number of Copy Transfers for Files:"), 0);

    let to = bed.url("mirror");
    let across = ["sync", &blobs, &to, "--from-to=BlobBlob", "--delete-destination=true"];
    assert_eq!(count(&bed.azcopy.run(&across).await, "Number of Copy Transfers for Files:"), 4);
    assert_eq!(bed.below("mirror/").await, bed.below("in/").await);
    assert_eq!(count(&bed.azcopy.run(&across).await, "Number of Copy Transfers for Files:"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn remove_takes_what_was_named_and_nothing_else() {
    let (bed, _) = filled().await;
    let list = bed.path("list");
    fs::write(&list, "sub/deep\n").expect("a list");
    let list = format!("--list-of-files={list}");
    let cases: &[(&str, &[&str], &[&str])] = &[
        ("in", &["--recursive", "--dry-run"], &FILES),
        ("in", &["--recursive", "--include-pattern=*.log"], &["a.txt", "sub/c.txt"]),
        ("in", &["--recursive", "--exclude-path=sub"], &["sub/c.txt", "sub/deep/d.log"]),
        ("in", &["--recursive", &list], &["a.txt", "b.log", "sub/c.txt"]),
        ("in/a.txt", &[], &["b.log", "sub/c.txt", "sub/deep/d.log"]),
        ("in/*", &["--recursive"], &[]),
    ];
    for (what, flags, left) in cases {
        bed.up("src/*", "in/", &["--recursive"]).await;
        bed.azcopy.run(&[&["remove", &bed.url(what), "--from-to=BlobTrash"], *flags].concat()).await;
        assert_eq!(bed.below("in/").await, *left, "{what} {flags:?}");
    }
    // With snapshots.
    bed.up("src/a.txt", "snapped", &[]).await;
    let snapshot = || send(&bed.stack, "PUT", "photos/snapped?comp=snapshot", &[], "");
    assert_eq!(snapshot().await.status(), 201);
    let url = bed.url("snapped");
    bed.azcopy.attempt(&["remove", &url, "--from-to=BlobTrash"]).await;
    assert_eq!(bed.below("snapped").await, [""], "a blob with snapshots stays");
    bed.azcopy.run(&["remove", &url, "--from-to=BlobTrash", "--delete-snapshots=only"]).await;
    assert_eq!(bed.below("snapped").await, [""]);
    assert_eq!(snapshot().await.status(), 201);
    bed.azcopy.run(&["remove", &url, "--from-to=BlobTrash", "--delete-snapshots=include"]).await;
    assert_eq!(bed.below("snapped").await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn properties_are_set_and_listed() {
    let (bed, _) = filled().await;
    let set = ["set-properties", &bed.url("in"), "--from-to=BlobNone", "--recursive", "--include-pattern=*.txt"];
    let what = ["--block-blob-tier=Cool", "--metadata=color=blue;size=big", "--blob-tags=team=gold&stage=test"];
    bed.azcopy.run(&[&set[..], &what].concat()).await;
    for (blob, expected) in [("in/a.txt", ["Cool", "blue", "big", "2"]), ("in/b.log", ["Hot", "", "", ""])] {
        let head = send(&bed.stack, "HEAD", &format!("{CONTAINER}/{blob}"), &[], "").await;
        let names = ["x-ms-access-tier", "x-ms-meta-color", "x-ms-meta-size", "x-ms-tag-count"];
        assert_eq!(names.map(|name| header(&head, name)), expected, "{blob}");
    }
    let tags = send(&bed.stack, "GET", "photos/in/sub/c.txt?comp=tags", &[], "").await.text().await.expect("a text");
    assert_eq!(all_between(&tags, "<Key>", "</Key>"), ["stage", "team"]);
    let properties = "--properties=LastModifiedTime;BlobType;BlobAccessTier;ContentType;LeaseState;ContentMD5";
    let listed = bed.azcopy.run(&["list", &bed.url(""), "--location=Blob", "--machine-readable", properties]).await;
    let line = listed.lines().find(|line| line.contains("in/a.txt;")).unwrap_or_else(|| panic!("{listed}")).to_owned();
    for part in ["BlobType: BlockBlob", "BlobAccessTier: Cool", "LeaseState: available", "Content Length: 105"] {
        assert!(line.contains(part), "{part} is not in {line}");
    }
}

/// Between two accounts of one stack by reference, and between two stacks by fetching.
#[tokio::test(flavor = "multi_thread")]
async fn blobs_go_from_service_to_service_with_all_that_is_said_of_them() {
    let from = Bed::new().await;
    let root = from.local.path().join("src");
    let mut expected: Hashes = FILES.iter().map(|path| tree::write(&root, path, 100 + path.len())).collect();
    expected.extend([tree::write(&root, "large.bin", 5 * 1024 * 1024 + 3), tree::write(&root, "empty", 0)]);
    expected.extend([tree::write(&root, "odd %+# ü", 10)]);
    let said = ["--recursive", "--metadata=color=blue", "--blob-tags=team=gold", "--block-blob-tier=Cool"];
    from.up("src/*", "in/", &[&said[..], &["--put-md5"]].concat()).await;
    from.stack.make_account("gold", "second", &["copies"]).await;

    let authority = from.stack.ready.blob.trim_start_matches("http://");
    let other = Stack::start_with(&["--copy-source-allow", authority]).await;
    other.make_account("silver", "third", &["copies"]).await;
    let small_blocks = ["--block-size-mb=1", "--put-blob-size-mb=1"];
    for (stack, account, flags) in [
        (&from.stack, "second", &[][..]),
        (&from.stack, "second", &small_blocks[..]),
        (&other, "third", &[][..]),
        (&other, "third", &small_blocks[..]),
    ] {
        let used = stack.used_bytes().await;
        let target = stack.url_in(account, "copies").await;
        let copy =
            ["copy", &from.url("in/*"), &target, "--from-to=BlobBlob", "--recursive", "--s2s-preserve-blob-tags"];
        let said = from.azcopy.run(&[&copy[..], flags].concat()).await;
        assert_eq!(count(&said, "Number of File Transfers Completed:"), 7, "{said}");
        if account == "second" {
            let grown = stack.used_bytes().await - used;
            assert!(grown < 2 * 1024 * 1024, "{grown} bytes were written where references would do");
        }
        let back = from.local.path().join(format!("back-{account}-{}", flags.len()));
        let all = stack.url_in(account, "copies/*").await;
        let down = ["copy", &all, back.to_str().expect("UTF-8"), "--from-to=BlobLocal", "--recursive"];
        from.azcopy.run(&[&down[..], &["--check-md5=FailIfDifferentOrMissing"]].concat()).await;
        assert_eq!(tree::hashes(&back), expected, "{account} {flags:?}");
        let head = stack.http.head(stack.url_in(account, "copies/large.bin").await).send().await.expect("an answer");
        let said = ["x-ms-meta-color", "x-ms-tag-count", "x-ms-access-tier"].map(|name| header(&head, name));
        assert_eq!(said, ["blue", "1", "Cool"], "{account} {flags:?}");
        let clean = ["remove", &target, "--recursive", "--from-to=BlobTrash"];
        from.azcopy.run(&clean).await;
    }
    // A whole account, whose containers AzCopy makes.
    from.stack.make_account("gold", "whole", &[]).await;
    let (source, target) = (from.stack.url_in(ACCOUNT, "").await, from.stack.url_in("whole", "").await);
    from.azcopy.run(&["copy", &source, &target, "--from-to=BlobBlob", "--recursive"]).await;
    assert_eq!(from.stack.names_below("whole", CONTAINER, "in/").await.len(), expected.len());
}

/// AzCopy and the gateway are both killed in the middle; the job is resumed and nothing is missing.
#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_resumed_after_both_sides_were_killed() {
    let mut bed = Bed::new().await;
    let root = bed.local.path().join("src");
    let mut expected: Hashes = (0..600).map(|n| tree::write(&root, &format!("{}/{n:04}", n % 5), 2_048)).collect();
    expected.extend((0..3).map(|n| tree::write(&root, &format!("large/{n}"), 10 * 1024 * 1024)));
    let (from, to) = (bed.path("src/*"), bed.url(""));
    let flags = ["--recursive", "--from-to=LocalBlob", "--block-size-mb=1", "--put-blob-size-mb=1", "--cap-mbps=60"];
    let mut running = bed.azcopy.spawn(&[&["copy", &from, &to], &flags[..]].concat());
    while bed.below("").await.len() < 60 {
        assert!(running.try_wait().expect("a status").is_none(), "AzCopy ended before the crash");
    }
    running.kill().await.expect("AzCopy runs");
    bed.stack.kill().await;
    bed.stack.restart().await;
    assert!(bed.below("").await.len() < expected.len(), "the crash came too late to prove anything");

    let jobs = bed.azcopy.run(&["jobs", "list"]).await;
    let job = jobs.lines().find_map(|line| line.trim().strip_prefix("JobId: ")).unwrap_or_else(|| panic!("{jobs}"));
    let sas = bed.stack.sas(None, "rwdlact").await;
    bed.azcopy.run(&["jobs", "resume", job.trim(), &format!("--destination-sas={sas}")]).await;
    let shown = bed.azcopy.run(&["jobs", "show", job.trim()]).await;
    assert!(shown.contains("Final Job Status: Completed"), "{shown}");
    bed.down("*", "back", &["--recursive"]).await;
    assert_eq!(tree::hashes(&bed.local.path().join("back")), expected);
}

/// `bench` asks for a host with `.blob.` in its name. The gateway stands in as the HTTP proxy on the way there, and answers to the name.
#[tokio::test(flavor = "multi_thread")]
async fn bench_runs_up_and_down() {
    let (azcopy, stack) = (AzCopy::find(), Stack::with_container().await);
    let sas = stack.sas(None, "rwdlact").await;
    let url = format!("http://{ACCOUNT}.blob.core.windows.net/{CONTAINER}?{sas}");
    let proxy = [("HTTP_PROXY", stack.ready.blob.as_str())];
    let size = ["--file-count=20", "--size-per-file=256K"];
    let up = [&["bench", &url, "--delete-test-data=false"][..], &size].concat();
    let (good, said) = azcopy.attempt_with(&up, &proxy, "").await;
    assert!(good && said.contains("Final Job Status: Completed"), "{said}");
    assert_eq!(stack.names().await.len(), 20);
    let (good, said) = azcopy.attempt_with(&["bench", "--mode=Download", &url], &proxy, "").await;
    assert!(good && said.contains("Number of File Transfers Completed: 20"), "{said}");
    let made = format!("http://{ACCOUNT}.blob.core.windows.net/fresh?{sas}");
    let (good, said) = azcopy.attempt_with(&["make", &made], &proxy, "").await;
    assert!(good, "{said}");
    assert_eq!(send(&stack, "HEAD", "fresh?restype=container", &[], "").await.status(), 200);
}
