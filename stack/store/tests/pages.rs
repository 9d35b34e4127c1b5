//! Page blobs: written page by page over holes, and never other than a plain array of bytes would be.

use crate::support::*;
use greenroom_store::check;
use greenroom_store::*;
use std::ops::Range;
use std::sync::Arc;

const PAGE: u64 = PAGE_BYTES;
const ANY: PageSequence = PageSequence { at_most: None, below: None, equals: None };

async fn create(bed: &Bed, name: &str, length: u64) -> Result<BlobProps> {
    let none = Precondition::default();
    bed.store.create_page_blob(&blob(name), BlobDraft::default(), (length, 0), &none).await
}

async fn write(bed: &Bed, name: &str, begin: u64, bytes: &[u8]) -> Result<BlobProps> {
    let body = bed.body(bytes).await;
    bed.store.write_pages(&blob(name), begin, body, ANY, &Precondition::default()).await
}

async fn clear(bed: &Bed, name: &str, range: Range<u64>) -> Result<BlobProps> {
    bed.store.clear_pages(&blob(name), range, ANY, &Precondition::default()).await
}

async fn resize(bed: &Bed, name: &str, length: u64) -> Result<BlobProps> {
    let update = PageUpdate { length: Some(length), ..PageUpdate::default() };
    bed.store.update_page_blob(&blob(name), update, &Precondition::default()).await
}

/// All written ranges, each with where it begins and ends, asked for `max` at a time.
async fn ranges(bed: &Bed, name: &str, max: usize) -> Vec<(u64, u64)> {
    let (mut all, mut at) = (Vec::new(), 0);
    loop {
        let found = bed.store.blob(&blob(name)).await.expect("look up").page_ranges(at..u64::MAX, max).await;
        let found = found.expect("page ranges");
        assert!(found.ranges.len() <= max);
        all.extend(found.ranges.iter().map(|range| (range.start, range.end)));
        match found.next {
            Some(next) => at = next,
            None => return all,
        }
    }
}

/// All changes since a snapshot, of the blob or of a later snapshot of it, asked for `max` at a time.
async fn changes(
    bed: &Bed,
    (since, at): (Timestamp, Option<Timestamp>),
    range: Range<u64>,
    max: usize,
) -> Vec<(Change, Range<u64>)> {
    let (mut all, mut from): (Vec<(Change, Range<u64>)>, _) = (Vec::new(), range.start);
    loop {
        let found = bed.store.blob_at(&blob("disk"), at).await.expect("look up");
        let found = found.page_changes(since, from..range.end, max).await.expect("page changes");
        assert!(found.found.len() <= max);
        all.extend(found.found.into_iter().map(|PageChange { change, range }| (change, range)));
        match found.next {
            Some(next) => from = next,
            None => return all,
        }
    }
}

/// When each page was written; `None` for one that reads as zeros.
type Written = Vec<Option<u64>>;

/// What `changes` must be.
fn differ(before: &Written, after: &Written, pages: Range<u64>) -> Vec<(Change, Range<u64>)> {
    let mut all: Vec<(Change, Range<u64>)> = Vec::new();
    for page in pages {
        let change = match (before[page as usize], after[page as usize]) {
            (was, is) if was == is => continue,
            (_, Some(_)) => Change::Written,
            (_, None) => Change::Cleared,
        };
        match all.last_mut().filter(|(last, range)| *last == change && range.end == page * PAGE) {
            Some((_, range)) => range.end += PAGE,
            None => all.push((change, page * PAGE..(page + 1) * PAGE)),
        }
    }
    all
}

#[tokio::test]
async fn what_was_never_written_reads_as_zeros() {
    let bed = bed().await;
    let made = create(&bed, "disk", 3 * MIB as u64).await.expect("create");
    assert_eq!((made.length, made.kind), (3 * MIB as u64, BlobKind::Page { sequence: 0, runs: 0 }));
    assert!(bed.get("disk").await == vec![0; 3 * MIB]);
    assert_eq!(ranges(&bed, "disk", 10).await, []);
    let some = content(1, 3 * PAGE as usize);
    let wrote = write(&bed, "disk", 7 * PAGE, &some).await.expect("write");
    assert_ne!(wrote.etag, made.etag);
    assert_eq!(bed.get_range("disk", 6 * PAGE..11 * PAGE).await.expect("read"), {
        let mut expected = vec![0; 5 * PAGE as usize];
        expected[PAGE as usize..4 * PAGE as usize].copy_from_slice(&some);
        expected
    });
    assert_eq!(bed.get_range("disk", 8 * PAGE + 5..8 * PAGE + 9).await.expect("read"), some[517..521]);
    assert_eq!(ranges(&bed, "disk", 10).await, [(7 * PAGE, 10 * PAGE)]);
    let bed = bed.reopen().await;
    assert_eq!(ranges(&bed, "disk", 1).await, [(7 * PAGE, 10 * PAGE)]);
    assert_eq!(bed.store.usage().tenants[&tenant("gold")].bytes, 3 * MIB as u64);
}

/// Strewn writes, clears, resizes, copies and snapshots against an array of bytes, with compaction and restarts between them.
/// What differs from snapshots is weighed after each step.
#[tokio::test]
async fn pages_are_what_an_array_of_bytes_would_be() {
    const PAGES: u64 = 400;
    let mut bed = bed_with(Config { extent_bytes: 300_000, ..Config::default() }).await;
    create(&bed, "disk", PAGES * PAGE).await.expect("create");
    let (mut model, mut written): (_, Written) = (vec![0_u8; (PAGES * PAGE) as usize], vec![None; PAGES as usize]);
    let mut kept: Vec<(Timestamp, Vec<u8>, Written)> = Vec::new();
    let mut changes_seen = 0;
    for step in 0..300_u64 {
        let random = content(step, 4);
        let pages = model.len() as u64 / PAGE;
        let from = u64::from(random[0]) * u64::from(random[1]) % pages;
        let to = (from + 1 + u64::from(random[2]) % 40).min(pages);
        let (range, bytes) = (from * PAGE..to * PAGE, from as usize * 512..to as usize * 512);
        match random[3] % 20 {
            0..=11 => {
                let new = content(step + 1_000, bytes.len());
                write(&bed, "disk", range.start, &new).await.expect("write");
                model[bytes].copy_from_slice(&new);
                written[from as usize..to as usize].fill(Some(step));
            }
            12..=15 => {
                clear(&bed, "disk", range.clone()).await.expect("clear");
                model[bytes].fill(0);
                written[from as usize..to as usize].fill(None);
            }
            16 => {
                resize(&bed, "disk", to * PAGE).await.expect("resize");
                resize(&bed, "disk", PAGES * PAGE).await.expect("resize");
                model.truncate(to as usize * 512);
                model.resize((PAGES * PAGE) as usize, 0);
                written[to as usize..].fill(None);
            }
            17 => {
                let none = Precondition::default();
                let (at, _) = bed.store.snapshot_blob(&blob("disk"), None, &none).await.expect("snapshot");
                kept.push((at, model.clone(), written.clone()));
            }
            18 => {
                let source = bed.store.blob(&blob("disk")).await.expect("look up").source();
                let (draft, none) = (BlobDraft::default(), Precondition::default());
                bed.store.copy_blob(&source, &blob("disk"), draft, CopyBlocks::Keep, &none).await.expect("copy");
            }
            _ => _ = bed.store.compact().await.expect("compact"),
        }
        if !kept.is_empty() {
            let (since, _, before) = &kept[step as usize % kept.len()];
            let found = changes(&bed, (*since, None), range.clone(), 1 + step as usize % 4).await;
            assert_eq!(found, differ(before, &written, from..to), "{step}");
            let found = changes(&bed, (*since, None), 0..u64::MAX, 1_000).await;
            assert_eq!(found, differ(before, &written, 0..PAGES), "{step}");
            changes_seen += found.len();
        }
        if step % 30 == 0 {
            bed = bed.checked().await;
        }
    }
    assert!(bed.get("disk").await == model);
    for start in (0..model.len()).step_by(7_001) {
        let end = model.len().min(start + 9_999);
        assert!(bed.get_range("disk", start as u64..end as u64).await.expect("read") == model[start..end], "{start}");
    }
    let found = ranges(&bed, "disk", 3).await;
    let holds = |page: u64| found.iter().any(|(from, to)| (*from..*to).contains(&(page * PAGE)));
    assert!((0..PAGES).all(|page| holds(page) == written[page as usize].is_some()), "{found:?}");
    assert!(kept.len() > 3 && changes_seen > 1_000);
    for [(since, _, before), (at, _, after)] in kept.array_windows() {
        let found = changes(&bed, (*since, Some(*at)), 0..u64::MAX, 7).await;
        assert_eq!(found, differ(before, after, 0..PAGES));
        assert_eq!(changes(&bed, (*at, Some(*at)), 0..u64::MAX, 7).await, []);
    }
    for (at, expected, _) in &kept {
        let snapshot = bed.store.blob_snapshot(&blob("disk"), *at).await.expect("look up");
        assert!(collect(snapshot, 0..u64::MAX).await.expect("read") == *expected);
    }
    let none = Precondition::default();
    bed.store.delete_blob(&blob("disk"), Snapshots::Delete, &none).await.expect("delete");
    let bed = bed.reopen_until_swept().await;
    assert_eq!(bed.store.usage().tenants[&tenant("gold")].bytes, 0);
}

#[tokio::test]
async fn changes_are_those_of_a_snapshot_of_pages() {
    let bed = bed().await;
    let none = Precondition::default();
    let since = async |time| bed.store.blob(&blob("disk")).await.expect("look up").page_changes(time, 0..PAGE, 1).await;
    bed.put("disk", b"blocks").await;
    let (of_blocks, _) = bed.store.snapshot_blob(&blob("disk"), None, &none).await.expect("snapshot");
    assert!(matches!(since(of_blocks).await, Err(StoreError::BlobKind)), "this is no page blob");
    create(&bed, "disk", PAGE).await.expect("create");
    assert!(matches!(since(of_blocks).await, Err(StoreError::BlobKind)), "that is none");
    assert!(matches!(since(Timestamp(of_blocks.0 + 1)).await, Err(StoreError::BlobMissing)));
    let (empty, _) = bed.store.snapshot_blob(&blob("disk"), None, &none).await.expect("snapshot");
    assert_eq!(since(empty).await.expect("changes"), PageChanges::default());
    let page = content(1, PAGE as usize);
    write(&bed, "disk", 0, &page).await.expect("write");
    let (full, _) = bed.store.snapshot_blob(&blob("disk"), None, &none).await.expect("snapshot");
    write(&bed, "disk", 0, &page).await.expect("write");
    let written = [PageChange { change: Change::Written, range: 0..PAGE }];
    assert_eq!(since(full).await.expect("changes").found, written, "the same bytes, but written anew");
    // A blob that took the other's place differs in all that was there.
    create(&bed, "disk", PAGE).await.expect("create");
    let cleared = [PageChange { change: Change::Cleared, range: 0..PAGE }];
    assert_eq!(since(full).await.expect("changes").found, cleared);
}

#[tokio::test]
async fn pages_come_by_reference_from_blobs_of_either_kind() {
    let bed = bed().await;
    let (long, none) = (content(5, 600 * KIB), Precondition::default());
    bed.put("blocks", &long).await;
    create(&bed, "disk", MIB as u64).await.expect("create");
    let from = |name: &'static str, range: Range<u64>, to: u64| {
        let (bed, none) = (&bed, &none);
        async move {
            let source = bed.store.blob(&blob(name)).await.expect("look up").source();
            bed.store.write_pages_from(&blob("disk"), (to, &Seal::Tenants), (&source, range), ANY, none).await
        }
    };
    from("blocks", 100..100 + 300 * PAGE, 8 * PAGE).await.expect("write from blocks");
    let mut model = vec![0; MIB];
    model[8 * 512..308 * 512].copy_from_slice(&long[100..100 + 300 * 512]);
    // Onto itself, overlapping, with a hole at the beginning.
    from("disk", 0..20 * PAGE, 10 * PAGE).await.expect("write from pages");
    model.copy_within(0..20 * 512, 10 * 512);
    assert!(bed.get("disk").await == model);
    assert_eq!(ranges(&bed, "disk", 9).await, [(8 * PAGE, 10 * PAGE), (18 * PAGE, 308 * PAGE)]);
    bed.delete("blocks").await.expect("delete");
    let bed = bed.checked().await;
    assert!(bed.get("disk").await == model);
}

#[tokio::test]
async fn what_does_not_fit_is_refused_and_changes_nothing() {
    let bed = bed().await;
    let none = Precondition::default();
    bed.put("blocks", b"plain").await;
    create(&bed, "disk", 4 * PAGE).await.expect("create");
    let page = content(1, PAGE as usize);
    let before = write(&bed, "disk", 0, &page).await.expect("write");
    assert!(matches!(create(&bed, "odd", 100).await, Err(StoreError::PageRange)));
    assert!(matches!(create(&bed, "vast", PAGE_BLOB_BYTES_MAX + PAGE).await, Err(StoreError::PageRange)));
    for (begin, length) in [(1, 512), (0, 100), (4 * PAGE, 512), (3 * PAGE, 1024), (u64::MAX - 511, 512), (0, 0)] {
        let refused = write(&bed, "disk", begin, &content(1, length)).await;
        assert!(matches!(refused, Err(StoreError::PageRange)), "{begin} {length}: {refused:?}");
    }
    assert!(matches!(clear(&bed, "disk", 0..5 * PAGE).await, Err(StoreError::PageRange)));
    assert!(matches!(write(&bed, "blocks", 0, &page).await, Err(StoreError::BlobKind)));
    assert!(matches!(resize(&bed, "blocks", 512).await, Err(StoreError::BlobKind)));
    assert!(matches!(bed.stage("disk", "a", b"block").await, Err(StoreError::BlobKind)));
    assert!(matches!(bed.store.block_list(&blob("disk")).await, Err(StoreError::BlobKind)));
    let source = bed.store.blob(&blob("disk")).await.expect("look up").source();
    let forgot = bed.store.copy_blob(&source, &blob("copy"), BlobDraft::default(), CopyBlocks::Forget, &none).await;
    assert!(matches!(forgot, Err(StoreError::BlobKind)));
    let set = PageUpdate { sequence: Some(SequenceChange::Max(7)), ..PageUpdate::default() };
    bed.store.update_page_blob(&blob("disk"), set, &none).await.expect("update");
    for (sequence, passes) in [
        (PageSequence { at_most: Some(7), ..ANY }, true),
        (PageSequence { at_most: Some(6), ..ANY }, false),
        (PageSequence { below: Some(8), ..ANY }, true),
        (PageSequence { below: Some(7), ..ANY }, false),
        (PageSequence { equals: Some(7), ..ANY }, true),
        (PageSequence { equals: Some(8), ..ANY }, false),
    ] {
        let body = bed.body(&page).await;
        let wrote = bed.store.write_pages(&blob("disk"), PAGE, body, sequence, &none).await;
        assert_eq!(wrote.is_ok(), passes, "{sequence:?} {wrote:?}");
    }
    let stale = bed.store.clear_pages(&blob("disk"), 0..PAGE, ANY, &Precondition::if_match(before.etag)).await;
    assert!(matches!(stale, Err(StoreError::ConditionNotMet)));
    assert_eq!(bed.get("disk").await[..1024], [&page[..], &page].concat());
}

#[tokio::test]
async fn a_flipped_bit_in_a_page_is_found_and_never_served() {
    let bed = bed().await;
    create(&bed, "disk", 8 * PAGE).await.expect("create");
    let page = content(9, PAGE as usize);
    write(&bed, "disk", 2 * PAGE, &page).await.expect("write");
    let bed = bed
        .reopen_after(|dir| {
            let files = std::fs::read_dir(dir.join("extents")).expect("extents folder");
            for file in files.map(|file| file.expect("entry").path()) {
                let mut bytes = std::fs::read(&file).expect("read file");
                if let Some(at) = bytes.windows(page.len()).position(|part| part == page) {
                    bytes[at + 77] ^= 4;
                    std::fs::write(&file, bytes).expect("write file");
                }
            }
        })
        .await;
    assert!(matches!(bed.get_range("disk", 2 * PAGE..3 * PAGE).await, Err(StoreError::Corrupt { .. })));
    assert_eq!(bed.get_range("disk", 4 * PAGE..5 * PAGE).await.expect("read"), [0; 512]);
    bed.store.close().await.expect("close");
    let Bed { dir, clock, config, store } = bed;
    drop(store);
    let disk: Arc<dyn Disk> = Arc::new(FileSystem);
    let report = check::verify(&disk, dir.path(), &mut |_| {}).expect("verify");
    assert_eq!(report.damaged.len(), 1, "{report:?}");
    drop((clock, config));
}
