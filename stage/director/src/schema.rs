//! What editors complete and check files by: JSON Schema (draft 2020-12), and the verbs of steps. All of it is derived from what reads the files, so
//! that there is no second list to keep.

use crate::{booth_file, parse};
use greenroom_model::tenancy::TenantsFile;
use schemars::{JsonSchema, json_schema};
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use utoipa::{PartialSchema, ToSchema};

const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";
/// Where a description of an API keeps what its schemas refer to.
const OF_API: &str = "#/components/schemas/";

/// What there is to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Schema {
    /// The first head of a deck, as JSON Schema
    Deck,
    /// The head of a slide
    Slide,
    /// The head of a demo
    Demo,
    /// A file of tenants, which is plain YAML
    Tenants,
    /// 'booth.yaml', which is plain YAML
    Booth,
    /// The verbs of step lines with their arguments and options, as JSON
    Steps,
    /// The verbs of step lines as snippets for Visual Studio Code
    Snippets,
}

impl Schema {
    /// As JSON, to be read by people too.
    pub fn text(self) -> String {
        let value = match self {
            Schema::Deck => parse::deck_head().to_value(),
            Schema::Slide => parse::slide_head().to_value(),
            Schema::Demo => parse::demo_head().to_value(),
            Schema::Tenants => tenants(),
            Schema::Booth => booth_file::schema().to_value(),
            Schema::Steps => json!(parse::verbs()),
            Schema::Snippets => json!(parse::snippets()),
        };
        format!("{value:#}")
    }
}

/// How a number of bytes may be written where people write it.
#[derive(Debug)]
pub struct Bytes;

impl JsonSchema for Bytes {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Bytes".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        json_schema!({
            "description": "A number of bytes: 1048576, 20 GiB or 1.5 GB.",
            "anyOf": [
                { "type": "integer", "minimum": 0 },
                { "type": "string", "pattern": r"^ *([0-9]+\.?[0-9]*|\.[0-9]+) *([kKmMgGtT][iI]?[bB]|[pP][iI][bB]|[bB])? *$" },
            ],
        })
    }
}

/// Of a file of tenants: as the control API describes it, but that people write bytes with their units.
fn tenants() -> Value {
    let mut parts = Vec::new();
    TenantsFile::schemas(&mut parts);
    let describe = |schema| serde_json::to_value(schema).expect("a schema is JSON");
    let mut parts: Map<String, Value> = parts.into_iter().map(|(name, schema)| (name, describe(schema))).collect();
    parts.insert("ByteCount".into(), Bytes::json_schema(&mut schemars::SchemaGenerator::default()).to_value());
    let mut file = describe(TenantsFile::schema());
    for part in parts.values_mut().chain([&mut file]) {
        refer_within(part);
    }
    file["$schema"] = DRAFT.into();
    file["title"] = "Tenants".into();
    file["$defs"] = parts.into();
    file
}

/// Lets what a schema refers to be among its own definitions.
fn refer_within(part: &mut Value) {
    match part {
        Value::Object(fields) => {
            if let Some(name) = fields.get("$ref").and_then(Value::as_str).and_then(|to| to.strip_prefix(OF_API)) {
                let to = format!("#/$defs/{name}");
                fields.insert("$ref".into(), to.into());
            }
            fields.values_mut().for_each(refer_within);
        }
        Value::Array(parts) => parts.iter_mut().for_each(refer_within),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
