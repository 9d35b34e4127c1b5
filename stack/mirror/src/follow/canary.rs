//! A blob that is written there now and then, to measure how long it takes to come here.

use super::{Follower, Result};
use crate::origin::OriginError;
use crate::scope::Scope;
use crate::standing::ms_between;
use bytes::Bytes;
use greenroom_model::BlobPath;

/// A canary that has not come after so many of its intervals is given up.
const CANARY_PATIENCE: i64 = 30;

#[derive(Debug)]
pub(super) struct Canary {
    pub(super) path: BlobPath,
    pub(super) there: String,
    etag: String,
    written_us: i64,
    /// Why it was not written.
    pub(super) refused: Option<String>,
    /// Whether it has come, was refused, or was given up.
    is_over: bool,
}

impl Follower {
    /// Writes a blob there now and then, and waits for it here. Why there is none, where it may not be written: the mirror itself goes on.
    pub(super) async fn watch_canary(&mut self) -> Result<Option<String>> {
        let Some(every_us) = self.pace.canary_us else { return Ok(None) };
        let now = self.clock.now();
        if let Some(canary) = self.canary.as_mut().filter(|canary| !canary.is_over) {
            let has_come = self.store.origin_etag_of(&canary.path).as_ref() == Some(&canary.etag);
            if has_come {
                self.standing.known().canary_lag_ms = Some(ms_between(canary.written_us, now));
            }
            canary.is_over = has_come || now.0 - canary.written_us > every_us.saturating_mul(CANARY_PATIENCE);
        }
        let is_due = self.canary.as_ref().is_none_or(|canary| canary.is_over && now.0 - canary.written_us >= every_us);
        if !is_due || self.place.listed_us == 0 {
            return Ok(self.canary.as_ref().and_then(|canary| canary.refused.clone()));
        }
        let mut containers = self.store.containers_of_mirror(&self.scope.account, &self.name).into_iter();
        let Some((_, there)) = containers.next() else { return Ok(None) };
        let name = canary_name(&self.scope, &self.name);
        let Some(path) = self.scope.place(&there, &name) else { return Ok(None) };
        let (etag, refused) = match self.origin.put(&there, &name, Bytes::from(now.0.to_string())).await {
            Ok(etag) => (etag, None),
            // Its container may have gone since the last list.
            Err(error @ (OriginError::Refused(_) | OriginError::Missing | OriginError::Changed)) => (
                String::new(),
                Some(format!("its canary may not be written there, and its true lag is not known: {error}")),
            ),
            Err(error @ OriginError::Away(_)) => return Err(error.into()),
        };
        let is_over = refused.is_some();
        self.canary = Some(Canary { path, there, etag, written_us: now.0, refused: refused.clone(), is_over });
        Ok(refused)
    }
}

/// Where a mirror writes its canary.
fn canary_name(scope: &Scope, mirror: &str) -> String {
    format!("{}.greenroom-canary-{}-{mirror}", scope.prefix, scope.account)
}
