//! Reads content back, checked frame by frame.

use super::buffer::Buffer;
use super::file::{Extent, ExtentMap, file_name};
use crate::crc;
use crate::disk::DiskFile;
use crate::encryption::CustomerKey;
use crate::error::{Result, StoreError};
use crate::frame::{self, FRAME_BYTES, FRAMES_AT_ONCE, FrameKind};
use crate::keyring::Keyring;
use crate::piece::Piece;
use crate::seal::{self, CUSTOMER, DataKey};
use bytes::Bytes;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

/// What is wanted of a run of frames, or of a hole: both ends count from where the run's first frame begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// `None` for a hole, which reads as zeros.
    run: Option<Piece>,
    from: u64,
    to: u64,
}

impl Span {
    /// From and to count within the piece.
    pub fn new(piece: Piece, from: u64, to: u64) -> Self {
        let skip = u64::from(piece.skip);
        Self { run: Some(piece), from: skip + from, to: skip + to }
    }

    pub fn zeros(length: u64) -> Self {
        Self { run: None, from: 0, to: length }
    }

    pub fn is_empty(&self) -> bool {
        self.from == self.to
    }

    pub fn length(&self) -> u64 {
        self.to - self.from
    }

    /// Takes off what lies in the first frame.
    pub fn split_frame(&mut self) -> Span {
        let to = self.to.min((self.from + 1).next_multiple_of(FRAME_BYTES));
        let first = Span { to, ..*self };
        self.from = to;
        first
    }
}

/// As much of a hole as is read at once.
static ZEROS: [u8; (FRAME_BYTES * FRAMES_AT_ONCE) as usize] = [0; (FRAME_BYTES * FRAMES_AT_ONCE) as usize];

/// What opens sealed frames; without any they cannot be read, but moved.
#[derive(Debug, Clone, Default)]
pub struct Keys {
    /// Of tenants and scopes.
    pub keyring: Option<Arc<Keyring>>,
    pub customer: Option<CustomerKey>,
}

impl Keys {
    /// Does not wait. Err: `KeyLocked`.
    fn find(&self, number: u32) -> Result<Arc<DataKey>> {
        let found = match number {
            CUSTOMER => self.customer.as_ref().map(|key| key.data_key().clone()),
            number => self.keyring.as_ref().and_then(|keyring| keyring.held(number)),
        };
        found.ok_or(StoreError::KeyLocked(number))
    }
}

/// Reads spans one after the other, and keeps the file that it read last. Blocks: not for async threads.
#[derive(Debug)]
pub struct Reader {
    extents: Arc<ExtentMap>,
    /// Apart: a reader is moved about with the stream that it is for.
    keys: Box<Keys>,
    file: Option<(u32, Arc<dyn DiskFile>)>,
}

impl Reader {
    pub fn new(extents: Arc<ExtentMap>, keys: Keys) -> Self {
        Self { extents, keys: Box::new(keys), file: None }
    }

    /// Reads the beginning of the span, up to `FRAMES_AT_ONCE` frames of it, and moves its beginning on. One slice a frame.
    /// Err: `KeyLocked` where the span is as it was, and can be read once that key is unwrapped; `Corrupt`, `Io`.
    pub fn read(&mut self, span: &mut Span) -> Result<Vec<Bytes>> {
        let Some(run) = span.run else { return Ok(hole(span)) };
        let window = Window::of(span, run);
        let mut disk = Buffer::of_length(window.bytes);
        let extent = self.extent(run.extent, window.at)?;
        self.read_at(&extent, window.at, &mut disk)?;
        window.slices(&extent, disk, span, &self.keys)
    }

    /// As `read`, where that takes nothing but what is in memory; `None` where the disk would have to be waited for. Does not block.
    pub fn read_cached(&mut self, span: &mut Span) -> Result<Option<Vec<Bytes>>> {
        let Some(run) = span.run else { return Ok(Some(hole(span))) };
        let window = Window::of(span, run);
        let extent = self.extent(run.extent, window.at)?;
        let Some(file) = extent.handles.kept(extent.id) else { return Ok(None) };
        let mut disk = Buffer::of_length(window.bytes);
        // What is wrong with the disk is found, and told, by the read that may wait for it.
        match file.read_cached(window.at, &mut disk) {
            Ok(true) => {
                self.file = Some((extent.id, file));
                window.slices(&extent, disk, span, &self.keys).map(Some)
            }
            Ok(false) | Err(_) => Ok(None),
        }
    }

    /// Frames as they lie on disk, each checked: from `at` on, as many as end within `length` bytes.
    pub fn frames(&mut self, id: u32, at: u32, length: u32) -> Result<Buffer> {
        let extent = self.extent(id, u64::from(at))?;
        let mut disk = Buffer::of_length(length as usize);
        self.read_at(&extent, u64::from(at), &mut disk)?;
        let (mut end, kind) = (0, FrameKind::of(id));
        while let Some(frame) = kind.first(&disk[end..]) {
            let here = u64::from(at) + end as u64;
            kind.check(frame).map_err(|what| corrupt(extent.path(), here, what))?;
            end += frame.len();
        }
        if end == 0 {
            return Err(corrupt(extent.path(), u64::from(at), "no frame begins here"));
        }
        disk.truncate(end);
        Ok(disk)
    }

    /// The checksum of a span's content. Of whole plain frames only the headers are read: what they say of their payload is checked by
    /// whoever reads it.
    pub fn checksum(&mut self, mut span: Span) -> Result<u64> {
        let mut crc64 = crc::crc64(b"");
        while !span.is_empty() {
            let whole = span.run.map(|run| (run, (span.from + FRAME_BYTES).min(run.run())));
            if let Some((run, frame_end)) = whole
                && run.kind() == FrameKind::Plain
                && span.from.is_multiple_of(FRAME_BYTES)
                && span.to >= frame_end
            {
                let length = frame_end - span.from;
                let at = u64::from(run.offset) + span.from / FRAME_BYTES * FrameKind::Plain.step_bytes();
                let extent = self.extent(run.extent, at)?;
                let mut header = [0; FrameKind::Plain.header_bytes() as usize];
                self.read_at(&extent, at, &mut header)?;
                let claim = frame::claim(&header, length).map_err(|what| corrupt(extent.path(), at, what))?;
                crc64 = crc::join(crc64, claim, length);
                span.from = frame_end;
            } else {
                // Up to the next frame's beginning.
                let to = span.to.min((span.from + 1).next_multiple_of(FRAME_BYTES));
                let mut part = Span { to, ..span };
                for slice in self.read(&mut part)? {
                    crc64 = crc::join(crc64, crc::crc64(&slice), slice.len() as u64);
                }
                span.from = to;
            }
        }
        Ok(crc64)
    }

    fn extent(&self, id: u32, at: u64) -> Result<Arc<Extent>> {
        let extent = self.extents.get(&id).cloned();
        extent.ok_or_else(|| corrupt(Path::new(&file_name(id)), at, "the extent is missing"))
    }

    fn read_at(&mut self, extent: &Extent, at: u64, into: &mut [u8]) -> Result<()> {
        let io = |error: std::io::Error| match error.kind() {
            ErrorKind::UnexpectedEof => corrupt(extent.path(), at, "the extent ends before its content does"),
            _ => StoreError::io("read", extent.path(), error),
        };
        if self.file.as_ref().is_none_or(|(id, _)| *id != extent.id) {
            self.file = Some((extent.id, extent.handles.open(extent.id, extent.path()).map_err(io)?));
        }
        let (_, file) = self.file.as_ref().expect("opened just above");
        file.read_at(at, into).map_err(io)
    }
}

/// The beginning of a span that nothing was ever written to.
fn hole(span: &mut Span) -> Vec<Bytes> {
    let zeros = &ZEROS[..span.length().min(ZEROS.len() as u64) as usize];
    span.from += zeros.len() as u64;
    vec![Bytes::from_static(zeros)]
}

/// The frames that a read takes in one go.
struct Window {
    kind: FrameKind,
    first: u64,
    until: u64,
    /// Where in the extent they begin, and what they take there.
    at: u64,
    bytes: usize,
}

impl Window {
    fn of(span: &Span, run: Piece) -> Self {
        let first = span.from / FRAME_BYTES;
        let until = span.to.div_ceil(FRAME_BYTES).min(first + FRAMES_AT_ONCE);
        let (end, kind) = (run.run().min(until * FRAME_BYTES), run.kind());
        Self {
            kind,
            first,
            until,
            at: u64::from(run.offset) + first * kind.step_bytes(),
            bytes: kind.framed_bytes(end - first * FRAME_BYTES) as usize,
        }
    }

    /// Checks what was read, opens what is sealed, cuts it to the span, and moves the span's beginning on.
    fn slices(&self, extent: &Extent, mut disk: Buffer, span: &mut Span, keys: &Keys) -> Result<Vec<Bytes>> {
        let step = self.kind.step_bytes();
        if self.kind == FrameKind::Sealed {
            disk.keep_secret();
        }
        for (number, frame) in disk.chunks_mut(step as usize).enumerate() {
            let damaged = |what| corrupt(extent.path(), self.at + number as u64 * step, what);
            match self.kind {
                FrameKind::Plain => self.kind.check(frame).map_err(damaged)?,
                FrameKind::Sealed => {
                    self.kind.check_begin(frame).map_err(damaged)?;
                    let key = match keys.find(seal::sealed_by(frame)) {
                        Ok(key) => key,
                        // Its number may be what is damaged.
                        Err(error) => return Err(self.kind.check(frame).map_err(damaged).err().unwrap_or(error)),
                    };
                    key.open(frame).map_err(damaged)?;
                }
            }
        }
        let mut disk = Bytes::from_owner(disk);
        let mut slices = Vec::with_capacity(FRAMES_AT_ONCE as usize);
        for number in self.first..self.until {
            let frame = disk.split_to(disk.len().min(step as usize));
            let payload_begin = number * FRAME_BYTES;
            let payload = frame.slice(self.kind.header_bytes() as usize..);
            let from = span.from.saturating_sub(payload_begin) as usize;
            let to = (span.to - payload_begin).min(payload.len() as u64) as usize;
            slices.push(payload.slice(from..to));
        }
        span.from = span.to.min(self.until * FRAME_BYTES);
        Ok(slices)
    }
}

fn corrupt(file: &Path, offset: u64, what: &str) -> StoreError {
    StoreError::Corrupt { file: file.to_owned(), offset, what: what.to_owned() }
}
