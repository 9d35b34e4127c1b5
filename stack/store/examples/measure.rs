//! Measures a store on the disk at hand: `cargo run --release -p greenroom-store --example measure -- DIR [os]`.
//! DIR should not exist yet; it is left for a look at it, and may then be removed.

use bytes::Bytes;
use futures::TryStreamExt;
use greenroom_model::{AccountName, BlobName, BlobPath, ContainerName, ContainerPath, TenantName};
use greenroom_store::*;
use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

type Outcome<T = ()> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

const TASKS: u64 = 32;
const SMALL_BLOBS: u64 = 100_000;
const LARGE_BYTES: u64 = 1 << 30;
const CHUNK_BYTES: usize = 64 << 10;

#[tokio::main]
async fn main() -> Outcome {
    let mut arguments = std::env::args().skip(1);
    let dir = PathBuf::from(arguments.next().ok_or("usage: measure DIR [os]")?);
    let durability = if arguments.next().is_some() { Durability::Os } else { Durability::Disk };
    let config = Config { durability, ..Config::default() };
    let store = Store::open(&dir, config.clone(), Arc::new(SystemClock)).await?;
    let container = prepare(&store).await?;
    println!("durability {durability:?}, {TASKS} tasks");
    for bytes in [4 << 10, 64 << 10] {
        put_small(&store, &container, bytes, SMALL_BLOBS / (bytes as u64 >> 12)).await?;
    }
    get_small(&store, &container).await?;
    list(&store, &container).await?;
    for streams in [1, 4] {
        put_large(&store, &container, streams).await?;
        get_large(&store, &container, streams).await?;
    }
    let catalog = dir.join("catalog/catalog.redb").metadata()?.len();
    println!("catalog {} MiB, flash used {} MiB", catalog >> 20, store.usage().flash_used_bytes >> 20);
    store.close().await?;
    drop(store);
    let begun = Instant::now();
    Store::open(&dir, config, Arc::new(SystemClock)).await?;
    println!("open again: {:.0} ms", begun.elapsed().as_secs_f64() * 1e3);
    Ok(())
}

async fn prepare(store: &Store) -> Outcome<ContainerPath> {
    let (tenant, name) = (TenantName::new("measured")?, AccountName::new("measured")?);
    store.put_tenant(tenant.clone()).await?;
    let key = AccountKey::new([0; 64]);
    store.put_account(AccountRecord::new(name.clone(), tenant, key)).await?;
    let container = ContainerPath { account: name, container: ContainerName::new("measured")? };
    store.create_container(&container, Metadata::new()).await?;
    Ok(container)
}

fn small(container: &ContainerPath, bytes: usize, number: u64) -> Outcome<BlobPath> {
    // Spread over a hundred folders, as a tree of files is.
    Ok(container.blob(BlobName::new(format!("small-{bytes}/{:02}/{number:08}", number % 100))?))
}

async fn put(store: &Store, path: &BlobPath, content: Bytes, times: u64) -> Outcome {
    let mut writer = store.begin_body(Some(content.len() as u64 * times))?;
    for _ in 0..times {
        writer.write(content.clone()).await?;
    }
    let body = writer.finish().await?;
    store.put_blob(path, BlobDraft::default(), body, &Precondition::default()).await?;
    Ok(())
}

/// Runs the tasks and prints their rate and, of all operations, the times that half and 99 of 100 stayed below.
async fn run<F>(what: &str, task: impl Fn(u64) -> F) -> Outcome
where
    F: Future<Output = Outcome<Vec<f64>>> + Send + 'static,
{
    let begun = Instant::now();
    let tasks = futures::future::try_join_all((0..TASKS).map(|number| tokio::spawn(task(number)))).await?;
    let seconds = begun.elapsed().as_secs_f64();
    let times: Outcome<Vec<Vec<f64>>> = tasks.into_iter().collect();
    let mut times = times?.concat();
    times.sort_by(f64::total_cmp);
    let (half, most) = (times[times.len() / 2] * 1e3, times[times.len() * 99 / 100] * 1e3);
    println!("{what}: {:.0}/s, p50 {half:.2} ms, p99 {most:.2} ms", times.len() as f64 / seconds);
    Ok(())
}

async fn put_small(store: &Store, container: &ContainerPath, bytes: usize, count: u64) -> Outcome {
    run(&format!("put {} KiB", bytes >> 10), |task| {
        let (store, container) = (store.clone(), container.clone());
        async move {
            let content = Bytes::from(vec![task as u8; bytes]);
            let mut times = Vec::new();
            for number in (task..count).step_by(TASKS as usize) {
                let begun = Instant::now();
                put(&store, &small(&container, bytes, number)?, content.clone(), 1).await?;
                times.push(begun.elapsed().as_secs_f64());
            }
            Ok(times)
        }
    })
    .await
}

async fn get_small(store: &Store, container: &ContainerPath) -> Outcome {
    for bytes in [4 << 10, 64 << 10] {
        let count = SMALL_BLOBS / (bytes as u64 >> 12);
        run(&format!("get {} KiB", bytes >> 10), |task| {
            let (store, container) = (store.clone(), container.clone());
            async move {
                let mut times = Vec::new();
                for number in (task..count).step_by(TASKS as usize) {
                    let begun = Instant::now();
                    let blob = store.blob(&small(&container, bytes, number)?).await?;
                    let read: Vec<Bytes> = blob.read(0..u64::MAX)?.try_collect().await?;
                    assert_eq!(read.iter().map(Bytes::len).sum::<usize>(), bytes);
                    times.push(begun.elapsed().as_secs_f64());
                }
                Ok(times)
            }
        })
        .await?;
    }
    Ok(())
}

async fn list(store: &Store, container: &ContainerPath) -> Outcome {
    for delimiter in [None, Some("/".to_owned())] {
        let begun = Instant::now();
        let prefix = if delimiter.is_some() { "small-4096/" } else { "" }.to_owned();
        let mut query = ListQuery { prefix, delimiter: delimiter.clone(), ..ListQuery::default() };
        let mut entries = 0;
        loop {
            let page = store.list_blobs(container, &query).await?;
            entries += page.entries.len();
            query.after = page.next;
            if query.after.is_none() {
                break;
            }
        }
        let ms = begun.elapsed().as_secs_f64() * 1e3;
        println!("list with delimiter {delimiter:?}: {entries} entries in {ms:.1} ms");
    }
    Ok(())
}

async fn put_large(store: &Store, container: &ContainerPath, streams: u64) -> Outcome {
    let begun = Instant::now();
    let tasks = (0..streams).map(|number| {
        let (store, container) = (store.clone(), container.clone());
        tokio::spawn(async move {
            let path = container.blob(BlobName::new(format!("large-{number}"))?);
            let content = Bytes::from(vec![number as u8; CHUNK_BYTES]);
            put(&store, &path, content, LARGE_BYTES / streams / CHUNK_BYTES as u64).await
        })
    });
    futures::future::try_join_all(tasks).await?.into_iter().collect::<Outcome>()?;
    println!("put 1 GiB in {streams} streams: {:.0} MB/s", LARGE_BYTES as f64 / begun.elapsed().as_secs_f64() / 1e6);
    Ok(())
}

async fn get_large(store: &Store, container: &ContainerPath, streams: u64) -> Outcome {
    let begun = Instant::now();
    let tasks = (0..streams).map(|number| {
        let (store, container) = (store.clone(), container.clone());
        tokio::spawn(async move {
            let path = container.blob(BlobName::new(format!("large-{number}"))?);
            let read = store.blob(&path).await?.read(0..u64::MAX)?;
            let bytes = read.try_fold(0, async |sum, bytes: Bytes| Ok(sum + bytes.len() as u64)).await?;
            assert_eq!(bytes, LARGE_BYTES / streams);
            Outcome::Ok(())
        })
    });
    futures::future::try_join_all(tasks).await?.into_iter().collect::<Outcome>()?;
    println!("get 1 GiB in {streams} streams: {:.0} MB/s", LARGE_BYTES as f64 / begun.elapsed().as_secs_f64() / 1e6);
    Ok(())
}
