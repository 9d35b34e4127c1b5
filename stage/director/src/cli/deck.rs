//! Decks that leave for paper, for other programs, and for who was not there.

use super::progress;
use anyhow::Context;
use greenroom_director::Library;
use greenroom_director::Places;
use greenroom_director::export::deck::{Form, Notes, Reveals, Wanted, export};
use greenroom_show::{deck::Level, version::Version};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub struct Asked {
    deck: String,
    #[arg(long = "as", value_name = "FORM", value_enum)]
    form: Form,
    /// Where to; where absent, DECK.EXTENSION in the folder of exports, and it is said where that is
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// For whom it is, public, partner or internal: nothing above that leaves
    #[arg(long, value_name = "LEVEL", default_value = "public", value_parser = crate::level)]
    audience: Level,
    /// A shorter version: one of the minutes in the deck's 'cuts'
    #[arg(long)]
    minutes: Option<f64>,
    /// What becomes of what clicks bring
    #[arg(long, value_enum, default_value_t = Reveals::Done)]
    reveals: Reveals,
    /// In a PDF, a page of what the speaker says after each slide
    #[arg(long)]
    notes: bool,
    /// Of its pictures, in pixels
    #[arg(long, value_name = "PIXELS", default_value_t = 1080, value_parser = clap::value_parser!(u32).range(540..=2160))]
    height: u32,
}

pub fn run_export(places: &Places, asked: &Asked) -> anyhow::Result<ExitCode> {
    let Asked { deck, form, audience, minutes, reveals, height, .. } = asked;
    let talk = Library::new(places.project()).talk(deck)?;
    for fault in &talk.faults {
        eprintln!("{fault}");
    }
    let named = || places.exports().join(format!("{deck}.{}", form.extension()));
    let path = asked.out.clone().unwrap_or_else(named);
    let wanted = Wanted {
        form: *form,
        version: Version { level: Some(*audience), cut: *minutes },
        reveals: *reveals,
        notes: if asked.notes { Notes::Yes } else { Notes::No },
        height: *height,
    };
    let done = progress::shown(|progress| export(places, &talk, wanted, &path, progress), &path);
    done.with_context(|| format!("export {deck}"))
}
