//! How an aggressor attacks. It runs on one thread that stands behind the server's own, with raw sockets and prepared bytes: the server is to be
//! the limit, and not its client, which on a real machine would be elsewhere.

use crate::wire::{Connection, Request};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

const TRICKLE_EVERY: Duration = Duration::from_millis(50);
/// A peer that lets nobody in is asked again a moment later.
const PAUSE: Duration = Duration::from_millis(5);

/// A request, by how many there were before it.
pub type Requests = Arc<dyn Fn(u64) -> Request + Send + Sync>;

#[derive(Clone)]
pub struct Attack {
    pub connections: usize,
    pub requests: Requests,
    pub manner: Manner,
}

#[derive(Debug, Clone, Copy)]
pub enum Manner {
    /// Each connection asks again once it was answered.
    Flood,
    /// Each connection begins and gets no further: so much more of its request comes now and then.
    Hold { trickle: &'static [u8] },
    /// Each connection reads nothing of its answer, and after so long makes room for another one.
    Leave { after: Duration },
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Tally {
    pub done: AtomicU64,
    /// Answered by an error of the client's.
    pub refused: AtomicU64,
    /// Told to come again later.
    pub busy: AtomicU64,
    /// Connections that were opened, and that the server has cut off.
    pub opened: AtomicU64,
    pub cut: AtomicU64,
}

impl Tally {
    fn counts(&self) -> [(&AtomicU64, &'static str); 5] {
        let Self { done, refused, busy, opened, cut } = self;
        [(done, "done"), (refused, "refused"), (busy, "busy"), (opened, "connections"), (cut, "cut off")]
    }

    pub fn add(&self, more: &Tally) {
        for ((all, _), (more, _)) in self.counts().into_iter().zip(more.counts()) {
            all.fetch_add(more.load(Relaxed), Relaxed);
        }
    }

    /// What is more than a few, for people.
    pub fn a_second(&self, time: Duration) -> String {
        let counts = self.counts().map(|(count, what)| (count.load(Relaxed) as f64 / time.as_secs_f64(), what));
        let counts = counts.into_iter().filter(|(count, _)| *count >= 1.0);
        counts.map(|(count, what)| format!("{count:.0} {what}")).collect::<Vec<_>>().join(", ")
    }
}

/// An attack under way.
pub struct Running {
    stop: CancellationToken,
    thread: JoinHandle<()>,
    tally: Arc<Tally>,
}

impl Attack {
    pub fn flood(connections: usize, requests: impl Fn(u64) -> Request + Send + Sync + 'static) -> Self {
        Self { connections, requests: Arc::new(requests), manner: Manner::Flood }
    }

    pub fn hold(
        connections: usize,
        trickle: &'static [u8],
        requests: impl Fn(u64) -> Request + Send + Sync + 'static,
    ) -> Self {
        Self { manner: Manner::Hold { trickle }, ..Self::flood(connections, requests) }
    }

    pub fn begin(&self, server: SocketAddr) -> Running {
        let (stop, tally) = (CancellationToken::new(), Arc::<Tally>::default());
        let (attack, stopped, counted) = (self.clone(), stop.clone(), tally.clone());
        let thread = std::thread::spawn(move || {
            greenroom_store::stand_behind();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let mut connections = JoinSet::new();
                let asked = Arc::<AtomicU64>::default();
                for _ in 0..attack.connections {
                    connections.spawn(attack.clone().connections(server, asked.clone(), counted.clone()));
                }
                stopped.cancelled().await;
            });
        });
        Running { stop, thread, tally }
    }

    async fn connections(self, server: SocketAddr, asked: Arc<AtomicU64>, tally: Arc<Tally>) {
        loop {
            let Ok(mut connection) = Connection::open(server).await else {
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            tally.opened.fetch_add(1, Relaxed);
            let request = || (self.requests)(asked.fetch_add(1, Relaxed));
            match self.manner {
                Manner::Flood => flood(connection, request, &tally).await,
                Manner::Hold { trickle } => hold(connection, request(), trickle).await,
                Manner::Leave { after } => {
                    if connection.send(&request()).await.is_ok() {
                        tokio::time::sleep(after).await;
                        continue;
                    }
                }
            }
            tally.cut.fetch_add(1, Relaxed);
        }
    }
}

async fn flood(mut connection: Connection, request: impl Fn() -> Request, tally: &Tally) {
    loop {
        // Who is refused early may be cut off while it still sends; the answer is there all the same.
        let sent = connection.send(&request()).await;
        let Ok(answer) = connection.answer(0).await else { return };
        let count = match answer.status {
            503 => &tally.busy,
            400..500 => &tally.refused,
            _ => &tally.done,
        };
        count.fetch_add(1, Relaxed);
        if sent.is_err() {
            return;
        }
    }
}

/// Until the server has had enough.
async fn hold(mut connection: Connection, request: Request, trickle: &[u8]) {
    if connection.send(&request).await.is_err() {
        return;
    }
    loop {
        tokio::select! {
            end = connection.end() => return end,
            () = tokio::time::sleep(TRICKLE_EVERY) => {
                if connection.add(trickle).await.is_err() {
                    return;
                }
            }
        }
    }
}

impl Running {
    pub fn end(self) -> Arc<Tally> {
        self.stop.cancel();
        self.thread.join().expect("the aggressor does not panic");
        self.tally
    }
}
