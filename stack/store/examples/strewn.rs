//! Measures how long small puts wait while somebody takes snapshots of a page blob in as many runs as one may have:
//! `cargo run --release -p greenroom-store --example strewn -- DIR`.
//! DIR should not exist yet; it is left for a look at it, and may then be removed.

use bytes::Bytes;
use greenroom_model::{AccountName, BlobName, BlobPath, ContainerName, ContainerPath, TenantName};
use greenroom_store::*;
use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

type Outcome<T = ()> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

const RUNS: u64 = 250_000;
/// Runs that one write by reference adds, within Azure's 4 MiB.
const RUNS_A_WRITE: u64 = 4_096;
const ANY: PageSequence = PageSequence { at_most: None, below: None, equals: None };
const MEASURED: Duration = Duration::from_secs(20);

#[tokio::main]
async fn main() -> Outcome {
    let dir = PathBuf::from(std::env::args().nth(1).ok_or("usage: strewn DIR")?);
    let store = Store::open(&dir, Config::default(), Arc::new(SystemClock)).await?;
    let container = prepare(&store).await?;
    let disk = container.blob(BlobName::new("disk")?);
    strew(&store, &disk).await?;
    puts(&store, &container, "alone").await?;
    let stop = Arc::new(AtomicBool::new(false));
    let snapshots = tokio::spawn(snapshots(store.clone(), disk, stop.clone()));
    puts(&store, &container, "beside snapshots").await?;
    stop.store(true, Relaxed);
    let times = snapshots.await??;
    println!("{} snapshots of {RUNS} runs, {:.0} ms each", times.len(), mean(&times) * 1e3);
    Ok(store.close().await?)
}

async fn prepare(store: &Store) -> Outcome<ContainerPath> {
    let (tenant, name) = (TenantName::new("measured")?, AccountName::new("measured")?);
    store.put_tenant(tenant.clone()).await?;
    store.put_account(AccountRecord::new(name.clone(), tenant, AccountKey::new([0; 64]))).await?;
    let container = ContainerPath { account: name, container: ContainerName::new("measured")? };
    store.create_container(&container, Metadata::new()).await?;
    Ok(container)
}

/// Every other page, by reference to those that are there already.
async fn strew(store: &Store, disk: &BlobPath) -> Outcome {
    let none = Precondition::default();
    store.create_page_blob(disk, BlobDraft::default(), (2 * RUNS * PAGE_BYTES, 0), &none).await?;
    store.write_pages(disk, 0, body(store, PAGE_BYTES).await?, ANY, &none).await?;
    let mut runs = 1;
    while runs < RUNS {
        let more = runs.min(RUNS - runs).min(RUNS_A_WRITE);
        let source = store.blob(disk).await?.source();
        let range = 0..2 * more * PAGE_BYTES;
        store.write_pages_from(disk, (2 * runs * PAGE_BYTES, &Seal::Tenants), (&source, range), ANY, &none).await?;
        runs += more;
    }
    Ok(())
}

async fn body(store: &Store, bytes: u64) -> Outcome<Body> {
    let mut writer = store.begin_body(Some(bytes))?;
    writer.write(Bytes::from(vec![1; bytes as usize])).await?;
    Ok(writer.finish().await?)
}

/// One after the other.
async fn puts(store: &Store, container: &ContainerPath, when: &str) -> Outcome {
    let (begun, mut times) = (Instant::now(), Vec::new());
    while begun.elapsed() < MEASURED {
        let path = container.blob(BlobName::new(format!("small-{}", times.len()))?);
        let put = Instant::now();
        let body = body(store, 4 << 10).await?;
        store.put_blob(&path, BlobDraft::default(), body, &Precondition::default()).await?;
        times.push(put.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    let part = |of: f64| times[(times.len() as f64 * of) as usize] * 1e3;
    let (half, most, longest) = (part(0.5), part(0.99), times[times.len() - 1] * 1e3);
    println!("puts of 4 KiB {when}: {}, p50 {half:.2} ms, p99 {most:.1} ms, longest {longest:.1} ms", times.len());
    Ok(())
}

/// Takes one after the other, and discards it.
async fn snapshots(store: Store, disk: BlobPath, stop: Arc<AtomicBool>) -> Outcome<Vec<f64>> {
    let (mut times, none) = (Vec::new(), Precondition::default());
    while !stop.load(Relaxed) {
        let begun = Instant::now();
        let (at, _) = store.snapshot_blob(&disk, None, &none).await?;
        times.push(begun.elapsed().as_secs_f64());
        store.delete_snapshot(&disk, at, &none).await?;
    }
    Ok(times)
}

fn mean(times: &[f64]) -> f64 {
    times.iter().sum::<f64>() / times.len() as f64
}
