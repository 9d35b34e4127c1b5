//! AzCopy's scenarios for copying up and down: what is chosen, how it is cut, what is checked, what is overwritten, what is kept along.

use crate::support::bed::Bed;
use crate::support::tree::{self, Hashes};
use crate::support::{CONTAINER, all_between, send};
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

/// `a.txt`, `b.log`, `sub/c.txt`, `sub/deep/d.log` and an empty file.
fn choice(root: &Path) -> Hashes {
    let files = ["a.txt", "b.log", "sub/c.txt", "sub/deep/d.log"];
    let mut hashes: Hashes = files.iter().map(|path| tree::write(root, path, 100 + path.len())).collect();
    hashes.extend([tree::write(root, "empty", 0)]);
    hashes
}

/// Flags, and the files that they choose.
type Choice<'a> = (&'a [&'a str], &'a [&'a str]);

#[tokio::test(flavor = "multi_thread")]
async fn what_is_chosen_goes_up_and_comes_down() {
    let bed = Bed::new().await;
    let expected = choice(&bed.local.path().join("src"));
    let list = bed.path("list");
    fs::write(&list, "a.txt\nsub/deep\n").expect("a list");
    let list = format!("--list-of-files={list}");
    let (soon, long_ago) = ("2099-01-01T00:00:00Z", "2001-01-01T00:00:00Z");
    let (after, before) = (format!("--include-after={soon}"), format!("--include-before={soon}"));
    let after_long_ago = format!("--include-after={long_ago}");
    let all: Vec<&str> = expected.keys().map(String::as_str).collect();
    let choices: &[Choice<'_>] = &[
        (&["--recursive"], &all),
        (&["--recursive", "--include-pattern=*.txt"], &["a.txt", "sub/c.txt"]),
        (&["--recursive", "--exclude-pattern=*.txt;empty"], &["b.log", "sub/deep/d.log"]),
        (&["--recursive", "--include-path=sub"], &["sub/c.txt", "sub/deep/d.log"]),
        (&["--recursive", "--exclude-path=sub/deep;b.log"], &["a.txt", "empty", "sub/c.txt"]),
        (&["--recursive", &list], &["a.txt", "sub/deep/d.log"]),
        (&["--recursive", &before], &all),
        (&["--recursive", &after_long_ago, "--include-pattern=a*"], &["a.txt"]),
    ];
    for (number, (flags, chosen)) in choices.iter().enumerate() {
        let to = format!("{number}/");
        bed.up("src", &to, &[*flags, &["--as-subdir=false"]].concat()).await;
        assert_eq!(bed.below(&to).await, *chosen, "up {flags:?}");
        bed.down("0", &to, &[*flags, &["--as-subdir=false"]].concat()).await;
        let back = tree::hashes(&bed.local.path().join(&to));
        let same: Hashes = chosen.iter().map(|name| ((*name).to_owned(), expected[*name])).collect();
        assert_eq!(back, same, "down {flags:?}");
    }
    let nothing =
        [&["copy", &bed.path("src"), &bed.url("none/"), "--from-to=LocalBlob", "--recursive"], &[after.as_str()][..]];
    bed.azcopy.attempt(&nothing.concat()).await;
    assert_eq!(bed.below("none/").await, Vec::<String>::new(), "nothing is as new as that");
}

/// Up by the files' own times, down by those of the blobs.
#[tokio::test(flavor = "multi_thread")]
async fn dates_part_the_old_from_the_new() {
    let bed = Bed::new().await;
    let root = bed.local.path().join("src");
    let second = |seconds| std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
    for (name, seconds) in [("old", 1_000_000_000), ("middle", 1_300_000_000), ("new", 1_600_000_000)] {
        tree::write(&root, name, 10);
        let file = fs::File::options().write(true).open(root.join(name)).expect("a file");
        file.set_modified(second(seconds)).expect("a time");
    }
    let (after, before) = ("--include-after=2010-01-01T00:00:00Z", "--include-before=2015-01-01T00:00:00Z");
    let choices: [(&[&str], &[&str]); 3] =
        [(&[after], &["middle", "new"]), (&[before], &["middle", "old"]), (&[after, before], &["middle"])];
    for (number, (flags, chosen)) in choices.iter().enumerate() {
        let to = format!("{number}/");
        bed.up("src/*", &to, &[&["--recursive"], *flags].concat()).await;
        assert_eq!(bed.below(&to).await, *chosen, "{flags:?}");
    }
    // Every blob was written today.
    bed.down("0/*", "late", &["--recursive", after]).await;
    assert_eq!(tree::hashes(&bed.local.path().join("late")).len(), 2);
    let (from, to) = (bed.url("0/*"), bed.path("early"));
    bed.azcopy.attempt(&["copy", &from, &to, "--from-to=BlobLocal", "--recursive", before]).await;
    assert!(!bed.local.path().join("early").exists(), "nothing is as old as that");
}

#[tokio::test(flavor = "multi_thread")]
async fn single_files_trees_and_wildcards_land_where_azcopy_puts_them() {
    let bed = Bed::new().await;
    choice(&bed.local.path().join("src"));
    let cases: &[(&str, &str, &[&str], &[&str])] = &[
        ("src/a.txt", "one/", &[], &["a.txt"]),
        ("src/a.txt", "two/renamed", &[], &["renamed"]),
        ("src/empty", "three/empty", &[], &["empty"]),
        (
            "src",
            "four/",
            &["--recursive"],
            &["src/a.txt", "src/b.log", "src/empty", "src/sub/c.txt", "src/sub/deep/d.log"],
        ),
        ("src/*", "five/", &[], &["a.txt", "b.log", "empty"]),
        ("src/*.log", "six/", &[], &["b.log"]),
        ("src/sub/*", "seven/", &["--recursive"], &["c.txt", "deep/d.log"]),
    ];
    for (from, to, flags, landed) in cases {
        bed.up(from, to, flags).await;
        let prefix = format!("{}/", to.split('/').next().expect("a prefix"));
        assert_eq!(bed.below(&prefix).await, *landed, "{from} to {to}");
    }
    bed.down("two/renamed", "back/a.txt", &[]).await;
    bed.down("four/src/*", "back/flat", &[]).await;
    bed.down("four/src/sub", "back", &["--recursive"]).await;
    let names: Vec<String> = tree::hashes(&bed.local.path().join("back")).into_keys().collect();
    assert_eq!(names, ["a.txt", "flat/a.txt", "flat/b.log", "flat/empty", "sub/c.txt", "sub/deep/d.log"]);
    let (from, to) = (bed.url("four"), bed.path("dry"));
    let dry = bed.azcopy.run(&["copy", &from, &to, "--recursive", "--from-to=BlobLocal", "--dry-run"]).await;
    assert!(dry.contains("DRYRUN: copy"), "{dry}");
    assert!(!bed.local.path().join("dry").exists());
    // To and from a pipe.
    let piped =
        bed.azcopy.attempt_with(&["copy", &bed.url("piped"), "--from-to=PipeBlob"], &[], "through a pipe").await;
    assert!(piped.0, "{}", piped.1);
    assert_eq!(bed.content("piped").await, b"through a pipe");
    let out = bed.azcopy.run(&["copy", &bed.url("piped"), "--from-to=BlobPipe"]).await;
    assert!(out.contains("through a pipe"), "{out}");
}

#[tokio::test(flavor = "multi_thread")]
async fn blobs_are_cut_into_blocks_as_asked() {
    const MIB: usize = 1024 * 1024;
    let bed = Bed::new().await;
    tree::write(bed.local.path(), "a.bin", 9 * MIB + 17);
    tree::write(bed.local.path(), "large.bin", 205 * MIB);
    let cases: &[(&str, &[&str], usize)] = &[
        ("a.bin", &["--block-size-mb=0.25", "--put-blob-size-mb=0.25"], 37),
        ("a.bin", &["--block-size-mb=1", "--put-blob-size-mb=1"], 10),
        ("a.bin", &["--block-size-mb=8", "--put-blob-size-mb=4"], 2),
        ("large.bin", &["--block-size-mb=100", "--put-blob-size-mb=64"], 3),
        // In one request each.
        ("a.bin", &["--block-size-mb=1", "--put-blob-size-mb=64"], 0),
        ("large.bin", &["--block-size-mb=8", "--put-blob-size-mb=256"], 0),
    ];
    for (file, flags, blocks) in cases {
        bed.up(file, file, flags).await;
        let list = send(&bed.stack, "GET", &format!("{CONTAINER}/{file}?comp=blocklist"), &[], "").await;
        let list = list.text().await.expect("a text");
        assert_eq!(all_between(&list, "<Name>", "</Name>").len(), *blocks, "{flags:?}");
        bed.down(file, "back.bin", flags).await;
        assert!(
            fs::read(bed.path(file)).expect("a file") == fs::read(bed.path("back.bin")).expect("a file"),
            "{flags:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hashes_are_put_and_checked() {
    let bed = Bed::new().await;
    tree::write(bed.local.path(), "a.bin", 3_000_000);
    bed.up("a.bin", "with", &["--put-md5", "--block-size-mb=1", "--put-blob-size-mb=1"]).await;
    bed.up("a.bin", "without", &["--block-size-mb=1", "--put-blob-size-mb=1"]).await;
    assert_eq!(bed.head("with", "content-md5").await.len(), 24);
    assert_eq!(bed.head("without", "content-md5").await, "");
    let wrong = [("x-ms-blob-content-md5", "AAAAAAAAAAAAAAAAAAAAAA==")];
    bed.up("a.bin", "wrong", &["--put-md5"]).await;
    assert_eq!(send(&bed.stack, "PUT", &format!("{CONTAINER}/wrong?comp=properties"), &wrong, "").await.status(), 200);
    for (blob, strictness, passes) in [
        ("with", "FailIfDifferentOrMissing", true),
        ("without", "FailIfDifferentOrMissing", false),
        ("without", "FailIfDifferent", true),
        ("wrong", "FailIfDifferent", false),
        ("wrong", "LogOnly", true),
        ("wrong", "NoCheck", true),
    ] {
        let (from, to, check) = (bed.url(blob), bed.path("back"), format!("--check-md5={strictness}"));
        let (good, said) = bed.azcopy.attempt(&["copy", &from, &to, "--from-to=BlobLocal", &check]).await;
        assert_eq!(good, passes, "{blob} {strictness}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_there_is_overwritten_only_as_asked() {
    let bed = Bed::new().await;
    fs::write(bed.path("old"), "old").expect("a file");
    fs::write(bed.path("new"), "new").expect("a file");
    let past = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    fs::File::options().write(true).open(bed.path("old")).expect("a file").set_modified(past).expect("a time");
    bed.up("new", "a", &[]).await;
    // Where AzCopy asks, somebody must answer: see `azcopy_jobs.rs`.
    let cases = [
        ("--overwrite=false", "new", "old"),
        ("--overwrite=ifSourceNewer", "new", "new"),
        ("--overwrite=true", "old", "new"),
    ];
    for (flag, after_up, after_down) in cases {
        bed.up("new", "a", &[]).await;
        let (from, to) = (bed.path("old"), bed.url("a"));
        let (_, said) = bed.azcopy.attempt(&["copy", &from, &to, "--from-to=LocalBlob", flag]).await;
        assert_eq!(bed.content("a").await, after_up.as_bytes(), "up {flag}: {said}");
        // Down: the blob is newer than the file, and says `new`.
        bed.up("new", "b", &[]).await;
        fs::write(bed.path("target"), "old").expect("a file");
        let file = fs::File::options().write(true).open(bed.path("target")).expect("a file");
        file.set_modified(past).expect("a time");
        let (from, to) = (bed.url("b"), bed.path("target"));
        let (_, said) = bed.azcopy.attempt(&["copy", &from, &to, "--from-to=BlobLocal", flag]).await;
        assert_eq!(fs::read_to_string(bed.path("target")).expect("a file"), after_down, "down {flag}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_rights_and_links_are_kept_where_asked() {
    let bed = Bed::new().await;
    let root = bed.local.path().join("src");
    let expected: Hashes = [tree::write(&root, "sub/a.txt", 10)].into();
    fs::create_dir_all(root.join("hollow")).expect("a folder");
    fs::set_permissions(root.join("sub/a.txt"), fs::Permissions::from_mode(0o640)).expect("rights");
    symlink("a.txt", root.join("sub/link")).expect("a link");

    bed.up("src/*", "plain/", &["--recursive"]).await;
    assert_eq!(bed.below("plain/").await, ["sub/a.txt"], "neither links nor empty folders");
    bed.up("src/*", "follow/", &["--recursive", "--follow-symlinks"]).await;
    assert_eq!(bed.below("follow/").await, ["sub/a.txt", "sub/link"]);
    assert_eq!(bed.content("follow/sub/link").await, fs::read(root.join("sub/a.txt")).expect("a file"));

    bed.up("src/*", "posix/", &["--recursive", "--preserve-posix-properties", "--include-directory-stub"]).await;
    assert_eq!(bed.below("posix/").await, ["hollow", "sub", "sub/a.txt"]);
    assert_eq!(bed.head("posix/hollow", "x-ms-meta-hdi_isfolder").await, "true");
    assert!(!bed.head("posix/sub/a.txt", "x-ms-meta-permissions").await.is_empty());
    bed.down("posix/*", "back", &["--recursive", "--preserve-posix-properties", "--include-directory-stub"]).await;
    let back = PathBuf::from(bed.path("back"));
    assert_eq!(tree::hashes(&back), expected);
    assert_eq!(fs::metadata(back.join("sub/a.txt")).expect("a file").permissions().mode() & 0o777, 0o640);

    let links = ["--recursive", "--preserve-symlinks", "--preserve-posix-properties"];
    bed.up("src/*", "links/", &links).await;
    assert_eq!(bed.head("links/sub/link", "x-ms-meta-is_symlink").await, "true");
    // AzCopy makes a link before the link's folder, where another file has not made that yet, and fails.
    fs::create_dir_all(bed.local.path().join("linked/sub")).expect("a folder");
    bed.down("links/*", "linked", &links).await;
    let link = fs::read_link(bed.local.path().join("linked/sub/link")).expect("a link");
    assert_eq!(link, Path::new("a.txt"));
}

/// Names at the borders of what Azure takes: 1,024 characters, dots at the end, everything that a URL escapes.
#[tokio::test(flavor = "multi_thread")]
async fn names_at_the_borders_survive() {
    let bed = Bed::new().await;
    let long = ["v", "w", "x", "y", "z"].map(|letter| letter.repeat(204)).join("/");
    assert_eq!(long.len(), 1024);
    let names =
        ["dots...", "a%20b%2Fc", "100%", "a+b", "#x?y=z&w", " lead", "back\u{301}", "🐙", "~!@$^()_-=[]{};',.", &long];
    let expected: Hashes =
        names.iter().map(|name| tree::write(&bed.local.path().join("src"), name, 10 + name.len())).collect();
    bed.up("src/*", "", &["--recursive"]).await;
    bed.down("*", "back", &["--recursive"]).await;
    assert_eq!(tree::hashes(&bed.local.path().join("back")), expected);
    let longer = format!("{CONTAINER}/{long}n");
    assert_eq!(send(&bed.stack, "PUT", &longer, &[("x-ms-blob-type", "BlockBlob")], "").await.status(), 400);
}
