//! The reel of a take: what an audience of one level sees of it, in a file of its own until it is handed on.

use super::clean::Cleaner;
use super::{ExportError, Source};
use crate::library::Library;
use crate::pictures::Picture;
use crate::scrub::scrub;
use greenroom_show::audience::{Change, Seen, Told};
use greenroom_show::deck::{Inline, Theme};
use greenroom_show::reel::{Camera, FORMAT, Head, Kind, Line, VERSION};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufWriter, Write};

#[derive(Debug)]
pub struct Reel {
    pub head: Head,
    pub theme: Theme,
    /// A line each.
    pub lines: File,
    /// All that are in it, but for the usual Latin ones.
    pub letters: BTreeSet<char>,
    pub pictures: BTreeMap<String, Picture>,
}

impl Reel {
    /// Of a take from where it begins to where it ends.
    pub fn shoot(take: &mut Source<'_>) -> Result<Reel, ExportError> {
        let mut camera = Camera::new(&take.info(), take.level, take.idle, take.begins);
        let (mut roll, mut cleaner, mut last) = (Roll::new()?, Cleaner::default(), 0);
        take.each_line(&mut |stamped| {
            last = stamped.at;
            let clean = cleaner.clean(stamped).into_iter();
            clean.flat_map(|stamped| camera.hear(stamped)).try_for_each(|line| roll.expose(&line))
        })?;
        let held = cleaner.finish(last).into_iter();
        held.flat_map(|stamped| camera.hear(stamped)).try_for_each(|line| roll.expose(&line))?;
        if !camera.is_drawn() {
            return Err(ExportError::NotDrawn { take: take.id.clone(), level: take.level });
        }
        let name = take.listed.as_ref().map(|listed| listed.name.clone().unwrap_or_else(|| listed.title.clone()));
        let title = name.filter(|name| !name.is_empty()).unwrap_or_else(|| take.id.clone());
        let head = Head {
            format: FORMAT.into(),
            version: VERSION,
            title,
            provenance: take.provenance().say(),
            level: take.level,
            kind: Kind::Film,
            timeline: camera.timeline(),
        };
        roll.develop(head, pictures_of(take))
    }
}

/// A reel that is being made.
#[derive(Debug)]
pub(super) struct Roll {
    lines: BufWriter<File>,
    letters: BTreeSet<char>,
    pictures: BTreeSet<String>,
    theme: Theme,
}

impl Roll {
    pub(super) fn new() -> std::io::Result<Roll> {
        let lines = BufWriter::new(tempfile::tempfile()?);
        Ok(Roll { lines, letters: BTreeSet::new(), pictures: BTreeSet::new(), theme: Theme::default() })
    }

    pub(super) fn expose(&mut self, line: &Line) -> Result<(), ExportError> {
        self.look(&line.2);
        let mut value = serde_json::to_value(line).map_err(std::io::Error::from)?;
        let letters = &mut self.letters;
        each_text(&mut value, &mut |text| {
            *text = scrub(text);
            letters.extend(text.chars().filter(|letter| *letter > '\u{ff}'));
        });
        serde_json::to_writer(&mut self.lines, &value).map_err(std::io::Error::from)?;
        self.lines.write_all(b"\n")?;
        Ok(())
    }

    fn look(&mut self, told: &Told) {
        let Change::Stage(Seen { scene: Some(scene), .. }) = &told.change else { return };
        self.theme = scene.scenery.theme;
        let pictures = &mut self.pictures;
        greenroom_show::deck::each_inline(&scene.scenery.slide.body, &mut |inline| {
            if let Inline::Picture { id, .. } = inline {
                pictures.insert(id.clone());
            }
        });
    }

    pub(super) fn develop(self, head: Head, mut known: BTreeMap<String, Picture>) -> Result<Reel, ExportError> {
        known.retain(|id, _| self.pictures.contains(id));
        let mut said = serde_json::to_value(&head).map_err(std::io::Error::from)?;
        each_text(&mut said, &mut |text| *text = scrub(text));
        let head = serde_json::from_value(said).map_err(std::io::Error::from)?;
        let lines = self.lines.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        Ok(Reel { head, theme: self.theme, lines, letters: self.letters, pictures: known })
    }
}

/// Those of the deck as it is today: a picture goes by the hash of its file, so that another one never stands for it.
fn pictures_of(take: &Source<'_>) -> BTreeMap<String, Picture> {
    Library::new(take.root()).talk(&take.header.deck).map(|talk| talk.pictures).unwrap_or_default()
}

fn each_text(value: &mut Value, change: &mut impl FnMut(&mut String)) {
    match value {
        Value::String(text) => change(text),
        Value::Array(values) => values.iter_mut().for_each(|value| each_text(value, change)),
        Value::Object(entries) => entries.values_mut().for_each(|value| each_text(value, change)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
