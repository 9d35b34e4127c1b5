//! Structured messages: content in numbered segments, each with a CRC-64 of its own, and one of the whole at the end. Pure.
//! Source: the message's encoder and decoder in Azure's SDKs (`StructuredMessageEncodeStream` in the one for Python); version 1, all
//! numbers little-endian:
//!
//! - message header: version (1 byte), length of the message (8), properties (2), number of segments (2)
//! - for each segment: its number from 1 on (2), the length of its content (8), the content, its CRC-64/NVME (8)
//! - message trailer: CRC-64/NVME of the whole content (8)

use crate::error::{Code, Error};
use crate::head::Head;
use bytes::{BufMut as _, Bytes, BytesMut};
use greenroom_store::Crc64;

/// Asks for a message, or says that the body is one; the reply says it again.
pub const HEADER: &str = "x-ms-structured-body";
/// The length of the content within the message.
pub const LENGTH_HEADER: &str = "x-ms-structured-content-length";
/// The one format that there is.
pub const FORMAT: &str = "XSM/1.0; properties=crc64";

const VERSION: u8 = 1;
const WITH_CRC64: u16 = 1;
const HEADER_BYTES: usize = 13;
const SEGMENT_HEADER_BYTES: usize = 10;
const CRC_BYTES: usize = 8;
const SEGMENTS_MAX: u64 = u16::MAX as u64;
/// What a segment adds to its content, and a message to its segments.
const SEGMENT_OVERHEAD: u64 = (SEGMENT_HEADER_BYTES + CRC_BYTES) as u64;
const MESSAGE_OVERHEAD: u64 = (HEADER_BYTES + CRC_BYTES) as u64;
/// A segment of what is sent, unless there would be too many of them: the size that the SDKs use.
const SEGMENT_BYTES: u64 = 4 * 1024 * 1024;

/// Whether a request says that its body is a message, or asks for one.
pub fn asked(head: &Head) -> Result<bool, Error> {
    match head.filled(HEADER) {
        None => Ok(false),
        Some(text) if text.replace(' ', "").eq_ignore_ascii_case(&FORMAT.replace(' ', "")) => Ok(true),
        Some(_) => Err(Error::new(Code::InvalidHeaderValue, format!("{HEADER}: {FORMAT:?} is what there is."))),
    }
}

/// The length of the content in a request's message; `None` where its body is none.
pub fn content_length(head: &Head) -> Result<Option<u64>, Error> {
    let text = head.filled(LENGTH_HEADER);
    if !asked(head)? {
        return match text {
            None => Ok(None),
            Some(_) => Err(Error::new(Code::InvalidHeaderValue, format!("{LENGTH_HEADER} without {HEADER}"))),
        };
    }
    let text = text.ok_or_else(|| Error::new(Code::MissingRequiredHeader, LENGTH_HEADER))?;
    Ok(Some(text.parse().map_err(|_| Error::new(Code::InvalidHeaderValue, LENGTH_HEADER))?))
}

fn damaged(what: &str) -> Error {
    Error::new(Code::InvalidInput, format!("The structured message of the body is damaged: {what}."))
}

/// Where a decoder stands in its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Region {
    Header,
    SegmentHeader,
    Content,
    SegmentCrc,
    Crc,
    End,
}

/// Takes the content out of a message as that comes in, and checks each segment at its end.
#[derive(Debug)]
pub struct Decoder {
    message_bytes: u64,
    segments: u64,
    /// Content that no segment has announced yet.
    content_left: u64,
    region: Region,
    /// A header or a checksum, as far as it has come.
    field: BytesMut,
    /// The segment that is read, from 1 on, and what is left of its content.
    segment: u64,
    segment_left: u64,
    crc: Crc64,
    content_crc: u64,
}

impl Decoder {
    /// For the body of a request that says that it is a message.
    pub fn asked(head: &Head, message_bytes: u64) -> Result<Option<Decoder>, Error> {
        content_length(head)?.map(|content_bytes| Decoder::new(message_bytes, content_bytes)).transpose()
    }

    fn new(message_bytes: u64, content_bytes: u64) -> Result<Decoder, Error> {
        let overhead = message_bytes.checked_sub(content_bytes).and_then(|rest| rest.checked_sub(MESSAGE_OVERHEAD));
        let segments =
            overhead.filter(|rest| rest.is_multiple_of(SEGMENT_OVERHEAD)).map(|rest| rest / SEGMENT_OVERHEAD);
        let segments = segments.filter(|segments| (1..=SEGMENTS_MAX).contains(segments));
        let unfit = || Error::new(Code::InvalidHeaderValue, format!("{LENGTH_HEADER} does not fit Content-Length."));
        Ok(Decoder {
            message_bytes,
            segments: segments.ok_or_else(unfit)?,
            content_left: content_bytes,
            region: Region::Header,
            field: BytesMut::with_capacity(HEADER_BYTES),
            segment: 0,
            segment_left: 0,
            crc: Crc64::default(),
            content_crc: 0,
        })
    }

    /// The next piece of content in `bytes`, which it takes away from them; `None` once there is nothing left of them.
    pub fn next(&mut self, bytes: &mut Bytes) -> Result<Option<Bytes>, Error> {
        loop {
            if self.region == Region::Content {
                if self.segment_left == 0 {
                    self.region = Region::SegmentCrc;
                    continue;
                }
                if bytes.is_empty() {
                    return Ok(None);
                }
                let taken = bytes.len().min(usize::try_from(self.segment_left).unwrap_or(usize::MAX));
                let content = bytes.split_to(taken);
                self.segment_left -= taken as u64;
                self.crc.update(&content);
                return Ok(Some(content));
            }
            if bytes.is_empty() {
                return Ok(None);
            }
            let wanted = match self.region {
                Region::Header => HEADER_BYTES,
                Region::SegmentHeader => SEGMENT_HEADER_BYTES,
                Region::SegmentCrc | Region::Crc => CRC_BYTES,
                Region::Content | Region::End => return Err(damaged("there is more than it says")),
            };
            let taken = bytes.len().min(wanted - self.field.len());
            self.field.extend_from_slice(&bytes.split_to(taken));
            if self.field.len() == wanted {
                let field = self.field.split().freeze();
                self.region = self.read(&field)?;
            }
        }
    }

    /// Reads a field that has come as a whole, and says what follows it.
    fn read(&mut self, field: &[u8]) -> Result<Region, Error> {
        match self.region {
            Region::Header => {
                if field[0] != VERSION || number(&field[9..11]) != u64::from(WITH_CRC64) {
                    return Err(damaged("its header names another version or other properties"));
                }
                if number(&field[1..9]) != self.message_bytes || number(&field[11..13]) != self.segments {
                    return Err(damaged("its header says another length"));
                }
                Ok(Region::SegmentHeader)
            }
            Region::SegmentHeader => {
                self.segment += 1;
                self.segment_left = number(&field[2..10]);
                if number(&field[..2]) != self.segment {
                    return Err(damaged("its segments are out of order"));
                }
                let left = self.content_left.checked_sub(self.segment_left);
                self.content_left = left.ok_or_else(|| damaged("its segments are longer than it"))?;
                self.crc = Crc64::default();
                Ok(Region::Content)
            }
            Region::SegmentCrc => {
                if number(field) != self.crc.finalize() {
                    return Err(Error::new(Code::Crc64Mismatch, format!("(segment {})", self.segment)));
                }
                Ok(if self.segment == self.segments { Region::Crc } else { Region::SegmentHeader })
            }
            Region::Crc => {
                self.content_crc = number(field);
                Ok(Region::End)
            }
            Region::Content | Region::End => Err(damaged("there is more than it says")),
        }
    }

    /// The checksum that the whole content must have, once all of the message has come.
    pub fn finish(self) -> Result<u64, Error> {
        match self.region {
            Region::End if self.content_left == 0 => Ok(self.content_crc),
            Region::End => Err(damaged("its segments are shorter than it")),
            Region::Header | Region::SegmentHeader | Region::Content | Region::SegmentCrc | Region::Crc => {
                Err(Code::IncompleteBody.into())
            }
        }
    }
}

fn number(little_endian: &[u8]) -> u64 {
    little_endian.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte))
}

/// Makes a message of content that is read piece by piece.
#[derive(Debug)]
pub struct Encoder {
    content_left: u64,
    segment_bytes: u64,
    segments: u64,
    segment: u64,
    segment_left: u64,
    crc: Crc64,
    content_crc: Crc64,
}

impl Encoder {
    pub fn new(content_bytes: u64) -> Encoder {
        let segment_bytes = SEGMENT_BYTES.max(content_bytes.div_ceil(SEGMENTS_MAX));
        Encoder {
            content_left: content_bytes,
            segment_bytes,
            segments: content_bytes.div_ceil(segment_bytes).max(1),
            segment: 0,
            segment_left: 0,
            crc: Crc64::default(),
            content_crc: Crc64::default(),
        }
    }

    /// How long the message is, before any of it was made.
    pub fn message_bytes(&self) -> u64 {
        MESSAGE_OVERHEAD + self.segments * SEGMENT_OVERHEAD + self.content_left
    }

    /// What stands before the content: all of the message where there is none.
    pub fn begin(&mut self) -> Bytes {
        let mut fields = BytesMut::with_capacity(HEADER_BYTES + SEGMENT_HEADER_BYTES);
        fields.put_u8(VERSION);
        fields.put_u64_le(self.message_bytes());
        fields.put_u16_le(WITH_CRC64);
        fields.put_u16_le(u16::try_from(self.segments).expect("a segment is long enough for so few"));
        self.open_segment(&mut fields);
        if self.segment_left == 0 {
            self.close_segment(&mut fields);
        }
        fields.freeze()
    }

    /// The next content, with what stands before and behind it.
    pub fn frame(&mut self, mut content: Bytes) -> Vec<Bytes> {
        let mut framed = Vec::with_capacity(2);
        while !content.is_empty() {
            let taken = content.len().min(usize::try_from(self.segment_left).unwrap_or(usize::MAX));
            let piece = content.split_to(taken);
            self.crc.update(&piece);
            self.content_crc.update(&piece);
            self.segment_left -= taken as u64;
            framed.push(piece);
            if self.segment_left == 0 {
                let mut fields = BytesMut::with_capacity(CRC_BYTES + SEGMENT_HEADER_BYTES);
                self.close_segment(&mut fields);
                framed.push(fields.freeze());
                if self.segment_left == 0 {
                    break;
                }
            }
        }
        framed
    }

    fn open_segment(&mut self, fields: &mut BytesMut) {
        self.segment += 1;
        self.segment_left = self.segment_bytes.min(self.content_left);
        self.content_left -= self.segment_left;
        self.crc = Crc64::default();
        fields.put_u16_le(u16::try_from(self.segment).expect("there are no more segments than that"));
        fields.put_u64_le(self.segment_left);
    }

    fn close_segment(&mut self, fields: &mut BytesMut) {
        fields.put_u64_le(self.crc.finalize());
        if self.segment == self.segments {
            fields.put_u64_le(self.content_crc.finalize());
        } else {
            self.open_segment(fields);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message as the gateway sends it.
    fn message(content: &[u8], segment_bytes: u64) -> Vec<u8> {
        let mut encoder = Encoder { segment_bytes, ..Encoder::new(content.len() as u64) };
        encoder.segments = (content.len() as u64).div_ceil(segment_bytes).max(1);
        let announced = encoder.message_bytes();
        let mut message = encoder.begin().to_vec();
        for piece in content.chunks(7) {
            message.extend(encoder.frame(Bytes::copy_from_slice(piece)).concat());
        }
        assert_eq!(message.len() as u64, announced);
        message
    }

    /// The content of a message that comes in pieces.
    fn content(message: &[u8], length: usize, piece_bytes: usize) -> Result<Vec<u8>, Code> {
        let read = || {
            let mut decoder = Decoder::new(message.len() as u64, length as u64)?;
            let mut content = Vec::new();
            for piece in message.chunks(piece_bytes) {
                let mut bytes = Bytes::copy_from_slice(piece);
                while let Some(piece) = decoder.next(&mut bytes)? {
                    content.extend_from_slice(&piece);
                }
            }
            let whole = decoder.finish()?;
            let mut crc = Crc64::default();
            crc.update(&content);
            if crc.finalize() == whole { Ok(content) } else { Err(Error::from(Code::Crc64Mismatch)) }
        };
        read().map_err(|error| error.code)
    }

    #[test]
    fn a_message_is_that_of_the_sdks() {
        // `StructuredMessageEncodeStream(BytesIO(b"hello"), 5, CRC64, segment_size=3)` of the SDK for Python.
        let theirs = concat!(
            "013e000000000000000100020001000300000000000000",
            "68656c",
            "6785e49bfe2b11a802000200000000000000",
            "6c6f",
            "4ea703fb95d990e05742520670857733"
        );
        let ours: String = message(b"hello", 3).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(ours, theirs);
    }

    #[test]
    fn what_is_framed_is_found_again_however_it_comes() {
        for length in [0, 1, 6, 7, 8, 20, 100] {
            let sent: Vec<u8> = (0..length).map(|byte| byte as u8).collect();
            for segment_bytes in [1, 7, 8, 1000] {
                let message = message(&sent, segment_bytes);
                for piece_bytes in [1, 5, 13, 1000] {
                    assert_eq!(content(&message, length, piece_bytes).as_deref(), Ok(sent.as_slice()), "{length}");
                }
            }
        }
    }

    #[test]
    fn no_bit_of_a_message_may_be_another() {
        let sent = b"0123456789";
        let good = message(sent, 4);
        for at in 0..good.len() * 8 {
            let mut bent = good.clone();
            bent[at / 8] ^= 1 << (at % 8);
            let code = content(&bent, sent.len(), 6).expect_err("it is damaged");
            assert!([Code::Crc64Mismatch, Code::InvalidInput].contains(&code), "bit {at}: {code:?}");
        }
        for cut in 0..good.len() {
            assert!(content(&good[..cut], sent.len(), 6).is_err(), "{cut} bytes of it");
        }
        assert!(content(&good, sent.len() - 1, 6).is_err());
        assert!(content(&[good.as_slice(), b"."].concat(), sent.len(), 6).is_err());
    }

    #[test]
    fn the_largest_blob_has_no_more_segments_than_a_message_can_number() {
        let largest = Encoder::new(50_000 * 4000 * 1024 * 1024);
        assert!((1..=SEGMENTS_MAX).contains(&largest.segments), "{}", largest.segments);
    }
}
