//! A small volume with a bit of everything, as objects that can be damaged, and what a rebuild makes of it.

use super::cloud::Faulty;
use super::flash::SimFlash;
use super::keys::{Asked, SEALED_TENANT};
use super::{GRACE, Life, ROOT, World, lock, retry};
use bytes::Bytes;
use futures::TryStreamExt;
use greenroom_offload::format::footer::{Key, Named, Place};
use greenroom_offload::gc::{Costs, Grace, Limits, mark, victims};
use greenroom_offload::offload::{Offload, Then};
use greenroom_offload::pack::Leaving;
use greenroom_offload::rebuild::{Report, Restore, rebuild};
use greenroom_offload::recall::Settings;
use greenroom_offload::{Cloud, FlashError, Identity, Result};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

pub type Objects = BTreeMap<String, Bytes>;
pub type Engine = Offload<SimFlash>;

/// What a rebuild brought back.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Found(pub BTreeMap<Key, (String, Bytes)>, pub BTreeMap<Key, Place>);

impl Restore for Found {
    async fn restore(
        &mut self,
        named: Named,
        place: Place,
        content: futures::stream::BoxStream<'static, Result<Bytes>>,
    ) -> Result<(), FlashError> {
        let content = content.try_collect::<Vec<_>>().await?.concat();
        self.1.insert(named.key.clone(), place);
        self.0.insert(named.key, (named.about.etag, content.into()));
        Ok(())
    }
}

pub async fn open(life: &Arc<Life>) -> Engine {
    let bytes = |seed: u8| [seed; 16];
    let identity = Identity { writer: bytes(life.world.below(256) as u8), volume: bytes(4), id_key: [7; 32] };
    // The catalog of the model fails now and then.
    loop {
        let cloud = Faulty::cloud(life);
        let (flash, keys) = (Arc::new(SimFlash(life.clone())), life.world.asked());
        if let Ok(engine) = Offload::open(flash, cloud, keys, &identity, life.world.now()).await {
            return engine;
        }
    }
}

/// Blobs come, change, go and are packed anew, over two checkpoints and more; a few of them borrow from each other.
pub async fn furnish(world: &Arc<World>) {
    let life = Life::new(world, u64::MAX);
    let mut engine = open(&life).await;
    for round in 0..ROUNDS {
        client(world, round);
        let leaving = leaving(world);
        let _ = engine.offload(leaving, Then::Free, world.now()).await;
        if round % 5 == 4 {
            let _ = engine.release(world.now()).await;
        }
        if round % 12 == 7 {
            compact(world, &engine).await;
            world.now.fetch_add(GRACE.as_micros() as u64 + 1, SeqCst);
        }
        if round % 40 == 39 {
            // Another epoch.
            engine = open(&life).await;
        }
    }
    while !leaving(world).is_empty() || !lock(&world.disk).releases.is_empty() {
        let _ = engine.offload(leaving(world), Then::Free, world.now()).await;
    }
}

const ROUNDS: u64 = 78;

async fn compact(world: &World, engine: &Engine) {
    let Ok(usage) = mark(engine.volume().cloud(), &engine.volume().state()).await else { return };
    let costs = Costs { get: 0.0, put: 0.0, ..Costs::default() };
    let victims = victims(&usage, &BTreeSet::new(), &costs, &Limits { live_percent_max: 60, ..Limits::default() });
    let _ = engine.compact(&victims, world.now()).await;
    let _ = engine.collect(Grace(GRACE), world.now()).await;
}

fn client(world: &World, round: u64) {
    let large = |seed: u64, length: usize| {
        let mut bytes = vec![0; length];
        blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
        bytes
    };
    let mut disk = lock(&world.disk);
    for step in 0..2 {
        let number = world.below(40);
        let snapshot = number.is_multiple_of(9).then(|| format!("2026-01-{:02}T00:00:00.0000000Z", round % 28 + 1));
        // One of four is of a tenant with a key.
        let tenant = if number % 4 == 1 { SEALED_TENANT } else { "gold" };
        let key = Key { tenant: tenant.into(), ..key(&format!("blob {number}"), snapshot) };
        match world.below(10) {
            0..=6 => {
                let line = format!("{number} in round {round} and step {step}\n");
                disk.put(key, line.repeat(1 + world.below(40) as usize).into());
            }
            7 => disk.describe(&key),
            _ => disk.delete(&key),
        }
    }
    // Versions of a large one, which share chunks.
    if round % 15 == 3 {
        let mut bytes = large(1, 700_000);
        bytes.extend_from_slice(&large(round, 40_000));
        disk.put(key(&format!("large {}", round / 15 % 3), None), bytes.into());
    }
}

fn key(name: &str, snapshot: Option<String>) -> Key {
    Key { tenant: "gold".into(), account: "gold".into(), container: "in".into(), name: name.into(), snapshot }
}

pub fn leaving(world: &World) -> Vec<Leaving> {
    let rows = lock(&world.disk).rows.clone();
    let on_flash = rows.into_iter().filter(|(_, row)| row.content.is_some() && row.place.is_none());
    on_flash.map(|(key, row)| Leaving { key, etag: row.about.etag }).collect()
}

/// Every object, by its name below the volume's folder.
pub async fn objects(store: &InMemory) -> Objects {
    let metas: Vec<_> = store.list(Some(&Path::from(ROOT))).try_collect().await.expect("a list");
    let mut objects = Objects::new();
    for meta in metas {
        let bytes = store.get(&meta.location).await.expect("an object").bytes().await.expect("its bytes");
        let name = meta.location.as_ref().strip_prefix(ROOT).expect("below the root");
        objects.insert(name.trim_start_matches('/').to_owned(), bytes);
    }
    objects
}

pub async fn cloud(objects: &Objects) -> (InMemory, Cloud) {
    let store = InMemory::new();
    for (name, bytes) in objects {
        let path = Path::from(format!("{ROOT}/{name}"));
        store.put(&path, bytes.clone().into()).await.expect("written");
    }
    let cloud = Cloud::new(Arc::new(store.clone()), Path::from(ROOT), retry());
    (store, cloud)
}

pub async fn rebuilt(objects: &Objects) -> Result<(Found, Report)> {
    let mut found = Found::default();
    let keys = Arc::new(Asked(Arc::default()));
    let report = rebuild(&cloud(objects).await.1, Settings::default(), keys, &mut found).await?;
    Ok((found, report))
}
