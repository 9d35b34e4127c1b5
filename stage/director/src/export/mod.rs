//! Takes in the forms that other programs open: a file a format, behind one trait and in one table. Whatever leaves is scrubbed again,
//! and says where it came from. A file has its name once it is whole.

mod cast;
mod csv;
mod parquet;
mod provenance;
mod report;
mod rows;
mod source;
mod target;
#[cfg(test)]
mod tests;

pub use greenroom_show::playback::Idle;
pub use source::Source;
pub use target::Target;

use crate::parse::hint;
use crate::takes::TakeError;
use crate::takes::library::Takes;
use cast::{Asciicast, Version};
use std::fmt::Debug;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// A form in which a take is handed on.
pub trait Format: Debug + Sync {
    /// As it is asked for.
    fn name(&self) -> &'static str;
    /// Of its files, without the dot.
    fn extension(&self) -> &'static str;
    /// What is in it, in a sentence.
    fn holds(&self) -> &'static str;
    fn export(&self, take: &mut Source<'_>, to: &mut Target) -> Result<(), ExportError>;
}

/// All that there are.
pub const FORMATS: [&dyn Format; 5] =
    [&Asciicast(Version::Two), &Asciicast(Version::Three), &csv::Csv, &parquet::Parquet, &report::Report];

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
}

/// The format of a name.
pub fn format(name: &str) -> Result<&'static dyn Format, ExportError> {
    let found = FORMATS.into_iter().find(|format| format.name() == name);
    let known = FORMATS.iter().map(|format| format.name());
    found.ok_or_else(|| ExportError::NoFormat { name: name.to_string(), hint: hint(name, known) })
}

/// The names of all formats, for a sentence.
pub fn names() -> String {
    FORMATS.map(|format| format.name()).join(", ")
}

/// Writes a take to `path`. `progress` hears which share is done, and may break it off: then there is nothing at `path`.
pub fn export(
    takes: &Takes,
    id: &str,
    format: &dyn Format,
    idle: Idle,
    path: &Path,
    progress: &mut dyn FnMut(f64) -> ControlFlow<()>,
) -> Result<(), ExportError> {
    let mut source = Source::open(takes, id, idle, progress)?;
    let io = |source| ExportError::Io { path: path.to_path_buf(), source };
    let mut target = Target::beside(path).map_err(io)?;
    format.export(&mut source, &mut target).map_err(|error| match error {
        ExportError::Write(source) => io(source),
        error => error,
    })?;
    target.finish().map_err(io)
}
