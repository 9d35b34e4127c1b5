//! Every object of a small volume is in turn removed, cut, bent, and given the bytes of another: what a rebuild says is what is there.

mod support;

use bytes::Bytes;
use greenroom_offload::adopt::adopt;
use greenroom_offload::format::footer::{Key, Part};
use greenroom_offload::format::segment;
use greenroom_offload::gc::Grace;
use greenroom_offload::log::{self, Instead, Manifest};
use greenroom_offload::mend::mend;
use greenroom_offload::offload::Then;
use greenroom_offload::rebuild::{Loss, Report};
use greenroom_offload::{Error, Hash, Identity};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use support::flash::SimFlash;
use support::lies::Lying;
use support::volume::{Found, Objects, cloud, furnish, leaving, objects as all_of, rebuilt};
use support::{GRACE, Life, Row, World, lock};

/// The volume whole, and what is in it.
struct Sound {
    world: Arc<World>,
    objects: Objects,
    truth: BTreeMap<Key, (String, Bytes)>,
    last: u64,
    checkpoint: u64,
}

async fn sound() -> Sound {
    let world = World::new(11, Lying::No);
    furnish(&world).await;
    let objects = all_of(&world.inner).await;
    let (Found(truth, _), report) = rebuilt(&objects).await.expect("rebuilds");
    assert!(report.is_clean(), "{report:?}");
    let promised = lock(&world.disk).promised.clone();
    let told = |(key, (_, content)): (&Key, &(String, Bytes))| (key.clone(), content.clone());
    assert_eq!(truth.iter().map(told).collect::<BTreeMap<_, _>>(), promised, "all of it is in the cloud");
    assert!(promised.len() >= 20, "{} blobs", promised.len());
    let number = |folder: &str| {
        let last = objects.keys().rfind(|name| name.starts_with(folder)).expect("there is one");
        last[folder.len()..folder.len() + 20].parse().expect("a number")
    };
    let (last, checkpoint) = (number("log/"), number("ckpt/"));
    assert!(checkpoint >= 64 && last > checkpoint + 8, "{checkpoint} {last}");
    let borrows = |bytes: &Bytes| segment::verify(bytes, "x").is_ok_and(|footer| !footer.borrowed.is_empty());
    assert!(of(&objects, "seg/").any(|name| borrows(&objects[name])), "none borrows");
    let segments = of(&objects, "seg/").count();
    println!("{last} manifests, a checkpoint of {checkpoint}, {segments} segments, {} blobs", truth.len());
    Sound { world, objects, truth, last, checkpoint }
}

fn of<'o>(objects: &'o Objects, folder: &'static str) -> impl Iterator<Item = &'o String> {
    objects.keys().filter(move |name| name.starts_with(folder))
}

/// How many ways to damage an object are tried: all of them on each object take long.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ways {
    All,
    Three,
}

/// All ways for one object of each few.
fn ways(number: usize) -> Ways {
    if number.is_multiple_of(8) { Ways::All } else { Ways::Three }
}

/// Each way to damage an object, the other bytes being those of one of its kind.
fn damages(objects: &Objects, name: &str, ways: Ways) -> Vec<(&'static str, Objects)> {
    let other = neighbour(objects, name);
    let bytes = objects[name].clone();
    let with = |bytes: Option<Bytes>| {
        let mut damaged = objects.clone();
        match bytes {
            Some(bytes) => damaged.insert(name.to_owned(), bytes),
            None => damaged.remove(name),
        };
        damaged
    };
    let bent = |at: usize| {
        let mut bent = bytes.to_vec();
        bent[at] ^= 4;
        Some(bent.into())
    };
    let three =
        [("removed", None), ("bent in its middle", bent(bytes.len() / 2)), ("another", Some(objects[other].clone()))];
    let more = [
        ("empty", Some(Bytes::new())),
        ("cut", Some(bytes.slice(..bytes.len() / 2))),
        ("short by a byte", Some(bytes.slice(..bytes.len() - 1))),
        ("bent at its beginning", bent(9)),
        ("bent at its end", bent(bytes.len() - 1)),
    ];
    let more = more.into_iter().filter(|_| ways == Ways::All);
    three.into_iter().chain(more).map(|(how, bytes)| (how, with(bytes))).collect()
}

/// The one before it of its kind, or the one after.
fn neighbour<'o>(objects: &'o Objects, name: &str) -> &'o str {
    let folder = name.split('/').next().expect("a folder");
    let same = |other: &&String| other.starts_with(folder) && other.ends_with(&name[name.len() - 4..]);
    let before = objects.keys().rev().skip_while(|other| other.as_str() >= name).find(same);
    let after = objects.keys().skip_while(|other| other.as_str() <= name).find(same);
    let other = if name == "HEAD" { "FORMAT" } else { "HEAD" };
    before.or(after).map_or(other, String::as_str)
}

fn names(report: &Report, name: &str) -> bool {
    report.faults.iter().any(|fault| fault.object == name)
}

#[tokio::test(start_paused = true)]
async fn one_manifest_or_checkpoint_that_is_damaged_costs_nothing_and_is_named() {
    let Sound { objects, truth, last, .. } = sound().await;
    let whole = log::load(&cloud(&objects).await.1).await.expect("loads");
    assert_eq!(whole.number, last);
    let names_of = |folder| of(&objects, folder).cloned().collect::<Vec<_>>();
    let all = ["log/", "copy/", "ckpt/", "HEAD", "FORMAT"].into_iter().flat_map(names_of);
    for (number, name) in all.enumerate() {
        let ways = if name.ends_with(".man") { ways(number) } else { Ways::All };
        for (how, damaged) in damages(&objects, &name, ways) {
            let (Found(found, _), report) = rebuilt(&damaged).await.expect("rebuilds");
            let context = format!("{name} {how}: {:?}", report.faults);
            assert!(found == truth, "{context}");
            assert!(report.losses.is_empty() && report.uncertain.objects == 0 && report.gap.is_none(), "{context}");
            // A copy that was never written, and a hint that is none.
            let may_be_missing = how == "removed" && (name.starts_with("copy/") || name == "HEAD");
            assert_eq!(report.is_clean(), may_be_missing, "{context}");
            assert_eq!(names(&report, &name), !may_be_missing, "{context}");
            let loaded = log::load(&cloud(&damaged).await.1).await.expect("goes on");
            assert!(loaded == whole, "{context}");
        }
    }
}

/// What is back is what was there, or is told as uncertain; what is not back is told as lost.
fn check_gap(context: &str, truth: &BTreeMap<Key, (String, Bytes)>, found: &Found, report: &Report) {
    assert!(!report.is_clean(), "{context}");
    for loss in &report.losses {
        // What was removed rightly, and nobody knows any more.
        match loss {
            Loss::Blob { key, error: Error::Missing(_), .. } => assert!(!truth.contains_key(key), "{context}: {key}"),
            Loss::Segment { error: Error::Missing(_), .. } => {}
            loss => panic!("{context}: {loss:?}"),
        }
    }
    for (key, expected) in truth {
        assert!(found.0.get(key) == Some(expected), "{context}: {key} is not back as it was");
    }
    assert_eq!(report.uncertain.keys.len() as u64, report.uncertain.objects, "{context}");
    for key in found.0.keys().filter(|key| !truth.contains_key(key)) {
        assert!(report.uncertain.keys.contains(key), "{context}: {key} was deleted, and is told as certain");
    }
}

#[tokio::test(start_paused = true)]
async fn a_manifest_that_is_lost_with_its_copy_is_made_up_for_or_what_is_in_doubt_is_told() {
    let sound = sound().await;
    let Sound { objects, truth, last, checkpoint, .. } = &sound;
    let mut resurrected = 0;
    for number in 1..=*last {
        let (name, copy) = (format!("log/{number:020}.man"), format!("copy/{number:020}.man"));
        let context = format!("manifest {number}");
        let mut damaged = objects.clone();
        damaged.remove(&copy);
        for (how, damaged) in damages(&damaged, &name, ways(number as usize)) {
            let context = format!("{context} {how}");
            if how == "removed" && number == *last {
                // Without a witness nobody can know that it was there, unless a segment that it added tells.
                let manifest = Manifest::decode(&objects[&name], &name).expect("a manifest");
                let (_, report) = rebuilt(&damaged).await.expect("rebuilds");
                assert_eq!(report.is_clean(), manifest.change.add.is_empty(), "{context}: {report:?}");
                continue;
            }
            let (found, report) = rebuilt(&damaged).await.expect("rebuilds");
            let fault = report.faults.iter().find(|fault| fault.object == name);
            let instead = fault.unwrap_or_else(|| panic!("{context}: {:?}", report.faults)).instead;
            let loaded = log::load(&cloud(&damaged).await.1).await;
            if number <= *checkpoint {
                assert_eq!(instead, Instead::Checkpoint(*checkpoint), "{context}");
                assert!(found.0 == *truth && report.uncertain.objects == 0, "{context}");
                assert!(loaded.is_ok(), "{context}");
            } else {
                assert_eq!(instead, Instead::Nothing, "{context}");
                check_gap(&context, truth, &found, &report);
                assert!(matches!(loaded, Err(Error::Log(_) | Error::Damaged { .. })), "{context}: {loaded:?}");
                resurrected += found.0.len() - truth.len();
            }
        }
    }
    assert!(resurrected > 0, "no death was lost: the test shows little");
}

#[tokio::test(start_paused = true)]
async fn without_any_manifest_the_segments_tell_what_there_is() {
    let Sound { objects, truth, .. } = sound().await;
    let without = |folders: &[&str]| -> Objects {
        let kept = objects.iter().filter(|(name, _)| !folders.iter().any(|folder| name.starts_with(folder)));
        kept.map(|(name, bytes)| (name.clone(), bytes.clone())).collect()
    };
    for folders in [
        &["log/"][..],
        &["log/", "copy/"],
        &["log/", "ckpt/"],
        &["log/", "copy/", "ckpt/"],
        &["log/", "copy/", "ckpt/", "HEAD"],
    ] {
        let (found, report) = rebuilt(&without(folders)).await.expect("rebuilds");
        if folders.contains(&"copy/") {
            check_gap(&format!("without {folders:?}"), &truth, &found, &report);
            assert!(report.gap.is_some(), "{folders:?}");
        } else {
            assert!(found.0 == truth && report.uncertain.objects == 0 && !report.is_clean(), "{folders:?}");
        }
    }
    let bent = |bytes: &Bytes| Bytes::from(bytes.iter().map(|byte| byte ^ 1).collect::<Vec<u8>>());
    let all_bent = objects.iter().map(|(name, bytes)| match name.ends_with(".man") {
        true => (name.clone(), bent(bytes)),
        false => (name.clone(), bytes.clone()),
    });
    let (found, report) = rebuilt(&all_bent.collect()).await.expect("rebuilds");
    check_gap("all manifests bent", &truth, &found, &report);
    // Without the key of the volume nothing can be told from what is not.
    let lost = rebuilt(&without(&["FORMAT", "copy/FORMAT"])).await;
    assert!(matches!(lost, Err(Error::Missing(_))), "{:?}", lost.map(|(_, report)| report));
}

/// Segments that a blob's content lies in, and the part of each that it needs.
fn needs(objects: &Objects, found: &Found) -> BTreeMap<Key, Vec<(Hash, std::ops::Range<u64>)>> {
    let footers: BTreeMap<Hash, _> = of(objects, "seg/")
        .map(|name| {
            let hash = name[7..71].parse().expect("a hash");
            (hash, segment::verify(&objects[name], name).expect("whole"))
        })
        .collect();
    let need = |(key, place): (&Key, &greenroom_offload::format::footer::Place)| {
        let footer = &footers[&place.segment];
        let chunk = |part: &Part| {
            let (lender, _, entry) = footer.chunk(part).expect("a chunk");
            (lender.unwrap_or(place.segment), entry.offset..entry.end())
        };
        (key.clone(), footer.recipes[place.recipe as usize].parts.iter().map(chunk).collect())
    };
    found.1.iter().map(need).collect()
}

#[tokio::test(start_paused = true)]
async fn a_damaged_segment_costs_what_is_in_it_and_each_blob_of_it_is_told() {
    let Sound { objects, truth, .. } = sound().await;
    let (whole, _) = rebuilt(&objects).await.expect("rebuilds");
    let needs = needs(&objects, &whole);
    let (mut lost_by_name, mut lost_by_count) = (0, 0);
    for name in of(&objects, "seg/").cloned().collect::<Vec<_>>() {
        let hash: Hash = name[7..71].parse().expect("a hash");
        for (how, damaged) in damages(&objects, &name, Ways::All) {
            let (found, report) = rebuilt(&damaged).await.expect("rebuilds");
            let context = format!("{name} {how}: {:?}", report.losses);
            assert!(report.uncertain.objects == 0 && report.unfinished.is_empty(), "{context}");
            let (mut named, mut counted) = (BTreeSet::new(), 0);
            for loss in &report.losses {
                match loss {
                    Loss::Blob { key, .. } => assert!(named.insert(key.clone()), "{context}"),
                    Loss::Segment { segment, recipes, .. } => {
                        assert_eq!(*segment, hash, "{context}");
                        counted += recipes.expect("the log says how many") as usize;
                    }
                }
            }
            for (key, content) in &found.0 {
                assert!(truth.get(key) == Some(content), "{context}: {key} is back as something else");
            }
            let gone: BTreeSet<_> = truth.keys().filter(|key| !found.0.contains_key(key)).cloned().collect();
            assert!(named.iter().all(|key| gone.contains(key)), "{context}: told as lost, and is not");
            let nameless: Vec<_> = gone.difference(&named).collect();
            assert_eq!(nameless.len(), counted, "{context}: {nameless:?} are lost");
            assert!(nameless.iter().all(|key| whole.1[key].segment == hash), "{context}");
            assert!(named.iter().all(|key| needs[key].iter().any(|(segment, _)| *segment == hash)), "{context}");
            (lost_by_name, lost_by_count) = (lost_by_name + named.len(), lost_by_count + counted);
            if how == "removed" || how == "empty" {
                let needing = needs.iter().filter(|(_, needs)| needs.iter().any(|(segment, _)| *segment == hash));
                assert!(needing.clone().all(|(key, _)| gone.contains(key)), "{context}");
                assert_eq!(report.is_clean(), gone.is_empty(), "{context}");
            }
        }
    }
    assert!(lost_by_name > 0 && lost_by_count > 0, "the test shows little");
}

/// The volume goes on, over whatever was lost, and loses nothing more.
#[tokio::test(start_paused = true)]
async fn a_mended_volume_is_written_to_and_loses_nothing() {
    let Sound { world, objects, last, checkpoint, .. } = sound().await;
    let lost = |numbers: &[u64]| -> Objects {
        let lost = |name: &String| numbers.iter().any(|number| name.ends_with(&format!("{number:020}.man")));
        objects.iter().filter(|(name, _)| !lost(name)).map(|(name, bytes)| (name.clone(), bytes.clone())).collect()
    };
    let middle = (checkpoint + last) / 2;
    for numbers in [vec![middle], vec![checkpoint + 2, middle, last - 1], (1..=last).collect()] {
        let damaged = lost(&numbers);
        let (store, target) = cloud(&damaged).await;
        let (found, report) = rebuilt(&damaged).await.expect("rebuilds");
        let gap = report.gap.expect("a gap");
        let before = all_of(&store).await;
        let identity = |writer: u8| Identity { writer: [writer; 16], volume: [0; 16], id_key: [0; 32] };
        let (number, hash) = mend(&target, &gap, &identity(9), world.now()).await.expect("mends");
        let again = mend(&target, &gap, &identity(8), world.now()).await;
        assert!(matches!(again, Err(Error::Stale(_))), "what was found is out of date: {again:?}");
        let after = all_of(&store).await;
        assert!(before.iter().all(|(name, bytes)| name == "HEAD" || after.get(name) == Some(bytes)), "it only adds");

        // One that knows the volume from before may have on flash what the volume has lost: it concludes nothing from it.
        let old = World::with(32, Lying::No, store.clone());
        lock(&old.disk).known.number = 1;
        let life = Life::new(&old, u64::MAX);
        let refused = adopt(&SimFlash(life.clone()), &target, &*old.asked(), old.now()).await;
        assert!(matches!(&refused, Err(Error::Log(why)) if why.contains("mended")), "{refused:?}");

        // A folder with what was brought back goes on with it.
        let next = World::with(31, Lying::No, store.clone());
        {
            let mut disk = lock(&next.disk);
            disk.known.apply(number, hash);
            disk.last_etag = 100_000;
            for (key, (etag, content)) in &found.0 {
                let about = greenroom_offload::format::footer::About {
                    etag: etag.clone(),
                    length: content.len() as u64,
                    ..Default::default()
                };
                disk.rows.insert(key.clone(), Row { about, content: None, place: Some(found.1[key]) });
                disk.promised.insert(key.clone(), content.clone());
            }
        }
        *lock(&next.footers) = lock(&world.footers).clone();
        let life = Life::new(&next, u64::MAX);
        let engine = support::volume::open(&life).await;
        let names: Vec<Key> = found.0.keys().cloned().collect();
        for key in names.iter().step_by(3) {
            lock(&next.disk).delete(key);
        }
        for key in names.iter().skip(1).step_by(3) {
            lock(&next.disk).put(key.clone(), format!("{key} anew").into());
        }
        for _ in 0..6 {
            let _ = engine.offload(leaving(&next), Then::Free, next.now()).await;
            let _ = engine.collect(Grace(GRACE), next.now()).await;
            next.now.fetch_add(GRACE.as_micros() as u64 + 1, std::sync::atomic::Ordering::SeqCst);
        }
        assert_eq!(*lock(&next.broken), Vec::<String>::new());
        let (Found(found, _), report) = rebuilt(&all_of(&store).await).await.expect("rebuilds");
        let promised = lock(&next.disk).promised.clone();
        for (key, content) in &promised {
            assert!(found.get(key).is_some_and(|(_, found)| found == content), "{key} after {numbers:?}");
        }
        assert!(report.losses.is_empty() && report.uncertain.objects == 0 && report.gap.is_none(), "{report:?}");
        assert!(!report.is_clean(), "what was lost is told for ever");
    }
}

/// Volumes of before copies and hashes of footers: what they have of redundancy is their checkpoints.
#[tokio::test(start_paused = true)]
async fn a_volume_without_copies_is_read_and_its_gaps_are_told() {
    let Sound { objects, truth, last, checkpoint, .. } = sound().await;
    let old: Objects = objects
        .iter()
        .filter(|(name, _)| !name.starts_with("copy/"))
        .map(|(name, bytes)| (name.clone(), bytes.clone()))
        .collect();
    let (Found(found, _), report) = rebuilt(&old).await.expect("rebuilds");
    assert!(found == truth && report.is_clean(), "{report:?}");
    for number in checkpoint + 1..last {
        let mut damaged = old.clone();
        damaged.remove(&format!("log/{number:020}.man"));
        let (found, report) = rebuilt(&damaged).await.expect("rebuilds");
        check_gap(&format!("manifest {number}"), &truth, &found, &report);
    }
}
