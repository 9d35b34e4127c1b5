//! The stage's own fonts, as paper needs them: unpacked, a weight each, and which glyph stands for which letter.

use super::super::page::Parts;
use super::Run;
use krilla::text::{Font, GlyphId, KrillaGlyph, Tag};
use rustybuzz::{Face, Feature, UnicodeBuffer, Variation, ttf_parser};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// As in the stage's style: figures of one width, and some letters in a clearer form.
const FEATURES: [&[u8; 4]; 3] = [b"tnum", b"cv11", b"ss03"];

#[derive(Debug, Clone)]
pub struct Fonts {
    files: Vec<File>,
    /// By file and weight.
    made: HashMap<(usize, u32), Option<Font>>,
}

#[derive(Debug, Clone)]
struct File {
    is_mono: bool,
    is_italic: bool,
    bytes: Arc<Vec<u8>>,
}

/// Letters that one font sets.
pub struct Setting {
    pub font: Font,
    pub glyphs: Vec<KrillaGlyph>,
    pub text: String,
    pub x: f32,
}

impl Fonts {
    pub fn of(parts: &Parts) -> Fonts {
        let mut files = Vec::new();
        for (name, packed) in parts.fonts() {
            if let Ok(bytes) = wuff::decompress_woff2(packed) {
                let (is_mono, is_italic) = (name.contains("mono"), name.contains("italic"));
                files.push(File { is_mono, is_italic, bytes: Arc::new(bytes) });
            }
        }
        // The usual letters first.
        files.sort_by_key(|file| !has(&file.bytes, 'a'));
        Fonts { files, made: HashMap::new() }
    }

    /// Whether there is a glyph for each of its letters.
    pub fn can_set(&self, run: &Run) -> bool {
        run.text.chars().all(|letter| self.file(run.mono, run.italic, letter).is_some())
    }

    /// A run in pieces of one font each, every letter where the stage has it.
    pub fn set(&mut self, run: &Run, scale: f32) -> Vec<Setting> {
        let letters: Vec<(usize, char)> = run.text.char_indices().collect();
        let file_of = |letter: char| self.file(run.mono, run.italic, letter);
        let mut pieces: Vec<(usize, Range<usize>)> = Vec::new();
        for (index, (_, letter)) in letters.iter().enumerate() {
            let Some(file) = file_of(*letter) else { continue };
            match pieces.last_mut().filter(|(last, range)| *last == file && range.end == index) {
                Some((_, range)) => range.end = index + 1,
                None => pieces.push((file, index..index + 1)),
            }
        }
        let pieces = pieces.into_iter();
        pieces.filter_map(|(file, range)| self.piece(run, file, &letters, range, scale)).collect()
    }

    fn piece(
        &mut self,
        run: &Run,
        file: usize,
        letters: &[(usize, char)],
        range: Range<usize>,
        scale: f32,
    ) -> Option<Setting> {
        let font = self.font(file, run.weight)?;
        let text: String = letters[range.clone()].iter().map(|(_, letter)| *letter).collect();
        let bytes = self.files[file].bytes.clone();
        let mut face = Face::from_slice(&bytes, 0)?;
        face.set_variations(&[Variation { tag: ttf_parser::Tag::from_bytes(b"wght"), value: run.weight }]);
        let mut buffer = UnicodeBuffer::new();
        buffer.push_str(&text);
        let features: Vec<Feature> = if run.mono {
            vec![]
        } else {
            FEATURES.map(|tag| Feature::new(ttf_parser::Tag::from_bytes(tag), 1, ..)).into()
        };
        let shaped = rustybuzz::shape(&face, &features, buffer);
        let infos = shaped.glyph_infos();
        // Where a letter begins, by its place in the text of this piece.
        let starts: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        let x_of = |byte: usize| {
            let letter = starts.partition_point(|start| *start < byte) + range.start;
            run.x.get(letter).copied().unwrap_or(run.end)
        };
        let glyphs = infos.iter().enumerate().map(|(index, info)| {
            let begins = info.cluster as usize;
            let ends = infos[index + 1..].iter().map(|next| next.cluster as usize).find(|next| *next > begins);
            let ends = ends.unwrap_or(text.len());
            let is_last = infos.get(index + 1).is_none_or(|next| next.cluster as usize > begins);
            let width = if is_last { x_of(ends) - x_of(begins) } else { 0.0 };
            KrillaGlyph::new(GlyphId::new(info.glyph_id), width / run.size, 0.0, 0.0, 0.0, begins..ends, None)
        });
        let glyphs = glyphs.collect();
        Some(Setting { font, glyphs, x: run.x.get(range.start).copied()? * scale, text })
    }

    /// The first of the hand that has the letter; an upright one where none is slanted.
    fn file(&self, mono: bool, italic: bool, letter: char) -> Option<usize> {
        let of = |italic: bool| {
            let mut files = self.files.iter().enumerate();
            files.find(|(_, file)| file.is_mono == mono && file.is_italic == italic && has(&file.bytes, letter))
        };
        let found = of(italic && !mono).or_else(|| of(false));
        found.map(|(index, _)| index)
    }

    fn font(&mut self, file: usize, weight: f32) -> Option<Font> {
        let bytes = self.files[file].bytes.clone();
        let made = self.made.entry((file, weight as u32));
        made.or_insert_with(|| Font::new_variable(bytes.into(), 0, &[(Tag::new(b"wght"), weight)])).clone()
    }

    /// How wide a text is in the upright hand, at a size.
    pub fn width(&self, text: &str, size: f32) -> f32 {
        let mut width = 0.0;
        for letter in text.chars() {
            let Some(file) = self.file(false, false, letter) else { continue };
            let Ok(face) = ttf_parser::Face::parse(&self.files[file].bytes, 0) else { continue };
            let advance = face.glyph_index(letter).and_then(|glyph| face.glyph_hor_advance(glyph)).unwrap_or(0);
            width += f32::from(advance) / f32::from(face.units_per_em()) * size;
        }
        width
    }
}

fn has(bytes: &[u8], letter: char) -> bool {
    ttf_parser::Face::parse(bytes, 0).is_ok_and(|face| face.glyph_index(letter).is_some())
}
