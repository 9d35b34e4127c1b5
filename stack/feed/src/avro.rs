//! Reads Avro within bounds: what a schema makes of bytes, and the bytes of one value.
//!
//! Not with the library that writes, as its reader cannot be bounded: its parser of schemas panics at a name that is none; a schema that
//! holds itself overflows its stack; it allocates what a length declares, up to a bound of the whole process and not to what the input still
//! has; an array of nulls grows from no bytes at all; deflate unpacks to any size; a text that is cut off is read as null.
//! Source: <https://avro.apache.org/docs/1.11.1/specification/>.

use crate::{FeedError, shown};
use serde_json::Value as Json;
use std::collections::HashMap;

/// What a container begins with.
pub(crate) const MAGIC: &[u8] = b"Obj\x01";

/// How deep types may lie in each other. Azure's lie four deep.
const SHAPE_DEPTH_MAX: usize = 16;
/// How much memory a schema may come to, its references written out: those make a small text large.
const SHAPE_BYTES_MAX: usize = 512 * 1024;

/// How a value lies in bytes, without references: a tree of at most [`SHAPE_DEPTH_MAX`] levels, so walking it is bounded.
/// Whatever is not `Nothing` takes a byte at least, so reading is bounded by the bytes there are.
#[derive(Debug)]
pub(crate) enum Shape {
    /// Takes no bytes.
    Nothing,
    Long,
    Fixed(usize),
    Bytes,
    Text,
    Enum(Vec<String>),
    Array(Box<Shape>),
    Map(Box<Shape>),
    Union(Vec<Shape>),
    Record(Vec<(String, Shape)>),
}

/// A value, as far as an event has use for it.
#[derive(Debug)]
pub(crate) enum Datum<'a> {
    Nothing,
    Long(i64),
    /// A text, or the symbol of an enum.
    Text(&'a str),
    Record(Vec<(&'a str, Datum<'a>)>),
    /// Of a type that we read past.
    Skipped,
}

impl Shape {
    /// Of a schema's JSON, which is no longer than the caller bounds it to. What a value's bytes do not depend on is not looked at: logical
    /// types, defaults, aliases.
    pub(crate) fn parse(json: &[u8]) -> Result<Self, FeedError> {
        let json: Json =
            serde_json::from_slice(json).map_err(|error| FeedError::Schema(format!("is no JSON: {error}")))?;
        Builder { named: HashMap::new(), bytes_left: SHAPE_BYTES_MAX }.shape(&json, "", 0)
    }
}

struct Builder<'j> {
    /// Full name to definition, and the namespace that it stands in.
    named: HashMap<String, (&'j Json, String)>,
    bytes_left: usize,
}

impl<'j> Builder<'j> {
    fn shape(&mut self, schema: &'j Json, namespace: &str, depth: usize) -> Result<Shape, FeedError> {
        if depth > SHAPE_DEPTH_MAX {
            return Err(FeedError::Schema(format!("nests deeper than {SHAPE_DEPTH_MAX}, or in itself")));
        }
        self.spend(size_of::<(String, Shape)>())?;
        match schema {
            Json::String(name) => self.called(name, namespace, depth),
            Json::Array(variants) => {
                let variants = variants.iter().map(|variant| self.shape(variant, namespace, depth + 1));
                Ok(Shape::Union(variants.collect::<Result<_, _>>()?))
            }
            Json::Object(object) => match object.get("type") {
                Some(Json::String(kind)) => self.complex(kind, schema, namespace, depth),
                Some(inner) => self.shape(inner, namespace, depth + 1),
                None => Err(FeedError::Schema("has an object without a type".to_owned())),
            },
            Json::Null | Json::Bool(_) | Json::Number(_) => {
                Err(FeedError::Schema("has a type that is neither text, list nor object".to_owned()))
            }
        }
    }

    fn called(&mut self, name: &str, namespace: &str, depth: usize) -> Result<Shape, FeedError> {
        match name {
            "null" => Ok(Shape::Nothing),
            "boolean" => Ok(Shape::Fixed(1)),
            "int" | "long" => Ok(Shape::Long),
            "float" => Ok(Shape::Fixed(4)),
            "double" => Ok(Shape::Fixed(8)),
            "bytes" => Ok(Shape::Bytes),
            "string" => Ok(Shape::Text),
            _ => {
                let full = self.full(name, namespace)?;
                let Some((schema, namespace)) = self.named.get(&full).cloned() else {
                    return Err(FeedError::Schema(format!("refers to '{}', which it lacks", shown(&full))));
                };
                self.shape(schema, &namespace, depth + 1)
            }
        }
    }

    fn complex(&mut self, kind: &str, schema: &'j Json, namespace: &str, depth: usize) -> Result<Shape, FeedError> {
        match kind {
            "array" => match self.shape(part(schema, "items")?, namespace, depth + 1)? {
                Shape::Nothing => Err(FeedError::Schema("has an array of what takes no bytes".to_owned())),
                items => Ok(Shape::Array(Box::new(items))),
            },
            "map" => Ok(Shape::Map(Box::new(self.shape(part(schema, "values")?, namespace, depth + 1)?))),
            "fixed" => {
                self.define(schema, namespace)?;
                let size = part(schema, "size")?.as_u64().and_then(|size| usize::try_from(size).ok());
                match size.ok_or_else(|| FeedError::Schema("has a size that is none".to_owned()))? {
                    0 => Ok(Shape::Nothing),
                    size => Ok(Shape::Fixed(size)),
                }
            }
            "enum" => {
                self.define(schema, namespace)?;
                let symbols = list(schema, "symbols")?.iter().map(text).collect::<Result<Vec<_>, _>>()?;
                self.spend(symbols.iter().map(|symbol| size_of::<String>() + symbol.len()).sum())?;
                Ok(Shape::Enum(symbols.into_iter().map(str::to_owned).collect()))
            }
            "record" | "error" => self.record(schema, namespace, depth),
            _ => self.called(kind, namespace, depth),
        }
    }

    fn record(&mut self, schema: &'j Json, namespace: &str, depth: usize) -> Result<Shape, FeedError> {
        let full = self.define(schema, namespace)?;
        let inner = full.rsplit_once('.').map_or("", |(namespace, _)| namespace);
        let mut fields = Vec::new();
        for field in list(schema, "fields")? {
            let name = text(part(field, "name")?)?;
            self.spend(name.len())?;
            // What takes no bytes is not kept, so that a record's fields cannot outnumber its bytes.
            match self.shape(part(field, "type")?, inner, depth + 1)? {
                Shape::Nothing => {}
                shape => fields.push((name.to_owned(), shape)),
            }
        }
        Ok(if fields.is_empty() { Shape::Nothing } else { Shape::Record(fields) })
    }

    /// Keeps a named type for those that refer to it, before what lies in it is looked at; answers its full name.
    fn define(&mut self, schema: &'j Json, namespace: &str) -> Result<String, FeedError> {
        let own = schema.get("namespace").and_then(Json::as_str).unwrap_or(namespace);
        let full = self.full(text(part(schema, "name")?)?, own)?;
        self.spend(namespace.len())?;
        self.named.insert(full.clone(), (schema, namespace.to_owned()));
        Ok(full)
    }

    fn full(&mut self, name: &str, namespace: &str) -> Result<String, FeedError> {
        self.spend(name.len() + namespace.len())?;
        Ok(if name.contains('.') || namespace.is_empty() { name.to_owned() } else { format!("{namespace}.{name}") })
    }

    fn spend(&mut self, bytes: usize) -> Result<(), FeedError> {
        self.bytes_left = self.bytes_left.checked_sub(bytes).ok_or_else(|| {
            FeedError::Schema(format!("comes to more than {SHAPE_BYTES_MAX} bytes with its references written out"))
        })?;
        Ok(())
    }
}

fn part<'j>(schema: &'j Json, name: &str) -> Result<&'j Json, FeedError> {
    schema.get(name).ok_or_else(|| FeedError::Schema(format!("has a type without '{name}'")))
}

fn list<'j>(schema: &'j Json, name: &str) -> Result<&'j [Json], FeedError> {
    let list = part(schema, name)?.as_array();
    Ok(list.ok_or_else(|| FeedError::Schema(format!("has '{name}' that is no list")))?)
}

fn text(json: &Json) -> Result<&str, FeedError> {
    json.as_str().ok_or_else(|| FeedError::Schema("has a name that is no text".to_owned()))
}

/// Bytes that are read from front to back. What is declared longer than they are is refused before anything is done for it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Input<'a>(pub &'a [u8]);

impl<'a> Input<'a> {
    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], FeedError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(FeedError::Chunk("ends early"))?;
        self.0 = rest;
        Ok(taken)
    }

    /// A zig-zag number of at most ten bytes.
    pub(crate) fn long(&mut self) -> Result<i64, FeedError> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            value |= u64::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed());
            }
        }
        Err(FeedError::Chunk("has a number of more than 64 bits"))
    }

    /// What a length stands before.
    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], FeedError> {
        let length = usize::try_from(self.long()?).map_err(|_| FeedError::Chunk("has a negative length"))?;
        self.take(length)
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, FeedError> {
        std::str::from_utf8(self.bytes()?).map_err(|_| FeedError::Chunk("has a text that is no UTF-8"))
    }

    /// The blocks of an array or a map: `item` reads one and takes a byte at least.
    pub(crate) fn items(&mut self, mut item: impl FnMut(&mut Self) -> Result<(), FeedError>) -> Result<(), FeedError> {
        loop {
            let count = self.long()?;
            if count < 0 {
                // The block's length in bytes, for who reads past it.
                self.long()?;
            }
            if count == 0 {
                return Ok(());
            }
            for _ in 0..count.unsigned_abs() {
                item(self)?;
            }
        }
    }

    pub(crate) fn datum(&mut self, shape: &'a Shape) -> Result<Datum<'a>, FeedError> {
        match shape {
            Shape::Nothing => Ok(Datum::Nothing),
            Shape::Long => self.long().map(Datum::Long),
            Shape::Fixed(count) => self.take(*count).map(|_| Datum::Skipped),
            Shape::Bytes => self.bytes().map(|_| Datum::Skipped),
            Shape::Text => self.text().map(Datum::Text),
            Shape::Enum(symbols) => Ok(Datum::Text(chosen(symbols, self.long()?)?)),
            Shape::Array(items) => {
                self.items(|input| input.datum(items).map(drop))?;
                Ok(Datum::Skipped)
            }
            Shape::Map(values) => {
                self.items(|input| {
                    input.text()?;
                    input.datum(values).map(drop)
                })?;
                Ok(Datum::Skipped)
            }
            Shape::Union(variants) => {
                let variant = chosen(variants, self.long()?)?;
                self.datum(variant)
            }
            Shape::Record(fields) => {
                let mut read = Vec::with_capacity(fields.len());
                for (name, shape) in fields {
                    read.push((name.as_str(), self.datum(shape)?));
                }
                Ok(Datum::Record(read))
            }
        }
    }
}

fn chosen<T>(of: &[T], index: i64) -> Result<&T, FeedError> {
    let index = usize::try_from(index).ok();
    index.and_then(|index| of.get(index)).ok_or(FeedError::Chunk("chooses what its schema lacks"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(schema: &str) -> String {
        match Shape::parse(schema.as_bytes()) {
            Err(FeedError::Schema(why)) => why,
            other => panic!("{schema}: {other:?}"),
        }
    }

    #[test]
    fn a_schema_that_could_not_be_bounded_is_refused() {
        let nested = format!("{}\"int\"{}", r#"{"type":"array","items":"#.repeat(30), "}".repeat(30));
        for (schema, why) in [
            ("\"int".to_owned(), "is no JSON"),
            (r#"{"type":"record","name":"A"}"#.to_owned(), "without 'fields'"),
            ("[".repeat(100_000), "recursion limit"),
            (nested, "nests deeper than 16"),
            (r#"{"type":"record","name":"A","fields":[{"name":"a","type":"A"}]}"#.to_owned(), "or in itself"),
            (r#"{"type":"record","name":"A","fields":[{"name":"a","type":["null","A"]}]}"#.to_owned(), "or in itself"),
            ("7".to_owned(), "neither text, list nor object"),
            (r#"{"items":"int"}"#.to_owned(), "without a type"),
            (r#"{"type":"map","values":"Other"}"#.to_owned(), "refers to 'Other'"),
            (r#"{"type":"enum","name":"E","symbols":[7]}"#.to_owned(), "no text"),
            (r#"{"type":"enum","name":"E","symbols":"A"}"#.to_owned(), "no list"),
            (r#"{"type":"fixed","name":"F","size":-1}"#.to_owned(), "size that is none"),
            (r#"{"type":"array","items":"null"}"#.to_owned(), "takes no bytes"),
            (
                r#"{"type":"array","items":{"type":"record","name":"A","fields":[{"name":"a","type":"null"}]}}"#
                    .to_owned(),
                "takes no bytes",
            ),
            (quadrupling(8), "references written out"),
        ] {
            let said = refused(&schema);
            assert!(said.contains(why), "{said}");
        }
        assert!(Shape::parse(quadrupling(5).as_bytes()).is_ok());
    }

    /// Each record refers to the one before it four times: a few lines come to 4 to the power of `levels` types.
    fn quadrupling(levels: usize) -> String {
        let mut fields = vec![
            r#"{"name":"r0","type":{"type":"record","name":"R0","fields":[{"name":"x","type":"int"}]}}"#.to_owned(),
        ];
        for level in 1..levels {
            let four =
                ["a", "b", "c", "d"].map(|name| format!(r#"{{"name":"{name}","type":"R{}"}}"#, level - 1)).join(",");
            fields.push(format!(
                r#"{{"name":"r{level}","type":{{"type":"record","name":"R{level}","fields":[{four}]}}}}"#
            ));
        }
        format!(r#"{{"type":"record","name":"All","fields":[{}]}}"#, fields.join(","))
    }

    #[test]
    fn numbers_are_read_to_their_bounds() {
        for (bytes, value) in [
            (&[0][..], 0),
            (&[1], -1),
            (&[2], 1),
            (&[0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1], i64::MAX),
            (&[0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1], i64::MIN),
        ] {
            assert_eq!(Input(bytes).long().unwrap(), value);
        }
        assert!(Input(&[0x80; 11]).long().unwrap_err().to_string().contains("64 bits"));
        assert!(Input(&[0x80]).long().unwrap_err().to_string().contains("ends early"));
    }

    #[test]
    fn a_length_beyond_the_bytes_there_are_is_refused() {
        let huge = [0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1];
        for schema in
            [r#""string""#, r#""bytes""#, r#"{"type":"array","items":"int"}"#, r#"{"type":"map","values":"null"}"#]
        {
            let shape = Shape::parse(schema.as_bytes()).unwrap();
            assert!(Input(&huge).datum(&shape).unwrap_err().to_string().contains("ends early"), "{schema}");
        }
        let shape = Shape::parse(br#"{"type":"fixed","name":"F","size":9000000000000}"#).unwrap();
        assert!(Input(&huge).datum(&shape).is_err());
    }

    #[test]
    fn what_is_not_asked_for_is_read_past() {
        let shape = Shape::parse(
            br#"{"type":"record","name":"A","namespace":"x.y","fields":[
            {"name":"none","type":"null"},{"name":"list","type":{"type":"array","items":"int"}},
            {"name":"map","type":{"type":"map","values":["null","double"]}},{"name":"flag","type":"boolean"},
            {"name":"e","type":{"type":"enum","name":"E","symbols":["P","Q"]}},{"name":"again","type":"x.y.E"},
            {"name":"last","type":"string"}]}"#,
        )
        .unwrap();
        // A block of two that tells its length, and one of one that does not.
        let list = [3, 4, 2, 4, 2, 6, 0];
        let map = [2, 2, b'k', 0, 2, 2, b'l', 2, 1, 2, 3, 4, 5, 6, 7, 8, 0];
        let bytes = [&list[..], &map, &[1, 2, 0, 4, b'o', b'k']].concat();
        let mut input = Input(&bytes);
        let Datum::Record(fields) = input.datum(&shape).unwrap() else { panic!("no record") };
        assert!(input.0.is_empty());
        let texts: Vec<(&str, &str)> = fields
            .iter()
            .filter_map(|(name, datum)| if let Datum::Text(text) = datum { Some((*name, *text)) } else { None })
            .collect();
        assert_eq!(texts, [("e", "Q"), ("again", "P"), ("last", "ok")]);
    }
}
