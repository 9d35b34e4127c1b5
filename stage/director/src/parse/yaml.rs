//! YAML front matter into a typed value: a wrong value is a fault, an unknown key a warning, both with their line.

use super::{Report, hint, source::Piece};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;

/// Reads `piece` as `T`, whose keys are `known`.
pub fn read<T: DeserializeOwned>(piece: Piece<'_>, known: &[&str], report: &mut Report) -> Option<T> {
    let keys: BTreeMap<String, serde_json::Value> = match serde_saphyr::from_str(piece.text) {
        Ok(keys) => keys,
        Err(error) => {
            report.fault(line_of(piece, &error), format!("front matter: {}", message(&error)));
            return None;
        }
    };
    for key in keys.keys().filter(|key| !known.contains(&key.as_str())) {
        let near = hint(key, known.iter().copied());
        report
            .warn(key_line(piece, key), format!("unknown key '{key}' is ignored{near} (known: {})", known.join(", ")));
    }
    match serde_saphyr::from_str(piece.text) {
        Ok(value) => Some(value),
        Err(error) => {
            report.fault(line_of(piece, &error), format!("front matter: {}", message(&error)));
            None
        }
    }
}

/// Reads a whole file. Where it is wrong: the line, and a sentence.
pub fn document<T: DeserializeOwned>(text: &str) -> Result<T, (usize, String)> {
    let place = |error: serde_saphyr::Error| (line_of(Piece { text, line: 1 }, &error), message(&error));
    serde_saphyr::from_str(text).map_err(place)
}

/// Line of a top-level key in the file.
pub fn key_line(piece: Piece<'_>, key: &str) -> usize {
    let at = piece
        .text
        .lines()
        .position(|line| line.trim_start().strip_prefix(key).is_some_and(|rest| rest.starts_with(':')));
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
    line[..end].trim_start_matches("error: ").to_string()
}
