//! `rebuild`: the namespace from the cloud alone, into a data folder that no server uses.

mod said;

use crate::args;
use crate::fault::Fault;
use crate::offload::homes::Homes;
use crate::offload::record;
use crate::offload::sealing::{self, StoreKeys};
use crate::offload::target::{Secret, Target};
use crate::offload::volume_id;
use crate::wrapping::Wrappers;
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use greenroom_gateway::time;
use greenroom_model::BlobPath;
use greenroom_offload::format::footer::{Named, Place};
use greenroom_offload::mend::mend;
use greenroom_offload::rebuild::{Restore, rebuild};
use greenroom_offload::recall::{Recall, Settings};
use greenroom_offload::{Cloud, Error, FlashError, Identity, Retry, log};
use greenroom_store::{Clock as _, Config, Crc64, Described, Restored, Store, StoreError, SystemClock};
use object_store::path::Path as ObjectPath;
use said::Said;
use std::collections::BTreeMap;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;

/// Something could not be had back, or not as it was, or is in doubt.
const NOT_CLEAN: u8 = 3;
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
    let wrappers = Arc::new(Wrappers::to_unwrap(&args.data, &args.vaults)?);
    // Where it is not here, the accounts' new keys lie in clear until a server starts over the folder.
    if let Some(key) = wrappers.secrets() {
        store.attach_secrets(key).await?;
    }
    sealing::take_in(&store, &cloud, |key| wrappers.knows(&key.by)).await.map_err(failed)?;
    store.attach_wrapping(wrappers, args.vaults.hold());
    let mut into = Restorer::new(store.clone(), args.verify);
    let keys = Arc::new(StoreKeys(store.clone()));
    let report = rebuild(&cloud, Settings::default(), keys, &mut into).await.map_err(failed)?;
    into.finish(&report.recall).await.map_err(|error| failed(error.into()))?;
    let known = match &report.gap {
        None => Some((report.number, report.last)),
        Some(gap) if args.mend => {
            let identity = Identity::random().map_err(|error| failed(Error::Away(error.to_string().into())))?;
            let (number, last) = mend(&cloud, gap, &identity, SystemClock.now().0).await.map_err(failed)?;
            Some((number, Some(last)))
        }
        Some(_) => None,
    };
    // Last: a folder that was rebuilt half is one that must be rebuilt.
    if let Some((number, last)) = known {
        store.bind_cloud(volume, number, last.map(|last| last.0)).await?;
    }
    store.close().await?;
    let said = Said::of(&report, into.restored(), args.verify, known.map(|(number, _)| number));
    if args.json {
        println!("{}", serde_json::to_string_pretty(&said).expect("plain values serialise"));
    } else {
        said.print();
    }
    Ok(if said.clean { ExitCode::SUCCESS } else { ExitCode::from(NOT_CLEAN) })
}

/// Puts rows into a store.
struct Restorer {
    store: Store,
    verify: args::Verifying,
    homes: Homes,
    waiting: Vec<Restored>,
    /// Until all blobs are there.
    snapshots: Vec<Restored>,
    snapshots_lost: u64,
    blobs: u64,
    lost: Vec<String>,
    /// Back, and not as they were last.
    older: Vec<String>,
}

impl Restorer {
    fn new(store: Store, verify: args::Verifying) -> Self {
        Self {
            store,
            verify,
            homes: Homes::default(),
            waiting: Vec::new(),
            snapshots: Vec::new(),
            snapshots_lost: 0,
            blobs: 0,
            lost: Vec::new(),
            older: Vec::new(),
        }
    }

    async fn flush(&mut self) -> Result<(), FlashError> {
        self.store.restore(std::mem::take(&mut self.waiting)).await?;
        Ok(())
    }

    async fn finish(&mut self, recall: &Recall) -> Result<(), FlashError> {
        self.flush().await?;
        let mut orphans: BTreeMap<BlobPath, Vec<Restored>> = BTreeMap::new();
        for orphan in self.store.restore(self.snapshots.clone()).await? {
            orphans.entry(orphan.path.clone()).or_default().push(orphan);
        }
        for (path, mut snapshots) in orphans {
            snapshots.sort_by_key(|snapshot| std::cmp::Reverse(snapshot.snapshot));
            self.base(&path, &snapshots, recall).await?;
            for lost in self.store.restore(snapshots).await? {
                let at = lost.snapshot.map(time::iso).unwrap_or_default();
                self.snapshots_lost += 1;
                self.lost.push(format!(
                    "snapshot {at} of {path}: the blob was on flash only, and no snapshot of it can be read"
                ));
            }
        }
        Ok(())
    }

    /// A blob that was on flash only comes back as of its newest snapshot that can be read: snapshots are found by their blob.
    async fn base(&mut self, path: &BlobPath, newest_first: &[Restored], recall: &Recall) -> Result<(), FlashError> {
        for snapshot in newest_first {
            let at = snapshot.snapshot.map(time::iso).unwrap_or_default();
            match self.copy(snapshot, recall).await {
                Ok(()) => {
                    self.blobs += 1;
                    self.older.push(format!("{path}, as of its snapshot {at}: what it was later lay on flash only"));
                    break;
                }
                Err(Error::Missing(_) | Error::Damaged { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Err: `Missing`, `Damaged` where the content is not to be had.
    async fn copy(&self, snapshot: &Restored, recall: &Recall) -> Result<(), Error> {
        let flash = |error: StoreError| Error::from(FlashError::from(error));
        let Restored { path, props, place, .. } = snapshot;
        let mut content = pin!(recall.read("", record::place(*place), 0..props.length).await?);
        let account = &snapshot.path.container.account;
        let mut writer = self.store.begin_body_of(account, Some(props.length)).await.map_err(flash)?;
        while let Some(part) = content.next().await {
            writer.write(part?).await.map_err(flash)?;
        }
        let body = writer.finish().await.map_err(flash)?;
        if body.crc64() != props.crc64 {
            let object = path.to_string().into();
            return Err(Error::Damaged { object, what: "its content is not what was written under its name" });
        }
        self.store.restore_content(path, props.clone(), body).await.map_err(flash)
    }

    fn restored(self) -> said::Restored {
        said::Restored {
            containers: self.homes.containers() as u64,
            blobs: self.blobs,
            snapshots: self.snapshots.len() as u64 - self.snapshots_lost,
            lost: self.lost,
            older: self.older,
            new_keys: self.homes.new_accounts.iter().map(ToString::to_string).collect(),
        }
    }
}

impl Restore for Restorer {
    async fn restore(
        &mut self,
        named: Named,
        place: Place,
        mut content: BoxStream<'static, Result<Bytes, Error>>,
    ) -> Result<(), FlashError> {
        let (key, place) = (&named.key, record::cloud_place(place));
        match record::described(key) {
            Some(Described::Container(path)) => {
                self.homes.ensure(&self.store, key, &path).await?;
                let kept = record::container_props(&named.about).map(|props| (props, place));
                self.store.restore_container(&path, kept).await?;
            }
            Some(Described::Blob(path, snapshot)) => {
                let Some(props) = record::props(&named.about) else {
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
