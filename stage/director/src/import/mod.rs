//! Makes a take of an asciicast, so that a terminal pane plays it. What it printed is scrubbed on its way in; what was pressed on a
//! keyboard, which may be a password, stays out.

mod cast;
#[cfg(test)]
mod tests;

use crate::library::deck_of;
use crate::recorder::{self, SUFFIX, TAKE_BYTES_MAX};
use crate::scrub::{Scrubber, Secrets, scrub};
use crate::system;
use crate::takes::library::Takes;
use cast::{Cast, Found};
use greenroom_show::deck::Pane;
use greenroom_show::demo::{Demo, Group, Step};
use greenroom_show::take::{Header, Machine, VERSION};
use greenroom_show::version::Version;
use greenroom_show::{COLUMNS, Event, Micros, Opened, Outcome, ROWS, Stamped};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// Faults that are named with their line; of the rest there is a count.
const NAMED_MAX: usize = 20;
/// Of a slug, which is in the take's name.
const SLUG_CHARS_MAX: usize = 40;
const TITLE_CHARS_MAX: usize = 120;
/// Kept free for the line that ends the step.
const END_BYTES: usize = 4 << 10;
const STEP_MS: u64 = 24 * 3600 * 1000;

#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("{}: this is no file", .0.display())]
    NoFile(PathBuf),
    /// Of the file that is read.
    #[error("this is no asciicast that this version reads: {detail}")]
    NoCast { detail: String },
    #[error(transparent)]
    Read(#[from] std::io::Error),
}

/// What came of an import, and what of the cast is not in it. Its JSON is the command line's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Imported {
    pub id: String,
    pub version: u32,
    /// Pieces of output that are in the take, and how far they reach.
    pub kept: usize,
    pub kept_us: Micros,
    pub faults: Vec<Fault>,
    pub more_faults: usize,
    /// Events of other kinds, by their code: they are left out.
    pub left_out: BTreeMap<String, usize>,
    pub notes: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// From 1: of the file, or of the frames of a cast of version 1.
    pub line: usize,
    pub detail: String,
}

impl Imported {
    /// Whether all that was printed is in the take.
    pub fn is_whole(&self) -> bool {
        self.faults.is_empty() && !self.notes.iter().any(|note| note.starts_with(CUT))
    }
}

/// How the note begins that says where a cast was cut.
const CUT: &str = "it is longer than a take may be";

/// Reads a cast into a take of its own.
pub fn import(takes: &Takes, path: &Path, name: Option<&str>) -> Result<Imported, ImportError> {
    let io = |source| ImportError::Io { path: path.to_path_buf(), source };
    let found = std::fs::metadata(path).map_err(io)?;
    if !found.is_file() {
        return Err(ImportError::NoFile(path.to_path_buf()));
    }
    let modified = found.modified().ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
    let about = About {
        name: name.map(String::from),
        file: path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        modified_unix_ms: modified.and_then(|at| u64::try_from(at.as_millis()).ok()).unwrap_or(0),
    };
    let from = BufReader::new(File::open(path).map_err(io)?);
    match read(from, &about, takes.folder()) {
        Err(ImportError::NoCast { detail }) => {
            Err(ImportError::NoCast { detail: format!("{}: {detail}", path.display()) })
        }
        done => done,
    }
}

/// What a file says of a cast beside its content.
#[derive(Debug, Default)]
struct About {
    name: Option<String>,
    file: String,
    modified_unix_ms: u64,
}

fn read(from: impl std::io::BufRead, about: &About, folder: &Path) -> Result<Imported, ImportError> {
    let mut cast = Cast::open(from)?;
    let (header, opened) = drawn_with(&cast.header, about);
    let mut imported = Imported { version: cast.header.version, ..Imported::default() };
    imported.note_size(&cast.header);
    let mut take = Writer::begin(folder, &header)?;
    take.line(0, Event::Opened(Box::new(opened)))?;
    take.line(0, Event::Begun { demo: header.demo.clone() })?;
    take.line(0, Event::StepStarted { step: 0, timeout_ms: STEP_MS })?;
    let mut scrubber = Scrubber::new(Secrets::default(), Path::new(""));
    while let Some(found) = cast.next_event()? {
        match found {
            Found::Output { at, text } => {
                if !take.fits(&text) {
                    imported.notes.push(format!("{CUT}, {} MiB: what follows is not in it", TAKE_BYTES_MAX >> 20));
                    break;
                }
                imported.kept += 1;
                imported.kept_us = at;
                take.output(at, scrubber.push(&text))?;
            }
            Found::Other { code } => imported.leave_out(&code),
            Found::Fault { line, detail } => imported.fault(line, detail),
        }
    }
    take.output(imported.kept_us, scrubber.finish())?;
    let seen = format!("{} pieces of output", imported.kept);
    take.line(imported.kept_us, Event::StepEnded { step: 0, outcome: Outcome::Passed { seen } })?;
    imported.id = take.finish(folder, &header)?;
    Ok(imported)
}

impl Imported {
    fn fault(&mut self, line: usize, detail: String) {
        if self.faults.len() < NAMED_MAX {
            self.faults.push(Fault { line, detail });
        } else {
            self.more_faults += 1;
        }
    }

    fn leave_out(&mut self, code: &str) {
        let code: String = code.chars().take(8).collect();
        if self.left_out.len() < NAMED_MAX || self.left_out.contains_key(&code) {
            *self.left_out.entry(code).or_default() += 1;
        }
    }

    fn note_size(&mut self, header: &cast::Header) {
        let (columns, rows) = (header.columns, header.rows);
        let own = (u64::from(COLUMNS.get()), u64::from(ROWS.get()));
        if (columns, rows) != own {
            let (own_columns, own_rows) = own;
            self.notes.push(format!(
                "it was recorded in {columns} by {rows}, and a pane has {own_columns} by {own_rows}: long lines wrap elsewhere"
            ));
        }
    }
}

/// A deck of one slide with a terminal, and a demo of the one step that is the cast.
fn drawn_with(cast: &cast::Header, about: &About) -> (Header, Opened) {
    let title = about.name.clone().or(cast.title.clone()).unwrap_or_else(|| about.file.clone());
    let title: String = scrub(&title).chars().filter(|char| !char.is_control()).take(TITLE_CHARS_MAX).collect();
    let slug = format!("cast-{}", slug(about.name.as_deref().unwrap_or(&about.file)));
    let command = cast.command.as_deref().map(scrub).unwrap_or_else(|| format!("play {title}"));
    let text: String = command.chars().filter(|char| !char.is_control()).take(TITLE_CHARS_MAX).collect();
    let group = Group { name: "play".into(), about: title.clone(), steps: 0..1, shot: None };
    let demo = Demo {
        slug: slug.clone(),
        title,
        minutes: 1.0,
        groups: vec![group],
        steps: vec![Step { text, proves: None, timeout_ms: STEP_MS, if_fails: None, line: 1 }],
        hash: cast.hash.clone(),
        ..Demo::default()
    };
    let deck = deck_of(&demo, &[Pane::Terminal]);
    let told = cast.timestamp.filter(|seconds| (0.0..1e11).contains(seconds)).map(|seconds| (seconds * 1e3) as u64);
    let header = Header {
        format: "greenroom-take".into(),
        version: VERSION,
        greenroom: env!("CARGO_PKG_VERSION").into(),
        deck: deck.slug.clone(),
        deck_hash: deck.hash.clone(),
        demo: slug.clone(),
        demo_hash: demo.hash.clone(),
        at_unix_ms: told.unwrap_or(about.modified_unix_ms),
        machine: Machine { cpu: "an unknown machine".into(), ..Machine::default() },
        tools: BTreeMap::from([("asciicast".to_string(), format!("version {}", cast.version))]),
    };
    let demos = BTreeMap::from([(slug, demo)]);
    (header, Opened { deck, demos, version: Version::default(), held: BTreeSet::new(), faulty: false })
}

/// Lower case, digits and hyphens.
fn slug(name: &str) -> String {
    let letters = scrub(name).to_lowercase();
    let words = letters.split(|char: char| !char.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let slug: String = words.collect::<Vec<_>>().join("-").chars().take(SLUG_CHARS_MAX).collect();
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { "unnamed".into() } else { slug.into() }
}

/// A take that has its name once it is whole.
struct Writer {
    file: BufWriter<NamedTempFile>,
    secrets: Secrets,
    bytes: usize,
}

impl Writer {
    fn begin(folder: &Path, header: &Header) -> Result<Writer, ImportError> {
        let io = |source| ImportError::Io { path: folder.to_path_buf(), source };
        std::fs::create_dir_all(folder).map_err(io)?;
        // As open as a take that was recorded.
        let mut file = BufWriter::new(system::file_as_any(".import-", folder).map_err(io)?);
        let text = serde_json::to_string(header).map_err(std::io::Error::from).map_err(io)?;
        writeln!(file, "{text}").map_err(io)?;
        Ok(Writer { file, secrets: Secrets::default(), bytes: text.len() })
    }

    /// Whether a piece of output has room, however its letters are written.
    fn fits(&self, text: &str) -> bool {
        const ESCAPED: usize = 6;
        self.bytes + text.len() * ESCAPED + END_BYTES <= TAKE_BYTES_MAX
    }

    fn output(&mut self, at: Micros, text: String) -> Result<(), ImportError> {
        if text.is_empty() { Ok(()) } else { self.line(at, Event::Output(text)) }
    }

    fn line(&mut self, at: Micros, event: Event) -> Result<(), ImportError> {
        let line = recorder::line(&Stamped { at, event }, &self.secrets);
        self.bytes += line.len() + 1;
        Ok(writeln!(self.file, "{line}")?)
    }

    fn finish(self, folder: &Path, header: &Header) -> Result<String, ImportError> {
        let mut file = self.file.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        file.as_file().sync_all()?;
        for id in recorder::ids(header) {
            let path = folder.join(format!("{id}{SUFFIX}"));
            match file.persist_noclobber(&path) {
                Ok(_) => return Ok(id),
                Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => file = error.file,
                Err(error) => return Err(ImportError::Io { path, source: error.error }),
            }
        }
        Err(ImportError::Io { path: folder.to_path_buf(), source: std::io::ErrorKind::AlreadyExists.into() })
    }
}
