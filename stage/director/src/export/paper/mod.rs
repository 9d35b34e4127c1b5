//! Sheets: each page of a deck as a picture without its words, and the words beside it, as the stage has set them. What is made of them
//! looks as the stage does, and can be searched, read aloud and changed.

pub mod fonts;
pub mod pdf;
pub mod pptx;

use super::ExportError;
use super::deck::{Page, Pages};
use super::film::{on_disk, write_png};
use super::page::Parts;
use crate::camera::{Camera, Size};
use greenroom_show::reel::PAGE;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::ops::ControlFlow;

/// The body of a function that answers what is written on the page.
const WRITTEN: &str = include_str!("sheet.js");
/// Takes the words away from the picture, but for those whose letters no font of ours has: they stay in it.
const UNWRITTEN: &str = "
let hidden = document.getElementById('unwritten');
if (!hidden) { hidden = document.createElement('style'); hidden.id = 'unwritten'; document.head.append(hidden); }
hidden.textContent = '*{-webkit-text-fill-color:transparent!important}*::before,*::after{-webkit-text-fill-color:currentcolor!important}svg text{fill:transparent!important}.kept{-webkit-text-fill-color:currentcolor!important}svg text.kept{fill:var(--text)!important}';
greenroom.written.forEach((element, index) => element.classList.toggle('kept', KEPT.includes(index)));
return '';";
/// As it was, before the next page comes.
const REWRITTEN: &str = "document.getElementById('unwritten').textContent = ''; document.querySelectorAll('.kept').forEach((kept) => kept.classList.remove('kept')); return '';";

/// One page.
#[derive(Debug)]
pub struct Sheet<'a> {
    pub page: &'a Page,
    /// PNG.
    pub picture: Vec<u8>,
    pub blocks: Vec<Block>,
    /// What its pictures say to who does not see them.
    pub alts: Vec<String>,
}

/// What belongs together: a heading, a paragraph, a cell.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Block {
    /// The name of its element.
    pub role: String,
    /// Left, top, width and height, in pixels of the stage.
    #[serde(rename = "box")]
    pub place: [f32; 4],
    pub ordered: bool,
    /// Of a cell, the row that it is in.
    #[serde(default)]
    pub row: Option<usize>,
    pub runs: Vec<Run>,
}

/// Letters of one line in one hand.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Run {
    pub text: String,
    /// Where each letter begins.
    pub x: Vec<f32>,
    /// Where the last one ends.
    pub end: f32,
    /// The line that they stand on.
    pub y: f32,
    pub size: f32,
    pub mono: bool,
    pub weight: f32,
    pub italic: bool,
    pub struck: bool,
    pub colour: [f32; 3],
    pub opacity: f32,
    /// Where it leads.
    pub to: Option<String>,
    /// Whether an ellipsis stands for the rest of it: the picture has that, and keeps all of it.
    shortened: bool,
    /// Whose text it is, by number.
    node: usize,
}

#[derive(Debug, Deserialize)]
struct Written {
    blocks: Vec<Block>,
    alts: Vec<String>,
}

/// Takes each page in. `can_set` says of which runs the words can be set by a font.
pub fn each_sheet(
    pages: &Pages,
    parts: &Parts,
    height: u32,
    can_set: &mut dyn FnMut(&Run) -> bool,
    progress: &mut dyn FnMut(f64) -> ControlFlow<()>,
    take: &mut dyn FnMut(Sheet<'_>) -> Result<(), ExportError>,
) -> Result<(), ExportError> {
    let size = Size::of_height(height);
    let page = on_disk(pages.reel()?, parts)?;
    let mut camera = Camera::open(&page, size)?;
    for (index, page) in pages.pages.iter().enumerate() {
        if progress(index as f64 / pages.pages.len() as f64).is_break() {
            return Err(ExportError::Cancelled);
        }
        camera.still(index as f64 * PAGE as f64 / 1e3)?;
        let written = camera.ask(WRITTEN)?;
        let Written { mut blocks, alts } = serde_json::from_str(&written).map_err(std::io::Error::from)?;
        let mut kept = BTreeSet::new();
        for block in &mut blocks {
            block.runs.retain(|run| {
                let is_set = !run.shortened && can_set(run);
                if !is_set {
                    kept.insert(run.node);
                }
                is_set
            });
            // Whoever keeps a part of what one element says keeps all of it.
            block.runs.retain(|run| !kept.contains(&run.node));
        }
        blocks.retain(|block| !block.runs.is_empty());
        let kept = format!("{:?}", kept.into_iter().collect::<Vec<_>>());
        camera.ask(&UNWRITTEN.replace("KEPT", &kept))?;
        let mut picture = Vec::new();
        write_png(size, camera.picture()?, &mut picture)?;
        camera.ask(REWRITTEN)?;
        take(Sheet { page, picture, blocks, alts })?;
    }
    Ok(())
}
