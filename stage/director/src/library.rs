//! Finds the decks and demos of a project folder, and loads a talk: a deck with every demo that it cues.

use crate::excerpts;
use crate::measures;
use crate::parse::{Fault, Faults, Files, Parsed, Program, VaultKey, nearest, parse_deck, parse_demo};
use crate::pictures::{Picture, Shelf};
use greenroom_model::keys::Encryption;
use greenroom_model::tenancy::TenantsFile;
use greenroom_show::deck::{Block, Cue, Deck, Fallback, Inline, Layout, Level, Pane, Section, Slide, Theme};
use greenroom_show::demo::Demo;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A deck or a demo larger than this is not one.
const FILE_BYTES_MAX: u64 = 4 << 20;

#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    #[error("there is no {kind} '{name}' in {}{}", folder.display(), nearest.as_ref().map(|near| format!("; did you mean '{near}'?")).unwrap_or_default())]
    NotFound { kind: &'static str, name: String, folder: PathBuf, nearest: Option<String> },
    #[error(transparent)]
    Faults(#[from] Faults),
    #[error("cannot read {}: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
}

/// What a talk needs: its deck, and the programs of its demos.
#[derive(Debug, Clone)]
pub struct Talk {
    /// Whole: every level, nothing cut.
    pub deck: Deck,
    pub programs: BTreeMap<String, Arc<Program>>,
    /// What its slides show, by id.
    pub pictures: BTreeMap<String, Picture>,
    /// What is wrong in the deck, and in the demos that it cues. The rest can be shown.
    pub faults: Vec<Fault>,
    pub warnings: Vec<Fault>,
}

#[derive(Debug, Clone)]
pub struct Library {
    root: PathBuf,
}

impl Library {
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Slugs of the decks, sorted.
    pub fn decks(&self) -> Result<Vec<String>, LibraryError> {
        folders(&self.root.join("slides"), "deck.md")
    }

    /// The deck that somebody worked on last.
    pub fn latest(&self) -> Result<Option<String>, LibraryError> {
        let changed = |slug: &String| {
            let file = self.root.join("slides").join(slug).join("deck.md");
            std::fs::metadata(file).and_then(|found| found.modified()).ok()
        };
        Ok(self.decks()?.into_iter().max_by_key(changed))
    }

    /// Slugs of the demos, sorted.
    pub fn demos(&self) -> Result<Vec<String>, LibraryError> {
        folders(&self.root.join("demos"), "demo.md")
    }

    pub fn demo(&self, slug: &str) -> Result<Parsed<Program>, LibraryError> {
        let text = self.read("demo", "demos", slug, "demo.md", &self.demos()?)?;
        let file = format!("demos/{slug}/demo.md");
        let mut parsed = parse_demo(&file, slug, &text)?;
        let mut faults = Vec::new();
        let mut tenants = BTreeSet::new();
        for (line, name) in parsed.value.tenants_files() {
            if !self.root.join("demos").join(slug).join(name).is_file() {
                let message = format!("there is no file '{name}' beside this demo");
                faults.push(Fault { file: file.clone(), line, message });
                continue;
            }
            match read_tenants(&self.root, slug, name) {
                Ok(declared) => {
                    faults.extend(keys(&declared, &parsed.value, &format!("demos/{slug}/{name}")));
                    tenants.extend(declared.tenants.into_iter().map(|tenant| tenant.name));
                }
                Err(fault) => faults.push(fault),
            }
        }
        // With a file unread, nobody knows which tenants there are.
        if faults.is_empty() {
            let strange = measures::check(&file, &text, &parsed.value, tenants);
            faults.extend(strange.faults);
            parsed.warnings.extend(strange.warnings);
        }
        if faults.is_empty() { Ok(parsed) } else { Err(Faults(faults).into()) }
    }

    /// Loads a deck with the demos that it cues. Faults of a demo count only where a slide cues it.
    pub fn talk(&self, slug: &str) -> Result<Talk, LibraryError> {
        let text = self.read("deck", "slides", slug, "deck.md", &self.decks()?)?;
        let mut programs = BTreeMap::new();
        let mut warnings = Vec::new();
        let mut faulty = BTreeMap::new();
        for slug in self.demos()? {
            match self.demo(&slug) {
                Ok(parsed) => {
                    warnings.extend(parsed.warnings);
                    programs.insert(slug, Arc::new(parsed.value));
                }
                Err(error) => {
                    faulty.insert(slug, error);
                }
            }
        }
        let demos = programs.iter().map(|(slug, program)| (slug.clone(), program.demo.clone())).collect();
        let shelf = Shelf::new(self.root.join("slides").join(slug));
        let files = Files { picture: &|name| shelf.find(name), text: &|name| excerpts::read(&self.root, slug, name) };
        let parsed = parse_deck(&format!("slides/{slug}/deck.md"), slug, &text, &demos, files)?;
        let cued: Vec<_> =
            parsed.value.slides.iter().filter_map(|slide| slide.cue.as_ref()).map(|cue| &cue.demo).collect();
        let mut faults = parsed.faults;
        for (slug, error) in faulty.into_iter().filter(|(slug, _)| cued.contains(&slug)) {
            match error {
                LibraryError::Faults(found) => faults.extend(found.0),
                error => {
                    faults.push(Fault { file: format!("demos/{slug}/demo.md"), line: 1, message: error.to_string() })
                }
            }
        }
        warnings.extend(parsed.warnings);
        let all_are_there = cued.iter().all(|slug| programs.contains_key(*slug));
        programs.retain(|slug, _| cued.contains(&slug));
        let measured = programs.values().flat_map(|program| measures::figures(program)).collect();
        let unbound = measures::unbound(&format!("slides/{slug}/deck.md"), &parsed.value, &measured);
        // A demo that is not written yet, or does not parse, may measure them.
        if all_are_there {
            faults.extend(unbound)
        } else {
            warnings.extend(unbound)
        }
        Ok(Talk { deck: parsed.value, programs, pictures: shelf.into_found(), faults, warnings })
    }

    /// A talk of one slide, for a demo that runs without a deck.
    pub fn talk_of_demo(&self, slug: &str) -> Result<Talk, LibraryError> {
        let parsed = self.demo(slug)?;
        let deck = deck_of(&parsed.value.demo, &Pane::USUAL);
        let programs = [(slug.to_string(), Arc::new(parsed.value))].into();
        Ok(Talk { deck, programs, pictures: BTreeMap::new(), faults: vec![], warnings: parsed.warnings })
    }

    fn read(
        &self,
        kind: &'static str,
        folder: &str,
        slug: &str,
        file: &str,
        known: &[String],
    ) -> Result<String, LibraryError> {
        let folder = self.root.join(folder);
        if !known.iter().any(|name| name == slug) {
            let nearest = nearest(slug, known.iter().map(String::as_str));
            return Err(LibraryError::NotFound { kind, name: slug.to_string(), folder, nearest });
        }
        let path = folder.join(slug).join(file);
        read_text(&path).map_err(|source| LibraryError::Io { path, source })
    }
}

/// A deck of the one slide that runs all of a demo.
pub fn deck_of(demo: &Demo, panes: &[Pane]) -> Deck {
    let cue = Cue {
        demo: demo.slug.clone(),
        groups: demo.groups.iter().map(|group| group.name.clone()).collect(),
        panes: panes.to_vec(),
        plays: None,
    };
    let slide = Slide {
        layout: Layout::Demo,
        title: demo.title.clone(),
        body: words_of(demo),
        cue: Some(cue),
        line: 1,
        ..Slide::blank()
    };
    Deck {
        slug: format!("demo-{}", demo.slug),
        title: demo.title.clone(),
        theme: Theme::Dark,
        audience: Level::Public,
        minutes: demo.minutes,
        cuts: vec![],
        fallback: Fallback::Ask,
        sections: vec![Section { title: demo.title.clone(), minutes: demo.minutes, first: 0 }],
        slides: vec![slide],
        hash: demo.hash.clone(),
    }
}

/// What it shows, beside its panes: its title, and the groups that run, by their names.
fn words_of(demo: &Demo) -> Vec<Block> {
    let line = |text: String| vec![Inline::Text(text)];
    let items: Vec<_> = demo.groups.iter().map(|group| vec![Block::Paragraph(line(spoken(&group.name)))]).collect();
    let list = (!items.is_empty()).then_some(Block::List { ordered: true, items });
    [Block::Heading { depth: 1, text: line(demo.title.clone()) }].into_iter().chain(list).collect()
}

/// `first-flood` as it is said.
fn spoken(name: &str) -> String {
    let words = name.replace(['-', '_'], " ");
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// The file beside a demo that declares tenants.
pub fn read_tenants(root: &Path, demo: &str, name: &str) -> Result<TenantsFile, Fault> {
    let fault = |line, message| Fault { file: format!("demos/{demo}/{name}"), line, message };
    let text = read_text(&root.join("demos").join(demo).join(name)).map_err(|error| fault(1, error.to_string()))?;
    crate::parse::document(&text).map_err(|(line, message)| fault(line, message))
}

/// What is wrong with the keys of the demo's vault that a file of tenants names.
fn keys(declared: &TenantsFile, program: &Program, file: &str) -> Vec<Fault> {
    let named = declared.tenants.iter().filter_map(|tenant| tenant.encryption.as_ref());
    let wrong = named.filter_map(|Encryption { key }| match (VaultKey::of_placeholder(key)?, program.vault) {
        (Err(why), _) => Some(why),
        (Ok(_), None) => {
            Some(format!("'{key}' needs a vault: add 'vault: {{ fresh: 5s }}' to the demo's front matter"))
        }
        (Ok(_), Some(_)) => None,
    });
    wrong.map(|message| Fault { file: file.to_string(), line: 1, message }).collect()
}

fn read_text(path: &Path) -> std::io::Result<String> {
    let bytes = std::fs::metadata(path)?.len();
    if bytes > FILE_BYTES_MAX {
        return Err(std::io::Error::other(format!("{bytes} bytes are too many for a deck or a demo")));
    }
    std::fs::read_to_string(path)
}

fn folders(root: &Path, file: &str) -> Result<Vec<String>, LibraryError> {
    let io = |source| LibraryError::Io { path: root.to_path_buf(), source };
    let mut slugs = Vec::new();
    let entries = match std::fs::read_dir(root) {
        // A talk without a demo, or a demo without a talk.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && root.parent().is_some_and(Path::is_dir) => {
            return Ok(slugs);
        }
        entries => entries.map_err(io)?,
    };
    for entry in entries {
        let entry = entry.map_err(io)?;
        if entry.path().join(file).is_file() {
            slugs.extend(entry.file_name().into_string());
        }
    }
    slugs.sort();
    Ok(slugs)
}
