//! A folder of an older format, brought up and taken back, with the power going at every single act of either.

use crate::support::sim::{Fate, SimDisk};
use crate::support::*;
use greenroom_store::migrate::{Folder, WayBack};
use greenroom_store::*;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

const DIR: &str = "/data";
const KEPT: &[&str] = &["tenants.json", "offload.json"];
/// Acts between two that are tried, in the normal run; `GREENROOM_CRASH_POINTS=all` tries each.
const STRIDE: u64 = 7;

/// All that there is to read in a folder: containers, names, and content where it is on flash.
type Content = BTreeMap<String, Option<Vec<u8>>>;

#[tokio::test]
async fn wherever_the_power_goes_the_folder_comes_up_whole() {
    for packed in golden() {
        let old = unpacked(&packed);
        let sound = on_disk(&old);
        let before = sound.acts();
        let migrated = folder(&sound).bring_up(WayBack::Keep).expect("it is brought up").expect("it was old");
        let acts = sound.acts() - before;
        assert_eq!(folder(&sound).bring_up(WayBack::Keep).expect("it is"), None, "once is enough");
        let content = all(&sound).await;
        assert!(content.len() > 10, "there is something in it: {:?}", content.keys());

        for at in points(acts) {
            let disk = on_disk(&old);
            disk.set_fate(Fate::CrashAt(before + at));
            assert!(folder(&disk).bring_up(WayBack::Keep).is_err(), "the power went at act {at}");
            let next = disk.after_crash(at);
            let again = folder(&next).bring_up(WayBack::Keep).unwrap_or_else(|error| panic!("act {at}: {error}"));
            assert!(again.is_none_or(|again| again == migrated), "act {at}: {again:?}");
            assert_eq!(all(&next).await, content, "act {at}");
            goes_back(&next, &old, at).await;
        }
    }
}

#[tokio::test]
async fn wherever_the_power_goes_on_the_way_back_it_can_be_gone_to_its_end() {
    for packed in golden() {
        let old = unpacked(&packed);
        let changed = async || {
            let disk = on_disk(&old);
            folder(&disk).bring_up(WayBack::Keep).expect("it is brought up");
            change(&disk).await;
            disk
        };
        let sound = changed().await;
        let before = sound.acts();
        let lost = folder(&sound).ask_back().expect("there is a way back");
        assert!(lost.blobs >= 2, "{lost:?}");
        assert_eq!(sound.acts(), before, "to ask changes nothing");
        folder(&sound).go_back().expect("it goes back");
        let acts = sound.acts() - before;
        assert_same(&sound, &old, 0).await;

        for at in points(acts) {
            let disk = changed().await;
            disk.set_fate(Fate::CrashAt(disk.acts() + at));
            assert!(folder(&disk).go_back().is_err(), "the power went at act {at}");
            let next = disk.after_crash(at);
            match open(&next).await {
                Ok(store) => {
                    // Nothing had happened yet.
                    close(store).await;
                    goes_back(&next, &old, at).await;
                }
                Err(StoreError::GoingBack { .. }) => goes_back(&next, &old, at).await,
                // It had arrived; another one up and back is as good as the first.
                Err(StoreError::FormatOld { .. }) => {
                    folder(&next).bring_up(WayBack::Keep).expect("it is brought up again");
                    goes_back(&next, &old, at).await;
                }
                Err(error) => panic!("act {at}: {error}"),
            }
        }
    }
}

#[tokio::test]
async fn what_the_way_back_holds_counts_until_it_is_confirmed() {
    for packed in golden() {
        let old = unpacked(&packed);
        let disk = on_disk(&old);
        folder(&disk).bring_up(WayBack::Keep).expect("it is brought up");
        let store = open(&disk).await.expect("it opens");
        let held = store.way_back().expect("there is one").bytes;
        assert!(held > 0, "the old catalog at least");
        for container in containers(&store).await {
            store.delete_container(&container, &Precondition::default()).await.expect("deleted");
        }
        close(store).await;
        let used = until_more_is_held_than(&disk, held).await;
        let standing = folder(&disk).confirm().expect("confirmed");
        let freed = standing.way_back.expect("there was one").bytes;
        assert!(freed > held, "{freed} {held}");
        let store = open(&disk).await.expect("it opens");
        assert_eq!(store.way_back(), None);
        assert!(
            store.usage().flash_used_bytes + freed <= used + 4_096,
            "{} {freed} {used}",
            store.usage().flash_used_bytes
        );
        close(store).await;
        assert!(matches!(folder(&disk).go_back(), Err(StoreError::NoWayBack { .. })));
        assert!(
            disk.list(Path::new(DIR))
                .expect("a list")
                .iter()
                .all(|(path, _)| !path.to_string_lossy().contains("before"))
        );
    }
}

#[tokio::test]
async fn a_folder_of_no_known_format_is_left_alone() {
    let disk = SimDisk::new(Fate::Sound);
    assert_eq!(folder(&disk).bring_up(WayBack::Keep).expect("there is nothing"), None);
    assert!(matches!(folder(&disk).go_back(), Err(StoreError::NoWayBack { .. })));
    let packed = golden().remove(0);
    let old = unpacked(&packed);
    let disk = on_disk(&old);
    let refused = open(&disk).await.expect_err("it is old");
    assert!(matches!(refused, StoreError::FormatOld { found: 5, .. }), "{refused}");
    assert_same(&disk, &old, 0).await;
}

/// Opens the folder until what was deleted is swept and its extents are removed; the flash that is used then.
async fn until_more_is_held_than(disk: &SimDisk, bytes: u64) -> u64 {
    const RUNS_MAX: usize = 100;
    for _ in 0..RUNS_MAX {
        let store = open(disk).await.expect("it opens");
        store.bury().await.expect("bury");
        let (held, used) = (store.way_back().expect("there is one").bytes, store.usage().flash_used_bytes);
        close(store).await;
        if held > bytes {
            return used;
        }
    }
    panic!("no extent is removed in {RUNS_MAX} runs");
}

/// Goes back from wherever a crash left it, and finds what was there first.
async fn goes_back(disk: &SimDisk, old: &BTreeMap<PathBuf, Vec<u8>>, at: u64) {
    folder(disk).go_back().unwrap_or_else(|error| panic!("act {at}: {error}"));
    assert_same(disk, old, at).await;
}

/// The old files, byte for byte, but for what no catalog ever referred to behind an extent's end.
async fn assert_same(disk: &SimDisk, old: &BTreeMap<PathBuf, Vec<u8>>, at: u64) {
    for (path, content) in old {
        let file = disk.open(path, Mode::Read).unwrap_or_else(|error| panic!("act {at}: {}: {error}", path.display()));
        // The engine writes to its file when it opens it: what is in that is compared by whoever opens it.
        if path.ends_with("catalog.redb") {
            continue;
        }
        let mut found = vec![0; content.len()];
        file.read_at(0, &mut found).unwrap_or_else(|error| panic!("act {at}: {}: {error}", path.display()));
        assert!(found == *content, "act {at}: {}", path.display());
    }
    let first = on_disk(old);
    let brought_up = folder(&first).bring_up(WayBack::None).expect("it is brought up");
    match folder(disk).bring_up(WayBack::None) {
        Ok(again) => assert!(again.is_some() && again == brought_up, "act {at}: {again:?}"),
        other => panic!("act {at}: {other:?}"),
    }
    assert_eq!(all(disk).await, all(&first).await, "act {at}");
}

/// Something is written, something deleted, as clients do.
async fn change(disk: &SimDisk) {
    let store = open(disk).await.expect("it opens");
    let container = containers(&store).await.remove(0);
    for (name, length) in [("new", 3_000), ("short", 70_000)] {
        let path = container.blob(greenroom_model::BlobName::new(name).expect("a good name"));
        let body = body(&store, &content(1, length)).await;
        store.put_blob(&path, BlobDraft::default(), body, &Precondition::default()).await.expect("written");
    }
    close(store).await;
    let rewritten = disk.open(&Path::new(DIR).join(KEPT[0]), Mode::WriteOrCreate).expect("a file");
    rewritten.write_at(0, b"declared anew").expect("written");
}

async fn all(disk: &SimDisk) -> Content {
    let store = open(disk).await.expect("it opens");
    let mut all = Content::new();
    for container in containers(&store).await {
        let query = ListQuery { max: LIST_MAX, ..ListQuery::default() };
        let page = store.list_blobs(&container, &query).await.expect("a list");
        for entry in page.entries {
            let Entry::Blob(name, _) = entry else { continue };
            let path = container.blob(name);
            let content = match read(&store, &path).await {
                Ok(content) => Some(content),
                // In the cloud, or sealed: nobody has a key here.
                Err(StoreError::Away(_) | StoreError::KeyAway(_)) => None,
                Err(error) => panic!("{path}: {error}"),
            };
            all.insert(path.to_string(), content);
        }
    }
    close(store).await;
    all
}

async fn containers(store: &Store) -> Vec<greenroom_model::ContainerPath> {
    let mut containers = Vec::new();
    for account in store.accounts() {
        let page = store.list_containers(&account.name, &ListQuery { max: LIST_MAX, ..ListQuery::default() }).await;
        for (name, _) in page.expect("a list").entries {
            containers.push(greenroom_model::ContainerPath { account: account.name.clone(), container: name });
        }
    }
    containers
}

async fn open(disk: &SimDisk) -> Result<Store> {
    let config = Config { catalog_cache_bytes: 1 << 20, ..Config::default() };
    Store::open_on(Arc::new(disk.clone()), Path::new(DIR), config, manual_clock()).await
}

async fn close(store: Store) {
    store.close().await.expect("it closes");
}

fn folder(disk: &SimDisk) -> Folder<'static> {
    Folder { disk: Arc::new(disk.clone()), dir: Path::new(DIR), kept: KEPT }
}

fn points(acts: u64) -> impl Iterator<Item = u64> {
    let stride = if std::env::var("GREENROOM_CRASH_POINTS").is_ok_and(|points| points == "all") { 1 } else { STRIDE };
    (1..=acts).step_by(stride as usize)
}

fn golden() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let files = std::fs::read_dir(folder).expect("the folders of older formats");
    let mut files: Vec<PathBuf> = files.map(|entry| entry.expect("an entry").path()).collect();
    // By number: 10 comes after 9.
    files.sort_by_key(|file| (file.as_os_str().len(), file.clone()));
    files
}

/// The data folder in a pack, as it is named here.
fn unpacked(packed: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let dir = tempfile::tempdir().expect("a folder");
    let status = Command::new("tar").arg("-xzf").arg(packed).arg("-C").arg(dir.path()).status();
    assert!(status.expect("tar runs").success());
    let (root, mut files) = (dir.path().join("node"), BTreeMap::new());
    for folder in ["", "catalog", "extents"] {
        for entry in std::fs::read_dir(root.join(folder)).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_file() {
                let name = path.strip_prefix(&root).expect("below it");
                files.insert(Path::new(DIR).join(name), std::fs::read(&path).expect("a file"));
            }
        }
    }
    files
}

fn on_disk(files: &BTreeMap<PathBuf, Vec<u8>>) -> SimDisk {
    let disk = SimDisk::new(Fate::Sound);
    for (path, content) in files {
        let file = disk.open(path, Mode::Create).expect("a file");
        file.write_at(0, content).expect("written");
        file.sync().expect("synced");
        disk.sync_dir(path.parent().expect("a folder")).expect("synced");
    }
    disk
}
