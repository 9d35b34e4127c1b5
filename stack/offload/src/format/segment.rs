//! A segment: header, chunks, footer, trailer. It is built in memory, named by its hash, and never changed.

use super::chunk::{self, ChunkEntry, Cipher, Opener, Squeezed};
use super::document::{self, Kind};
use super::footer::{Borrowed, Footer, Part, Recipe};
use super::{FEATURE_SEALED, check_features, take};
use crate::error::{Error, Result};
use crate::hash::Hash;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// Magic, features, reserved, volume, epoch, sequence, check.
pub const HEADER_BYTES: usize = 8 + 4 + 4 + 16 + 8 + 8 + 16;
/// Magic, where the footer begins and how long it is, check.
pub const TRAILER_BYTES: usize = 8 + 8 + 8 + 16;
/// Where a segment is closed: large enough to be few, small enough to be held in memory twice.
pub const TARGET_BYTES: usize = 64 << 20;
const MAGIC: &[u8; 8] = b"GRSEGMT\n";
const TRAILER_MAGIC: &[u8; 8] = b"GRSEGEND";
/// Marks a part of a borrowed chunk while nobody knows yet how many own ones there will be.
const BORROWED: u32 = 1 << 31;

/// Which segment of which writer. No two segments have the same one, so none has the name of another, not even of one that is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    pub volume: [u8; 16],
    pub epoch: u64,
    pub sequence: u64,
}

/// What the log keeps of a segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentInfo {
    pub hash: Hash,
    pub bytes: u64,
    pub footer_offset: u64,
    pub footer_bytes: u64,
    /// Of these bytes: whatever lies under the segment's name, only its own footer is taken for it. Not there in segments of old.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub footer_hash: Option<Hash>,
    pub recipes: u32,
    /// Content of its own chunks.
    pub raw_bytes: u64,
    /// The segments whose chunks its recipes use.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub borrows: BTreeSet<Hash>,
}

impl SegmentInfo {
    pub fn footer(&self) -> Range<u64> {
        self.footer_offset..self.footer_offset + self.footer_bytes
    }
}

#[derive(Debug)]
pub struct Sealed {
    pub info: SegmentInfo,
    pub footer: Footer,
    pub bytes: Vec<u8>,
}

#[derive(Debug)]
pub struct SegmentBuilder {
    origin: Origin,
    /// The header is written last: until then nobody knows which features it has.
    bytes: Vec<u8>,
    footer: Footer,
    borrowed: BTreeMap<(Hash, u32), u32>,
}

impl SegmentBuilder {
    pub fn new(origin: &Origin) -> Self {
        Self { origin: *origin, bytes: vec![0; HEADER_BYTES], footer: Footer::default(), borrowed: BTreeMap::new() }
    }

    /// Bytes of header and chunks; the footer comes on top.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.footer.chunks.is_empty() && self.footer.recipes.is_empty()
    }

    /// Returns the chunk's number, for parts.
    pub fn chunk(&mut self, content: &Squeezed) -> (u32, ChunkEntry) {
        let entry = chunk::append(&mut self.bytes, content);
        self.push(entry)
    }

    /// Takes over a chunk of another segment as it lies there, header first. It has been checked.
    pub fn verbatim(&mut self, framed: &[u8], entry: &ChunkEntry) -> (u32, ChunkEntry) {
        let entry = ChunkEntry { offset: self.bytes.len() as u64, ..*entry };
        self.bytes.extend_from_slice(framed);
        self.push(entry)
    }

    fn push(&mut self, entry: ChunkEntry) -> (u32, ChunkEntry) {
        self.footer.chunks.push(entry);
        (self.footer.chunks.len() as u32 - 1, entry)
    }

    /// Uses a chunk of another segment.
    pub fn borrow(&mut self, chunk: Borrowed) -> u32 {
        *self.borrowed.entry((chunk.segment, chunk.number)).or_insert_with(|| {
            self.footer.borrowed.push(chunk);
            (self.footer.borrowed.len() as u32 - 1) | BORROWED
        })
    }

    /// The recipe's parts name chunks by what `chunk`, `verbatim` and `borrow` have returned.
    pub fn recipe(&mut self, recipe: Recipe) {
        self.footer.recipes.push(recipe);
    }

    pub fn seal(self) -> Result<Sealed> {
        let Self { origin, mut bytes, mut footer, .. } = self;
        let own = footer.chunks.len() as u32;
        for part in footer.recipes.iter_mut().flat_map(|recipe| &mut recipe.parts) {
            if part.chunk & BORROWED != 0 {
                *part = Part { chunk: own + (part.chunk & !BORROWED), ..*part };
            }
        }
        let features = if footer.is_sealed() { FEATURE_SEALED } else { 0 };
        write_header(&mut bytes[..HEADER_BYTES], features, &origin);
        let footer_offset = bytes.len() as u64;
        let document = document::encode_with(Kind::Footer, features, &footer)?;
        bytes.extend_from_slice(&document);
        let trailer = bytes.len();
        bytes.extend_from_slice(TRAILER_MAGIC);
        bytes.extend_from_slice(&footer_offset.to_le_bytes());
        bytes.extend_from_slice(&(document.len() as u64).to_le_bytes());
        let check = Hash::of(&bytes[trailer..]).half();
        bytes.extend_from_slice(&check);
        let info = SegmentInfo {
            hash: Hash::of(&bytes),
            bytes: bytes.len() as u64,
            footer_offset,
            footer_bytes: document.len() as u64,
            footer_hash: Some(Hash::of(&document)),
            recipes: footer.recipes.len() as u32,
            raw_bytes: footer.chunks.iter().map(|entry| u64::from(entry.raw)).sum(),
            borrows: footer.borrowed.iter().map(|borrowed| borrowed.segment).collect(),
        };
        Ok(Sealed { info, footer, bytes })
    }
}

fn write_header(header: &mut [u8], features: u32, origin: &Origin) {
    let Origin { volume, epoch, sequence } = origin;
    let said =
        [&MAGIC[..], &features.to_le_bytes(), &[0; 4], volume, &epoch.to_le_bytes(), &sequence.to_le_bytes()].concat();
    let (begin, check) = header.split_at_mut(said.len());
    begin.copy_from_slice(&said);
    check.copy_from_slice(&Hash::of(begin).half());
}

/// Where the footer lies, from the last `TRAILER_BYTES` of a segment that is `length` bytes long.
pub fn trailer(bytes: &[u8], length: u64, object: &str) -> Result<Range<u64>> {
    let damaged = |what| Error::damaged(object, what);
    if bytes.len() != TRAILER_BYTES || length < (HEADER_BYTES + TRAILER_BYTES) as u64 {
        return Err(damaged("it is cut short"));
    }
    if &bytes[..8] != TRAILER_MAGIC || Hash::of(&bytes[..24]).half() != bytes[24..] {
        return Err(damaged("its trailer is not one"));
    }
    let offset = u64::from_le_bytes(take(bytes, 8));
    let end = offset.checked_add(u64::from_le_bytes(take(bytes, 16)));
    if offset < HEADER_BYTES as u64 || end != Some(length - TRAILER_BYTES as u64) {
        return Err(damaged("its trailer points elsewhere"));
    }
    Ok(offset..length - TRAILER_BYTES as u64)
}

/// `bytes` is the footer alone, which begins at `offset` of the segment.
pub fn footer(bytes: &[u8], offset: u64, object: &str) -> Result<Footer> {
    let footer: Footer = document::decode(Kind::Footer, bytes, object)?;
    footer.check(HEADER_BYTES as u64, offset, object)?;
    Ok(footer)
}

pub fn header(bytes: &[u8], object: &str) -> Result<Origin> {
    let damaged = |what| Error::damaged(object, what);
    if bytes.len() < HEADER_BYTES {
        return Err(damaged("it is cut short"));
    }
    if &bytes[..8] != MAGIC {
        return Err(damaged("it is not a segment"));
    }
    if Hash::of(&bytes[..HEADER_BYTES - 16]).half() != bytes[HEADER_BYTES - 16..HEADER_BYTES] {
        return Err(damaged("its header's check differs"));
    }
    check_features(object, u32::from_le_bytes(take(bytes, 8)))?;
    let [epoch, sequence] = [32, 40].map(|at| u64::from_le_bytes(take(bytes, at)));
    Ok(Origin { volume: take(bytes, 16), epoch, sequence })
}

/// Checks a whole segment in memory, without any key: each byte of it is covered. Returns its footer.
pub fn verify(bytes: &[u8], object: &str) -> Result<Footer> {
    let damaged = |what| Error::damaged(object, what);
    header(bytes, object)?;
    let tail = bytes.len().checked_sub(TRAILER_BYTES).ok_or(damaged("it is cut short"))?;
    let range = trailer(&bytes[tail..], bytes.len() as u64, object)?;
    let footer = footer(&bytes[range.start as usize..range.end as usize], range.start, object)?;
    for entry in &footer.chunks {
        let framed = &bytes[entry.offset as usize..entry.end() as usize];
        match entry.cipher {
            Cipher::None => _ = chunk::decode(framed, entry, Opener::Nobody, object)?,
            Cipher::Sealed => _ = chunk::stored(framed, entry, object)?,
        }
    }
    Ok(footer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::footer::{About, Key, Label, Named};
    use crate::hash::TenantKey;
    use bytes::Bytes;
    use proptest::prelude::*;

    const ORIGIN: Origin = Origin { volume: [3; 16], epoch: 5, sequence: 9 };

    fn recipe(name: &str, parts: Vec<Part>) -> Recipe {
        let length = parts.iter().map(|part| u64::from(part.length)).sum();
        let key = Key {
            tenant: "gold".into(),
            account: "gold".into(),
            container: "in".into(),
            name: name.into(),
            snapshot: None,
        };
        let about =
            About { etag: "0x1".into(), length, metadata: [("a".into(), "ü".into())].into(), ..About::default() };
        Recipe { label: Label::Named(Named { key, about }), was: None, parts }
    }

    fn sample(contents: &[Vec<u8>]) -> Sealed {
        let key = TenantKey::derive(&[7; 32], "gold");
        let mut builder = SegmentBuilder::new(&ORIGIN);
        for (number, content) in contents.iter().enumerate() {
            let (chunk, entry) = builder.chunk(&Squeezed::of(key.id(content), Bytes::copy_from_slice(content), None));
            let borrowed = builder.borrow(Borrowed { segment: Hash([8; 32]), number: number as u32, entry });
            let parts = [chunk, borrowed].map(|chunk| Part { chunk, skip: 0, length: entry.raw });
            let parts = parts.into_iter().filter(|part| part.length > 0).collect();
            builder.recipe(recipe(&format!("blob {number}"), parts));
        }
        builder.seal().expect("seals")
    }

    #[test]
    fn a_segment_of_nothing_is_whole() {
        let sealed = sample(&[]);
        assert_eq!(verify(&sealed.bytes, "x").expect("whole"), Footer::default());
    }

    #[test]
    fn a_flipped_bit_anywhere_and_every_cut_is_told() {
        let sealed = sample(&[b"one".to_vec(), b"two ".repeat(50), vec![]]);
        assert_eq!(verify(&sealed.bytes, "x").expect("whole"), sealed.footer);
        let mut bytes = sealed.bytes.clone();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                bytes[at] ^= 1 << bit;
                assert!(verify(&bytes, "x").is_err(), "byte {at} bit {bit}");
                bytes[at] ^= 1 << bit;
            }
            assert!(verify(&bytes[..at], "x").is_err(), "cut at {at}");
        }
    }

    #[test]
    fn an_unknown_feature_is_refused_by_name() {
        let mut bytes = sample(&[b"one".to_vec()]).bytes;
        bytes[8] = 0x10;
        let check = Hash::of(&bytes[..HEADER_BYTES - 16]).half();
        bytes[HEADER_BYTES - 16..HEADER_BYTES].copy_from_slice(&check);
        let error = verify(&bytes, "seg/x").expect_err("refused");
        assert_eq!(error.to_string(), "'seg/x' needs unknown features 0x10, which this version cannot read");
    }

    #[test]
    fn segments_of_the_same_content_have_names_of_their_own() {
        let name = |origin| SegmentBuilder::new(&origin).seal().expect("seals").info.hash;
        assert_ne!(name(ORIGIN), name(Origin { sequence: 10, ..ORIGIN }));
        assert_ne!(name(ORIGIN), name(Origin { epoch: 6, ..ORIGIN }));
    }

    #[test]
    fn a_footer_that_does_not_add_up_is_refused() {
        let sealed = sample(&[b"one".to_vec()]);
        type Bend = fn(&mut Footer);
        let cases: [(&str, Bend); 6] = [
            ("gap", |footer| footer.chunks[0].offset += 1),
            ("missing chunk", |footer| footer.chunks.clear()),
            ("no such chunk", |footer| footer.recipes[0].parts[0].chunk = 7),
            ("out of the chunk", |footer| footer.recipes[0].parts[0].skip = u32::MAX),
            ("empty part", |footer| footer.recipes[0].parts[0].length = 0),
            ("length", |footer| match &mut footer.recipes[0].label {
                Label::Named(named) => named.about.length += 1,
                Label::Sealed(sealed) => sealed.length += 1,
            }),
        ];
        for (name, bend) in cases {
            let mut footer = sealed.footer.clone();
            bend(&mut footer);
            assert!(footer.check(HEADER_BYTES as u64, sealed.info.footer_offset, "x").is_err(), "{name}");
        }
    }

    proptest! {
        #[test]
        fn what_is_packed_is_found(contents in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..2_000), 0..12)) {
            let sealed = sample(&contents);
            let tail = sealed.bytes.len() - TRAILER_BYTES;
            let range = trailer(&sealed.bytes[tail..], sealed.bytes.len() as u64, "x").expect("has one");
            prop_assert_eq!(&range, &sealed.info.footer());
            let read = footer(&sealed.bytes[range.start as usize..range.end as usize], range.start, "x").expect("whole");
            prop_assert_eq!(&read, &sealed.footer);
            prop_assert_eq!(verify(&sealed.bytes, "x").expect("whole"), read);
            prop_assert_eq!(header(&sealed.bytes, "x").expect("whole"), ORIGIN);
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = verify(&bytes, "x");
            let _ = footer(&bytes, 64, "x");
        }
    }
}
