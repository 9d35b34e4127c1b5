//! Admission as the gateway sees it: a request asks before it is worked on, and again as its content streams; who decides is somebody else.

use futures::FutureExt as _;
use futures::future::BoxFuture;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

/// Content between two times that admission is asked: large enough to cost nothing, small enough that the next one waits little.
const BYTES_A_TURN: u64 = 256 << 10;

/// One tenant's way in. Every `Ok` of `enter`, `true` of `try_more` and end of `more` takes a place, which `leave` gives back.
pub trait Gate: Send + Sync + 'static {
    /// Whether a request may be worked on, perhaps after a wait.
    fn enter(&self) -> BoxFuture<'_, Result<(), Busy>>;
    /// Whether others want something too, and are to be seen soon.
    fn is_shared(&self) -> bool;
    /// Whether more content of it may be, now.
    fn try_more(&self, bytes: u64) -> bool;
    /// Waits until it may be.
    fn more(self: Arc<Self>, bytes: u64) -> BoxFuture<'static, ()>;
    fn leave(&self);
    /// Content was worked on that had not been asked for.
    fn charge(&self, bytes: u64);
    /// Waits until a change may go to the disk, which takes a place there; `written` gives it back.
    fn write(&self) -> BoxFuture<'_, Result<(), Busy>>;
    fn written(&self);
}

/// So many requests wait already that one more had better come again later. By what the tenant is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Busy {
    Operations,
    Bytes,
}

/// A request's place, while it is worked on. It is given back while the client is waited for.
pub struct Pass {
    gate: Arc<dyn Gate>,
    place: Place,
    /// Moved since admission was asked last.
    moved: u64,
    /// Moved since others went first.
    turn: u64,
}

/// A change's place at the disk, until it is durable.
pub struct Writing(Arc<dyn Gate>);

enum Place {
    Held,
    Given,
    /// Never locked: it lets a request that waits be looked at from several threads.
    Asked(Mutex<BoxFuture<'static, ()>>),
}

impl std::fmt::Debug for Pass {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pass").field("moved", &self.moved).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Writing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writing").finish_non_exhaustive()
    }
}

impl Pass {
    /// Waits for a place.
    pub async fn enter(gate: Arc<dyn Gate>) -> Result<Self, Busy> {
        gate.enter().await?;
        Ok(Self { gate, place: Place::Held, moved: 0, turn: 0 })
    }

    /// For what is to be sent later: no place yet.
    pub fn later(gate: Arc<dyn Gate>) -> Self {
        Self { gate, place: Place::Given, moved: 0, turn: 0 }
    }

    pub fn gate(&self) -> &Arc<dyn Gate> {
        &self.gate
    }

    /// The client is waited for.
    pub fn park(&mut self) {
        if let Place::Held = std::mem::replace(&mut self.place, Place::Given) {
            self.gate.leave();
        }
    }

    /// So much has come, and is to be worked on.
    pub async fn took(&mut self, bytes: u64) {
        self.count(bytes);
        if self.turn >= BYTES_A_TURN {
            self.park();
        }
        std::future::poll_fn(|cx| self.poll_place(cx)).await;
    }

    /// Others may go first, here and now: for what takes long and moves nothing.
    pub async fn turn(&mut self) {
        self.turn = BYTES_A_TURN;
        self.took(0).await;
    }

    /// All of a change has come, and is to be made durable. Whoever waits for the disk needs no core.
    pub async fn write(&mut self) -> Result<Writing, Busy> {
        self.park();
        self.gate.write().await?;
        Ok(Writing(self.gate.clone()))
    }

    /// Ready once there is a place to work on.
    pub fn poll_place(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            match &mut self.place {
                Place::Held => return Poll::Ready(()),
                Place::Asked(asked) => {
                    ready!(asked.get_mut().unwrap_or_else(PoisonError::into_inner).as_mut().poll(cx));
                    self.place = Place::Held;
                }
                Place::Given => {
                    let moved = std::mem::take(&mut self.moved);
                    self.place = if self.turn >= BYTES_A_TURN {
                        self.turn = 0;
                        Place::Asked(Mutex::new(others_first(self.gate.clone(), moved)))
                    } else if self.gate.try_more(moved) {
                        Place::Held
                    } else {
                        Place::Asked(Mutex::new(self.gate.clone().more(moved)))
                    };
                }
            }
        }
    }

    /// So much is on its way to the client, which takes as long as it likes.
    pub fn sent(&mut self, bytes: u64) {
        self.count(bytes);
        self.park();
    }

    fn count(&mut self, bytes: u64) {
        self.moved += bytes;
        self.turn += bytes;
    }
}

/// Lets the runtime look at what else has come before more is asked for: a request that is there is not seen while this thread is busy.
fn others_first(gate: Arc<dyn Gate>, bytes: u64) -> BoxFuture<'static, ()> {
    async move {
        // What has come may have woken another thread of the runtime, which waits for this one's core.
        if gate.is_shared() {
            std::thread::yield_now();
        }
        tokio::task::yield_now().await;
        gate.more(bytes).await;
    }
    .boxed()
}

impl Drop for Pass {
    fn drop(&mut self) {
        if self.moved > 0 {
            self.gate.charge(self.moved);
        }
        self.park();
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        self.0.written();
    }
}
