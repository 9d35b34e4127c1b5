//! Encrypts what tenants wrote before they had keys, blob by blob, behind what clients ask for.

use crate::offload::background::Background;
use greenroom_model::TenantName;
use greenroom_model::keys::Before;
use greenroom_store::{ClearUsage, DataKeyState, Store, StoreError};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Blobs between two looks at what there is.
const ROUND_MAX: usize = 256;
/// Rounds of compaction once a tenant is done: what was in clear goes with the extents that it lay in.
const COMPACTIONS_MAX: usize = 8;
/// Before what could not be encrypted is tried again.
const AGAIN_EVERY: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub struct Resealing {
    store: Store,
    background: Background,
    tenants: Mutex<BTreeMap<TenantName, Standing>>,
    wake: Notify,
    stop: CancellationToken,
}

#[derive(Debug, Default)]
struct Standing {
    before: Before,
    is_done: bool,
}

/// The loop. Stopping it waits for the blob under way.
#[derive(Debug)]
pub struct Running {
    pub service: Arc<Resealing>,
    task: JoinHandle<()>,
}

impl Running {
    pub fn start(store: Store, background: Background) -> Self {
        let (tenants, wake, stop) = (Mutex::default(), Notify::new(), CancellationToken::new());
        let service = Arc::new(Resealing { store, background, tenants, wake, stop });
        Self { task: tokio::spawn(service.clone().run()), service }
    }

    pub async fn stop(self) {
        self.service.stop.cancel();
        if self.task.await.is_err() {
            tracing::error!("what encrypts old content has panicked");
        }
    }
}

impl Resealing {
    /// Looks at a tenant anew: it has got a key.
    pub fn look_at(&self, tenant: &TenantName) {
        self.tenants().remove(tenant);
        self.wake.notify_one();
    }

    /// `None` until it has been looked for.
    pub fn standing(&self, tenant: &TenantName) -> Option<Before> {
        self.tenants().get(tenant).map(|standing| standing.before.clone())
    }

    fn tenants(&self) -> MutexGuard<'_, BTreeMap<TenantName, Standing>> {
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn run(self: Arc<Self>) {
        loop {
            for tenant in self.due() {
                tokio::select! {
                    () = self.stop.cancelled() => return,
                    () = self.tenant(&tenant) => {}
                }
            }
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = self.wake.notified() => {}
                () = tokio::time::sleep(AGAIN_EVERY) => {}
            }
        }
    }

    /// Those whose content is encrypted now, and who are not done.
    fn due(&self) -> Vec<TenantName> {
        let records = match self.store.data_keys() {
            Ok(records) => records,
            Err(error) => {
                tracing::warn!(%error, "what is to be encrypted cannot be looked up");
                return Vec::new();
            }
        };
        let of_tenants = records.into_iter().filter(|key| key.is_of(&key.tenant) && key.state == DataKeyState::Active);
        let active: BTreeSet<TenantName> = of_tenants.map(|key| key.tenant).collect();
        let tenants = self.tenants();
        active.into_iter().filter(|tenant| tenants.get(tenant).is_none_or(|standing| !standing.is_done)).collect()
    }

    /// Goes on until nothing is left, or nothing can be done now.
    async fn tenant(&self, tenant: &TenantName) {
        loop {
            let usage = match self.store.clear_usage(tenant, ROUND_MAX).await {
                Ok(usage) => usage,
                Err(error) => return self.note(tenant, |standing| standing.before.why = Some(error.to_string())),
            };
            let ClearUsage { clear_blobs, clear_bytes, clear_page_blobs, first } = usage;
            self.note(tenant, |standing| {
                let before = &mut standing.before;
                (before.blobs, before.bytes, before.page_blobs) = (clear_blobs, clear_bytes, clear_page_blobs);
                standing.is_done = clear_blobs == 0;
                before.why = None;
            });
            let mut done = 0;
            for blob in &first {
                self.background.turn(blob.bytes).await;
                match self.store.reseal(blob).await {
                    Ok(bytes) => {
                        done += bytes;
                        self.note(tenant, |Standing { before, .. }| {
                            before.done_bytes += bytes;
                            before.blobs = before.blobs.saturating_sub(u64::from(bytes > 0));
                            before.bytes = before.bytes.saturating_sub(bytes);
                        });
                    }
                    // Somebody else deals with what is damaged; the others need not wait for it.
                    Err(error @ (StoreError::Full { .. } | StoreError::KeyDenied(_) | StoreError::KeyAway(_))) => {
                        return self.note(tenant, |standing| standing.before.why = Some(error.to_string()));
                    }
                    Err(error) => {
                        tracing::warn!(blob = %blob.path, %error, "what was written before there was a key stays in clear");
                        self.note(tenant, |standing| standing.before.why = Some(format!("{}: {error}", blob.path)));
                    }
                }
            }
            if done == 0 {
                break;
            }
        }
        if self.standing(tenant).is_some_and(|before| before.done_bytes > 0) {
            self.compact().await;
        }
    }

    async fn compact(&self) {
        for _ in 0..COMPACTIONS_MAX {
            match self.store.compact().await {
                Ok(done) if done.extents == 0 && done.closed == 0 => return,
                Ok(_) => {}
                Err(error) => return tracing::warn!(%error, "extents from before there was a key stay for now"),
            }
        }
    }

    fn note(&self, tenant: &TenantName, note: impl FnOnce(&mut Standing)) {
        note(self.tenants().entry(tenant.clone()).or_default());
    }
}
