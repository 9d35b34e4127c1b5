//! Flash as the library wants it: each call is a transaction, before and after which the process may end.

use super::keys::{SEALED_TENANT, SimKeys};
use super::{Disk, Life, Row, lock};
use bytes::Bytes;
use futures::{StreamExt, stream};
use greenroom_offload::flash::{Adopted, Applied, Flash, FlashBlob, Found, Placement, Rank};
use greenroom_offload::format::footer::{About, Key, Place};
use greenroom_offload::log::{AuditHead, Known, State};
use greenroom_offload::{FlashError, Hash};
use std::sync::Arc;

#[derive(Debug)]
pub struct SimFlash(pub Arc<Life>);

impl SimFlash {
    async fn transaction<T>(&self, at: &'static str, act: impl FnOnce(&mut Disk) -> T) -> T {
        self.0.step(at).await;
        let done = act(&mut lock(&self.0.disk));
        self.0.step(at).await;
        done
    }
}

impl Flash for SimFlash {
    async fn known(&self) -> Result<Known, FlashError> {
        Ok(lock(&self.0.disk).known.clone())
    }

    async fn audit(&self) -> Result<Option<AuditHead>, FlashError> {
        Ok(None)
    }

    async fn mean(&self, hash: Hash) -> Result<(), FlashError> {
        self.transaction("crash before a commit", |disk| disk.known.mean(hash)).await;
        Ok(())
    }

    async fn read(&self, key: &Key, etag: &str) -> Result<Option<FlashBlob>, FlashError> {
        self.0.step("crash in a read of flash").await;
        let row = lock(&self.0.disk).rows.get(key).cloned();
        let Some(Row { about, content: Some(content), .. }) = row.filter(|row| row.about.etag == etag) else {
            return Ok(None);
        };
        let mut parts: Vec<Result<Bytes, FlashError>> = (0..content.len())
            .step_by(100_000)
            .map(|at| Ok(content.slice(at..content.len().min(at + 100_000))))
            .collect();
        if lock(&self.0.world.random).percent(3) {
            self.0.world.count("flash reads failed");
            parts.pop();
            parts.push(Err("flash fails".into()));
        }
        let seal = match key.tenant == SEALED_TENANT {
            true if !self.0.world.keys.is_usable() => return Err("the key is not to be had".into()),
            true => Some(SimKeys::seal()),
            false => None,
        };
        Ok(Some(FlashBlob { about, seal, content: stream::iter(parts).boxed() }))
    }

    async fn apply(&self, applied: Applied) -> Result<(), FlashError> {
        if lock(&self.0.world.random).percent(2) {
            self.0.world.count("transactions failed");
            return Err("the catalog fails".into());
        }
        self.transaction("crash in a transaction", |disk| disk.apply(applied)).await
    }

    async fn releases(&self, max: usize) -> Result<Vec<Place>, FlashError> {
        Ok(lock(&self.0.disk).releases.iter().take(max).copied().collect())
    }

    async fn adopt(&self, found: Vec<Found>) -> Result<Adopted, FlashError> {
        let adopted = self.transaction("crash while adopting", |disk| disk.adopt(found)).await;
        Ok(adopted)
    }

    async fn follow(&self, found: Vec<Found>) -> Result<(), FlashError> {
        let follow = |disk: &mut Disk| {
            for Found { key, about, place, was, .. } in found {
                let is_same = |row: &&mut Row| row.about.etag == about.etag || (was.is_some() && row.place == was);
                if let Some(row) = disk.rows.get_mut(&key).filter(|row| row.place.is_some()).filter(is_same) {
                    row.place = Some(place);
                }
            }
        };
        self.transaction("crash while following", follow).await;
        Ok(())
    }

    async fn end_adoption(&self, state: Arc<State>, now: i64) -> Result<Adopted, FlashError> {
        let adopted = self.transaction("crash at an adoption's end", |disk| disk.end_adoption(&state, now)).await;
        Ok(adopted)
    }

    async fn free(&self, blobs: &[(Key, Place)]) -> Result<u64, FlashError> {
        let free = |disk: &mut Disk| {
            let mut freed = 0;
            for (key, place) in blobs {
                if let Some(row) = disk.rows.get_mut(key).filter(|row| row.place == Some(*place)) {
                    freed += row.content.take().map_or(0, |content| content.len() as u64);
                }
            }
            Ok(freed)
        };
        self.transaction("crash while freeing", free).await
    }
}

impl Disk {
    pub fn put(&mut self, key: Key, content: Bytes) {
        self.last_etag += 1;
        let about = About {
            etag: format!("0x{:X}", self.last_etag),
            length: content.len() as u64,
            properties: [("content-type".into(), "text/plain".into())].into(),
            metadata: [("number".into(), self.last_etag.to_string())].into(),
            tags: [("tag".into(), key.name.clone())].into(),
        };
        self.promised.insert(key.clone(), content.clone());
        let row = Row { about, content: Some(content), place: None };
        self.release(self.rows.get(&key).and_then(|row| row.place));
        self.rows.insert(key, row);
    }

    pub fn delete(&mut self, key: &Key) {
        self.promised.remove(key);
        let place = self.rows.remove(key).and_then(|row| row.place);
        self.release(place);
    }

    /// A client says something else of the blob; its content stays where it is.
    pub fn describe(&mut self, key: &Key) {
        self.last_etag += 1;
        let etag = format!("0x{:X}", self.last_etag);
        if let Some(row) = self.rows.get_mut(key) {
            row.about.etag = etag;
        }
    }

    fn release(&mut self, place: Option<Place>) {
        self.releases.extend(place);
    }

    fn apply(&mut self, applied: Applied) -> Result<(), FlashError> {
        if applied.number <= self.known.number {
            return Ok(());
        }
        if applied.number != self.known.number + 1 {
            return Err(format!("manifest {} was left out", self.known.number + 1).into());
        }
        for Placement { of, place, was } in applied.placements {
            let moved = |row: &Row| was.is_some() && row.place == was;
            let row = match of {
                Some((key, etag)) => {
                    self.rows.get_mut(&key).filter(|row| moved(row) || (was.is_none() && row.about.etag == etag))
                }
                None => self.rows.values_mut().find(|row| moved(row)),
            };
            match row {
                Some(row) => {
                    let before = row.place.replace(place);
                    self.release(before.filter(|before| *before != place));
                }
                None => self.release(Some(place)),
            }
        }
        for dead in applied.released {
            self.releases.retain(|place| place.segment != dead.segment || !dead.recipes.contains(place.recipe));
        }
        self.known.apply(applied.number, applied.hash);
        Ok(())
    }

    fn adopt(&mut self, found: Vec<Found>) -> Adopted {
        let mut adopted = Adopted::default();
        for Found { key, about, place, was, rank } in found {
            let gone = |place: &Place| self.releases.contains(place);
            if rank == Rank::Outdated || gone(&place) || was.as_ref().is_some_and(gone) {
                self.releases.insert(place);
                continue;
            }
            let row = Row { about, content: None, place: Some(place) };
            let Some(here) = self.rows.get_mut(&key) else {
                self.rows.insert(key, row);
                adopted.added += 1;
                continue;
            };
            let is_moved = here.place == Some(place) || (was.is_some() && here.place == was);
            let is_same = is_moved || here.about.etag == row.about.etag;
            match here.place {
                _ if is_same => here.place = Some(place),
                Some(before) => {
                    self.releases.insert(before);
                    self.rows.insert(key, row);
                    adopted.replaced += 1;
                }
                None => {
                    let ours = std::mem::replace(here, row);
                    let etag = ours.about.etag.clone();
                    self.rows.insert(Key { snapshot: Some(etag), ..key }, ours);
                    adopted.kept += 1;
                }
            }
        }
        adopted
    }

    fn end_adoption(&mut self, state: &State, now: i64) -> Adopted {
        let before = self.rows.len();
        self.rows.retain(|_, row| row.place.as_ref().is_none_or(|place| state.counts(place)));
        self.releases.retain(|place| state.counts(place));
        self.known.adopt(state, now);
        Adopted { dropped: (before - self.rows.len()) as u64, ..Adopted::default() }
    }
}
