//! Sees to it that the cloud lets go of what tenants that have left had there, and completes their receipts.

use super::{Failed, Opened, Service};
use greenroom_gateway::time;
use greenroom_model::TenantName;
use greenroom_offload::{Hash, gc};
use std::collections::{BTreeMap, BTreeSet};

/// By tenant, segments in which there is anything of it.
pub(super) type Held = BTreeMap<TenantName, BTreeSet<Hash>>;

impl Service {
    /// What is known of those that have left, and what is found of whom nobody has looked for yet, once nothing of theirs counts any more.
    pub(super) async fn look_for_leavers(&self, opened: &Opened) -> Result<Held, Failed> {
        let (known, new): (Vec<_>, Vec<_>) = self.tenancy.leaving().into_iter().partition(|(_, held)| held.is_some());
        let mut held: Held = known.into_iter().filter_map(|(name, held)| Some((name, held?))).collect();
        if new.is_empty() || !self.store.is_swept()? {
            return Ok(held);
        }
        while !self.store.releases(1).await?.is_empty() {
            opened.offload.release(self.clock.now().0).await?;
        }
        let volume = opened.offload.volume();
        let names = new.iter().map(|(name, _)| name.to_string()).collect();
        let mut found = gc::holding(volume.cloud(), &volume.state(), &names).await?;
        held.extend(
            new.into_iter().filter_map(|(name, _)| found.remove(name.as_str()).map(|segments| (name, segments))),
        );
        Ok(held)
    }

    /// Notes what is left, and says in the audit log whose is gone.
    pub(super) async fn note_leavers(&self, opened: &Opened, held: Held) -> Result<(), Failed> {
        let state = opened.offload.volume().state();
        for (tenant, segments) in held {
            let left: BTreeSet<Hash> = gc::left(&state, &segments).collect();
            if left.is_empty() {
                self.say_gone(tenant).await?;
            } else {
                self.tenancy.still_holds(&tenant, left).map_err(|error| Failed::Kept(error.to_string()))?;
            }
        }
        Ok(())
    }

    async fn say_gone(&self, tenant: TenantName) -> Result<(), Failed> {
        let (audit, tenancy, at) = (self.audit.clone(), self.tenancy.clone(), time::iso_seconds(self.clock.now()));
        let said = tokio::task::spawn_blocking(move || {
            let said = audit.done("server", "tenant.gone", tenant.as_str(), "nothing of it is left in the cloud");
            let seq = said.map_err(|error| error.to_string())?.seq;
            tracing::info!(%tenant, "nothing of it is left in the cloud");
            tenancy.is_gone(&tenant, at, seq).map_err(|error| error.to_string())
        });
        said.await.unwrap_or_else(|_| Err("the audit log has panicked".to_owned())).map_err(Failed::Kept)
    }
}
