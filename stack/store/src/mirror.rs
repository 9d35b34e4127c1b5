//! What is mirrored: which containers show what lies elsewhere, how far each mirror has come, and what it puts down. See
//! `docs/design/a-mirror.md`.

use crate::blobs::check_size;
use crate::catalog::{News, Snapshot, Txn};
use crate::clock::Timestamp;
use crate::cloud::{At, Origins};
use crate::containers::{delete_container, make_system_container};
use crate::crc::Crc64;
use crate::error::{Result, StoreError};
use crate::etag::ETag;
use crate::props::BlobProps;
use crate::rows::{BlobRow, List, MirrorPlace, MirrorRow, MirroredRow, blob_key, corrupt, decode, encode};
use crate::secrets::SecretOf;
use crate::store::Store;
use crate::usage::{Owner, TenantUsage};
use greenroom_model::feed::EventKind;
use greenroom_model::{AccountName, BlobName, BlobPath, ContainerName, ContainerPath};
use redb::ReadableTable as _;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError};
use zeroize::Zeroizing;

/// Rows that one transaction writes: what a client's write may have to wait for it.
const BLOBS_A_TRANSACTION: usize = 500;
/// An ETag that is none of Azure's is one of these here.
const FOREIGN: u64 = 1 << 63;

/// A mirror as it is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct MirrorRecord {
    pub account: AccountName,
    pub name: String,
    pub settings: String,
    pub secret: Option<Zeroizing<String>>,
    pub place: MirrorPlace,
}

impl fmt::Debug for MirrorRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MirrorRecord {}/{} {}", self.account, self.name, self.settings)
    }
}

/// What a look at the origin has brought of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    There(Box<SeenBlob>),
    Gone(BlobName),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenBlob {
    pub name: BlobName,
    /// In the origin's own words.
    pub etag: String,
    /// As they are to be here; of the lease and the checksum nothing is known.
    pub props: BlobProps,
}

/// What came of putting down what was seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reflected {
    pub put: u64,
    pub gone: u64,
    pub same: u64,
    /// More is said of them than is kept of a blob.
    pub too_large: u64,
}

/// A blob of a mirror's whose content is on flash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cached {
    pub path: BlobPath,
    pub etag: ETag,
    pub bytes: u64,
    /// When it was last read, as far as is known.
    pub used: Timestamp,
}

/// What a container shows.
#[derive(Debug, Clone)]
pub struct ShownIn {
    pub mirror: String,
    /// What it is called there.
    pub there: String,
    /// The container's own.
    id: u64,
    as_of_us: Arc<AtomicI64>,
}

impl ShownIn {
    /// All that happened there before is here; the epoch where nothing is known yet.
    pub fn as_of(&self) -> Timestamp {
        Timestamp(self.as_of_us.load(Relaxed))
    }
}

/// Every mirrored container, in memory: asked at each request.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    containers: BTreeMap<ContainerPath, ShownIn>,
    as_of: BTreeMap<(AccountName, String), Arc<AtomicI64>>,
}

impl Shown {
    pub fn load(snapshot: &Snapshot) -> Result<Self> {
        let mut shown = Self::default();
        for (account, name, row) in snapshot.mirrors()? {
            shown.come_to(&account, &name, row.place.complete_us);
        }
        for (id, row) in snapshot.mirrored()? {
            let path = path_of(&row)?;
            shown.show(path, id, row.mirror, row.there);
        }
        Ok(shown)
    }

    pub fn is_empty(&self) -> bool {
        self.containers.is_empty()
    }

    fn come_to(&mut self, account: &AccountName, mirror: &str, complete_us: i64) -> Arc<AtomicI64> {
        let as_of = self.as_of.entry((account.clone(), mirror.to_owned())).or_default();
        as_of.store(complete_us, Relaxed);
        as_of.clone()
    }

    fn show(&mut self, path: ContainerPath, id: u64, mirror: String, there: String) {
        let as_of_us = self.as_of.entry((path.account.clone(), mirror.clone())).or_default().clone();
        self.containers.insert(path, ShownIn { mirror, there, id, as_of_us });
    }
}

/// An origin's ETag as ours: the same number where it has Azure's form, else one that is made of it.
pub fn origin_etag(text: &str) -> ETag {
    ETag::parse(text).unwrap_or_else(|| {
        let mut crc64 = Crc64::default();
        crc64.update(text.as_bytes());
        ETag(crc64.finalize() | FOREIGN)
    })
}

impl Store {
    /// Where mirrored content comes from. Once.
    pub fn attach_origins(&self, origins: Arc<dyn Origins>) {
        if self.origins_part().set(origins).is_err() {
            tracing::error!("a store has one part that reaches origins, and keeps the first");
        }
    }

    pub fn origins(&self) -> Result<&Arc<dyn Origins>> {
        self.origins_part().get().ok_or_else(|| StoreError::Away("the server mirrors nothing".into()))
    }

    /// What a container shows that lies elsewhere; `None` for one of ours.
    pub fn mirrored(&self, container: &ContainerPath) -> Option<ShownIn> {
        self.shown().read().unwrap_or_else(PoisonError::into_inner).containers.get(container).cloned()
    }

    /// The ETag there of the version that is shown; `None` where none is.
    pub fn origin_etag_of(&self, path: &BlobPath) -> Option<String> {
        self.look_up(path, None).ok()?.origin
    }

    /// Err: `SecretSealed`.
    pub fn mirrors(&self) -> Result<Vec<MirrorRecord>> {
        let records = self.snapshot()?.mirrors()?.into_iter().map(|(account, name, row)| {
            let MirrorRow { settings, secret, place } = row;
            let open = |kept| -> Result<Zeroizing<String>> {
                let secret = self.secrets().open(&SecretOf::mirror(&account, &name), kept)?;
                let text = str::from_utf8(&secret).map_err(|error| corrupt(&error.to_string()))?;
                Ok(Zeroizing::new(text.to_owned()))
            };
            let secret = secret.as_ref().map(open).transpose()?;
            Ok(MirrorRecord { account, name, settings, secret, place })
        });
        records.collect()
    }

    /// Makes a mirror, or changes its settings. Without a secret it keeps the one that it has. Err: `AccountMissing`.
    pub async fn put_mirror(
        &self,
        account: &AccountName,
        name: &str,
        settings: String,
        secret: Option<String>,
    ) -> Result<()> {
        let (account, name) = (account.clone(), name.to_owned());
        let of = SecretOf::mirror(&account, &name);
        let secret = secret.map(|secret| self.secrets().keep(&of, Zeroizing::new(secret).as_bytes()));
        self.write(move |txn| {
            if txn.accounts.get(account.as_str())?.is_none() {
                return Err(StoreError::AccountMissing(account));
            }
            let old = txn.mirror(&account, &name)?.unwrap_or_default();
            let secret = secret.or(old.secret);
            txn.put_mirror(&account, &name, &MirrorRow { settings, secret, place: old.place })
        })
        .await
    }

    /// Writes down how far a mirror has come. Err: `MirrorMissing`.
    pub async fn place_mirror(&self, account: &AccountName, name: &str, place: MirrorPlace) -> Result<()> {
        let complete_us = place.complete_us;
        let (of, mirror) = (account.clone(), name.to_owned());
        self.write(move |txn| {
            let row = txn.mirror(&of, &mirror)?.ok_or_else(|| StoreError::MirrorMissing(mirror.clone()))?;
            if row.place == place {
                return Ok(());
            }
            txn.put_mirror(&of, &mirror, &MirrorRow { place, ..row })
        })
        .await?;
        let mut shown = self.shown().write().unwrap_or_else(PoisonError::into_inner);
        shown.come_to(account, name, complete_us);
        Ok(())
    }

    /// Up to when what a mirror shows is complete; `None` where nothing is known of that yet.
    pub fn as_of_mirror(&self, account: &AccountName, name: &str) -> Option<Timestamp> {
        let shown = self.shown().read().unwrap_or_else(PoisonError::into_inner);
        let as_of = shown.as_of.get(&(account.clone(), name.to_owned()))?.load(Relaxed);
        (as_of > 0).then_some(Timestamp(as_of))
    }

    /// The containers of a mirror, and what each is called there.
    pub fn containers_of_mirror(&self, account: &AccountName, name: &str) -> Vec<(ContainerName, String)> {
        self.shown_by(account, name, |path, shown| (path.container.clone(), shown.there.clone()))
    }

    fn shown_by<T>(&self, account: &AccountName, name: &str, say: impl Fn(&ContainerPath, &ShownIn) -> T) -> Vec<T> {
        let shown = self.shown().read().unwrap_or_else(PoisonError::into_inner);
        let own = shown.containers.iter().filter(|(path, shown)| path.account == *account && shown.mirror == name);
        own.map(|(path, shown)| say(path, shown)).collect()
    }

    /// Makes a container that shows one of the origin's; one that is the mirror's already stays.
    /// Err: `MirrorMissing`, `AccountMissing`, `NotMirrored` where there is another of that name.
    pub async fn make_mirrored(&self, path: &ContainerPath, mirror: &str, there: &str) -> Result<()> {
        let (of, name, called) = (path.clone(), mirror.to_owned(), there.to_owned());
        let made = self.write(move |txn| {
            if txn.mirror(&of.account, &name)?.is_none() {
                return Err(StoreError::MirrorMissing(name));
            }
            let row = MirroredRow {
                account: of.account.to_string(),
                container: of.container.to_string(),
                mirror: name,
                there: called,
            };
            if let Some(container) = txn.find_container(&of)? {
                return match txn.mirrored(container.id)? == Some(row) {
                    true => Ok(container.id),
                    false => Err(StoreError::NotMirrored(of.container)),
                };
            }
            make_system_container(txn, &of)?;
            let id = txn.container(&of)?.id;
            txn.mirrored.insert(id, encode(&row).as_slice())?;
            Ok(id)
        });
        let id = made.await?;
        // What is read twice is cached.
        self.heat().watch();
        let mut shown = self.shown().write().unwrap_or_else(PoisonError::into_inner);
        shown.show(path.clone(), id, mirror.to_owned(), there.to_owned());
        Ok(())
    }

    /// Takes away a container that shows what is no longer there. Err: `NotMirrored`.
    pub async fn drop_mirrored(&self, path: &ContainerPath, mirror: &str) -> Result<()> {
        let (of, name) = (path.clone(), mirror.to_owned());
        self.write(move |txn| {
            if txn.find_container(&of)?.is_none() {
                return Ok(());
            }
            txn.owned(&of, &name)?;
            delete_container(txn, &of)
        })
        .await?;
        self.shown().write().unwrap_or_else(PoisonError::into_inner).containers.remove(path);
        Ok(())
    }

    /// Leaves a container with what it shows: it is no mirror's any more.
    pub async fn leave_mirrored(&self, path: &ContainerPath, mirror: &str) -> Result<()> {
        let (of, name) = (path.clone(), mirror.to_owned());
        self.write(move |txn| {
            let owner = txn.owned(&of, &name)?;
            txn.dirty = true;
            txn.mirrored.remove(owner.id)?;
            Ok(())
        })
        .await?;
        self.shown().write().unwrap_or_else(PoisonError::into_inner).containers.remove(path);
        Ok(())
    }

    /// Forgets a mirror that has no containers any more. Whether there was one.
    pub async fn remove_mirror(&self, account: &AccountName, name: &str) -> Result<bool> {
        let (of, mirror) = (account.clone(), name.to_owned());
        let was = self
            .write(move |txn| {
                txn.dirty = true;
                Ok(txn.mirrors.remove((of.as_str(), mirror.as_str()))?.is_some())
            })
            .await?;
        let mut shown = self.shown().write().unwrap_or_else(PoisonError::into_inner);
        shown.as_of.remove(&(account.clone(), name.to_owned()));
        Ok(was)
    }

    /// Puts down what was seen of a container, each name at most once; so many in a transaction. Err: `NotMirrored`, `ContainerMissing`
    /// where it is not the mirror's any more.
    pub async fn reflect(&self, path: &ContainerPath, mirror: &str, seen: Vec<Seen>) -> Result<Reflected> {
        let mut all = Reflected::default();
        let mut rest = seen.into_iter().peekable();
        while rest.peek().is_some() {
            let batch: Vec<_> = rest.by_ref().take(BLOBS_A_TRANSACTION).collect();
            let (path, mirror) = (path.clone(), mirror.to_owned());
            let done = self.write(move |txn| {
                let owner = txn.owned(&path, &mirror)?;
                let mut done = Reflected::default();
                for seen in batch {
                    match seen {
                        Seen::There(blob) => put(txn, &owner, *blob, &mut done)?,
                        Seen::Gone(name) => remove(txn, &owner, &name, &mut done)?,
                    }
                }
                Ok(done)
            });
            let Reflected { put, gone, same, too_large } = done.await?;
            all = Reflected {
                put: all.put + put,
                gone: all.gone + gone,
                same: all.same + same,
                too_large: all.too_large + too_large,
            };
        }
        Ok(all)
    }

    /// What is held in the containers of a mirror: blobs, and the bytes of those that are cached.
    pub fn held_by_mirror(&self, account: &AccountName, name: &str) -> TenantUsage {
        let ids = self.shown_by(account, name, |_, shown| shown.id);
        self.with_stored(|stored| {
            ids.iter().map(|id| stored.container(*id)).fold(TenantUsage::default(), TenantUsage::plus)
        })
    }

    /// Goes through what is cached in a container.
    pub async fn cached(&self, path: &ContainerPath) -> Result<Vec<Cached>> {
        let (path, heat) = (path.clone(), self.heat().clone());
        self.read_many(move |snapshot| {
            let id = snapshot.container(&path)?.id;
            let mut found = Vec::new();
            snapshot.blobs_of(id, |name, at, row| {
                let here = at.is_none() && row.origin().is_some() && row.on_flash().is_ok() && row.props.length > 0;
                if let (true, Ok(name)) = (here, BlobName::new(name)) {
                    let read = heat.last(&crate::rows::Place::Base(blob_key(id, name.as_str())));
                    let used = row.used.max(read.unwrap_or_default());
                    let path = path.clone().blob(name);
                    found.push(Cached { path, etag: row.props.etag, bytes: row.props.length, used });
                }
                Ok(())
            })?;
            Ok(found)
        })
        .await
    }

    /// Lets go of content that is cached: it is where it is mirrored from. Returns the bytes freed.
    pub async fn forget_cached(&self, cached: Vec<Cached>) -> Result<u64> {
        let mut freed = 0;
        for batch in cached.chunks(BLOBS_A_TRANSACTION) {
            let batch = batch.to_vec();
            freed += self.write(move |txn| batch.iter().map(|cached| forget(txn, cached)).sum::<Result<u64>>()).await?;
        }
        Ok(freed)
    }
}

fn put(txn: &mut Txn<'_>, owner: &Owner, seen: SeenBlob, done: &mut Reflected) -> Result<()> {
    let key = blob_key(owner.id, seen.name.as_str());
    if check_size(&seen.props).is_err() {
        done.too_large += 1;
        // What is there is another version.
        return remove(txn, owner, &seen.name, done);
    }
    let old = txn.blob(&key)?;
    let Some(mut row) = old else {
        let row = BlobRow::new(seen.props, List::Here(Vec::new()), List::Here(Vec::new()), None);
        txn.put_row(owner, &key, BlobRow { at: At::Origin(seen.etag), ..row }, 0, News::Of(EventKind::Created))?;
        done.put += 1;
        return Ok(());
    };
    let props = BlobProps { crc64: row.props.crc64, lease: row.props.lease, ..seen.props };
    if row.origin() == Some(&seen.etag) {
        if row.props == props {
            done.same += 1;
            return Ok(());
        }
        let news = match row.props.tier == props.tier {
            true => EventKind::PropertiesUpdated,
            false => EventKind::TierChanged,
        };
        let was = row.usage();
        row.props = props;
        txn.books.recount(owner, was, row.usage());
        txn.write_row(owner, &key, &row, News::Of(news))?;
        done.put += 1;
        return Ok(());
    }
    // Where only what is said of it has changed, the content that is cached may be the same: that is not known.
    txn.free_blob(owner, row)?;
    let row = BlobRow::new(BlobProps { crc64: 0, ..props }, List::Here(Vec::new()), List::Here(Vec::new()), None);
    txn.put_row(owner, &key, BlobRow { at: At::Origin(seen.etag), ..row }, 0, News::Of(EventKind::Created))?;
    done.put += 1;
    Ok(())
}

fn remove(txn: &mut Txn<'_>, owner: &Owner, name: &BlobName, done: &mut Reflected) -> Result<()> {
    let key = blob_key(owner.id, name.as_str());
    let Some(row) = txn.blob(&key)? else { return Ok(()) };
    txn.remove_row(owner, &key, &row, News::Of(EventKind::Deleted))?;
    txn.free_blob(owner, row)?;
    done.gone += 1;
    Ok(())
}

fn forget(txn: &mut Txn<'_>, cached: &Cached) -> Result<u64> {
    let Some(container) = txn.find_container(&cached.path.container)? else { return Ok(0) };
    let key = blob_key(container.id, cached.path.name.as_str());
    let Some(mut row) = txn.blob(&key)? else { return Ok(0) };
    if row.props.etag != cached.etag || row.origin().is_none() || row.on_flash().is_err() {
        return Ok(0);
    }
    let was = row.usage();
    let pieces = std::mem::replace(&mut row.pieces, List::Here(Vec::new()));
    row.props.crc64 = 0;
    txn.books.recount(&container.tenant, was, row.usage());
    txn.free(pieces)?;
    txn.write_row(&container.tenant, &key, &row, News::None)?;
    Ok(row.props.length)
}

impl Txn<'_> {
    pub(crate) fn mirror(&self, account: &AccountName, name: &str) -> Result<Option<MirrorRow>> {
        self.mirrors.get((account.as_str(), name))?.map(|row| decode(row.value())).transpose()
    }

    pub(crate) fn put_mirror(&mut self, account: &AccountName, name: &str, row: &MirrorRow) -> Result<()> {
        self.dirty = true;
        self.mirrors.insert((account.as_str(), name), encode(row).as_slice())?;
        Ok(())
    }

    fn mirrored(&self, container: u64) -> Result<Option<MirroredRow>> {
        self.mirrored.get(container)?.map(|row| decode(row.value())).transpose()
    }

    /// Whose a mirror's container is. Err: `ContainerMissing`, `NotMirrored`.
    fn owned(&self, path: &ContainerPath, mirror: &str) -> Result<Owner> {
        let container = self.container(path)?;
        match self.mirrored(container.id)?.is_some_and(|row| row.mirror == mirror) {
            true => Ok(container.tenant),
            false => Err(StoreError::NotMirrored(path.container.clone())),
        }
    }
}

impl Snapshot {
    /// By account and name.
    pub(crate) fn mirrors(&self) -> Result<Vec<(AccountName, String, MirrorRow)>> {
        let table = self.txn.open_table(crate::catalog::tables::MIRRORS)?;
        let rows = table.iter()?.map(|item| {
            let (key, row) = item?;
            let (account, name) = key.value();
            let account = AccountName::new(account).map_err(|error| corrupt(&error.to_string()))?;
            Ok((account, name.to_owned(), decode(row.value())?))
        });
        rows.collect()
    }

    /// The containers that mirrors have made, by their ids.
    pub(crate) fn mirrored(&self) -> Result<BTreeMap<u64, MirroredRow>> {
        let table = self.txn.open_table(crate::catalog::tables::MIRRORED)?;
        let rows = table.iter()?.map(|item| {
            let (id, row) = item?;
            Ok((id.value(), decode(row.value())?))
        });
        rows.collect()
    }
}

fn path_of(row: &MirroredRow) -> Result<ContainerPath> {
    let bad = |error: greenroom_model::NameError| corrupt(&error.to_string());
    let account = AccountName::new(&row.account).map_err(bad)?;
    let container = ContainerName::new(&row.container).map_err(bad)?;
    Ok(ContainerPath { account, container })
}
