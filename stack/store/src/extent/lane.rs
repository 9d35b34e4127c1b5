//! A lane: the one thread that appends to one extent at a time, and whose every sync serves all who wait for it.

use super::buffer::Buffer;
use super::file::{Extent, Pin};
use super::files::Files;
use crate::behind;
use crate::config::Durability;
use crate::disk::DiskFile;
use crate::error::{Result, StoreError};
use crate::frame::FrameKind;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use tokio::sync::{mpsc, oneshot};
use tracing::{Span, debug_span};

/// Handle of a lane; clones are the same lane.
#[derive(Debug, Clone)]
pub struct Lane {
    tasks: Arc<Mutex<Option<mpsc::Sender<Task>>>>,
    thread: Arc<Mutex<Option<JoinHandle<()>>>>,
}

/// Where an append went.
#[derive(Debug)]
pub struct Spot {
    pub extent: Arc<Extent>,
    pub offset: u32,
    pub pin: Pin,
}

/// Whether an append waits until it is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sync {
    Later,
    /// All earlier appends on this lane become durable too.
    Now,
}

#[derive(Debug)]
enum Task {
    Append(Append),
    /// Ends the extent of this id, if it is the one that is open.
    Close(u32, oneshot::Sender<()>),
}

#[derive(Debug)]
struct Append {
    frames: Buffer,
    sync: Sync,
    /// Whose work it is.
    span: Span,
    reply: oneshot::Sender<Result<Spot>>,
}

impl Lane {
    /// `queue_max` appends may wait, and as many share a sync.
    pub(super) fn start(kind: FrameKind, number: usize, files: Arc<Files>, queue_max: usize) -> Result<Self> {
        let (sender, tasks) = mpsc::channel(queue_max);
        let dir = files.dir.clone();
        let worker = Worker { kind, files, queue_max, current: None };
        let name = match kind {
            FrameKind::Plain => format!("extents-{number}"),
            FrameKind::Sealed => format!("sealed-{number}"),
        };
        let thread = behind::thread(name, move || worker.run(tasks));
        let thread = thread.map_err(|error| StoreError::io("start a thread for", &dir, error))?;
        Ok(Self { tasks: Arc::new(Mutex::new(Some(sender))), thread: Arc::new(Mutex::new(Some(thread))) })
    }

    /// Queues an append; the answer comes once it is written, and durable if so wished.
    pub async fn append(&self, frames: Buffer, sync: Sync, span: Span) -> Result<oneshot::Receiver<Result<Spot>>> {
        let (reply, answer) = oneshot::channel();
        self.send(Task::Append(Append { frames, sync, span, reply })).await?;
        Ok(answer)
    }

    pub(super) async fn close_extent(&self, id: u32) -> Result<()> {
        let (reply, answer) = oneshot::channel();
        self.send(Task::Close(id, reply)).await?;
        answer.await.map_err(|_| StoreError::Closed)
    }

    async fn send(&self, task: Task) -> Result<()> {
        let sender = self.tasks.lock().unwrap_or_else(PoisonError::into_inner).clone();
        sender.ok_or(StoreError::Closed)?.send(task).await.map_err(|_| StoreError::Closed)
    }

    pub(super) fn close(&self) {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take()
            && thread.join().is_err()
        {
            tracing::error!("a thread that writes extents has panicked");
        }
    }
}

struct Worker {
    kind: FrameKind,
    files: Arc<Files>,
    queue_max: usize,
    current: Option<Open>,
}

struct Open {
    extent: Arc<Extent>,
    file: Box<dyn DiskFile>,
    length: u64,
    unsynced: u64,
}

/// What a lane writes before it syncs, although nobody waits for that yet: a disk does what it was given before, so each small write that
/// comes after waits for all of it.
const UNSYNCED_BYTES_MAX: u64 = 4 << 20;

impl Worker {
    fn run(mut self, mut tasks: mpsc::Receiver<Task>) {
        while let Some(first) = tasks.blocking_recv() {
            if catch_unwind(AssertUnwindSafe(|| self.serve(first, &mut tasks))).is_err() {
                tracing::error!("a thread that writes extents has panicked: what it had not acknowledged is lost");
                self.abandon();
            }
        }
        if self.sync().is_ok()
            && let Some(open) = self.current.take()
        {
            self.files.close_extent(&open.extent);
        }
    }

    fn serve(&mut self, first: Task, tasks: &mut mpsc::Receiver<Task>) {
        // All that came while the last batch was being synced share the next sync.
        let mut waiting = Vec::new();
        let batch = std::iter::once(first).chain(std::iter::from_fn(|| tasks.try_recv().ok()));
        for task in batch.take(self.queue_max) {
            let Append { frames, sync, span, reply } = match task {
                Task::Append(append) => append,
                Task::Close(id, reply) => {
                    self.close_current(id);
                    let _ = reply.send(());
                    continue;
                }
            };
            let spot =
                debug_span!(parent: &span, "extent.write", bytes = frames.len()).in_scope(|| self.append(&frames));
            match sync {
                Sync::Now if spot.is_ok() => {
                    waiting.push((spot, debug_span!(parent: &span, "extent.sync"), reply));
                }
                // A body whose client has gone away no longer listens.
                Sync::Now | Sync::Later => drop(reply.send(spot)),
            }
        }
        if !waiting.is_empty() {
            let synced = self.sync();
            for (spot, syncing, reply) in waiting {
                drop(syncing);
                let _ = reply.send(synced.clone().and(spot));
            }
        }
    }

    fn close_current(&mut self, id: u32) {
        // What waits for the next sync of this lane needs this one: see `append`.
        if self.current.as_ref().is_some_and(|open| open.extent.id() == id)
            && self.sync().is_ok()
            && let Some(open) = self.current.take()
        {
            self.files.close_extent(&open.extent);
        }
    }

    fn append(&mut self, frames: &[u8]) -> Result<Spot> {
        if self.current.as_ref().is_some_and(|open| open.length >= self.files.extent_bytes) {
            // Whoever waits for a sync of this lane waits for the next extent's: this one must be safe by then.
            self.sync()?;
            if let Some(open) = self.current.take() {
                self.files.close_extent(&open.extent);
            }
        }
        if self.current.is_none() {
            let (extent, file, length) = self.files.open_extent(self.kind)?;
            self.current = Some(Open { extent, file, length, unsynced: 0 });
        }
        let open = self.current.as_mut().expect("opened just above");
        let pin = open.extent.pins.clone();
        if let Err(error) = open.file.write_at(open.length, frames) {
            let error = match error.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    StoreError::Full { needed_bytes: frames.len() as u64, free_bytes: 0 }
                }
                _ => StoreError::io("append to", &open.extent.path, error),
            };
            self.undo_append();
            return Err(error);
        }
        let offset = u32::try_from(open.length).expect("EXTENT_BYTES_MAX keeps offsets in 32 bits");
        open.length += frames.len() as u64;
        open.unsynced += frames.len() as u64;
        open.extent.length.store(open.length, Relaxed);
        self.files.space.grown(frames.len() as u64);
        let spot = Spot { extent: open.extent.clone(), offset, pin };
        if open.unsynced >= UNSYNCED_BYTES_MAX {
            self.sync()?;
        }
        Ok(spot)
    }

    /// Cuts off what a failed append may have left, so that the next one lies where it thinks it does.
    fn undo_append(&mut self) {
        if self.current.as_ref().is_some_and(|open| open.file.set_length(open.length).is_err()) {
            self.abandon();
        }
    }

    fn sync(&mut self) -> Result<()> {
        let Some(open) = self.current.as_mut() else { return Ok(()) };
        open.unsynced = 0;
        let synced = match self.files.durability {
            Durability::Disk => open.file.sync(),
            Durability::Os => Ok(()),
        };
        let synced = synced.map_err(|error| StoreError::io("sync", &open.extent.path, error));
        if synced.is_err() {
            self.abandon();
        }
        synced
    }

    /// After a failed sync nobody knows what reached the disk, and a second try may lie: what is not acknowledged yet never will be.
    fn abandon(&mut self) {
        if let Some(open) = self.current.take() {
            open.extent.broken.store(true, Relaxed);
            self.files.close_extent(&open.extent);
        }
    }
}
