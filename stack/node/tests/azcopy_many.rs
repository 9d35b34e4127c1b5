//! Many files in one job of AzCopy's: up, listed, compared, down and removed. 2,000 of them, or as many as
//! `GREENROOM_AZCOPY_FILES` says; each step's seconds are printed.

use crate::support::bed::Bed;
use crate::support::tree::{self, Hashes};
use std::time::{Duration, Instant};

const USUAL: u32 = 2_000;
const FILE_BYTES: usize = 512;

/// Runs AzCopy, checks the number that it gives, and tells how long it took.
async fn step(bed: &Bed, name: &str, arguments: &[&str], (what, number): (&str, u32)) {
    let began = Instant::now();
    let said = bed.azcopy.run(arguments).await;
    println!("{name}: {:.1} s", began.elapsed().as_secs_f64());
    let end = &said[said.len().saturating_sub(800)..];
    let line = said.lines().find_map(|line| line.trim().strip_prefix(what));
    assert_eq!(line.map(str::trim), Some(number.to_string().as_str()), "{what}:\n{end}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_files_go_in_one_job() {
    let files = std::env::var("GREENROOM_AZCOPY_FILES").ok().and_then(|text| text.parse().ok()).unwrap_or(USUAL);
    let mut bed = Bed::new().await;
    bed.azcopy.expect_files(files);
    let root = bed.local.path().join("src");
    let name = |n: u32| format!("{:03}/{n:06}", n / 100);
    let expected: Hashes = (0..files).map(|n| tree::write(&root, &name(n), FILE_BYTES)).collect();
    // Older than any blob will be, by more than the second that HTTP dates leave away.
    let past = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    for name in expected.keys() {
        let file = std::fs::File::options().write(true).open(root.join(name)).expect("a file");
        file.set_modified(past).expect("a time");
    }
    println!("{files} files of {FILE_BYTES} bytes in {} folders", files.div_ceil(100));
    let (source, all, blobs) = (bed.path("src"), bed.path("src/*"), bed.url(""));
    let (back, every) = (bed.path("back"), bed.url("*"));
    let moved = ("Number of File Transfers Completed:", files);

    step(&bed, "up", &["copy", &all, &blobs, "--recursive", "--from-to=LocalBlob"], moved).await;
    let tally = ("File count:", files);
    step(&bed, "list", &["list", &blobs, "--location=Blob", "--machine-readable", "--running-tally"], tally).await;
    let nothing = ("Number of Copy Transfers for Files:", 0);
    step(&bed, "sync of nothing", &["sync", &source, &blobs, "--from-to=LocalBlob"], nothing).await;
    step(&bed, "down", &["copy", &every, &back, "--recursive", "--from-to=BlobLocal"], moved).await;
    // Not by `assert_eq`, which would print them all.
    assert!(tree::hashes(&bed.local.path().join("back")) == expected, "what came back is not what went up");
    step(&bed, "remove", &["remove", &blobs, "--recursive", "--from-to=BlobTrash"], moved).await;
    assert_eq!(bed.below("").await, Vec::<String>::new());
}
