//! Reads a chunk, ours or Azure's: what it tells, checked. Fields that we do not know are read past, those that are missing are empty.

use crate::avro::{Datum, Input, MAGIC, Shape};
use crate::{FeedError, shown, time, words};
use flate2::read::DeflateDecoder;
use greenroom_model::feed::EventKind;
use greenroom_model::{BlobName, ContainerName};
use std::borrow::Cow;
use std::io::Read;

/// Largest schema of a chunk, in bytes. Azure's has some thousands.
pub const SCHEMA_BYTES_MAX: usize = 64 * 1024;
/// Largest block after unpacking, in bytes: a thousand times smaller bytes may claim more.
pub const INFLATED_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Longest text of an event that is told, in bytes: a subject with a name of 1,024 characters of four bytes, and some.
pub const TEXT_BYTES_MAX: usize = 16 * 1024;

/// One event of a chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Of one blob's events, a later one has the greater text. Its form is the writer's.
    pub sequencer: String,
    /// Microseconds since the Unix epoch.
    pub at_us: i64,
    /// `None` of a kind that we have no name for: such an event is for the reader to count and to skip.
    pub kind: Option<EventKind>,
    /// A container's name; empty of an event that names no blob, which only those of `Control` and of no kind may.
    pub container: String,
    /// A blob's name; empty where the container's is.
    pub blob: String,
    /// `0x8D…`, or empty.
    pub etag: String,
    pub content_type: String,
    pub content_length: u64,
    pub api: String,
    pub request_id: String,
    pub client_request_id: String,
}

/// The events of a chunk, in its order. After an error [of one event](FeedError::is_of_one_event) comes the next event, after any other
/// the end. Each event, and each error of one, counts one in a cursor.
#[derive(Debug)]
pub struct Events<'a> {
    rest: Input<'a>,
    marker: [u8; 16],
    codec: Codec,
    shape: Shape,
    block: Cow<'a, [u8]>,
    block_at: usize,
    /// Events that the block still has.
    left: u64,
}

#[derive(Debug, Clone, Copy)]
enum Codec {
    Null,
    Deflate,
}

/// Reads a chunk's header. Allocates for its schema, for one unpacked block and for one event at a time, each of them bounded.
pub fn read_chunk(bytes: &[u8]) -> Result<Events<'_>, FeedError> {
    let mut rest = Input(bytes);
    if rest.take(MAGIC.len())? != MAGIC {
        return Err(FeedError::Chunk("is no Avro container"));
    }
    let (mut schema, mut codec) = (None, Codec::Null);
    rest.items(|input| {
        match (input.text()?, input.bytes()?) {
            ("avro.schema", value) => schema = Some(value),
            ("avro.codec", value) => codec = Codec::parse(value)?,
            _ => {}
        }
        Ok(())
    })?;
    let schema = schema.ok_or(FeedError::Chunk("has no schema"))?;
    if schema.len() > SCHEMA_BYTES_MAX {
        let (found, max) = (schema.len() as u64, SCHEMA_BYTES_MAX as u64);
        return Err(FeedError::TooLarge { what: "schema, in bytes,", found, max });
    }
    let marker = rest.take(16)?.try_into().expect("sixteen bytes were taken");
    let shape = Shape::parse(schema)?;
    if !matches!(shape, Shape::Record(_)) {
        return Err(FeedError::Schema("is of no record".to_owned()));
    }
    Ok(Events { rest, marker, codec, shape, block: Cow::Borrowed(&[]), block_at: 0, left: 0 })
}

impl Iterator for Events<'_> {
    type Item = Result<Told, FeedError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.left == 0 {
            if self.rest.0.is_empty() {
                return None;
            }
            if let Err(error) = self.begin_block() {
                return Some(Err(self.end(error)));
            }
        }
        match self.read_one() {
            Err(error) if !error.is_of_one_event() => Some(Err(self.end(error))),
            read => Some(read),
        }
    }
}

impl<'a> Events<'a> {
    /// How many there are still, as the chunk says: none of them is looked at.
    pub fn left(&self) -> u64 {
        let (mut rest, mut left) = (Input(self.rest.0), self.left);
        while let (Ok(count), Ok(_), Ok(_)) = (rest.long(), rest.bytes(), rest.take(self.marker.len())) {
            left = left.saturating_add(u64::try_from(count).unwrap_or(0));
        }
        left
    }

    fn begin_block(&mut self) -> Result<(), FeedError> {
        let count = self.rest.long()?;
        let bytes = self.rest.bytes()?;
        if self.rest.take(16)? != self.marker {
            return Err(FeedError::Chunk("has a block without its marker"));
        }
        self.block = match self.codec {
            Codec::Null => Cow::Borrowed(bytes),
            Codec::Deflate => Cow::Owned(inflated(bytes)?),
        };
        self.block_at = 0;
        self.left = u64::try_from(count).map_err(|_| FeedError::Chunk("has a block of fewer events than none"))?;
        if self.left == 0 && !self.block.is_empty() {
            return Err(FeedError::Chunk("has a block with more than its events"));
        }
        Ok(())
    }

    fn read_one(&mut self) -> Result<Told, FeedError> {
        let mut input = Input(&self.block[self.block_at..]);
        let datum = input.datum(&self.shape)?;
        self.block_at = self.block.len() - input.0.len();
        self.left -= 1;
        if self.left == 0 && !input.0.is_empty() {
            return Err(FeedError::Chunk("has a block with more than its events"));
        }
        told(&datum)
    }

    /// Nothing is read after a chunk was found to be damaged.
    fn end(&mut self, error: FeedError) -> FeedError {
        self.rest = Input(&[]);
        self.left = 0;
        error
    }
}

impl Codec {
    fn parse(name: &[u8]) -> Result<Self, FeedError> {
        match name {
            b"null" => Ok(Self::Null),
            b"deflate" => Ok(Self::Deflate),
            other => Err(FeedError::Codec(shown(&String::from_utf8_lossy(&other[..other.len().min(64)])))),
        }
    }
}

fn inflated(bytes: &[u8]) -> Result<Vec<u8>, FeedError> {
    let mut unpacked = Vec::new();
    let max = INFLATED_BYTES_MAX as u64;
    DeflateDecoder::new(bytes)
        .take(max + 1)
        .read_to_end(&mut unpacked)
        .map_err(|_| FeedError::Chunk("has a block that cannot be unpacked"))?;
    match unpacked.len() as u64 {
        found if found > max => Err(FeedError::TooLarge { what: "block, in unpacked bytes,", found, max }),
        _ => Ok(unpacked),
    }
}

fn told(event: &Datum<'_>) -> Result<Told, FeedError> {
    let data = field(event, "data");
    let at = text(event, "eventTime")?;
    let at_us = time::parse_us(at).ok_or(FeedError::Field { field: "eventTime", problem: "is no time" })?;
    let kind = match text(event, "eventType")? {
        "" => return Err(FeedError::Field { field: "eventType", problem: "is missing" }),
        symbol => words::kind_of(symbol),
    };
    let (container, blob) = place(text(event, "subject")?, kind)?;
    Ok(Told {
        sequencer: text(data, "sequencer")?.to_owned(),
        at_us,
        kind,
        container,
        blob,
        etag: etag(text(data, "etag")?),
        content_type: text(data, "contentType")?.to_owned(),
        content_length: length(data)?,
        api: text(data, "api")?.to_owned(),
        request_id: text(data, "requestId")?.to_owned(),
        client_request_id: text(data, "clientRequestId")?.to_owned(),
    })
}

/// The container and the blob of a subject.
fn place(subject: &str, kind: Option<EventKind>) -> Result<(String, String), FeedError> {
    let checked = words::named(subject).and_then(|(container, blob)| {
        Some((ContainerName::new(container).ok()?.to_string(), BlobName::new(blob).ok()?.to_string()))
    });
    match kind {
        Some(EventKind::Control) | None => Ok(checked.unwrap_or_default()),
        Some(
            EventKind::Created
            | EventKind::Deleted
            | EventKind::PropertiesUpdated
            | EventKind::SnapshotCreated
            | EventKind::TierChanged,
        ) => checked.ok_or_else(|| FeedError::Subject(shown(subject))),
    }
}

/// Some writers leave the `0x` out.
fn etag(text: &str) -> String {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
    match digits.bytes().all(|byte| byte.is_ascii_hexdigit()) && !digits.is_empty() {
        true => format!("0x{digits}"),
        false => text.to_owned(),
    }
}

fn length(data: &Datum<'_>) -> Result<u64, FeedError> {
    let wrong = |problem| FeedError::Field { field: "contentLength", problem };
    match field(data, "contentLength") {
        Datum::Nothing => Ok(0),
        Datum::Long(length) => u64::try_from(*length).map_err(|_| wrong("is negative")),
        Datum::Text(_) | Datum::Record(_) | Datum::Skipped => Err(wrong("is no number")),
    }
}

fn text<'a>(of: &Datum<'a>, name: &'static str) -> Result<&'a str, FeedError> {
    let wrong = |problem| FeedError::Field { field: name, problem };
    match field(of, name) {
        Datum::Nothing => Ok(""),
        Datum::Text(text) if text.len() > TEXT_BYTES_MAX => Err(wrong("is longer than 16 KiB")),
        Datum::Text(text) => Ok(text),
        Datum::Long(_) | Datum::Record(_) | Datum::Skipped => Err(wrong("is no text")),
    }
}

fn field<'d, 'a>(of: &'d Datum<'a>, name: &str) -> &'d Datum<'a> {
    match of {
        Datum::Record(fields) => {
            fields.iter().find(|(field, _)| *field == name).map_or(&Datum::Nothing, |(_, datum)| datum)
        }
        Datum::Nothing | Datum::Long(_) | Datum::Text(_) | Datum::Skipped => &Datum::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use apache_avro::types::Value;
    use apache_avro::{Codec as AvroCodec, DeflateSettings, Schema, Writer};

    /// Newer than ours: a namespace, more fields, a kind and a type that we do not know, nulls where we have texts.
    const AZURES: &str = r#"{"type":"record","name":"BlobChangeEvent","namespace":"com.example.feed","fields":[
        {"name":"schemaVersion","type":"int"},
        {"name":"subject","type":"string"},
        {"name":"eventType","type":{"type":"enum","name":"Kind","symbols":["BlobDeleted","RestorePointMarkerCreated"]}},
        {"name":"eventTime","type":"string"},
        {"name":"data","type":{"type":"record","name":"BlobChangeEventData","fields":[
            {"name":"api","type":["null","string"]},
            {"name":"etag","type":"string"},
            {"name":"contentLength","type":["null","long"]},
            {"name":"blobTier","type":["null",{"type":"enum","name":"Tier","symbols":["Hot","Archive"]}]},
            {"name":"url","type":"string"},
            {"name":"sequencer","type":"string"},
            {"name":"blobPropertiesUpdated","type":["null",{"type":"map","values":{"type":"record","name":"Change","fields":[
                {"name":"current","type":"string"},{"name":"previous","type":"string"}]}}]},
            {"name":"storageDiagnostics","type":{"type":"map","values":"string"}}
        ]}},
        {"name":"dataVersion","type":["null","long"]}
    ]}"#;

    fn string(text: &str) -> Value {
        Value::String(text.to_owned())
    }

    fn some(index: u32, value: Value) -> Value {
        Value::Union(index, Box::new(value))
    }

    fn record(fields: Vec<(&str, Value)>) -> Value {
        Value::Record(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// The fields that a test changes; the rest is as Azure has it.
    struct Azure {
        subject: &'static str,
        kind: (u32, &'static str),
        time: &'static str,
        length: i64,
    }

    const GOOD: Azure = Azure {
        subject: "/blobServices/default/containers/photos/blobs/a/blobs/%20 é",
        kind: (0, "BlobDeleted"),
        time: "2022-02-17T12:59:41.4003102Z",
        length: 128,
    };

    impl Azure {
        fn value(&self) -> Value {
            let change = record(vec![("current", string("pl")), ("previous", string("nl"))]);
            let changes = Value::Map([("ContentLanguage".to_owned(), change)].into());
            let data = record(vec![
                ("api", some(0, Value::Null)),
                ("etag", string("8D9F2155CBF7928")),
                ("contentLength", some(1, Value::Long(self.length))),
                ("blobTier", some(1, Value::Enum(1, "Archive".to_owned()))),
                ("url", string("https://account.example/photos/a")),
                ("sequencer", string("00000000000000010000000000000002000000000000001d")),
                ("blobPropertiesUpdated", some(1, changes)),
                ("storageDiagnostics", Value::Map([("bid".to_owned(), string("9d72"))].into())),
            ]);
            record(vec![
                ("schemaVersion", Value::Int(7)),
                ("subject", string(self.subject)),
                ("eventType", Value::Enum(self.kind.0, self.kind.1.to_owned())),
                ("eventTime", string(self.time)),
                ("data", data),
                ("dataVersion", some(0, Value::Null)),
            ])
        }
    }

    fn chunk(schema: &str, codec: AvroCodec, values: &[Value]) -> Vec<u8> {
        let schema = Schema::parse_str(schema).unwrap();
        let mut writer = Writer::with_codec(&schema, Vec::new(), codec);
        for value in values {
            writer.append_value_ref(value).unwrap();
        }
        writer.into_inner().unwrap()
    }

    fn azures(events: &[Azure]) -> Vec<u8> {
        chunk(AZURES, AvroCodec::Null, &events.iter().map(Azure::value).collect::<Vec<_>>())
    }

    #[test]
    fn a_chunk_of_azures_is_read_packed_or_not() {
        for codec in [AvroCodec::Null, AvroCodec::Deflate(DeflateSettings::default())] {
            let bytes = chunk(AZURES, codec, &[GOOD.value(), GOOD.value()]);
            let read: Vec<Told> = read_chunk(&bytes).unwrap().map(Result::unwrap).collect();
            let expected = Told {
                sequencer: "00000000000000010000000000000002000000000000001d".to_owned(),
                at_us: 1_645_102_781_400_310,
                kind: Some(EventKind::Deleted),
                container: "photos".to_owned(),
                blob: "a/blobs/%20 é".to_owned(),
                etag: "0x8D9F2155CBF7928".to_owned(),
                content_type: String::new(),
                content_length: 128,
                api: String::new(),
                request_id: String::new(),
                client_request_id: String::new(),
            };
            assert_eq!(read, [expected.clone(), expected]);
        }
    }

    #[test]
    fn it_says_how_many_are_left_without_a_look_at_them() {
        for codec in [AvroCodec::Null, AvroCodec::Deflate(DeflateSettings::default())] {
            let bytes = chunk(AZURES, codec, &[GOOD.value(), GOOD.value(), GOOD.value()]);
            let mut events = read_chunk(&bytes).unwrap();
            for left in [3, 2, 1] {
                assert_eq!(events.left(), left);
                events.next().unwrap().unwrap();
            }
            assert_eq!(events.left(), 0);
        }
    }

    #[test]
    fn a_kind_without_a_name_is_told_whatever_its_subject() {
        let marker = Azure { kind: (1, "RestorePointMarkerCreated"), subject: "/other", ..GOOD };
        let bytes = azures(&[marker, GOOD]);
        let read: Vec<Told> = read_chunk(&bytes).unwrap().map(Result::unwrap).collect();
        assert_eq!((read[0].kind, read[0].blob.as_str()), (None, ""));
        assert_eq!(read[1].kind, Some(EventKind::Deleted));
    }

    #[test]
    fn an_event_that_is_not_understood_does_not_hide_the_next() {
        for (bad, says) in [
            (Azure { subject: "", ..GOOD }, "subject ''"),
            (Azure { subject: "/blobServices/default/containers/photos", ..GOOD }, "containers/photos'"),
            (Azure { subject: "/blobServices/default/containers/photos/blobs/", ..GOOD }, "subject"),
            (Azure { subject: "/blobServices/default/containers/No/blobs/a", ..GOOD }, "containers/No/"),
            (Azure { subject: "/blobServices/default/containers/../x/blobs/a", ..GOOD }, "subject"),
            (Azure { time: "yesterday", ..GOOD }, "eventTime is no time"),
            (Azure { length: -1, ..GOOD }, "contentLength is negative"),
        ] {
            let bytes = azures(&[bad, GOOD]);
            let mut events = read_chunk(&bytes).unwrap();
            let error = events.next().unwrap().unwrap_err();
            assert!(error.is_of_one_event() && error.to_string().contains(says), "{error}");
            assert!(events.next().unwrap().is_ok());
            assert!(events.next().is_none());
        }
    }

    #[test]
    fn fields_may_be_missing_but_not_those_that_say_what_happened() {
        let schema = |kind: &str| {
            format!(
                r#"{{"type":"record","name":"E","fields":[{{"name":"subject","type":"string"}},
                {{"name":"{kind}","type":"string"}},{{"name":"eventTime","type":"string"}}]}}"#
            )
        };
        let value = |kind: &str| {
            record(vec![
                ("subject", string(GOOD.subject)),
                (kind, string("BlobCreated")),
                ("eventTime", string(GOOD.time)),
            ])
        };
        let bytes = chunk(&schema("eventType"), AvroCodec::Null, &[value("eventType")]);
        let told = read_chunk(&bytes).unwrap().next().unwrap().unwrap();
        assert_eq!((told.kind, told.sequencer.as_str(), told.content_length), (Some(EventKind::Created), "", 0));
        let bytes = chunk(&schema("other"), AvroCodec::Null, &[value("other")]);
        assert!(read_chunk(&bytes).unwrap().next().unwrap().unwrap_err().to_string().contains("eventType is missing"));
    }

    #[test]
    fn a_text_that_is_too_long_or_none_is_refused() {
        let schema = |types: &str| {
            format!(r#"{{"type":"record","name":"E","fields":[{{"name":"eventTime","type":"{types}"}}]}}"#)
        };
        let long = record(vec![("eventTime", string(&"x".repeat(TEXT_BYTES_MAX + 1)))]);
        let number = record(vec![("eventTime", Value::Long(7))]);
        for (types, value, says) in [("string", long, "longer than 16 KiB"), ("long", number, "is no text")] {
            let bytes = chunk(&schema(types), AvroCodec::Null, &[value]);
            let error = read_chunk(&bytes).unwrap().next().unwrap().unwrap_err();
            assert!(error.to_string().contains(says), "{error}");
        }
    }

    #[test]
    fn etags_are_of_one_form() {
        for (text, expected) in [("0x8D", "0x8D"), ("8D", "0x8D"), ("0X8d", "0x8d"), ("\"W/x\"", "\"W/x\""), ("", "")] {
            assert_eq!(etag(text), expected);
        }
    }
}
