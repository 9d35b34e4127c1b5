//! What the page that plays is made of: the stage's page as it was built.

use crate::export::ExportError;
use crate::places::shipped;
use base64::{Engine, engine::general_purpose::STANDARD};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Begins the address of a font in a style.
const FONT: &str = "url(\"../fonts/";
/// Below a folder.
const PAGE: &str = "ui/dist";
const RANGE: &str = "unicode-range:";

#[derive(Debug)]
pub struct Parts {
    pub wasm: Vec<u8>,
    pub glue: String,
    styles: String,
    fonts: BTreeMap<String, Vec<u8>>,
}

impl Parts {
    /// As `cargo xtask` leaves them in the project's folder, or else in that of this program, or as a package brings them: a project of talks need
    /// not hold them.
    pub fn of(root: &Path) -> Result<Parts, ExportError> {
        let (program, shipped) = (std::env::current_exe().unwrap_or_default(), shipped());
        let folders = std::iter::once(root).chain(program.ancestors().skip(1)).chain(shipped.as_deref());
        let mut folders = folders.map(|folder| folder.join(PAGE));
        Parts::in_folder(&folders.find(|folder| folder.is_dir()).unwrap_or_else(|| root.join(PAGE)))
    }

    fn in_folder(folder: &Path) -> Result<Parts, ExportError> {
        let read = |name: &str| {
            let path = folder.join(name);
            std::fs::read(&path).map_err(|source| ExportError::NoPage { path, source })
        };
        let text = |name: &str| read(name).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let page = text("index.html")?;
        let mut styles = String::new();
        // In the order in which the page has them.
        for name in page.split("href=\"theme/").skip(1).filter_map(|rest| rest.split('"').next()) {
            styles.push_str(&text(&format!("theme/{name}"))?);
        }
        let names = styles.split(FONT).skip(1).filter_map(|rest| rest.split('"').next()).collect::<BTreeSet<_>>();
        let fonts = names.into_iter().map(|name| Ok((name.to_string(), read(&format!("fonts/{name}"))?)));
        Ok(Parts {
            wasm: read("greenroom-audience_bg.wasm")?,
            glue: text("greenroom-audience.js")?,
            fonts: fonts.collect::<Result<_, ExportError>>()?,
            styles,
        })
    }

    /// By name, as they are packed.
    pub fn fonts(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.fonts.iter().map(|(name, font)| (name.as_str(), font.as_slice()))
    }

    /// With the fonts of the scripts that `letters` are of in it, and of no others.
    pub fn style(&self, letters: &BTreeSet<char>) -> String {
        let mut style = String::new();
        let mut rest = self.styles.as_str();
        while let Some((before, face)) = rest.split_once("@font-face") {
            style.push_str(before);
            let Some((face, after)) = face.split_once('}') else { break };
            if is_wanted(face, letters) {
                style.push_str("@font-face");
                style.push_str(&self.with_font(face));
                style.push('}');
            }
            rest = after;
        }
        style.push_str(rest);
        style
    }

    fn with_font(&self, face: &str) -> String {
        let Some((before, name_on)) = face.split_once(FONT) else { return face.to_string() };
        let Some((name, after)) = name_on.split_once('"') else { return face.to_string() };
        let font = self.fonts.get(name).map(|font| STANDARD.encode(font)).unwrap_or_default();
        format!("{before}url(\"data:font/woff2;base64,{font}\"{after}")
    }
}

/// Whether a face has any of the letters. Latin ones are in every page.
fn is_wanted(face: &str, letters: &BTreeSet<char>) -> bool {
    let Some((_, ranges)) = face.split_once(RANGE) else { return true };
    let ranges = ranges.split(';').next().unwrap_or_default();
    ranges.split(',').filter_map(range).any(|(from, to)| {
        (from..=to).contains(&u32::from('a')) || letters.iter().any(|letter| (from..=to).contains(&u32::from(*letter)))
    })
}

/// `U+2000-206F`, or one alone.
fn range(text: &str) -> Option<(u32, u32)> {
    let text = text.trim().strip_prefix("U+")?;
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    Some((u32::from_str_radix(from, 16).ok()?, u32::from_str_radix(to, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_font_is_in_the_page_where_a_letter_of_it_is() {
        let face = |name: &str, range: &str| {
            format!("@font-face {{ src: url(\"../fonts/{name}\") format(\"woff2\"); unicode-range: {range}; }}\n")
        };
        let styles = format!(
            "a {{ b: c }}\n{}{}d {{ e: f }}\n",
            face("latin.woff2", "U+0000-00FF, U+0131"),
            face("greek.woff2", "U+0370-03FF")
        );
        let fonts = ["latin.woff2", "greek.woff2"].map(|name| (name.to_string(), name.as_bytes().to_vec()));
        let parts = Parts { wasm: vec![], glue: String::new(), styles, fonts: fonts.into() };
        let latin = parts.style(&"abc…".chars().collect());
        assert!(latin.starts_with("a { b: c }") && latin.ends_with("d { e: f }\n"), "{latin}");
        assert!(latin.contains(&STANDARD.encode("latin.woff2")) && !latin.contains("0370"), "{latin}");
        let greek = parts.style(&"λ".chars().collect());
        assert!(greek.contains(&STANDARD.encode("greek.woff2")) && !greek.contains("../fonts"), "{greek}");
    }

    #[test]
    fn a_page_that_was_not_built_is_named() {
        let root = tempfile::tempdir().expect("a folder");
        let error = Parts::in_folder(&root.path().join(PAGE)).err().map(|error| error.to_string());
        assert!(error.as_ref().is_some_and(|error| error.contains("cargo xtask")), "{error:?}");
    }
}
