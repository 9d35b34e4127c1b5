//! Memory for content between the wire and the disk. Large buffers are used again: given back to the allocator and asked for anew for each
//! piece of a body, they leave it in shreds, and the system clears every page of them each time.

use crate::frame::{FRAME_BYTES, FRAMES_AT_ONCE, FrameKind};
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};
use zeroize::Zeroize as _;

/// What goes to the disk in one write, or comes from it in one read, at most.
const LARGE_BYTES: usize = FrameKind::Sealed.framed_bytes(FRAME_BYTES * FRAMES_AT_ONCE) as usize;
/// A buffer for less than this is no larger than it must be, and not kept.
const KEPT_BYTES_MIN: usize = LARGE_BYTES / 4;
/// Free buffers that wait for use, at most: 32 MiB together.
const KEPT_MAX: usize = 128;

/// Of the whole process, since its memory is too.
static KEPT: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// Bytes that go back to where large buffers wait once they are dropped. What a used one still holds is never read: its length is that of
/// what was written into it.
#[derive(Debug)]
pub struct Buffer {
    bytes: Vec<u8>,
    length: usize,
    /// It has held what was sealed, and nothing of that is left once it is dropped.
    is_secret: bool,
}

impl Buffer {
    /// Empty, with room for so many bytes, or for the most that a buffer takes.
    pub fn with_room(bytes: usize) -> Self {
        let bytes =
            if bytes < KEPT_BYTES_MIN { vec![0; bytes] } else { kept().unwrap_or_else(|| vec![0; LARGE_BYTES]) };
        Self { bytes, length: 0, is_secret: false }
    }

    /// Of this length, to be written over whole.
    pub fn of_length(bytes: usize) -> Self {
        let mut buffer = Self::with_room(bytes);
        buffer.bytes.resize(buffer.bytes.len().max(bytes), 0);
        buffer.length = bytes;
        buffer
    }

    pub fn extend(&mut self, bytes: &[u8]) {
        let end = self.length + bytes.len();
        if end > self.bytes.len() {
            self.bytes.resize(end, 0);
        }
        self.bytes[self.length..end].copy_from_slice(bytes);
        self.length = end;
    }

    /// Has it cleared when it is dropped.
    pub fn keep_secret(&mut self) {
        self.is_secret = true;
    }

    pub fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[..self.length]
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if self.is_secret {
            self.bytes.as_mut_slice().zeroize();
        }
        if self.bytes.len() == LARGE_BYTES {
            let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
            if kept.len() < KEPT_MAX {
                kept.push(std::mem::take(&mut self.bytes));
            }
        }
    }
}

fn kept() -> Option<Vec<u8>> {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner).pop()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_holds_what_was_put_there_and_nothing_of_before() {
        Buffer::of_length(LARGE_BYTES).fill(7);
        for room in [0, 10, KEPT_BYTES_MIN, LARGE_BYTES] {
            let mut buffer = Buffer::with_room(room);
            assert!(buffer.is_empty(), "{room}");
            buffer.extend(b"one");
            buffer.extend(b" two");
            assert_eq!(&buffer[..], b"one two", "{room}");
            buffer.truncate(3);
            assert_eq!(&buffer[..], b"one", "{room}");
        }
    }

    #[test]
    fn a_buffer_is_as_long_as_was_asked_even_past_the_usual() {
        for length in [0, 1, KEPT_BYTES_MIN, LARGE_BYTES, LARGE_BYTES + 1] {
            assert_eq!(Buffer::of_length(length).len(), length);
        }
    }

    #[test]
    fn of_what_was_secret_nothing_is_left() {
        let mut buffer = Buffer::of_length(LARGE_BYTES);
        buffer.fill(0x5A);
        buffer.keep_secret();
        buffer.truncate(3);
        drop(buffer);
        let kept = KEPT.lock().expect("not poisoned");
        assert!(kept.iter().all(|bytes| !bytes.contains(&0x5A)));
    }

    #[test]
    fn no_more_are_kept_than_said() {
        let many: Vec<_> = (0..2 * KEPT_MAX).map(|_| Buffer::with_room(LARGE_BYTES)).collect();
        drop(many);
        assert!(KEPT.lock().expect("not poisoned").len() <= KEPT_MAX);
    }
}
