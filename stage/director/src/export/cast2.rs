//! asciicast v2: what most players know.

use super::cast::{self, Version};
use super::{ExportError, Format, Source, Target};

#[derive(Debug)]
pub struct Cast2;

impl Format for Cast2 {
    fn name(&self) -> &'static str {
        "cast2"
    }

    fn extension(&self) -> &'static str {
        "cast"
    }

    fn holds(&self) -> &'static str {
        "the terminal as an asciicast v2, which asciinema and most players open, with a marker for each step"
    }

    fn export(&self, take: &mut Source<'_>, to: &mut Target) -> Result<(), ExportError> {
        cast::write(Version::Two, take, to)
    }
}
