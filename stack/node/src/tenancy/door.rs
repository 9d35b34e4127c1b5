//! Joins the gateway's gate to admission.

use futures::FutureExt as _;
use futures::future::BoxFuture;
use greenroom_gateway::gate::{self, Busy};
use greenroom_tenancy::admission;
use std::sync::Arc;

/// A tenant's ways to the cores and to the disk.
#[derive(Debug)]
pub struct Door {
    pub cores: admission::Gate,
    pub disk: admission::Gate,
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

async fn enter(gate: &admission::Gate) -> Result<(), Busy> {
    match gate.enter().await {
        Ok(_) => Ok(()),
        Err(admission::Busy::Operations) => Err(Busy::Operations),
        Err(admission::Busy::Bytes) => Err(Busy::Bytes),
    }
}
