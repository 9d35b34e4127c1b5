//! Which reader's request to the cloud goes next, of as many as go at a time.

use futures::FutureExt as _;
use futures::future::BoxFuture;
use std::fmt::Debug;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Gives the place back when it is dropped.
pub type Turn = Box<dyn Send>;

pub trait Turns: Debug + Send + Sync {
    /// Waits until a request for a tenant's content may go. To stop waiting is to be forgotten.
    fn turn(&self, tenant: &str) -> BoxFuture<'static, Turn>;
}

/// In the order in which they come, whoever they are for.
#[derive(Debug)]
pub struct InOrder(Arc<Semaphore>);

impl InOrder {
    pub fn new(at_a_time: usize) -> Arc<Self> {
        Arc::new(Self(Arc::new(Semaphore::new(at_a_time))))
    }
}

impl Turns for InOrder {
    fn turn(&self, _tenant: &str) -> BoxFuture<'static, Turn> {
        let places = self.0.clone();
        async move { Box::new(places.acquire_owned().await.expect("it is never closed")) as Turn }.boxed()
    }
}
