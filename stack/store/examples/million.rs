//! How writing, reading, listing, opening and memory grow with the number of blobs:
//! `cargo run --release -p greenroom-store --example million -- DIR [BLOBS]`, 1,000,000 unless told otherwise.
//! DIR should not exist yet; it is left for a look at it, and may then be removed. Run with `DIR reopen` it only opens what is there.
//! One line a size, in the order of `HEAD`; `cargo xtask bench growth` reads them.

use bytes::Bytes;
use futures::TryStreamExt;
use greenroom_model::{AccountName, BlobName, ContainerName, ContainerPath, TenantName};
use greenroom_store::*;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

type Outcome<T = ()> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

const TASKS: u64 = 256;
const FOLDERS: u64 = 100;
/// Pages timed at each size, of which the median counts.
const PAGES: usize = 15;
/// Reads of one blob after the other, of which the median counts.
const READS: usize = 2_000;
const CONTENT: &[u8] = &[7; 64];
const HEAD: &str = "blobs puts_per_s get_us page_ms middle_page_ms prefix_page_ms folders_ms folders_in_prefix_ms catalog_mib memory_mib";

#[tokio::main]
async fn main() -> Outcome {
    let mut arguments = std::env::args().skip(1);
    let dir = PathBuf::from(arguments.next().ok_or("usage: million DIR [BLOBS | reopen]")?);
    let what = arguments.next();
    let begun = Instant::now();
    let store = Store::open(&dir, Config::default(), Arc::new(SystemClock)).await?;
    println!("open_ms {:.1} memory_mib {}", begun.elapsed().as_secs_f64() * 1e3, memory_mib());
    if what.as_deref() == Some("reopen") {
        let container = container()?;
        let begun = Instant::now();
        store.list_blobs(&container, &ListQuery::default()).await?;
        println!("first_page_ms {:.1}", begun.elapsed().as_secs_f64() * 1e3);
        return Ok(());
    }
    let max = what.map_or(Ok(1_000_000), |blobs| blobs.parse())?;
    let container = prepare(&store).await?;
    let mut blobs = 0;
    println!("{HEAD}");
    for size in [1_000, 10_000, 100_000, 1_000_000, 10_000_000].into_iter().take_while(|size| *size <= max) {
        let begun = Instant::now();
        fill(&store, &container, blobs..size).await?;
        let rate = (size - blobs) as f64 / begun.elapsed().as_secs_f64();
        blobs = size;
        let middle = Some(name(FOLDERS / 2 * 7 % FOLDERS, size / 2));
        let folders = Some("/".to_owned());
        let prefix = "folder-42/".to_owned();
        let queries = [
            ListQuery::default(),
            ListQuery { after: middle, ..ListQuery::default() },
            ListQuery { prefix: prefix.clone(), ..ListQuery::default() },
            ListQuery { delimiter: folders.clone(), ..ListQuery::default() },
            ListQuery { prefix, delimiter: folders, ..ListQuery::default() },
        ];
        let get_us = get_us(&store, &container, size).await?;
        let mut times = Vec::new();
        for query in &queries {
            times.push(format!("{:.3}", page_ms(&store, &container, query).await?));
        }
        println!("{size} {rate:.0} {get_us:.1} {} {} {}", times.join(" "), catalog_mib(&dir)?, memory_mib());
    }
    // As kill -9 would end it: nothing is closed, and `reopen` has to recover.
    std::process::exit(0);
}

fn container() -> Outcome<ContainerPath> {
    Ok(ContainerPath { account: AccountName::new("measured")?, container: ContainerName::new("measured")? })
}

async fn prepare(store: &Store) -> Outcome<ContainerPath> {
    let (tenant, container) = (TenantName::new("measured")?, container()?);
    store.put_tenant(tenant.clone()).await?;
    let key = AccountKey::new([0; 64]);
    store.put_account(AccountRecord::new(container.account.clone(), tenant, key)).await?;
    store.create_container(&container, Metadata::new()).await?;
    Ok(container)
}

fn name(folder: u64, number: u64) -> String {
    format!("folder-{folder:02}/blob-{number:08}.jpg")
}

/// Small blobs: it is the catalog that grows.
async fn fill(store: &Store, container: &ContainerPath, numbers: std::ops::Range<u64>) -> Outcome {
    let tasks = (0..TASKS).map(|task| {
        let (store, container, numbers) = (store.clone(), container.clone(), numbers.clone());
        tokio::spawn(async move {
            for number in numbers.skip(task as usize).step_by(TASKS as usize) {
                let path = container.blob(BlobName::new(name(number * 7 % FOLDERS, number))?);
                let mut writer = store.begin_body(Some(CONTENT.len() as u64))?;
                writer.write(Bytes::from_static(CONTENT)).await?;
                let body = writer.finish().await?;
                store.put_blob(&path, BlobDraft::default(), body, &Precondition::default()).await?;
            }
            Ok::<_, Box<dyn Error + Send + Sync>>(())
        })
    });
    for task in futures::future::join_all(tasks).await {
        task??;
    }
    Ok(())
}

/// One blob after the other, all over the container.
async fn get_us(store: &Store, container: &ContainerPath, blobs: u64) -> Outcome<f64> {
    let mut times = Vec::with_capacity(READS);
    for read in 0..READS as u64 {
        // A large odd step visits them in no order that the catalog would know.
        let number = read * 999_983 % blobs;
        let path = container.blob(BlobName::new(name(number * 7 % FOLDERS, number))?);
        let begun = Instant::now();
        let content: Vec<Bytes> = store.blob(&path).await?.read(0..u64::MAX)?.try_collect().await?;
        times.push(begun.elapsed().as_secs_f64() * 1e6);
        assert_eq!(content.concat(), CONTENT);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[READS / 2])
}

async fn page_ms(store: &Store, container: &ContainerPath, query: &ListQuery) -> Outcome<f64> {
    let mut times = Vec::with_capacity(PAGES);
    for _ in 0..PAGES {
        let begun = Instant::now();
        store.list_blobs(container, query).await?;
        times.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[PAGES / 2])
}

fn catalog_mib(dir: &Path) -> Outcome<u64> {
    Ok(dir.join("catalog/catalog.redb").metadata()?.len() >> 20)
}

/// Resident, where the system says so.
fn memory_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.trim().split(' ').next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) >> 10
}
