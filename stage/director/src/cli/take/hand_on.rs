//! Takes that leave for other programs, and casts that come in.

use super::time;
use crate::cli::progress;
use anyhow::Context;
use greenroom_director::Places;
use greenroom_director::export::{FORMATS, Format, Idle, Shape, Wanted, export, format, names};
use greenroom_director::import::import;
use greenroom_director::takes::library::Takes;
use greenroom_show::Micros;
use greenroom_show::deck::Level;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What is exported, and how.
#[derive(Debug, clap::Args)]
pub struct Asked {
    id: String,
    #[arg(long = "as", value_name = "FORMAT", value_parser = known, help = formats())]
    format: &'static dyn Format,
    /// Where to; where absent, ID.EXTENSION in the folder of exports, and it is said where that is
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// For whom it is, public, partner or internal: nothing above that leaves
    #[arg(long, value_name = "LEVEL", default_value = "public", value_parser = crate::level)]
    audience: Level,
    /// What becomes of the pauses between steps: cut as in playback, or kept
    #[arg(long, value_enum, default_value_t = Pauses::Cut)]
    idle: Pauses,
    /// Of a film or a picture, in pixels: 720, 1080, 1440 or 2160
    #[arg(long, value_name = "PIXELS", default_value_t = 1080, value_parser = clap::value_parser!(u32).range(180..=2160))]
    height: u32,
    /// Frames a second of a film
    #[arg(long, value_name = "RATE", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=60))]
    fps: u32,
    /// Where a picture is taken, as the take is played: 90s, 1m30s or 1:30; its end where absent
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    at: Option<Micros>,
    /// A GIF or WebP no larger than this, such as 5MB
    #[arg(long, value_name = "SIZE", value_parser = super::size)]
    under: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Pauses {
    Cut,
    Keep,
}

fn known(name: &str) -> Result<&'static dyn Format, String> {
    format(name).map_err(|_| format!("formats are {}", names()))
}

fn formats() -> String {
    let lines = FORMATS.map(|format| format!("{}: {}", format.name(), format.holds()));
    format!("One of these\n{}", lines.join("\n"))
}

impl Asked {
    fn wanted(&self) -> Wanted {
        let idle = match self.idle {
            Pauses::Cut => Idle::Cut,
            Pauses::Keep => Idle::Kept,
        };
        let shape = Shape { height: self.height, rate: self.fps, bytes_max: self.under, at: self.at };
        Wanted { format: self.format, idle, level: self.audience, shape }
    }
}

pub fn run(places: &Places, takes: &Takes, asked: &Asked) -> anyhow::Result<ExitCode> {
    let id = takes.find(&asked.id)?;
    let named = || places.exports().join(format!("{id}.{}", asked.format.extension()));
    let path = asked.out.clone().unwrap_or_else(named);
    let done = progress::shown(|progress| export(takes, &id, asked.wanted(), &path, progress), &path);
    done.with_context(|| format!("export {id} as {}", asked.format.name()))
}

pub fn run_import(takes: &Takes, file: &Path, name: Option<&str>, json: bool) -> anyhow::Result<ExitCode> {
    let imported = import(takes, file, name)?;
    let code = if imported.is_whole() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    if json {
        println!("{}", serde_json::to_string(&imported)?);
        return Ok(code);
    }
    println!("{}: {} pieces of output, up to {}", imported.id, imported.kept, time::say(imported.kept_us));
    for (code, count) in &imported.left_out {
        println!("  {count} events '{code}' are left out: a pane shows what was printed");
    }
    for note in &imported.notes {
        println!("  {note}");
    }
    for fault in &imported.faults {
        println!("  line {}: {}", fault.line, fault.detail);
    }
    if imported.more_faults > 0 {
        println!("  and {} more faults", imported.more_faults);
    }
    Ok(code)
}
