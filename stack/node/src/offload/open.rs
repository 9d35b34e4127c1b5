//! Opens the volume, once it is sure that the catalog and the volume belong to each other: a catalog that has never heard of what lies
//! there would have all of it collected as needless.

use super::flash::StoreFlash;
use super::{Failed, Opened, RECALL_RETRY, Service};
use greenroom_offload::log::{self, Format};
use greenroom_offload::offload::Offload;
use greenroom_offload::recall::{Recall, Settings, View};
use greenroom_offload::{Error, Identity, Volume};
use greenroom_store::StoreError;
use std::sync::{Arc, PoisonError};

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
        let random = Identity::random().map_err(|error| Error::Away(error.to_string().into()));
        let (identity, now) = (random?, self.clock.now().0);
        self.belong(&identity, now).await?;
        let flash = Arc::new(StoreFlash::new(self.store.clone(), self.background.clone()));
        let offload = Offload::open(flash.clone(), self.cloud.clone(), &identity, now).await?;
        let volume = offload.volume().clone();
        let (format, view) = (volume.format().clone(), View::Volume(volume));
        let recall = Recall::new(self.cloud.with_retry(RECALL_RETRY), format, view, Settings::default());
        let opened = Arc::new(Opened { offload, recall, flash });
        *self.slot.write().unwrap_or_else(PoisonError::into_inner) = Some(opened.clone());
        if let Err(error) = opened.offload.warm_up(WARM_SEGMENTS_MAX).await {
            tracing::warn!(%error, "what is known already will be stored once more");
        }
        tracing::info!(target = self.shown, volume = self.volume, "the volume is open");
        Ok(opened)
    }

    async fn belong(&self, identity: &Identity, now: i64) -> Result<(), Failed> {
        let bound = self.store.cloud_volume()?;
        let format = match log::load_format(&self.cloud).await {
            Ok(format) => Some(format),
            Err(Error::Missing(_)) => None,
            Err(error) => return Err(error.into()),
        };
        match (bound, format) {
            (Some(_), None) => Err(Failed::Lost),
            (Some((id, applied)), Some(format)) => {
                if volume_id(&format)? != id {
                    return Err(Failed::Foreign);
                }
                let state = log::load(&self.cloud).await?;
                if state.number < applied { Err(Failed::Lost) } else { Ok(()) }
            }
            (None, format) => {
                let (format, applied) = match format {
                    Some(format) => {
                        let state = log::load(&self.cloud).await?;
                        if state.segments.values().any(|segment| segment.live_recipes() > 0) {
                            return Err(Failed::Foreign);
                        }
                        (format, state.number)
                    }
                    None => {
                        Volume::open(self.cloud.clone(), identity, now).await?;
                        (log::load_format(&self.cloud).await?, 0)
                    }
                };
                match self.store.bind_cloud(volume_id(&format)?, applied).await {
                    Err(StoreError::VolumeTaken) => Err(Failed::Foreign),
                    done => Ok(done?),
                }
            }
        }
    }
}

pub fn volume_id(format: &Format) -> Result<[u8; 16], Error> {
    let id = u128::from_str_radix(&format.volume, 16).map(u128::to_be_bytes);
    id.map_err(|_| Error::Log("its volume is not one".into()))
}
