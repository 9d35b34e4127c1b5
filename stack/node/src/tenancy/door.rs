//! Joins the gateway's gate to admission.

use futures::FutureExt as _;
use futures::future::BoxFuture;
use greenroom_gateway::gate::{self, Busy};
use greenroom_tenancy::admission;
use std::sync::Arc;

#[derive(Debug)]
pub struct Door(pub admission::Gate);

impl gate::Gate for Door {
    fn enter(&self) -> BoxFuture<'_, Result<(), Busy>> {
        async {
            match self.0.enter().await {
                Ok(_) => Ok(()),
                Err(admission::Busy::Operations) => Err(Busy::Operations),
                Err(admission::Busy::Bytes) => Err(Busy::Bytes),
            }
        }
        .boxed()
    }

    fn try_more(&self, bytes: u64) -> bool {
        self.0.try_more(bytes)
    }

    fn more(self: Arc<Self>, bytes: u64) -> BoxFuture<'static, ()> {
        async move {
            self.0.more(bytes).await;
        }
        .boxed()
    }

    fn leave(&self) {
        self.0.leave();
    }

    fn charge(&self, bytes: u64) {
        self.0.charge(bytes);
    }
}
