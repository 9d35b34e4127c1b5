//! Chunks and indexes as an enemy makes them: refused with the error that says why, within bounds of memory, and never with a panic.
//! What is allocated is counted by thread: tests do not see each other's.

use flate2::Compression;
use flate2::write::DeflateEncoder;
use greenroom_feed::{
    Cursor, FeedError, FeedMeta, INFLATED_BYTES_MAX, SCHEMA_BYTES_MAX, Segment, Status, chunk_number, read_chunk,
    segment_time, write_chunk,
};
use greenroom_model::feed::{BlobEvent, BlobType, Cause, EventKind};
use greenroom_model::{AccountName, BlobName, ContainerName};
use std::io::Write;

/// Mutations of each seed. More finds no more, and takes longer than a test should.
const ROUNDS: u64 = 6_000;
/// What reading a small hostile input may hold at a time: above it lies only what a declared length would have taken.
const SMALL_INPUT_BYTES_MAX: usize = 8 * 1024 * 1024;
/// A block that is unpacked to its bound, in a buffer that doubles when it is full: both buffers are held for a moment.
const BOMB_BYTES_MAX: usize = 3 * INFLATED_BYTES_MAX + SMALL_INPUT_BYTES_MAX;

const EVENT: &str = r#"{"type":"record","name":"E","fields":[{"name":"subject","type":"string"}]}"#;
const MARKER: [u8; 16] = *b"sixteen bytes...";

#[test]
fn a_chunk_that_declares_more_than_it_has_is_refused() {
    let huge = number(i64::MAX);
    for (chunk, says) in [
        (vec![], "ends early"),
        (b"Obj\x02".to_vec(), "no Avro container"),
        (container(&[]), "has no schema"),
        // A map that declares entries without end.
        ([b"Obj\x01", &huge[..]].concat(), "ends early"),
        // A key that declares to be longer than all memory.
        ([b"Obj\x01\x02", &huge[..]].concat(), "ends early"),
        (container(&[("avro.schema", "\"string\"")]), "is of no record"),
        (container(&[("avro.schema", EVENT), ("avro.codec", "snappy")]), "codec 'snappy'"),
        (container(&[("avro.schema", &" ".repeat(SCHEMA_BYTES_MAX + 1))]), "at most 65536"),
        (container(&[("avro.schema", &"[".repeat(SCHEMA_BYTES_MAX))]), "recursion limit"),
        (
            container(&[("avro.schema", r#"{"type":"record","name":"A","fields":[{"name":"a","type":"A"}]}"#)]),
            "in itself",
        ),
        (container(&[("avro.schema", r#"{"type":"record","name":"A","fields":[]}"#)]), "is of no record"),
    ] {
        let (error, peak) = measured(|| read_chunk(&chunk).map(drop).expect_err("it is hostile").to_string());
        assert!(error.contains(says), "{error}");
        assert!(peak < SMALL_INPUT_BYTES_MAX, "{says}: {peak}");
    }
}

#[test]
fn a_block_that_declares_more_than_it_has_is_refused() {
    let huge = number(i64::MAX);
    let event = [number(1), b"x".to_vec()].concat();
    for (blocks, says) in [
        ([huge.clone(), huge.clone()].concat(), "ends early"),
        ([number(1), number(1 << 40)].concat(), "ends early"),
        ([number(1), number(-5)].concat(), "negative length"),
        (block(i64::MAX, &[]), "ends early"),
        (block(-1, &event), "fewer events than none"),
        (block(0, &event), "more than its events"),
        (block(1, &[event.clone(), event.clone()].concat()), "more than its events"),
        (block(1, &huge), "ends early"),
        (block(1, &[2, 0xFF]), "no UTF-8"),
        ([number(1), number(2), event.clone(), vec![0; 16]].concat(), "without its marker"),
    ] {
        let chunk = [container(&[("avro.schema", EVENT)]), blocks].concat();
        let (said, peak) = measured(|| errors_that_end(&chunk));
        assert_eq!(said.len(), 1, "{says}: {said:?}");
        assert!(said[0].contains(says), "{said:?}");
        assert!(peak < SMALL_INPUT_BYTES_MAX, "{says}: {peak}");
    }
}

#[test]
fn a_block_that_unpacks_beyond_its_bound_is_refused() {
    let bomb = |bytes: usize| {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&vec![0; bytes]).expect("memory takes it");
        let packed = encoder.finish().expect("memory takes it");
        [container(&[("avro.schema", EVENT), ("avro.codec", "deflate")]), block(1, &packed)].concat()
    };
    let (large, larger) = (bomb(INFLATED_BYTES_MAX), bomb(8 * INFLATED_BYTES_MAX));
    // Within the bound it is unpacked, and found to hold more than the one event it declares.
    assert!(errors_that_end(&large)[0].contains("more than its events"));
    let (said, peak) = measured(|| errors_that_end(&larger));
    assert!(said[0].contains("unpacked bytes"), "{said:?}");
    assert!(peak < BOMB_BYTES_MAX, "{peak}");
    let damaged = [container(&[("avro.schema", EVENT), ("avro.codec", "deflate")]), block(1, &[0xFF; 9])].concat();
    assert!(errors_that_end(&damaged)[0].contains("cannot be unpacked"));
}

#[test]
fn whatever_is_changed_in_a_chunk_is_answered_within_bounds() {
    let plain = write_chunk(&events()).expect("it can be written");
    let values = apache_avro::Reader::new(&plain[..]).expect("it can be read").map(|value| value.expect("a record"));
    let schema = apache_avro::Reader::new(&plain[..]).expect("it can be read").writer_schema().clone();
    let deflate = apache_avro::Codec::Deflate(apache_avro::DeflateSettings::default());
    let mut writer = apache_avro::Writer::with_codec(&schema, Vec::new(), deflate);
    writer.extend(values).expect("it can be written");
    let packed = writer.into_inner().expect("it can be written");
    let header_bytes = write_chunk(&[]).expect("it can be written").len() + "deflate".len();
    for seed in [plain, packed] {
        let (mut refused, mut told) = (0_u64, 0_u64);
        let ((), peak) = measured(|| {
            let mut random = Random(0x9E37_79B9_7F4A_7C15);
            for round in 0..ROUNDS {
                // The header is most of a small chunk, and little of it can be changed: every other round leaves it whole.
                let (whole, changed) = seed.split_at(if round % 2 == 0 { 0 } else { header_bytes });
                let bytes = [whole, &mutated(changed, &mut random)].concat();
                match read_chunk(&bytes) {
                    Err(_) => refused += 1,
                    Ok(events) => told += events.filter(Result::is_ok).count() as u64,
                }
            }
        });
        // Both are met, or the mutations would be too mild or too coarse to find anything.
        assert!(refused > ROUNDS / 10 && told > ROUNDS / 10, "{refused} refused, {told} told");
        assert!(peak < SMALL_INPUT_BYTES_MAX, "{peak}");
    }
}

#[test]
fn whatever_is_changed_in_an_index_is_answered_within_bounds() {
    let segment = Segment { shards: (0..16).collect(), ..Segment::at(1_550_859_000_000_000, 60) };
    let index = segment.to_json(Status::Finalized, 16, 0);
    let meta = FeedMeta { last_consumable_s: segment.begin_s }.to_json(0);
    let cursor =
        format!(r#"{{"within":{{"segment":"{}","shards":{{"0":{{"chunk":1,"events":2}}}}}}}}"#, segment.path());
    let (mut refused, mut read) = (0_u64, 0_u64);
    let ((), peak) = measured(|| {
        let mut random = Random(0xD1B5_4A32_D192_ED03);
        for _ in 0..ROUNDS {
            let answers = [
                Segment::parse(&segment.path(), &mutated(&index, &mut random)).map(|(found, _)| {
                    assert_eq!(found.begin_s, segment.begin_s);
                    assert!(found.shards.windows(2).all(|pair| pair[0] < pair[1]));
                }),
                FeedMeta::parse(&mutated(&meta, &mut random)).map(drop),
                Cursor::parse(&mutated(cursor.as_bytes(), &mut random)).map(drop),
            ];
            refused += answers.iter().filter(|answer| answer.is_err()).count() as u64;
            read += answers.iter().filter(|answer| answer.is_ok()).count() as u64;
            let path = String::from_utf8_lossy(&mutated(segment.path().as_bytes(), &mut random)).into_owned();
            let _ = (segment_time(&path), chunk_number(&path));
        }
    });
    assert!(refused > ROUNDS && read > ROUNDS / 20, "{refused} refused, {read} read");
    assert!(peak < SMALL_INPUT_BYTES_MAX, "{peak}");
}

fn events() -> Vec<BlobEvent> {
    let event = |sequence: u64| BlobEvent {
        sequence,
        at_us: 1_645_102_781_400_310,
        kind: EventKind::Created,
        account: AccountName::new("devstoreaccount1").expect("a good name"),
        container: ContainerName::new("photos").expect("a good name"),
        blob: Some(BlobName::new("a/é").expect("a good name")),
        cause: Cause { api: "PutBlob".to_owned(), ..Cause::default() },
        etag: 7,
        content_type: "text/plain".to_owned(),
        content_length: 128,
        blob_type: BlobType::Block,
    };
    (0..12).map(event).collect()
}

/// What a chunk's events end with; errors of one event are passed over.
fn errors_that_end(chunk: &[u8]) -> Vec<String> {
    let events = read_chunk(chunk).expect("its header is good");
    let ends = |event: Result<_, FeedError>| event.err().filter(|error| !error.is_of_one_event());
    events.filter_map(ends).map(|error| error.to_string()).collect()
}

fn container(meta: &[(&str, &str)]) -> Vec<u8> {
    let text = |text: &str| [number(i64::try_from(text.len()).expect("a short text")), text.into()].concat();
    let entries = meta.iter().flat_map(|(key, value)| [number(1), text(key), text(value)].concat());
    b"Obj\x01".iter().copied().chain(entries).chain([0]).chain(MARKER).collect()
}

fn block(count: i64, bytes: &[u8]) -> Vec<u8> {
    let length = i64::try_from(bytes.len()).expect("a small block");
    [&number(count)[..], &number(length), bytes, &MARKER].concat()
}

/// Zig-zag, as Avro has numbers.
fn number(value: i64) -> Vec<u8> {
    let mut left = ((value << 1) ^ (value >> 63)).cast_unsigned();
    let mut bytes = Vec::new();
    while left > 0x7F {
        bytes.push((left & 0x7F) as u8 | 0x80);
        left >>= 7;
    }
    bytes.push(left as u8);
    bytes
}

/// Flips, overwrites, cuts out, doubles and truncates, once to four times.
fn mutated(seed: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=random.below(4) {
        if bytes.is_empty() {
            break;
        }
        let at = random.below(bytes.len());
        let to = (at + 1 + random.below(24)).min(bytes.len());
        match random.below(6) {
            0 | 1 => bytes[at] ^= 1 << random.below(8),
            2 => bytes[at] = [0, 1, 0x7F, 0x80, 0xFE, 0xFF][random.below(6)],
            3 => drop(bytes.drain(at..to)),
            4 => {
                let piece = bytes[at..to].to_vec();
                let into = random.below(bytes.len());
                bytes.splice(into..into, piece);
            }
            5 if random.below(8) == 0 => bytes.truncate(at),
            5 => bytes[at..to].fill(0xFF),
            other => unreachable!("{other} is not below 6"),
        }
    }
    bytes
}

/// Xorshift: the same mutations in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).expect("less than a usize")
    }
}

/// What it answers, and the most bytes that were allocated at a time meanwhile.
fn measured<T>(run: impl FnOnce() -> T) -> (T, usize) {
    counting::begin();
    let answer = run();
    (answer, counting::peak())
}

/// Counts the bytes of this thread.
mod counting {
    #![allow(unsafe_code, reason = "an allocator cannot be had otherwise; this one counts and hands on")]

    use std::alloc::{GlobalAlloc, Layout, System};
    use std::cell::Cell;

    thread_local! {
        static HELD: Cell<isize> = const { Cell::new(0) };
        static PEAK: Cell<isize> = const { Cell::new(0) };
    }

    #[global_allocator]
    static COUNTING: Counting = Counting;

    struct Counting;

    // SAFETY: every call is handed on unchanged to the system's allocator.
    unsafe impl GlobalAlloc for Counting {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            count(layout.size().cast_signed());
            unsafe { System.alloc(layout) }
        }

        unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
            count(-layout.size().cast_signed());
            unsafe { System.dealloc(place, layout) }
        }
    }

    pub fn begin() {
        HELD.set(0);
        PEAK.set(0);
    }

    pub fn peak() -> usize {
        PEAK.get().max(0).cast_unsigned()
    }

    fn count(bytes: isize) {
        // A thread that is ending has no counters, and no test that reads them.
        let held = HELD.try_with(|held| {
            held.set(held.get() + bytes);
            held.get()
        });
        let _ = held.and_then(|held| PEAK.try_with(|peak| peak.set(peak.get().max(held))));
    }
}
