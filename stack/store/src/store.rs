//! The parts of a store, put together.

use crate::catalog::migrate::FORMAT;
use crate::catalog::{self, Catalog, Draft, Line, Snapshot, Txn, Writer};
use crate::clock::Clock;
use crate::cloud::{Cold, Origins};
use crate::config::Config;
use crate::disk::{Disk, FileSystem, Guard, Mode};
use crate::error::{Result, StoreError};
use crate::extent::{self, Extents};
use crate::faults::Faults;
use crate::heat::Heat;
use crate::identity::Identities;
use crate::keyring::Keyring;
use crate::keys::ActiveKeys;
use crate::migrate;
use crate::mirror::Shown;
use crate::quota::SharedQuotas;
use crate::rows::AuditRow;
use crate::secrets::Secrets;
use crate::space::{self, Filled, Space};
use crate::usage::{Held, Owner, TenantUsage, Usage};
use greenroom_model::feed::Cause;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, OnceLock, RwLock};

/// A data folder, open. Clones are the same store, each with its cause. When the last one is dropped without `close`, dropping waits for what is queued.
#[derive(Debug, Clone)]
pub struct Store {
    parts: Arc<Parts>,
    /// Why what is written through this handle is written.
    cause: Option<Arc<Cause>>,
}

#[derive(Debug)]
struct Parts {
    catalog: Catalog,
    writer: Writer,
    extents: Arc<Extents>,
    space: Arc<Space>,
    identities: RwLock<Identities>,
    secrets: Arc<Secrets>,
    keyring: Arc<Keyring>,
    active_keys: ActiveKeys,
    faults: Arc<Faults>,
    heat: Arc<Heat>,
    cold: OnceLock<Arc<dyn Cold>>,
    origins: OnceLock<Arc<dyn Origins>>,
    mirrored: RwLock<Shown>,
    /// Somebody frees flash, and succeeds.
    making_room: AtomicBool,
    /// One round of compaction at a time: two would copy the same content twice.
    compaction: tokio::sync::Mutex<()>,
    /// How the catalog's file was left when it was last shrunk.
    shrunk: tokio::sync::Mutex<Option<Filled>>,
    quotas: SharedQuotas,
    /// Last: all else has ended when it goes.
    _lock: Guard,
}

impl Store {
    /// Opens the data folder, or makes it, and locks it. Err: `Locked`, `NotWritable`, `Exposed`, `FormatOld`,
    /// `FormatUnknown`, `GoingBack`, `Corrupt`, `Io`, `Catalog`.
    pub async fn open(dir: &Path, config: Config, clock: Arc<dyn Clock>) -> Result<Store> {
        Self::open_on(Arc::new(FileSystem), dir, config, clock).await
    }

    /// Opens a data folder on another disk than the machine's.
    pub async fn open_on(disk: Arc<dyn Disk>, dir: &Path, config: Config, clock: Arc<dyn Clock>) -> Result<Store> {
        let (dir, at) = (dir.to_owned(), dir.join(catalog::FILE));
        let opened = tokio::task::spawn_blocking(move || Parts::open(disk, &dir, &config, clock)).await;
        // The engine may panic on a file that somebody else has written to.
        let damaged = |_| StoreError::Corrupt { file: at, offset: 0, what: "the catalog cannot be read".to_owned() };
        Ok(Store { parts: Arc::new(opened.map_err(damaged)??), cause: None })
    }

    /// The same store, for what somebody has asked for.
    pub fn caused_by(&self, cause: Cause) -> Store {
        Store { parts: self.parts.clone(), cause: Some(Arc::new(cause)) }
    }

    /// Finishes what is queued and joins the threads. Later writes answer `Closed`. The folder is free for another process once all
    /// clones, blobs and streams are dropped too.
    pub async fn close(&self) -> Result<()> {
        let parts = self.parts.clone();
        tokio::task::spawn_blocking(move || parts.close()).await.map_err(|_| StoreError::Closed)
    }

    /// Of the data folder.
    pub fn format(&self) -> u32 {
        FORMAT
    }

    /// The way back to an older format, while there is one.
    pub fn way_back(&self) -> Option<space::Held> {
        self.parts.space.way_back()
    }

    /// Notes how far the audit log has come, and the hash of its entry there.
    pub async fn note_audit(&self, seq: u64, hash: String) -> Result<()> {
        self.write(move |txn| {
            txn.dirty = true;
            txn.books.audit = Some(AuditRow { seq, hash });
            Ok(())
        })
        .await
    }

    /// What was noted last.
    pub fn noted_audit(&self) -> Result<Option<(u64, String)>> {
        Ok(self.snapshot()?.audit()?.map(|AuditRow { seq, hash }| (seq, hash)))
    }

    /// Whether changes are carried out: asks for none, and waits for its turn. Err: what the disk says.
    pub async fn pulse(&self) -> Result<()> {
        self.write(|_| Ok(())).await
    }

    /// Whether nothing that was deleted waits to be swept away.
    pub fn is_swept(&self) -> Result<bool> {
        self.snapshot()?.is_swept()
    }

    pub fn usage(&self) -> Usage {
        let figures = self.parts.writer.figures();
        let flash_used_bytes = self.parts.space.used_bytes();
        let flash_live_bytes = figures.live_bytes + self.parts.space.catalog_bytes();
        Usage {
            flash_used_bytes,
            flash_promised_bytes: self.parts.space.promised_bytes(),
            // What copies share counts for each of them: it is never more than there is.
            flash_live_bytes: flash_live_bytes.min(flash_used_bytes),
            placed_blobs: figures.stored.cloud_blobs,
            placed_bytes: figures.stored.cloud_bytes,
            changes: figures.changes,
            rows_a_change_max: figures.rows_max,
            flash_capacity_bytes: self.parts.space.capacity_bytes(),
            read_faults: self.parts.faults.count(),
            tenants: self.parts.writer.tenants(),
            outboxes: self.parts.writer.with_held(|held| held.outboxes.clone()),
        }
    }

    /// What each container holds that holds something, deleted ones included until they are swept.
    pub fn held(&self) -> Vec<(Owner, TenantUsage)> {
        self.parts.writer.containers()
    }

    /// As it was after the last transaction.
    pub(crate) fn with_stored<T>(&self, look: impl FnOnce(&Held) -> T) -> T {
        self.parts.writer.with_held(look)
    }

    /// Runs an operation in the next transaction.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&mut Txn<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.parts.writer.run(Line::Short, self.caused(operation)).await
    }

    /// Runs an operation in one of the next transactions: one that goes through lists of any length.
    pub(crate) async fn write_long<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&mut Txn<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.parts.writer.run(Line::Long, self.caused(operation)).await
    }

    /// Runs an operation that may have to put a list of pages together. `None`: it is run again in another transaction, from its beginning,
    /// so that whatever it has looked at holds in the last one.
    pub(crate) async fn write_in_parts<T: Send + 'static>(
        &self,
        line: Line,
        mut operation: impl FnMut(&mut Txn<'_>, &mut Draft) -> Result<Option<T>> + Send + 'static,
    ) -> Result<T> {
        let (mut draft, cause) = (Draft::default(), self.cause.clone());
        let caused = move |txn: &mut Txn<'_>| {
            txn.cause.clone_from(&cause);
            operation(txn, &mut draft)
        };
        self.parts.writer.run_in_parts(line, caused).await
    }

    /// The operation with the cause of this handle: others in its transaction have theirs.
    fn caused<T>(
        &self,
        operation: impl FnOnce(&mut Txn<'_>) -> Result<T> + Send + 'static,
    ) -> impl FnOnce(&mut Txn<'_>) -> Result<T> + Send + 'static {
        let cause = self.cause.clone();
        move |txn| {
            txn.cause = cause;
            operation(txn)
        }
    }

    /// Reads what may take many rows, off the async threads.
    pub(crate) async fn read_many<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Snapshot) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let snapshot = self.snapshot()?;
        tokio::task::spawn_blocking(move || query(&snapshot)).await.map_err(|_| StoreError::Closed)?
    }

    pub(crate) fn catalog(&self) -> &Catalog {
        &self.parts.catalog
    }

    pub(crate) fn snapshot(&self) -> Result<Snapshot> {
        self.parts.catalog.snapshot()
    }

    pub(crate) fn heat(&self) -> &Arc<Heat> {
        &self.parts.heat
    }

    pub(crate) fn cold_part(&self) -> &OnceLock<Arc<dyn Cold>> {
        &self.parts.cold
    }

    pub(crate) fn origins_part(&self) -> &OnceLock<Arc<dyn Origins>> {
        &self.parts.origins
    }

    pub(crate) fn shown(&self) -> &RwLock<Shown> {
        &self.parts.mirrored
    }

    /// See `Writer::shrink_next`.
    pub(crate) fn shrink_next(&self) {
        self.parts.writer.shrink_next();
    }

    pub(crate) fn shrunk(&self) -> &tokio::sync::Mutex<Option<Filled>> {
        &self.parts.shrunk
    }

    pub(crate) fn compaction(&self) -> &tokio::sync::Mutex<()> {
        &self.parts.compaction
    }

    /// Whether a write that finds no room had better wait: flash is being freed.
    pub fn set_making_room(&self, making: bool) {
        self.parts.making_room.store(making, Relaxed);
    }

    pub(crate) fn is_making_room(&self) -> bool {
        self.parts.making_room.load(Relaxed)
    }

    pub(crate) fn extents(&self) -> &Extents {
        &self.parts.extents
    }

    pub(crate) fn space(&self) -> &Arc<Space> {
        &self.parts.space
    }

    pub(crate) fn faults(&self) -> &Arc<Faults> {
        &self.parts.faults
    }

    pub(crate) fn quotas(&self) -> &SharedQuotas {
        &self.parts.quotas
    }

    pub(crate) fn secrets(&self) -> &Arc<Secrets> {
        &self.parts.secrets
    }

    pub(crate) fn keyring(&self) -> &Arc<Keyring> {
        &self.parts.keyring
    }

    pub(crate) fn active_keys(&self) -> &ActiveKeys {
        &self.parts.active_keys
    }

    pub(crate) fn identities(&self) -> &RwLock<Identities> {
        &self.parts.identities
    }
}

impl Parts {
    fn open(disk: Arc<dyn Disk>, dir: &Path, config: &Config, clock: Arc<dyn Clock>) -> Result<Self> {
        let lock = disk.lock(dir)?;
        let file = dir.join(catalog::FILE);
        keep_private(&*disk, dir, &file)?;
        let catalog = Catalog::open(disk.clone(), &file, config, clock.now())?;
        let linked = migrate::Folder { disk: disk.clone(), dir, kept: &[] }.linked()?;
        let space = Arc::new(Space::new(disk.clone(), dir, &file, config.capacity_bytes).beside(linked));
        let snapshot = catalog.snapshot()?;
        let secrets = Arc::<Secrets>::default();
        let identities = RwLock::new(Identities::load(&snapshot, &secrets)?);
        let active_keys = ActiveKeys::load(&snapshot)?;
        let keyring = Arc::new(Keyring::new(clock.clone()));
        let mirrored = Shown::load(&snapshot)?;
        let mut books = snapshot.books()?;
        drop(snapshot);
        let volume = books.head.volume;
        let extents =
            Extents::open(disk.clone(), &dir.join(extent::FOLDER), volume, config, space.clone(), &mut books.extents)?;
        // So that the folders made just now are found again.
        disk.sync_dir(dir).map_err(|error| StoreError::io("sync", dir, error))?;
        let extents = Arc::new(extents);
        let quotas = books.quotas.clone();
        let writer = Writer::start(catalog.clone(), books, extents.clone(), clock.clone())?;
        let heat = Arc::new(Heat::new(clock));
        if !mirrored.is_empty() {
            heat.watch();
        }
        let mirrored = RwLock::new(mirrored);
        let (faults, cold, origins, making_room, compaction, shrunk) = Default::default();
        Ok(Self {
            catalog,
            writer,
            extents,
            space,
            identities,
            secrets,
            keyring,
            active_keys,
            faults,
            heat,
            cold,
            origins,
            mirrored,
            making_room,
            compaction,
            shrunk,
            quotas,
            _lock: lock,
        })
    }

    /// The writer first: its last operations may still point into extents.
    fn close(&self) {
        self.writer.close();
        self.extents.close();
    }
}

/// A folder that has nothing in it yet becomes its owner's alone. Err: `Exposed` where others may read what is in it.
fn keep_private(disk: &dyn Disk, dir: &Path, catalog: &Path) -> Result<()> {
    let is_new = disk.open(catalog, Mode::Read).is_err_and(|error| error.kind() == ErrorKind::NotFound);
    if is_new {
        return disk.narrow(dir).map_err(|error| StoreError::io("protect", dir, error));
    }
    match disk.is_private(dir).map_err(|error| StoreError::io("look at", dir, error))? {
        true => Ok(()),
        false => Err(StoreError::Exposed { dir: dir.to_owned() }),
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        self.close();
    }
}
