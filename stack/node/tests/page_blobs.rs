//! Page blobs as a client sees them: over HTTP, and with the real AzCopy.

use crate::support::bed::Bed;
use crate::support::{CONTAINER, Headers, Stack, all_between, header, send, verdict};
use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

const PAGE_BLOB: (&str, &str) = ("x-ms-blob-type", "PageBlob");
const UPDATE: (&str, &str) = ("x-ms-page-write", "update");
const CLEAR: (&str, &str) = ("x-ms-page-write", "clear");

async fn create(stack: &Stack, name: &str, length: &str) {
    let headers = [PAGE_BLOB, ("x-ms-blob-content-length", length), ("x-ms-access-tier", "P10")];
    let made = send(stack, "PUT", &format!("{CONTAINER}/{name}"), &headers, "").await;
    assert_eq!(made.status(), 201, "{name}");
}

async fn page(stack: &Stack, name: &str, range: &str, letter: &str, more: Headers<'_>) -> (u16, String) {
    let (first, last) = range.split_once('-').expect("a range");
    let length = last.parse::<usize>().expect("a number") + 1 - first.parse::<usize>().expect("a number");
    let range = format!("bytes={range}");
    let (write, body) = if letter.is_empty() { (CLEAR, String::new()) } else { (UPDATE, letter.repeat(length)) };
    let headers = [&[write, ("x-ms-range", range.as_str())], more].concat();
    verdict(&send(stack, "PUT", &format!("{CONTAINER}/{name}?comp=page"), &headers, &body).await)
}

async fn ranges(stack: &Stack, path: &str, headers: Headers<'_>) -> Vec<String> {
    let got = send(stack, "GET", &format!("{CONTAINER}/{path}"), headers, "").await;
    assert_eq!(got.status(), 200, "{path}");
    let text = got.text().await.expect("a text");
    let ends = all_between(&text, "<End>", "</End>");
    all_between(&text, "<Start>", "</Start>").iter().zip(ends).map(|(start, end)| format!("{start}-{end}")).collect()
}

async fn get(stack: &Stack, path: &str) -> Vec<u8> {
    let got = send(stack, "GET", &format!("{CONTAINER}/{path}"), &[], "").await;
    assert_eq!(got.status(), 200, "{path}");
    got.bytes().await.expect("its content").to_vec()
}

const OK: (u16, &str) = (201, "");

fn is(answer: (u16, String), (status, code): (u16, &str)) {
    assert_eq!(answer, (status, code.to_owned()));
}

#[tokio::test]
async fn pages_are_written_cleared_and_listed() {
    let mut stack = Stack::with_container().await;
    create(&stack, "disk.vhd", "8192").await;
    is(page(&stack, "disk.vhd", "512-1535", "a", &[]).await, OK);
    is(page(&stack, "disk.vhd", "4096-4607", "b", &[]).await, OK);
    is(page(&stack, "disk.vhd", "1024-1535", "", &[]).await, OK);
    let mut expected = vec![0; 8192];
    expected[512..1024].fill(b'a');
    expected[4096..4608].fill(b'b');
    // What was acknowledged is there after the plug was pulled.
    stack.kill().await;
    stack.restart().await;
    assert!(get(&stack, "disk.vhd").await == expected);
    assert_eq!(ranges(&stack, "disk.vhd?comp=pagelist", &[]).await, ["512-1023", "4096-4607"]);
    assert_eq!(ranges(&stack, "disk.vhd?comp=pagelist", &[("x-ms-range", "bytes=1024-4351")]).await, ["4096-4351"]);
    assert_eq!(ranges(&stack, "disk.vhd?comp=pagelist&maxresults=1", &[]).await, ["512-1023"]);
    let head = send(&stack, "HEAD", &format!("{CONTAINER}/disk.vhd"), &[], "").await;
    assert_eq!(header(&head, "x-ms-blob-type"), "PageBlob");
    assert_eq!((header(&head, "content-length").as_str(), header(&head, "x-ms-access-tier").as_str()), ("8192", ""));
    let list = send(&stack, "GET", &format!("{CONTAINER}?restype=container&comp=list"), &[], "").await;
    let list = list.text().await.expect("a text");
    assert!(list.contains("<BlobType>PageBlob</BlobType>"), "{list}");
    assert!(list.contains("<x-ms-blob-sequence-number>0</x-ms-blob-sequence-number>"), "{list}");
}

#[tokio::test]
async fn lengths_and_sequence_numbers_are_set_and_weighed() {
    let stack = Stack::with_container().await;
    create(&stack, "disk", "2048").await;
    let properties = format!("{CONTAINER}/disk?comp=properties");
    let set = async |headers: Headers<'_>| {
        let answer = send(&stack, "PUT", &properties, headers, "").await;
        (answer.status().as_u16(), header(&answer, "x-ms-blob-sequence-number"))
    };
    assert_eq!(set(&[("x-ms-blob-content-type", "disk/image")]).await, (200, "0".to_owned()));
    let action = |action: &'static str| ("x-ms-sequence-number-action", action);
    let number = |number: &'static str| ("x-ms-blob-sequence-number", number);
    assert_eq!(set(&[action("update"), number("5")]).await, (200, "5".to_owned()));
    assert_eq!(set(&[action("max"), number("3")]).await, (200, "5".to_owned()));
    assert_eq!(set(&[action("increment")]).await, (200, "6".to_owned()));
    assert_eq!(set(&[action("increment"), number("9")]).await.0, 400);
    assert_eq!(set(&[("x-ms-blob-content-length", "1024")]).await, (200, "6".to_owned()));
    assert_eq!(set(&[("x-ms-blob-content-length", "1000")]).await.0, 400);
    let head = send(&stack, "HEAD", &format!("{CONTAINER}/disk"), &[], "").await;
    assert_eq!(header(&head, "content-type"), "disk/image", "a length alone leaves the headers as they were");
    assert_eq!(header(&head, "content-length"), "1024");
    for (condition, met) in [
        (("x-ms-if-sequence-number-le", "6"), true),
        (("x-ms-if-sequence-number-le", "5"), false),
        (("x-ms-if-sequence-number-lt", "7"), true),
        (("x-ms-if-sequence-number-lt", "6"), false),
        (("x-ms-if-sequence-number-eq", "6"), true),
        (("x-ms-if-sequence-number-eq", "7"), false),
    ] {
        let expected = if met { OK } else { (412, "SequenceNumberConditionNotMet") };
        is(page(&stack, "disk", "0-511", "x", &[condition]).await, expected);
    }
}

#[tokio::test]
async fn what_does_not_fit_is_a_clear_4xx() {
    let stack = Stack::with_container().await;
    create(&stack, "disk", "1024").await;
    stack.put_blob("blocks", "block content").await;
    is(page(&stack, "disk", "0-99", "x", &[]).await, (416, "InvalidPageRange"));
    is(page(&stack, "disk", "1024-1535", "x", &[]).await, (416, "InvalidPageRange"));
    is(page(&stack, "blocks", "0-511", "x", &[]).await, (409, "InvalidBlobType"));
    is(page(&stack, "missing", "0-511", "x", &[]).await, (404, "BlobNotFound"));
    is(page(&stack, "disk", "0-511", "x", &[("if-match", "\"0x1\"")]).await, (412, "ConditionNotMet"));
    is(page(&stack, "disk", "0-511", "x", &[("content-md5", "AAAAAAAAAAAAAAAAAAAAAA==")]).await, (400, "Md5Mismatch"));
    let cases: &[(&str, &str, Headers<'_>, &str, u16, &str)] = &[
        ("PUT", "new", &[PAGE_BLOB], "", 400, "MissingRequiredHeader"),
        ("PUT", "new", &[PAGE_BLOB, ("x-ms-blob-content-length", "100")], "", 400, "InvalidHeaderValue"),
        ("PUT", "new", &[PAGE_BLOB, ("x-ms-blob-content-length", "512")], "content", 400, "InvalidHeaderValue"),
        ("PUT", "disk?comp=page", &[UPDATE], "", 400, "MissingRequiredHeader"),
        ("PUT", "disk?comp=page", &[("range", "bytes=0-511")], "", 400, "MissingRequiredHeader"),
        ("PUT", "disk?comp=page", &[UPDATE, ("range", "bytes=0-511")], "short", 400, "InvalidHeaderValue"),
        ("PUT", "disk?comp=page", &[UPDATE, ("range", "bytes=0-8388607")], "x", 413, "RequestBodyTooLarge"),
        ("PUT", "disk?comp=block&blockid=QUFB", &[], "block", 409, "InvalidBlobType"),
        ("PUT", "disk?comp=blocklist", &[], "<BlockList></BlockList>", 409, "InvalidBlobType"),
        ("GET", "disk?comp=blocklist", &[], "", 409, "InvalidBlobType"),
        ("PUT", "disk?comp=tier", &[("x-ms-access-tier", "Cool")], "", 409, "InvalidBlobType"),
        ("GET", "blocks?comp=pagelist", &[], "", 409, "InvalidBlobType"),
        ("PUT", "blocks?comp=properties", &[("x-ms-blob-content-length", "512")], "", 409, "InvalidBlobType"),
    ];
    for (method, path, headers, body, status, code) in cases {
        let answer = send(&stack, method, &format!("{CONTAINER}/{path}"), headers, body).await;
        assert_eq!(verdict(&answer), (*status, (*code).to_owned()), "{method} {path} {headers:?}");
    }
    assert!(get(&stack, "disk").await == [0; 1024], "nothing was written");
}

#[tokio::test]
async fn copies_and_snapshots_keep_pages_and_holes() {
    let stack = Stack::with_container().await;
    create(&stack, "disk", "4096").await;
    is(page(&stack, "disk", "1024-2047", "a", &[]).await, OK);
    let snapshot = send(&stack, "PUT", &format!("{CONTAINER}/disk?comp=snapshot"), &[], "").await;
    let at = header(&snapshot, "x-ms-snapshot");
    is(page(&stack, "disk", "1024-1535", "b", &[]).await, OK);
    let mut old = vec![0; 4096];
    old[1024..2048].fill(b'a');
    assert!(get(&stack, &format!("disk?snapshot={at}")).await == old);
    assert_eq!(ranges(&stack, &format!("disk?comp=pagelist&snapshot={at}"), &[]).await, ["1024-2047"]);

    let source = stack.url(&format!("{CONTAINER}/disk?snapshot={at}")).await;
    let from = ("x-ms-copy-source", source.as_str());
    let copied = send(&stack, "PUT", &format!("{CONTAINER}/copy"), &[from], "").await;
    assert_eq!(copied.status(), 202);
    assert!(get(&stack, "copy").await == old);
    assert_eq!(ranges(&stack, "copy?comp=pagelist", &[]).await, ["1024-2047"]);
    // Pages by reference: the hole at the beginning of the range stays one.
    create(&stack, "part", "4096").await;
    let headers = [from, UPDATE, ("x-ms-range", "bytes=0-1535"), ("x-ms-source-range", "bytes=512-2047")];
    let put = send(&stack, "PUT", &format!("{CONTAINER}/part?comp=page"), &headers, "").await;
    assert_eq!(verdict(&put), (201, String::new()));
    assert!(get(&stack, "part").await[..1536] == old[512..2048]);
    assert_eq!(ranges(&stack, "part?comp=pagelist", &[]).await, ["512-1535"]);
    let short = [from, UPDATE, ("x-ms-range", "bytes=0-1535"), ("x-ms-source-range", "bytes=512-1023")];
    let put = send(&stack, "PUT", &format!("{CONTAINER}/part?comp=page"), &short, "").await;
    assert_eq!(verdict(&put), (400, "InvalidHeaderValue".to_owned()));
    // A block blob of them holds the zeros as bytes.
    let blocks =
        send(&stack, "PUT", &format!("{CONTAINER}/blocks"), &[from, ("x-ms-blob-type", "BlockBlob")], "").await;
    assert_eq!(verdict(&blocks), (201, String::new()));
    assert!(get(&stack, "blocks").await == old);
    let block = send(&stack, "PUT", &format!("{CONTAINER}/blocks?comp=block&blockid=QUFB"), &[from], "").await;
    assert_eq!(verdict(&block), (201, String::new()));
}

/// A file with holes: a disk image of `pages` pages, some of which are written.
fn image(path: &Path, bytes: u64) -> blake3::Hash {
    let file = fs::File::create(path).expect("a file");
    file.set_len(bytes).expect("a length");
    for (number, at) in [0, 700_000 / 512 * 512, 5 << 20, bytes - 512].into_iter().enumerate() {
        let some: Vec<u8> = (0..512 * 3).map(|byte: usize| (byte * 31 + number * 7) as u8 | 1).collect();
        let room = (bytes - at).min(some.len() as u64) as usize;
        file.write_all_at(&some[..room], at).expect("written");
    }
    blake3::hash(&fs::read(path).expect("a file"))
}

#[tokio::test(flavor = "multi_thread")]
async fn azcopy_moves_disk_images_as_page_blobs_both_ways_and_across() {
    let bed = Bed::new().await;
    let expected = image(&bed.local.path().join("a.vhd"), 12 << 20);
    image(&bed.local.path().join("plain.bin"), 6 << 20);
    // Told apart by the ending, or as it is told.
    bed.up("a.vhd", "a.vhd", &["--block-size-mb=1"]).await;
    bed.up("plain.bin", "plain", &["--blob-type=PageBlob", "--block-size-mb=1", "--put-md5"]).await;
    for name in ["a.vhd", "plain"] {
        assert_eq!(bed.head(name, "x-ms-blob-type").await, "PageBlob", "{name}");
    }
    let ranges = ranges(&bed.stack, "a.vhd?comp=pagelist", &[]).await;
    assert!(ranges.len() > 1, "what is zero was not sent: {ranges:?}");
    bed.down("a.vhd", "back.vhd", &["--block-size-mb=1"]).await;
    assert_eq!(blake3::hash(&fs::read(bed.path("back.vhd")).expect("a file")), expected);

    // Between two accounts by reference, and between two stacks by fetching.
    bed.stack.make_account("silver", "othr", &["into"]).await;
    let authority = bed.stack.ready.blob.trim_start_matches("http://");
    let other = Stack::start_with(&["--copy-source-allow", authority]).await;
    other.make_account("silver", "othr", &["into"]).await;
    for (stack, name, kind) in [
        (&bed.stack, "across.vhd", "PageBlob"),
        (&bed.stack, "blocks", "BlockBlob"),
        (&other, "across.vhd", "PageBlob"),
        (&other, "blocks", "BlockBlob"),
    ] {
        let (from, to) = (bed.url("a.vhd"), stack.url_in("othr", &format!("into/{name}")).await);
        let kind_flag = format!("--blob-type={kind}");
        bed.azcopy.run(&["copy", &from, &to, "--from-to=BlobBlob", &kind_flag, "--block-size-mb=1"]).await;
        let got = bed.stack.http.get(&to).send().await.expect("an answer");
        assert_eq!(header(&got, "x-ms-blob-type"), kind);
        assert_eq!(blake3::hash(&got.bytes().await.expect("its content")), expected, "{name}");
    }
    let all = bed.url("");
    bed.azcopy.run(&["remove", &all, "--recursive", "--from-to=BlobTrash"]).await;
    assert_eq!(bed.below("").await, Vec::<String>::new());
}

#[tokio::test]
async fn what_differs_from_a_snapshot_is_told() {
    let stack = Stack::with_container().await;
    create(&stack, "disk", "8192").await;
    let snapshot = async || {
        let made = send(&stack, "PUT", &format!("{CONTAINER}/disk?comp=snapshot"), &[], "").await;
        header(&made, "x-ms-snapshot")
    };
    is(page(&stack, "disk", "0-2047", "a", &[]).await, OK);
    let first = snapshot().await;
    is(page(&stack, "disk", "1024-1535", "b", &[]).await, OK);
    is(page(&stack, "disk", "0-511", "", &[]).await, OK);
    is(page(&stack, "disk", "4096-4607", "c", &[]).await, OK);
    let second = snapshot().await;
    is(page(&stack, "disk", "4096-4607", "", &[]).await, OK);
    let asked = async |query: &str, headers: Headers<'_>| {
        send(&stack, "GET", &format!("{CONTAINER}/disk?comp=pagelist{query}"), headers, "").await
    };
    let told = async |query: &str, headers: Headers<'_>| {
        let answer = asked(query, headers).await;
        assert_eq!(answer.status(), 200, "{query}");
        assert_eq!(header(&answer, "x-ms-blob-content-length"), "8192");
        let text = answer.text().await.expect("a text");
        text.split("<PageList>").nth(1).expect("a list").replace("</PageList>", "")
    };
    let range = |tag: &str, first: u64, last: u64| format!("<{tag}><Start>{first}</Start><End>{last}</End></{tag}>");
    let (cleared, changed) = (range("ClearRange", 0, 511), range("PageRange", 1024, 1535));
    let added = range("PageRange", 4096, 4607);
    let gone = range("ClearRange", 4096, 4607);
    let end = "<NextMarker />";
    assert_eq!(told(&format!("&prevsnapshot={first}"), &[]).await, format!("{cleared}{changed}{end}"));
    let between = format!("&snapshot={second}&prevsnapshot={first}");
    assert_eq!(told(&between, &[]).await, format!("{cleared}{changed}{added}{end}"));
    assert_eq!(told(&format!("&prevsnapshot={second}"), &[]).await, format!("{gone}{end}"));
    assert_eq!(told(&format!("&snapshot={first}&prevsnapshot={first}"), &[]).await, end);
    let within = [("x-ms-range", "bytes=256-4351")];
    let (some, more) = (range("ClearRange", 256, 511), range("PageRange", 4096, 4351));
    assert_eq!(told(&between, &within).await, format!("{some}{changed}{more}{end}"));
    // Page by page.
    let page_one = told(&format!("{between}&maxresults=2"), &[]).await;
    assert_eq!(page_one, format!("{cleared}{changed}<NextMarker>4096</NextMarker>"));
    assert_eq!(told(&format!("{between}&maxresults=2&marker=4096"), &[]).await, format!("{added}{end}"));
    // By its URL.
    let url = format!("{}/acct/{CONTAINER}/disk?snapshot={first}", stack.ready.blob);
    let header_of = |url: &str| [("x-ms-previous-snapshot-url", url.to_owned())];
    for (url, status, code) in [
        (url.clone(), 200, ""),
        (url.replace("/disk", "/other"), 400, "InvalidHeaderValue"),
        (url.replace("/acct/", "/else/"), 400, "InvalidHeaderValue"),
        (url.replace("snapshot", "snap"), 400, "InvalidHeaderValue"),
        ("disk".to_owned(), 400, "InvalidHeaderValue"),
    ] {
        let headers = header_of(&url);
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(verdict(&asked("", &headers).await), (status, code.into()), "{url}");
        if status == 200 {
            assert_eq!(told("", &headers).await, format!("{cleared}{changed}{end}"));
            let both = asked(&format!("&prevsnapshot={first}"), &headers).await;
            assert_eq!(verdict(&both), (400, "InvalidHeaderValue".into()));
        }
    }
    for (query, status, code) in [
        (format!("&snapshot={first}&prevsnapshot={second}"), 400, "PreviousSnapshotCannotBeNewer"),
        ("&prevsnapshot=2020-01-01T00:00:00.0000000Z".to_owned(), 409, "PreviousSnapshotNotFound"),
        ("&prevsnapshot=soon".to_owned(), 400, "InvalidQueryParameterValue"),
        (format!("{between}&marker=x"), 400, "InvalidMarker"),
    ] {
        assert_eq!(verdict(&asked(&query, &[]).await), (status, code.into()), "{query}");
    }
    // A snapshot of what was a block blob is nothing to compare pages with.
    stack.put_blob("disk", "blocks now").await;
    let blocks = snapshot().await;
    assert_eq!(verdict(&asked(&format!("&prevsnapshot={first}"), &[]).await), (409, "InvalidBlobType".into()));
    create(&stack, "disk", "512").await;
    let refused = asked(&format!("&prevsnapshot={blocks}"), &[]).await;
    assert_eq!(verdict(&refused), (409, "PreviousSnapshotOperationNotSupported".into()));
}
