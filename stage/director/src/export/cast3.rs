//! asciicast v3: what asciinema has written since its version 3.

use super::cast::{self, Version};
use super::{ExportError, Format, Source, Target};

#[derive(Debug)]
pub struct Cast3;

impl Format for Cast3 {
    fn name(&self) -> &'static str {
        "cast3"
    }

    fn extension(&self) -> &'static str {
        "cast"
    }

    fn holds(&self) -> &'static str {
        "the terminal as an asciicast v3, which asciinema 3 and later open, with a marker for each step"
    }

    fn export(&self, take: &mut Source<'_>, to: &mut Target) -> Result<(), ExportError> {
        cast::write(Version::Three, take, to)
    }
}
