//! What a yes to a demo stands for beside the demo's own words: every file that its steps may run from the project's folders. Where
//! that cannot be told, there is no yes. Reads files, and runs none.

use crate::parse::{Program, Verb};
use crate::places;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

/// More than the folders of a demo, of a deck and of its tools hold; a yes to more would take too long at each start.
const FILES_MAX: usize = 20_000;
const BYTES_MAX: u64 = 2 << 30;
/// Links may lead in a circle.
const DEPTH_MAX: usize = 16;
/// Steps begin in a folder this far below the project's.
const BELOW_PROJECT: usize = 3;
/// Of a deck's folder, what is read and looked at, and run by nobody unless a step names it.
const WORDS_AND_PICTURES: [&str; 7] = ["gif", "jpeg", "jpg", "md", "png", "svg", "webp"];
/// What editors and desktops leave and take away again.
const LEFT_BY_EDITORS: [&str; 3] = [".swp", ".DS_Store", "~"];

#[derive(Debug, thiserror::Error)]
pub enum CoverError {
    #[error(
        "{place}: '{word}' leads up to the project's folder, and a yes cannot cover all that may be run from there: name the script itself, as ../../../demos/{demo}/NAME"
    )]
    Climbs { place: String, word: String, demo: String },
    #[error("{}: with it there are more than {FILES_MAX} files or {} GiB, and a yes cannot cover so much: make it smaller", path.display(), BYTES_MAX >> 30)]
    TooMuch { path: PathBuf },
}

/// Files by their path in the project, with their hash; empty where one is not there.
pub type Covered = BTreeMap<PathBuf, String>;

/// `deck` is the folder of the deck that cues the demo, where one does.
pub fn files(root: &Path, deck: Option<&str>, program: &Program) -> Result<Covered, CoverError> {
    let mut cover = Cover { root, found: Covered::new(), bytes: 0 };
    let demo = Path::new("demos").join(&program.demo.slug);
    cover.folder(&demo, |path| path != demo.join("demo.md"))?;
    if let Some(deck) = deck {
        cover.folder(&Path::new("slides").join(deck), is_neither_words_nor_picture)?;
    }
    for name in program.demo.tools.iter().filter(|name| places::in_project(root, name).is_file()) {
        cover.folder(&Path::new(".tools").join(name), |_| true)?;
    }
    for (line, step) in program.lines.iter().zip(&program.demo.steps) {
        let Verb::Run { args, .. } = &line.verb else { continue };
        let climbs = |word: &str| CoverError::Climbs {
            place: format!("demos/{}/demo.md:{}", program.demo.slug, step.line),
            word: word.into(),
            demo: program.demo.slug.clone(),
        };
        let mut up = 0;
        for word in args.iter().flat_map(|arg| paths(arg)) {
            match named(root, deck, &program.demo.slug, word) {
                Named::Files(paths) => paths.iter().try_for_each(|path| cover.named(path))?,
                // In more than one step, too: 'cd ..; cd ..'.
                Named::Up(count) => {
                    up += count;
                    if up >= BELOW_PROJECT {
                        return Err(climbs(word));
                    }
                }
                Named::Project => return Err(climbs(word)),
            }
        }
    }
    Ok(cover.found)
}

struct Cover<'a> {
    root: &'a Path,
    found: Covered,
    bytes: u64,
}

impl Cover<'_> {
    /// A script runs others that stand beside it: of demos and decks, the whole folder.
    fn named(&mut self, path: &Path) -> Result<(), CoverError> {
        let parts: Vec<_> = path.components().collect();
        if let [Component::Normal(kind), slug, _, ..] = parts[..]
            && ["demos", "slides", ".tools"].iter().any(|known| kind == *known)
        {
            self.folder(&Path::new(kind).join(slug), is_neither_words_nor_picture)?;
        }
        match self.root.join(path).is_dir() {
            true => self.folder(path, |_| true),
            false => self.file(path),
        }
    }

    fn folder(&mut self, folder: &Path, is_covered: impl Fn(&Path) -> bool) -> Result<(), CoverError> {
        let mut open = vec![(folder.to_path_buf(), 0)];
        while let Some((folder, depth)) = open.pop() {
            if depth > DEPTH_MAX {
                return Err(CoverError::TooMuch { path: folder });
            }
            for entry in std::fs::read_dir(self.root.join(&folder)).into_iter().flatten().flatten() {
                let path = folder.join(entry.file_name());
                if self.root.join(&path).is_dir() {
                    open.push((path, depth + 1));
                } else if is_covered(&path) && !is_left_by_an_editor(&path) {
                    self.file(&path)?;
                }
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path) -> Result<(), CoverError> {
        if self.found.contains_key(path) {
            return Ok(());
        }
        let whole = self.root.join(path);
        let metadata = std::fs::metadata(&whole).ok().filter(std::fs::Metadata::is_file);
        self.bytes += metadata.as_ref().map_or(0, std::fs::Metadata::len);
        if self.found.len() >= FILES_MAX || self.bytes > BYTES_MAX {
            return Err(CoverError::TooMuch { path: path.into() });
        }
        // What is no file is never read: a pipe would wait.
        let hash = metadata.and_then(|_| hash(&whole).ok()).map(|hash| hash.to_hex().to_string());
        self.found.insert(path.into(), hash.unwrap_or_default());
        Ok(())
    }
}

fn hash(path: &Path) -> std::io::Result<blake3::Hash> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(std::fs::File::open(path)?)?;
    Ok(hasher.finalize())
}

fn is_neither_words_nor_picture(path: &Path) -> bool {
    let kind = path.extension().and_then(|kind| kind.to_str()).map(str::to_ascii_lowercase);
    kind.is_none_or(|kind| !WORDS_AND_PICTURES.contains(&kind.as_str()))
}

fn is_left_by_an_editor(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    LEFT_BY_EDITORS.iter().any(|end| name.ends_with(end))
}

/// What a word of a step names of the project.
enum Named {
    /// Paths in it. None where it is no path, or leads elsewhere.
    Files(BTreeSet<PathBuf>),
    /// Folders above, and nothing in them.
    Up(usize),
    /// The whole of it.
    Project,
}

/// The parts of an argument that may be paths, also within a line for a shell.
fn paths(arg: &str) -> impl Iterator<Item = &str> {
    let is_border = |letter: char| letter.is_whitespace() || "'\"`;|&<>()=,:[]".contains(letter);
    arg.split(is_border).filter(|word| word.contains('/') || *word == "..")
}

fn named(root: &Path, deck: Option<&str>, demo: &str, word: &str) -> Named {
    let parts: Vec<&str> = word.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    let Some(first) = parts.iter().position(|part| *part == "..") else {
        return absolute(root, word);
    };
    // From where one goes up is not known for certain, so that the rest is looked for wherever scripts lie.
    let rest = parts[first..].iter().skip_while(|part| **part == "..");
    let up = parts[first..].iter().take_while(|part| **part == "..").count();
    let Some(rest) = inside(rest.collect::<PathBuf>().as_path()) else { return Named::Project };
    if rest.as_os_str().is_empty() {
        return Named::Up(up);
    }
    let own = Path::new("demos").join(demo);
    let decks = deck.map(|deck| Path::new("slides").join(deck));
    let places = [Path::new(""), "demos".as_ref(), "slides".as_ref(), ".tools".as_ref(), own.as_path()];
    let candidates = places.into_iter().chain(decks.as_deref()).map(|place| place.join(&rest));
    Named::Files(candidates.filter(|path| root.join(path).exists()).collect())
}

fn absolute(root: &Path, word: &str) -> Named {
    let canonical = root.canonicalize().unwrap_or_else(|_| root.to_path_buf());
    let path = Path::new(word);
    let in_project = [root, &canonical].into_iter().find_map(|root| path.strip_prefix(root).ok());
    match in_project.map(inside) {
        None => Named::Files(BTreeSet::new()),
        Some(Some(path)) if !path.as_os_str().is_empty() => Named::Files([path].into()),
        Some(_) => Named::Project,
    }
}

/// Without steps up; `None` where it leaves the folder that it is in.
fn inside(path: &Path) -> Option<PathBuf> {
    let mut whole = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => whole.push(name),
            Component::CurDir => {}
            Component::ParentDir => {
                if !whole.pop() {
                    return None;
                }
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(whole)
}
