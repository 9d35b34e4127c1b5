//! STAND-IN: mirrors that are kept in memory and follow nothing. What the control API is written against until mirrors themselves are there.

use greenroom_model::mirror::{Attach, Detach, MIRRORS_MAX, Mirror, MirrorState, MirrorStatus};
use greenroom_model::{AccountName, TenantName};
use greenroom_store::StoreError;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

type Known = BTreeMap<(AccountName, TenantName), Mirror>;

#[derive(Debug, Default)]
pub struct Mirrors(Mutex<Known>);

/// Why a mirror is not attached.
#[derive(Debug)]
pub enum AttachFault {
    /// The origin is none: a sentence.
    Bad(String),
    /// Something else is in its place: a sentence.
    Conflict(String),
    #[expect(dead_code, reason = "memory does not fail")]
    Store(StoreError),
}

/// Of the mirrors of one account.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MirrorFigures {
    /// The worst of them.
    pub behind_ms: u64,
    pub lag_p50_ms: u64,
    pub lag_p99_ms: u64,
    pub events_behind: u64,
    /// Rows written and removed; only grows.
    pub changes: u64,
    pub blobs: u64,
    pub canary_lag_ms: Option<u64>,
}

impl Mirrors {
    pub async fn attach(&self, account: &AccountName, name: &TenantName, attach: Attach) -> Result<(), AttachFault> {
        let Attach { mirror, secret: _ } = attach;
        if !mirror.origin.contains("://") {
            return Err(AttachFault::Bad("the origin is no URL".to_owned()));
        }
        let at = (account.clone(), name.clone());
        let mut known = self.lock();
        let taken = |(other, it): (&(AccountName, TenantName), &Mirror)| {
            *other != at && other.0 == *account && it.container.is_some() && it.container == mirror.container
        };
        if known.iter().any(taken) {
            return Err(AttachFault::Conflict("another mirror shows itself in that container".to_owned()));
        }
        known.insert(at, mirror);
        Ok(())
    }

    pub async fn detach(&self, account: &AccountName, name: &TenantName, _: Detach) -> Result<bool, StoreError> {
        Ok(self.lock().remove(&(account.clone(), name.clone())).is_some())
    }

    pub async fn pause(&self, account: &AccountName, name: &TenantName, paused: bool) -> Result<bool, StoreError> {
        let mut known = self.lock();
        let mirror = known.get_mut(&(account.clone(), name.clone()));
        Ok(mirror.map(|mirror| mirror.paused = paused).is_some())
    }

    pub async fn relist(&self, account: &AccountName, name: &TenantName) -> Result<bool, StoreError> {
        Ok(self.lock().contains_key(&(account.clone(), name.clone())))
    }

    pub fn statuses(&self, account: &AccountName) -> Result<BTreeMap<TenantName, MirrorStatus>, StoreError> {
        let known = self.lock();
        let own = known.iter().filter(|((of, _), _)| of == account).take(MIRRORS_MAX);
        let status = |mirror: &Mirror| MirrorStatus {
            settings: Some(mirror.clone()),
            state: if mirror.paused { MirrorState::Paused } else { MirrorState::Listing },
            ..MirrorStatus::default()
        };
        Ok(own.map(|((_, name), mirror)| (name.clone(), status(mirror))).collect())
    }

    pub fn figures(&self) -> BTreeMap<AccountName, MirrorFigures> {
        self.lock().keys().map(|(account, _)| (account.clone(), MirrorFigures::default())).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
