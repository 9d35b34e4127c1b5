//! Moves what still lives out of extents that are mostly dead, so that they can go. The old file is removed by the same rule as any
//! other: when the catalog's count of its live bytes is zero. So whatever happens on the way, an error or a crash, what is referred to
//! stays where the catalog says it is; at worst there are two copies.

mod moves;
pub mod plan;

use crate::catalog::holders::Holder;
use crate::error::{Result, StoreError};
use crate::extent::buffer::Buffer;
use crate::extent::{Extent, ExtentMap, Keys, Lane, Pin, Reader, Spot, Sync};
use crate::frame::{FRAME_BYTES, FRAMES_AT_ONCE, FrameKind};
use crate::piece;
use crate::space::{Promise, Purpose};
use crate::store::Store;
use moves::{Moves, To};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use tokio::sync::oneshot;

/// Rows that one transaction changes: what a write may have to wait for it.
const ROWS_A_TRANSACTION: usize = 500;
/// Appends that are not answered yet.
const IN_FLIGHT_MAX: usize = 4;

/// What a round has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Compaction {
    /// Extents that were still open and take no more, so that they can go or be compacted.
    pub closed: usize,
    /// Extents out of which all that lives was moved.
    pub extents: usize,
    pub moved_bytes: u64,
    /// Extents that could not be read back whole, and stay as they are.
    pub damaged: usize,
}

/// What the rows refer to, of the extents that are to go.
#[derive(Debug, Default)]
struct Live {
    holders: Vec<Holder>,
    /// Runs of frames, from and to, by extent. They may overlap where content is shared.
    runs: BTreeMap<u32, BTreeSet<(u32, u32)>>,
}

impl Store {
    /// Does one round of compaction, should there be something worth it. The server does so on its own all the while.
    pub async fn compact(&self) -> Result<Compaction> {
        let _one_at_a_time = self.compaction().lock().await;
        let rows = self.write(|txn| Ok(txn.books.extents.clone())).await?;
        let facts = self.extents().facts(&rows);
        let room = plan::Room {
            free_bytes: self.space().free_bytes(),
            copy_bytes: self.space().room_bytes(Purpose::Compaction),
            capacity_bytes: self.space().capacity_bytes(),
            extent_bytes: self.extents().extent_bytes(),
        };
        let plan = plan::plan(&facts, room);
        let mut done = Compaction { closed: plan.close.len(), ..Compaction::default() };
        for id in plan.close {
            self.extents().retire(id).await?;
        }
        if plan.compact.is_empty() {
            // What was closed just now may be dead already, and what was dead may have lost its last reader.
            self.write(|_| Ok(())).await?;
            return Ok(done);
        }
        let (victims, map) = (plan.compact, self.extents().map().clone());
        let ids: BTreeSet<u32> = victims.iter().copied().collect();
        let live = self.read_many(move |snapshot| live(snapshot, &ids)).await?;
        let mut mover = Mover::new(self, map)?;
        let mut moves = Moves::default();
        for id in victims {
            let runs = live.runs.get(&id).map(piece::join).unwrap_or_default();
            match mover.copy(id, &runs).await {
                Ok(moved) => moves.append(moved),
                Err(error @ (StoreError::Corrupt { .. } | StoreError::Io { action: "read", .. })) => {
                    tracing::error!(extent = id, %error, "an extent is damaged, and stays");
                    self.extents().give_up(id);
                    done.damaged += 1;
                    continue;
                }
                Err(error) => return Err(error),
            }
            done.extents += 1;
        }
        done.moved_bytes = mover.moved_bytes;
        // The copies are held until the catalog refers to them; of the old files nothing is, so that they can go.
        drop(mover.reader);
        let _extents = mover.extents;
        self.point(live.holders, moves).await?;
        Ok(done)
    }

    /// Lets the rows refer to the copies. A row that has changed meanwhile is read as it is now; whatever in it still lies in an old
    /// place moves, and nothing else does.
    async fn point(&self, holders: Vec<Holder>, moves: Moves) -> Result<()> {
        let moves = Arc::new(moves);
        for batch in holders.chunks(ROWS_A_TRANSACTION) {
            let (batch, moves) = (batch.to_vec(), moves.clone());
            self.write(move |txn| batch.iter().try_for_each(|row| txn.relocate(row, |old| moves.apply(old)))).await?;
        }
        Ok(())
    }
}

fn live(snapshot: &crate::catalog::Snapshot, ids: &BTreeSet<u32>) -> Result<Live> {
    let mut live = Live::default();
    snapshot.holders(|holder, pieces| {
        // A row that cannot be read keeps its extents: the count of their live bytes never gets to zero.
        let Ok(pieces) = pieces else { return Ok(()) };
        let mut any = false;
        for piece in pieces.iter().filter(|piece| ids.contains(&piece.extent)) {
            live.runs.entry(piece.extent).or_default().insert((piece.offset, piece.end()));
            any = true;
        }
        if any {
            live.holders.push(holder);
        }
        Ok(())
    })?;
    Ok(live)
}

/// Copies frames as they are, each checked.
struct Mover {
    /// By the kind of their frames.
    lanes: [Lane; 2],
    promise: Promise,
    reader: Option<Reader>,
    in_flight: VecDeque<InFlight>,
    /// Where the copies are.
    extents: Vec<(Arc<Extent>, Pin)>,
    moved_bytes: u64,
}

struct InFlight {
    extent: u32,
    offset: u32,
    disk_bytes: u32,
    answer: oneshot::Receiver<Result<Spot>>,
}

impl Mover {
    fn new(store: &Store, map: Arc<ExtentMap>) -> Result<Self> {
        Ok(Self {
            lanes: FrameKind::ALL.map(|kind| store.extents().lane(kind, None)),
            promise: store.space().promise(Purpose::Compaction, 0)?,
            reader: Some(Reader::new(map, Keys::default())),
            in_flight: VecDeque::new(),
            extents: Vec::new(),
            moved_bytes: 0,
        })
    }

    /// Copies runs of an extent. All is durable when this returns.
    async fn copy(&mut self, extent: u32, runs: &[(u32, u32)]) -> Result<Moves> {
        // What an extent that turned out damaged has left under way.
        self.in_flight.clear();
        let mut moves = Moves::default();
        let kind = FrameKind::of(extent);
        let chunk = kind.framed_bytes(FRAME_BYTES * FRAMES_AT_ONCE) as u32;
        let last = runs.last().map(|(_, to)| *to);
        for (from, to) in runs {
            let mut at = *from;
            while at < *to {
                let frames = self.read(extent, at, chunk.min(to - at)).await?;
                let disk_bytes = frames.len() as u32;
                let sync = if Some(at + disk_bytes) == last { Sync::Now } else { Sync::Later };
                self.promise.extend(u64::from(disk_bytes) * (1 + self.in_flight.len() as u64))?;
                let answer = self.lanes[kind as usize].append(frames, sync, tracing::Span::none()).await?;
                self.in_flight.push_back(InFlight { extent, offset: at, disk_bytes, answer });
                if self.in_flight.len() >= IN_FLIGHT_MAX {
                    self.land(&mut moves).await?;
                }
                at += disk_bytes;
            }
        }
        while !self.in_flight.is_empty() {
            self.land(&mut moves).await?;
        }
        // The last sync says nothing of an extent that failed before it.
        if let Some((extent, _)) = self.extents.iter().find(|(extent, _)| extent.is_broken()) {
            let lost = std::io::Error::other("an earlier write of it failed");
            return Err(StoreError::io("sync", extent.path(), lost));
        }
        Ok(moves)
    }

    /// Whole frames from `at` on, as many as lie in `length` bytes.
    async fn read(&mut self, extent: u32, at: u32, length: u32) -> Result<Buffer> {
        let mut reader = self.reader.take().ok_or(StoreError::Closed)?;
        let task = tokio::task::spawn_blocking(move || {
            let frames = reader.frames(extent, at, length);
            (reader, frames)
        });
        let (reader, frames) = task.await.map_err(|_| StoreError::Closed)?;
        self.reader = Some(reader);
        frames
    }

    async fn land(&mut self, moves: &mut Moves) -> Result<()> {
        let Some(InFlight { extent, offset, disk_bytes, answer }) = self.in_flight.pop_front() else { return Ok(()) };
        let Spot { extent: to, offset: to_offset, pin } = answer.await.map_err(|_| StoreError::Closed)??;
        self.promise.spend(u64::from(disk_bytes));
        self.moved_bytes += u64::from(disk_bytes);
        moves.add(extent, offset, To { extent: to.id(), offset: to_offset, disk_bytes });
        if self.extents.last().is_none_or(|(last, _)| !Arc::ptr_eq(last, &to)) {
            self.extents.push((to, pin));
        }
        Ok(())
    }
}
