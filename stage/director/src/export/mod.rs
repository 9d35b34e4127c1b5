//! Takes in the forms that other programs open: a file a format, behind one trait and in one table. Whatever leaves is scrubbed again,
//! and says where it came from. A file has its name once it is whole.

mod cast;
mod charts;
mod clean;
mod csv;
pub mod deck;
mod film;
mod page;
mod paper;
mod parquet;
mod provenance;
mod reel;
mod report;
mod rows;
mod source;
mod target;
#[cfg(test)]
mod tests;

pub use film::{Poster, Shape};
pub use greenroom_show::playback::Idle;
pub use source::Source;
pub use target::Target;

use crate::camera::CameraError;
use crate::parse::hint;
use crate::places;
use crate::takes::TakeError;
use crate::takes::library::Takes;
use cast::{Asciicast, Version};
use film::Film;
use greenroom_show::deck::Level;
use greenroom_show::take::Form;
use std::fmt::Debug;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// A form in which a take is handed on.
pub trait Format: Debug + Sync {
    /// As it is asked for.
    fn name(&self) -> &'static str;
    /// Of its files, without the dot.
    fn extension(&self) -> &'static str;
    /// What is in it, in a sentence.
    fn holds(&self) -> &'static str;
    /// What becomes of what is above the level that it is made for.
    fn by_level(&self) -> ByLevel {
        ByLevel::WholeTake
    }
    fn export(&self, take: &mut Source<'_>, to: &mut Target) -> Result<(), ExportError>;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByLevel {
    /// It holds what audiences do not see: it is made where all of the take may be seen.
    WholeTake,
    /// It holds what an audience of that level sees.
    LeavesOut,
}

/// How a take is handed on, and for whom: nothing above the level leaves.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    pub format: &'static dyn Format,
    pub idle: Idle,
    pub level: Level,
    pub shape: Shape,
}

/// All that there are.
pub const FORMATS: [&dyn Format; 12] = [
    &page::Page,
    &Film::Mp4,
    &Film::Webm,
    &Film::Gif,
    &Film::Webp,
    &film::Poster,
    &charts::Charts,
    &Asciicast(Version::Two),
    &Asciicast(Version::Three),
    &csv::Csv,
    &parquet::Parquet,
    &report::Report,
];

#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error("there is no format '{name}'{hint}; there are {}", names())]
    NoFormat { name: String, hint: String },
    #[error(transparent)]
    Take(#[from] TakeError),
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    /// Of the file that is being written.
    #[error(transparent)]
    Write(#[from] std::io::Error),
    #[error("it was cancelled, and nothing is written")]
    Cancelled,
    #[error("{take} shows what is {}: hand it on with '--audience {}', or in a form that leaves that out", take_level.as_str(), take_level.as_str())]
    AboveLevel { take: String, take_level: Level },
    #[error("nothing of {take} can be shown to an audience that is {}: its slide is above that, or the take does not tell what draws it", level.as_str())]
    NotDrawn { take: String, level: Level },
    #[error("the page that plays a take is not there: {}: {source}; {}", path.display(), places::to_mend())]
    NoPage { path: PathBuf, source: std::io::Error },
    #[error("nothing that {take} measured is drawn by a chart")]
    NoCharts { take: String },
    #[error("the deck has no slide for an audience that is {}: choose another one with --audience", level.as_str())]
    EmptyDeck { level: Level },
    #[error(transparent)]
    Camera(#[from] CameraError),
    #[error("films are made by ffmpeg, which is not installed: 'greenroom tools' says how to come by it")]
    NoFfmpeg,
    #[error("ffmpeg ended with {status}: {words}")]
    Ffmpeg { status: String, words: String },
    #[error("even the smallest has {smallest} bytes, more than {bytes_max}: trim the take, or allow more")]
    TooLarge { smallest: u64, bytes_max: u64 },
}

/// A file for another program, until that has read it.
fn scratch(suffix: &str) -> std::io::Result<NamedTempFile> {
    tempfile::Builder::new().prefix("greenroom-").suffix(suffix).tempfile()
}

/// The format of a name.
pub fn format(name: &str) -> Result<&'static dyn Format, ExportError> {
    let found = FORMATS.into_iter().find(|format| format.name() == name);
    let known = FORMATS.iter().map(|format| format.name());
    found.ok_or_else(|| ExportError::NoFormat { name: name.to_string(), hint: hint(name, known) })
}

/// What a take can be handed on as, for a list of it.
pub fn forms() -> Vec<Form> {
    let form = |format: &dyn Format| Form { name: format.name().into(), holds: format.holds().into() };
    FORMATS.into_iter().map(form).collect()
}

/// The names of all formats, for a sentence.
pub fn names() -> String {
    FORMATS.map(|format| format.name()).join(", ")
}

/// Writes a take to `path`, with nothing in it that is above the level. `progress` hears which share is done, and may break it off: then there is nothing at `path`.
pub fn export(
    takes: &Takes,
    id: &str,
    wanted: Wanted,
    path: &Path,
    progress: &mut dyn FnMut(f64) -> ControlFlow<()>,
) -> Result<(), ExportError> {
    let Wanted { format, level, .. } = wanted;
    let take_level = takes.index.level(id).unwrap_or(Level::Internal);
    if format.by_level() == ByLevel::WholeTake && take_level > level {
        return Err(ExportError::AboveLevel { take: id.to_string(), take_level });
    }
    let mut source = Source::open(takes, id, wanted, progress)?;
    let io = |source| ExportError::Io { path: path.to_path_buf(), source };
    let mut target = Target::beside(path).map_err(io)?;
    format.export(&mut source, &mut target).map_err(|error| match error {
        ExportError::Write(source) => io(source),
        error => error,
    })?;
    target.finish().map_err(io)
}
