//! `rebuild`: the namespace from the cloud alone, into a data folder that no server uses.

use crate::args;
use crate::fault::Fault;
use crate::offload::homes::Homes;
use crate::offload::record;
use crate::offload::target::{Secret, Target};
use crate::offload::volume_id;
use bytes::Bytes;
use bytesize::ByteSize;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use greenroom_offload::flash::Place;
use greenroom_offload::format::footer::{Key, Recipe};
use greenroom_offload::rebuild::{Loss, Report, Restore, rebuild};
use greenroom_offload::recall::Settings;
use greenroom_offload::{Cloud, Error, FlashError, Retry, log};
use greenroom_store::{Config, Crc64, Described, Restored, Store, SystemClock};
use object_store::path::Path as ObjectPath;
use std::process::ExitCode;
use std::sync::Arc;

/// Something could not be had back.
const LOSSES: u8 = 3;
/// Rows that are held until they are written together.
const ROWS_AT_ONCE: usize = 2_000;

pub async fn run(args: &args::Rebuild) -> Result<ExitCode, Fault> {
    let secret = Secret::find(args.offload_secret_file.as_deref())?;
    let target = Target::open(&args.from, secret.as_ref())?;
    let failed = |error: Error| Fault::Rebuild { target: target.shown.clone(), why: error.to_string() };
    let root: ObjectPath = target.prefix.parts().chain(["v1".into(), args.offload_volume.as_str().into()]).collect();
    let cloud = Cloud::new(target.store.clone(), root, Retry::default());
    let format = log::load_format(&cloud).await.map_err(failed)?;
    let volume = volume_id(&format).map_err(failed)?;
    let store = Store::open(&args.data, Config::default(), Arc::new(SystemClock)).await?;
    let mut into = Restorer::new(store.clone(), args.verify);
    let report = rebuild(&cloud, Settings::default(), &mut into).await.map_err(failed)?;
    into.finish().await.map_err(|error| failed(error.into()))?;
    // Last: a folder that was rebuilt half is one that must be rebuilt.
    store.bind_cloud(volume, report.number, report.last.map(|last| last.0)).await?;
    store.close().await?;
    Ok(say(&into, &report))
}

fn say(into: &Restorer, report: &Report) -> ExitCode {
    for loss in &report.losses {
        match loss {
            Loss::Blob { key, error, .. } => println!("lost: {key}: {error}"),
            Loss::Segment { segment, recipes, error } => {
                println!("lost: {recipes} blobs of segment {segment}: {error}");
            }
        }
    }
    for lost in &into.lost {
        println!("lost: {lost}");
    }
    let losses = report.losses.len() + into.lost.len();
    let checked = match into.verify {
        args::Verifying::Content => "every byte was read and checked",
        args::Verifying::Names => "their content stays in the cloud and is read from there",
    };
    println!(
        "{} containers, {} blobs, {} snapshots, {}, in {:.1} s; {checked}: {losses} losses",
        into.homes.containers(),
        into.blobs,
        into.snapshots.len(),
        ByteSize(report.bytes),
        report.elapsed.as_secs_f64()
    );
    if !into.homes.new_accounts.is_empty() {
        let names: Vec<&str> = into.homes.new_accounts.iter().map(|name| name.as_str()).collect();
        println!("new keys for {}: keys are not kept in the cloud", names.join(", "));
    }
    if losses == 0 { ExitCode::SUCCESS } else { ExitCode::from(LOSSES) }
}

/// Puts rows into a store.
struct Restorer {
    store: Store,
    verify: args::Verifying,
    homes: Homes,
    waiting: Vec<Restored>,
    /// Until all blobs are there.
    snapshots: Vec<Restored>,
    blobs: u64,
    lost: Vec<String>,
}

impl Restorer {
    fn new(store: Store, verify: args::Verifying) -> Self {
        Self {
            store,
            verify,
            homes: Homes::default(),
            waiting: Vec::new(),
            snapshots: Vec::new(),
            blobs: 0,
            lost: Vec::new(),
        }
    }

    async fn flush(&mut self) -> Result<(), FlashError> {
        self.store.restore(std::mem::take(&mut self.waiting)).await?;
        Ok(())
    }

    async fn finish(&mut self) -> Result<(), FlashError> {
        self.flush().await?;
        for orphan in self.store.restore(self.snapshots.clone()).await? {
            self.lost.push(format!("a snapshot of {}, which was on flash only", orphan.path));
        }
        Ok(())
    }
}

impl Restore for Restorer {
    async fn restore(
        &mut self,
        recipe: Recipe,
        place: Place,
        mut content: BoxStream<'static, Result<Bytes, Error>>,
    ) -> Result<(), FlashError> {
        let (key, place) = (&recipe.key, record::cloud_place(place));
        match record::described(key) {
            Some(Described::Container(path)) => {
                self.homes.ensure(&self.store, key, &path).await?;
                let kept = record::container_props(&recipe.about).map(|props| (props, place));
                self.store.restore_container(&path, kept).await?;
            }
            Some(Described::Blob(path, snapshot)) => {
                let Some(props) = record::props(&recipe.about) else {
                    self.lost.push(format!("{key}: what is said of it cannot be read"));
                    return Ok(());
                };
                if self.verify == args::Verifying::Content {
                    let mut crc64 = Crc64::default();
                    while let Some(part) = content.next().await {
                        crc64.update(&part?);
                    }
                    if crc64.finalize() != props.crc64 {
                        self.lost.push(format!("{key}: its content is not what was written under its name"));
                        return Ok(());
                    }
                }
                self.homes.ensure(&self.store, key, &path.container).await?;
                let restored = Restored { path, snapshot, props, place };
                if restored.snapshot.is_some() {
                    self.snapshots.push(restored);
                } else {
                    self.blobs += 1;
                    self.waiting.push(restored);
                }
                if self.waiting.len() >= ROWS_AT_ONCE {
                    self.flush().await?;
                }
            }
            None => self.lost.push(format!("{key}: no store of this kind has such a name")),
        }
        Ok(())
    }
}
