//! Joins the gateway's gate to admission, and the cloud's.

use super::Tenancy;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use greenroom_gateway::gate::{self, Busy};
use greenroom_model::TenantName;
use greenroom_offload::recall::{Turn, Turns};
use greenroom_tenancy::admission;
use std::sync::Arc;

/// A tenant's ways to the cores, to the disk and to the cloud.
#[derive(Debug)]
pub struct Door {
    pub cores: admission::Gate,
    pub disk: admission::Gate,
    /// For reads of what left flash.
    pub cloud: admission::Gate,
}

impl gate::Gate for Door {
    fn enter(&self) -> BoxFuture<'_, Result<(), Busy>> {
        enter(&self.cores).boxed()
    }

    fn is_shared(&self) -> bool {
        self.cores.is_shared()
    }

    fn try_more(&self, bytes: u64) -> bool {
        self.cores.try_more(bytes)
    }

    fn more(self: Arc<Self>, bytes: u64) -> BoxFuture<'static, ()> {
        async move {
            self.cores.more(bytes).await;
        }
        .boxed()
    }

    fn leave(&self) {
        self.cores.leave();
    }

    fn charge(&self, bytes: u64) {
        self.cores.charge(bytes);
    }

    fn write(&self) -> BoxFuture<'_, Result<(), Busy>> {
        enter(&self.disk).boxed()
    }

    fn written(&self) {
        self.disk.leave();
    }
}

/// Whose read of what left flash goes next: by weight, as everything else.
#[derive(Debug)]
pub struct ToCloud(pub Arc<Tenancy>);

impl Turns for ToCloud {
    fn turn(&self, tenant: &str) -> BoxFuture<'static, Turn> {
        let gate = match TenantName::new(tenant) {
            Ok(tenant) => self.0.gate(&tenant).cloud.clone(),
            // Segments name tenants as we have named them: of any other there is one more, for all of them.
            Err(_) => self.0.strangers().clone(),
        };
        async move {
            gate.next().await;
            Box::new(Leaves(gate)) as Turn
        }
        .boxed()
    }
}

struct Leaves(admission::Gate);

impl Drop for Leaves {
    fn drop(&mut self) {
        self.0.leave();
    }
}

async fn enter(gate: &admission::Gate) -> Result<(), Busy> {
    match gate.enter().await {
        Ok(_) => Ok(()),
        Err(admission::Busy::Operations) => Err(Busy::Operations),
        Err(admission::Busy::Bytes) => Err(Busy::Bytes),
    }
}
