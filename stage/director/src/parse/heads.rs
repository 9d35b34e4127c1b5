//! Holds what editors check by against what is read: both take all that is shipped, and both refuse what is not known.

use super::deck::{DECK_KEYS, SLIDE_KEYS};
use super::{Report, demo, document, source};
use crate::booth_file;
use crate::schema::Schema;
use greenroom_model::tenancy::{ByteCount, TenantsFile};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn schema(of: Schema) -> Value {
    serde_json::from_str(&of.text()).expect("JSON")
}

/// What is wrong with a value, by the part of JSON Schema that ours are written in. Any other word of it ends the test: it would check nothing.
fn wrong(value: &Value, schema: &Value, whole: &Value, at: &str) -> Vec<String> {
    let Some(rules) = schema.as_object() else {
        return if *schema == json!(false) { vec![format!("{at}: is not known")] } else { vec![] };
    };
    let fits = |schema: &Value| wrong(value, schema, whole, at).is_empty();
    let list = |rule: &Value| rule.as_array().expect("a list").clone();
    let bound = |rule: &Value| rule.as_f64().expect("a number");
    let mut found = Vec::new();
    for (word, rule) in rules {
        let is_well = match word.as_str() {
            // Names of properties are text in any case.
            "$schema" | "$defs" | "title" | "description" | "default" | "format" | "propertyNames" => true,
            "properties" => {
                for (key, schema) in rule.as_object().expect("properties") {
                    if let Some(inner) = value.get(key) {
                        found.extend(wrong(inner, schema, whole, &format!("{at}.{key}")));
                    }
                }
                true
            }
            "additionalProperties" => {
                let known = rules.get("properties").and_then(Value::as_object);
                let more = value
                    .as_object()
                    .into_iter()
                    .flatten()
                    .filter(|(key, _)| known.is_none_or(|known| !known.contains_key(*key)));
                found.extend(more.flat_map(|(key, inner)| wrong(inner, rule, whole, &format!("{at}.{key}"))));
                true
            }
            "items" => {
                let inner = value.as_array().into_iter().flatten().enumerate();
                found.extend(inner.flat_map(|(index, inner)| wrong(inner, rule, whole, &format!("{at}[{index}]"))));
                true
            }
            "$ref" => {
                let to = rule.as_str().and_then(|to| to.strip_prefix('#')).expect("a place in this schema");
                found.extend(wrong(value, whole.pointer(to).unwrap_or_else(|| panic!("no {to}")), whole, at));
                true
            }
            "required" => list(rule)
                .iter()
                .all(|key| value.as_object().is_none_or(|fields| fields.contains_key(key.as_str().expect("a key")))),
            "type" => list(&if rule.is_array() { rule.clone() } else { json!([rule]) })
                .iter()
                .any(|kind| is_of(value, kind.as_str().expect("a type"))),
            "enum" => list(rule).contains(value),
            "const" => rule == value,
            "anyOf" => list(rule).iter().any(fits),
            "oneOf" => list(rule).iter().filter(|schema| fits(schema)).count() == 1,
            "allOf" => list(rule).iter().all(fits),
            "minimum" => value.as_f64().is_none_or(|value| value >= bound(rule)),
            "maximum" => value.as_f64().is_none_or(|value| value <= bound(rule)),
            "maxItems" => value.as_array().is_none_or(|value| value.len() as f64 <= bound(rule)),
            "pattern" => value.as_str().is_none_or(|value| matcher(rule).is_match(value)),
            word => panic!("'{word}' is not checked here: {rule}"),
        };
        if !is_well {
            found.push(format!("{at}: {value} against {word} {rule}"));
        }
    }
    found
}

fn matcher(rule: &Value) -> regex::Regex {
    regex::Regex::new(rule.as_str().expect("a pattern")).expect("a good pattern")
}

fn is_of(value: &Value, kind: &str) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "null" => value.is_null(),
        kind => panic!("there is no type '{kind}'"),
    }
}

fn faults(value: &Value, of: Schema) -> Vec<String> {
    let schema = schema(of);
    wrong(value, &schema, &schema, "")
}

fn yaml(text: &str) -> Value {
    document(text).expect("YAML")
}

/// Files of one name in the folders of a part of the project, and those that `new` makes.
fn shipped(part: &str, name: &str) -> Vec<(PathBuf, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(part);
    let folders = std::fs::read_dir(folder).expect("folders").flatten();
    let files = folders.map(|folder| folder.path().join(name)).filter(|file| file.is_file());
    files.map(|file| (file.clone(), std::fs::read_to_string(file).expect("a text"))).collect()
}

fn properties(of: Schema) -> BTreeSet<String> {
    schema(of)["properties"].as_object().expect("properties").keys().cloned().collect()
}

#[test]
fn each_key_that_is_read_is_offered_and_none_besides() {
    let set = |keys: &[&str]| keys.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
    assert_eq!(properties(Schema::Slide), set(SLIDE_KEYS));
    assert_eq!(properties(Schema::Deck), set(&[DECK_KEYS, SLIDE_KEYS].concat()));
    assert_eq!(properties(Schema::Demo), set(demo::KEYS));
    for of in [Schema::Deck, Schema::Slide, Schema::Demo] {
        for (key, rules) in schema(of)["properties"].as_object().expect("properties") {
            let says = ["description", "$ref"].iter().any(|word| rules.get(word).is_some());
            assert!(says, "{of:?}: '{key}' says nothing of itself");
        }
    }
}

#[test]
fn all_heads_that_are_shipped_are_as_editors_are_told() {
    let all = [DECK_KEYS, SLIDE_KEYS].concat();
    let (mut decks, mut slides) = (0, 0);
    for (file, text) in shipped("slides", "deck.md") {
        let text = source::plain_lines(&text);
        for (index, part) in source::read(&text, &all).parts.iter().enumerate() {
            let Some(piece) = part.yaml else { continue };
            let of = if index == 0 { Schema::Deck } else { Schema::Slide };
            assert_eq!(faults(&yaml(piece.text), of), [""; 0], "{}:{}", file.display(), piece.line);
            if index == 0 { decks += 1 } else { slides += 1 }
        }
    }
    let demos = shipped("demos", "demo.md");
    for (file, text) in &demos {
        let text = source::plain_lines(text);
        let source = source::read(&text, demo::KEYS);
        let head = source.parts[0].yaml.expect("a head");
        assert_eq!(faults(&yaml(head.text), Schema::Demo), [""; 0], "{}", file.display());
    }
    let tenants = shipped("demos", "tenants.yaml");
    for (file, text) in &tenants {
        assert_eq!(faults(&yaml(text), Schema::Tenants), [""; 0], "{}", file.display());
    }
    assert!(decks >= 4 && slides >= 50 && demos.len() >= 9 && tenants.len() >= 4, "{decks} {slides}");
}

#[test]
fn what_is_not_known_is_refused_by_both() {
    let read = |text: &str, keys: &[&str]| {
        let mut report = Report::new("deck.md");
        let piece = source::Piece { line: 1, text };
        let read = super::yaml::read::<Value>(piece, keys, &mut report);
        !read.is_sound()
    };
    for (text, of, keys) in [
        ("title: A\ntheem: dark\n", Schema::Deck, [DECK_KEYS, SLIDE_KEYS].concat()),
        ("lyaout: cover\n", Schema::Slide, SLIDE_KEYS.to_vec()),
        ("title: A\nprofle: fresh\n", Schema::Demo, demo::KEYS.to_vec()),
    ] {
        assert!(read(text, &keys), "{text}");
        assert_eq!(faults(&yaml(text), of).len(), 1, "{text}: {:?}", faults(&yaml(text), of));
    }
    for text in ["version: 1\ntenants: [{ nmae: gold }]\n", "version: 1\ntenants: []\nmore: 1\n"] {
        assert!(document::<TenantsFile>(text).is_err() && !faults(&yaml(text), Schema::Tenants).is_empty(), "{text}");
    }
    let text = "- sldie: 3\n";
    assert!(booth_file::is_list(text).is_err() && !faults(&yaml(text), Schema::Booth).is_empty());
    let text = "- slide: opening\n  for: 20s\n- slide: 3\n- take: azcopy-into-blob\n";
    assert!(booth_file::is_list(text).is_ok());
    assert_eq!(faults(&yaml(text), Schema::Booth), [""; 0]);
}

#[test]
fn bytes_are_taken_as_their_reader_takes_them() {
    let numbers = [
        "0",
        "512",
        "1.5 GB",
        "20GiB",
        "64MiB",
        "3 tib",
        "1 PiB",
        "7 b",
        "1 pb",
        "1.",
        ".5 GB",
        "much",
        "1 furlong",
        "-3",
        "",
    ];
    for text in numbers {
        let is_read = text.parse::<ByteCount>().is_ok();
        let head = json!({ "title": "A", "flash": text });
        assert_eq!(faults(&head, Schema::Demo).is_empty(), is_read, "'{text}'");
    }
}

#[test]
fn wrong_values_are_refused_too() {
    for (text, of) in [
        ("layout: covr", Schema::Slide),
        ("priority: 4", Schema::Slide),
        ("panes: charts", Schema::Slide),
        ("title: A\ncuts: 25", Schema::Deck),
        ("minutes: 3", Schema::Demo),
        ("title: A\nflash: much", Schema::Demo),
        ("title: A\nprofile: own", Schema::Demo),
        ("title: A\ntools: [{ name: mine }]", Schema::Demo),
        ("title: A\ncharts: [{ title: B, unit: furlongs, series: [] }]", Schema::Demo),
        ("title: A\nstage: { a: { name: B, hero: stage } }", Schema::Demo),
        ("version: 1\ntenants: [{ name: gold, quota: { bytes: [1] } }]", Schema::Tenants),
        ("slide: 3", Schema::Booth),
    ] {
        assert!(!faults(&yaml(text), of).is_empty(), "{text}");
    }
    for text in ["title: A\nflash: 256MiB\ntools: [azcopy, { name: mine, version: -v }]", "title: A\nflash: 1048576"] {
        assert_eq!(faults(&yaml(text), Schema::Demo), [""; 0], "{text}");
    }
}
