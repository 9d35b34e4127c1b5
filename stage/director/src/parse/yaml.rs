//! YAML front matter into a typed value: a wrong value is a fault, an unknown key a warning, both with their line.

use super::{Report, hint, source::Piece};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;

/// What front matter says, as far as it can be read.
#[derive(Debug, Default)]
pub struct Read<T> {
    pub value: T,
    /// Its keys as they stand there; none where it is no mapping.
    pub keys: BTreeMap<String, Value>,
    /// Those that mean nothing.
    pub unknown: Vec<String>,
    /// Whether `value` is what it says, and not a default in its place.
    pub is_read: bool,
}

impl<T> Read<T> {
    /// Whether nothing of it was in vain.
    pub fn is_sound(&self) -> bool {
        self.is_read && self.unknown.is_empty()
    }
}

/// Reads `piece` as `T`, whose keys are `known`.
pub fn read<T: DeserializeOwned + Default>(piece: Piece<'_>, known: &[&str], report: &mut Report) -> Read<T> {
    let nothing = |keys, unknown| Read { value: T::default(), keys, unknown, is_read: false };
    let keys: BTreeMap<String, Value> = match serde_saphyr::from_str(piece.text) {
        Ok(keys) => keys,
        Err(error) => {
            report.fault(line_of(piece, &error), format!("front matter: {}", message(&error)));
            return nothing(BTreeMap::new(), vec![]);
        }
    };
    let unknown: Vec<String> = keys.keys().filter(|key| !known.contains(&key.as_str())).cloned().collect();
    for key in &unknown {
        let near = hint(key, known.iter().copied());
        report
            .warn(key_line(piece, key), format!("unknown key '{key}' is ignored{near} (known: {})", known.join(", ")));
    }
    match serde_saphyr::from_str(piece.text) {
        Ok(value) => Read { value, keys, unknown, is_read: true },
        Err(error) => {
            report.fault(line_of(piece, &error), format!("front matter: {}", message(&error)));
            nothing(keys, unknown)
        }
    }
}

/// Whether a text sets keys, and none but those that are `known`.
pub fn is_mapping_of(text: &str, known: &[&str]) -> bool {
    let keys: Result<BTreeMap<String, Value>, _> = serde_saphyr::from_str(text);
    keys.is_ok_and(|keys| !keys.is_empty() && keys.keys().all(|key| known.contains(&key.as_str())))
}

/// Reads a whole file. Where it is wrong: the line, and a sentence.
pub fn document<T: DeserializeOwned>(text: &str) -> Result<T, (usize, String)> {
    let place = |error: serde_saphyr::Error| (line_of(Piece { text, line: 1 }, &error), message(&error));
    serde_saphyr::from_str(text).map_err(place)
}

/// Line of a top-level key in the file.
pub fn key_line(piece: Piece<'_>, key: &str) -> usize {
    let at = piece.text.lines().position(|line| {
        let named = line.trim_start().trim_start_matches(['"', '\'']).strip_prefix(key);
        named.is_some_and(|rest| rest.trim_start_matches(['"', '\'', ' ']).starts_with(':'))
    });
    piece.line + at.unwrap_or(0)
}

fn line_of(piece: Piece<'_>, error: &serde_saphyr::Error) -> usize {
    let within = error.location().map_or(1, |location| usize::try_from(location.line()).unwrap_or(1));
    let lines = piece.text.lines().count().max(1);
    piece.line + within.clamp(1, lines) - 1
}

/// The first line of the error, without the position that we print ourselves.
fn message(error: &serde_saphyr::Error) -> String {
    let text = error.without_snippet().to_string();
    let line = text.lines().next().unwrap_or_default();
    let end = line.find(" at line ").unwrap_or(line.len());
    let said = line[..end].trim_start_matches("error: ").to_string();
    // "unknown variant `x`, expected one of y, z"
    let name = said.split_once("unknown variant `").and_then(|(_, rest)| Some(rest.split_once('`')?.0));
    let known =
        said.split_once("expected one of ").map(|(_, known)| known.split(", ").map(|name| name.trim_matches('`')));
    let near = name.zip(known).map(|(name, known)| hint(name, known)).unwrap_or_default();
    said + &near
}
