//! Page blobs: written page by page over holes, and never other than a plain array of bytes would be.

mod support;

use greenroom_store::check;
use greenroom_store::*;
use std::ops::Range;
use std::sync::Arc;
use support::*;

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

/// Closes the store, checks all of it, and opens it again.
async fn checked(bed: Bed) -> Bed {
    let Bed { dir, clock, config, store } = bed;
    store.close().await.expect("close");
    drop(store);
    let disk: Arc<dyn Disk> = Arc::new(FileSystem);
    let report = check::verify(&disk, dir.path(), &mut |_| {}).expect("verify");
    assert!(report.damaged.is_empty() && report.miscounts.is_empty(), "{report:?}");
    let store = Store::open(dir.path(), config.clone(), clock.clone()).await.expect("open again");
    Bed { dir, clock, config, store }
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
#[tokio::test]
async fn pages_are_what_an_array_of_bytes_would_be() {
    const PAGES: u64 = 400;
    let mut bed = bed_with(Config { extent_bytes: 300_000, ..Config::default() }).await;
    create(&bed, "disk", PAGES * PAGE).await.expect("create");
    let (mut model, mut written) = (vec![0_u8; (PAGES * PAGE) as usize], vec![false; PAGES as usize]);
    let mut kept: Vec<(Timestamp, Vec<u8>)> = Vec::new();
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
                written[from as usize..to as usize].fill(true);
            }
            12..=15 => {
                clear(&bed, "disk", range).await.expect("clear");
                model[bytes].fill(0);
                written[from as usize..to as usize].fill(false);
            }
            16 => {
                resize(&bed, "disk", to * PAGE).await.expect("resize");
                resize(&bed, "disk", PAGES * PAGE).await.expect("resize");
                model.truncate(to as usize * 512);
                model.resize((PAGES * PAGE) as usize, 0);
                written[to as usize..].fill(false);
            }
            17 => {
                let none = Precondition::default();
                let (at, _) = bed.store.snapshot_blob(&blob("disk"), None, &none).await.expect("snapshot");
                kept.push((at, model.clone()));
            }
            18 => {
                let source = bed.store.blob(&blob("disk")).await.expect("look up").source();
                let (draft, none) = (BlobDraft::default(), Precondition::default());
                bed.store.copy_blob(&source, &blob("disk"), draft, CopyBlocks::Keep, &none).await.expect("copy");
            }
            _ => _ = bed.store.compact().await.expect("compact"),
        }
        if step % 30 == 0 {
            bed = checked(bed).await;
        }
    }
    assert!(bed.get("disk").await == model);
    for start in (0..model.len()).step_by(7_001) {
        let end = model.len().min(start + 9_999);
        assert!(bed.get_range("disk", start as u64..end as u64).await.expect("read") == model[start..end], "{start}");
    }
    let found = ranges(&bed, "disk", 3).await;
    let holds = |page: u64| found.iter().any(|(from, to)| (*from..*to).contains(&(page * PAGE)));
    assert!((0..PAGES).all(|page| holds(page) == written[page as usize]), "{found:?}");
    assert!(kept.len() > 3);
    for (at, expected) in &kept {
        let snapshot = bed.store.blob_snapshot(&blob("disk"), *at).await.expect("look up");
        assert!(collect(snapshot, 0..u64::MAX).await.expect("read") == *expected);
    }
    let none = Precondition::default();
    bed.store.delete_blob(&blob("disk"), Snapshots::Delete, &none).await.expect("delete");
    let bed = bed.reopen_until_swept().await;
    assert_eq!(bed.store.usage().tenants[&tenant("gold")].bytes, 0);
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
            bed.store.write_pages_from(&blob("disk"), to, (&source, range), ANY, none).await
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
    let bed = checked(bed).await;
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
