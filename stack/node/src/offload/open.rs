//! Opens the volume, where this folder may write it: it belongs to it, and the folder knows its log to the end. Elsewhere it is opened to be
//! read, until an operator says that this folder goes on with it: docs/design/who-may-write-a-volume.md.

use super::cold::{Reader, Writer};
use super::flash::StoreFlash;
use super::sealing::{self, StoreKeys};
use super::{Failed, FoundAudit, From, Opened, RECALL_RETRY, Service};
use greenroom_model::offload::TakeOver;
use greenroom_offload::adopt::{adopt, follow};
use greenroom_offload::flash::Adopted;
use greenroom_offload::log::{self, Format};
use greenroom_offload::offload::Offload;
use greenroom_offload::recall::{Recall, Settings, View};
use greenroom_offload::seal::Keys;
use greenroom_offload::{Error, Identity, make_or_load};
use greenroom_store::StoreError;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

/// Segments whose chunks are known again after a restart.
const WARM_SEGMENTS_MAX: usize = 64;

impl Service {
    pub(super) async fn open(&self) -> Result<Arc<Opened>, Failed> {
        if let Some(ended) = self.notes().ended.clone() {
            return Err(Failed::Ended(ended));
        }
        if let Some(opened) = self.opened() {
            return Ok(opened);
        }
        let (identity, now) = (identity()?, self.clock.now().0);
        self.belong(&identity).await?;
        let flash = Arc::new(self.flash());
        let offload = match Offload::open(flash.clone(), self.cloud.clone(), self.keys(), &identity, now).await {
            Ok(offload) => offload,
            Err(behind @ Error::Behind { .. }) => {
                self.follow().await?;
                return Err(Failed::ReadOnly(behind));
            }
            Err(Error::Short { .. }) => return Err(Failed::Lost),
            Err(error) => return Err(error.into()),
        };
        self.notes().found_audit =
            offload.found_audit().map(|head| FoundAudit { head: head.clone(), from: From::Ours });
        let volume = offload.volume().clone();
        self.read_from(volume.format().clone(), View::Volume(volume));
        let opened = Arc::new(Opened { offload, flash });
        *self.open.write().unwrap_or_else(PoisonError::into_inner) = Some(opened.clone());
        if let Err(error) = opened.offload.warm_up(WARM_SEGMENTS_MAX).await {
            tracing::warn!(%error, "what is known already will be stored once more");
        }
        tracing::info!(target = self.shown, volume = self.volume, "the volume is open");
        Ok(opened)
    }

    /// Takes from the target the wrapped keys that were erased here, now: the next pass would too. Err: they are there still.
    pub async fn erase_keys(&self) -> Result<(), Failed> {
        if let Some(away) = self.away() {
            return Err(away);
        }
        self.open().await?;
        Ok(self.cloud_keys.keep(&self.cloud).await?)
    }

    /// Why nothing can be asked of the target now.
    pub(super) fn away(&self) -> Option<Failed> {
        self.shape.is_away().then(|| {
            let why = self.shape.why().unwrap_or_else(|| "it does not answer".to_owned());
            Error::Away(why.into()).into()
        })
    }

    /// Reads the volume as it stands now, although another folder writes it: what that has moved is found again.
    pub(super) async fn follow(&self) -> Result<(), Failed> {
        let format = log::load_format(&self.cloud).await?;
        sealing::take_in(&self.store, &self.cloud, |_| true).await?;
        let state = follow(&self.flash(), &self.cloud, &*self.keys()).await?;
        self.read_from(format, View::Loaded(state));
        Ok(())
    }

    fn read_from(&self, format: Format, view: View) {
        let writer = match &view {
            View::Volume(_) => Writer::Us,
            View::Loaded(_) => Writer::Another,
        };
        let (cloud, turns) = (self.cloud.with_retry(RECALL_RETRY), self.turns.clone());
        let recall = Recall::new(cloud, format, view, Settings::default(), self.keys(), turns);
        *self.slot.write().unwrap_or_else(PoisonError::into_inner) = Some(Reader { recall, writer });
        self.notes().followed = Some(Instant::now());
    }

    fn flash(&self) -> StoreFlash {
        StoreFlash::new(self.store.clone(), self.background.clone(), self.cloud_keys.clone())
    }

    fn keys(&self) -> Arc<dyn Keys> {
        Arc::new(StoreKeys(self.store.clone()))
    }

    /// The operator's word: adopts what others have written to the volume, or what could not be opened when it was rebuilt, and takes it over.
    /// Err: nothing that counts is lost, and saying it again does the rest.
    pub async fn take_over(&self) -> Result<TakeOver, Failed> {
        let _one_at_a_time = self.turn.lock().await;
        self.belong(&identity()?).await?;
        tracing::warn!(target = self.shown, volume = self.volume, "an operator takes the volume over");
        sealing::take_in(&self.store, &self.cloud, |_| true).await?;
        let adopted = adopt(&self.flash(), &self.cloud, &*self.keys(), self.clock.now().0).await?;
        self.notes().ended = None;
        *self.open.write().unwrap_or_else(PoisonError::into_inner) = None;
        let opened = self.open().await;
        self.note_outcome(opened.as_ref().err());
        opened?;
        self.notes().found_audit.iter_mut().for_each(|found| found.from = From::TakenOver);
        self.wake.notify_one();
        let Adopted { added, replaced, kept, dropped, left } = adopted;
        tracing::info!(added, replaced, kept, dropped, left, "the volume is this folder's");
        Ok(TakeOver { added, replaced, kept_as_snapshots: kept, dropped, left })
    }

    /// Ties the folder to the volume, which is made if there is none.
    async fn belong(&self, identity: &Identity) -> Result<(), Failed> {
        let bound = self.store.cloud_volume()?;
        let format = match log::load_format(&self.cloud).await {
            Ok(format) => Some(format),
            Err(Error::Missing(_)) => None,
            Err(error) => return Err(error.into()),
        };
        match (bound, format) {
            (Some(_), None) => Err(Failed::Lost),
            (Some(id), Some(format)) if volume_id(&format)? != id => Err(Failed::Foreign),
            (Some(_), Some(_)) => Ok(()),
            (None, format) => {
                let format = match format {
                    Some(format) => format,
                    None => make_or_load(&self.cloud, identity).await?,
                };
                let state = log::load(&self.cloud).await?;
                if state.segments.values().any(|segment| segment.live_recipes() > 0) {
                    return Err(Failed::Foreign);
                }
                let last = state.last.map(|last| last.0);
                match self.store.bind_cloud(volume_id(&format)?, state.number, last).await {
                    Err(StoreError::VolumeTaken) => Err(Failed::Foreign),
                    done => Ok(done?),
                }
            }
        }
    }
}

fn identity() -> Result<Identity, Error> {
    Identity::random().map_err(|error| Error::Away(error.to_string().into()))
}

pub fn volume_id(format: &Format) -> Result<[u8; 16], Error> {
    let id = u128::from_str_radix(&format.volume, 16).map(u128::to_be_bytes);
    id.map_err(|_| Error::Log("its volume is not one".into()))
}
