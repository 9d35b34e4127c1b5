//! A deck as it is handed on: every slide that its audience may see, and in its panes what the chosen takes came to.

mod pages;

pub use pages::{Page, Pages};

use super::page::{self, Parts};
use super::paper::fonts::Fonts;
use super::paper::{self, Run, pdf, pptx};
use super::{ExportError, Target};
use crate::library::Talk;
use crate::places::Places;
use crate::takes::library::Takes;
use greenroom_show::take;
use greenroom_show::version::Version;
use std::ops::ControlFlow;
use std::path::Path;

/// Forms of a deck.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Form {
    /// Vector text, links, outline and tags
    Pdf,
    /// For PowerPoint, Keynote and Impress: text as text, the words of the speaker in the notes
    Pptx,
    /// One page that any browser opens, offline
    Html,
}

impl Form {
    pub const ALL: [Form; 3] = [Form::Pdf, Form::Pptx, Form::Html];

    /// What is in it, in a sentence.
    pub fn holds(self) -> &'static str {
        match self {
            Form::Pdf => {
                "the deck as PDF: words as words, links, outline, tags; panes show what the chosen takes came to"
            }
            Form::Pptx => "the deck for PowerPoint, Keynote and Impress: text as text, your words in the notes",
            Form::Html => "the deck as one page that any browser opens, offline",
        }
    }

    pub fn extension(self) -> &'static str {
        match self {
            Form::Pdf => "pdf",
            Form::Pptx => "pptx",
            Form::Html => "html",
        }
    }
}

/// What a deck can be handed on as, for a list of it.
pub fn forms() -> Vec<take::Form> {
    Form::ALL.map(|form| take::Form { name: form.extension().into(), holds: form.holds().into() }).into()
}

/// What becomes of what clicks bring.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Reveals {
    /// A page a slide, with all of it
    #[default]
    Done,
    /// A page a click
    Each,
}

/// Whether the speaker's words go with it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Notes {
    #[default]
    No,
    Yes,
}

#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    pub form: Form,
    pub version: Version,
    pub reveals: Reveals,
    pub notes: Notes,
    /// Of its pictures, in pixels.
    pub height: u32,
}

/// Writes a talk to `path`, with nothing in it that is above its level.
pub fn export(
    places: &Places,
    talk: &Talk,
    wanted: Wanted,
    path: &Path,
    progress: &mut dyn FnMut(f64) -> ControlFlow<()>,
) -> Result<(), ExportError> {
    let pages = Pages::of(talk, wanted.version, wanted.reveals, &Takes::open(places))?;
    let io = |source| ExportError::Io { path: path.to_path_buf(), source };
    let mut to = Target::beside(path).map_err(io)?;
    let parts = Parts::of(places.project())?;
    match wanted.form {
        Form::Html => page::write(pages.reel()?, &parts, &mut to)?,
        Form::Pdf => {
            let fonts = Fonts::of(&parts);
            let mut document = pdf::Pdf::new(&pages, fonts.clone(), wanted.notes);
            let mut can_set = |run: &Run| fonts.can_set(run);
            paper::each_sheet(&pages, &parts, wanted.height, &mut can_set, progress, &mut |sheet| document.add(sheet))?;
            document.finish(&mut to)?;
        }
        Form::Pptx => {
            let mut show = pptx::Pptx::new(&pages);
            // Another program has fonts of its own.
            paper::each_sheet(&pages, &parts, wanted.height, &mut |_| true, progress, &mut |sheet| show.add(sheet))?;
            show.finish(&mut to)?;
        }
    }
    to.finish().map_err(io)
}
