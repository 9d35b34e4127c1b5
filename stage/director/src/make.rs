//! Makes talks and demos of one's own: from what teaches how, or as copies of others.

use crate::library::{Library, LibraryError};
use crate::places::{self, Places};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

const DECK: &str = include_str!("../templates/deck.md");
const DEMO: &str = include_str!("../templates/demo.md");
/// What a name may be long.
const SLUG_MAX: usize = 60;
/// Of a talk that is copied.
const FILES_MAX: usize = 2_000;

#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    #[error("'{0}' has no letter and no digit, which its folder is named by: choose another name")]
    Nameless(String),
    #[error("there is {} already: choose another name", .0.display())]
    Taken(PathBuf),
    #[error("there is no talk '{name}' to copy; there are: {}", known.join(", "))]
    Unknown { name: String, known: Vec<String> },
    #[error("{} is a link, or no plain file: it is not copied, and nothing was made", .0.display())]
    NoFile(PathBuf),
    #[error("{} holds more than {FILES_MAX} files: nothing was made", .0.display())]
    TooMuch(PathBuf),
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Library(#[from] LibraryError),
}

/// What was made.
#[derive(Debug, PartialEq, Eq)]
pub struct Made {
    pub slug: String,
    /// Files that are new, the one to begin with first.
    pub files: Vec<PathBuf>,
    /// Demos that were there already, and stay as they are.
    pub kept: Vec<String>,
}

/// A demo that runs as it is.
pub fn demo(places: &Places, name: &str) -> Result<Made, MakeError> {
    let slug = slug(name)?;
    let folder = places.project().join("demos").join(&slug);
    let file = write(&folder, "demo.md", &filled(DEMO, &slug, name))?;
    write_parents(places)?;
    Ok(Made { slug, files: vec![file], kept: Vec::new() })
}

/// A talk of two slides that runs as it is, with a demo of its own.
pub fn talk(places: &Places, name: &str) -> Result<Made, MakeError> {
    let slug = slug(name)?;
    let deck = write(&places.project().join("slides").join(&slug), "deck.md", &filled(DECK, &slug, name))?;
    write_parents(places)?;
    match demo(places, name) {
        Ok(made) => Ok(Made { slug, files: std::iter::once(deck).chain(made.files).collect(), kept: Vec::new() }),
        Err(MakeError::Taken(_)) => Ok(Made { kept: vec![slug.clone()], slug, files: vec![deck] }),
        Err(error) => Err(error),
    }
}

/// A copy of a talk, of this project or of the one that came with the program, with the demos that it cues and that are not here yet.
pub fn copy(places: &Places, name: &str, from: &str) -> Result<Made, MakeError> {
    let slug = slug(name)?;
    let sources = [Some(places.project().to_path_buf()), places::shipped()];
    let libraries: Vec<Library> = sources.into_iter().flatten().map(Library::new).collect();
    let known = |library: &Library| library.decks().unwrap_or_default();
    let Some(library) = libraries.iter().find(|library| known(library).iter().any(|deck| deck == from)) else {
        return Err(MakeError::Unknown { name: from.to_owned(), known: libraries.iter().flat_map(known).collect() });
    };
    let talk = library.talk(from)?;
    let (source, project) = (library.root(), places.project());
    let into = project.join("slides").join(&slug);
    let mut files = copied(&source.join("slides").join(from), &into)?;
    let deck = into.join("deck.md");
    let text = std::fs::read_to_string(&deck).map_err(io(&deck))?;
    crate::durable::replace(&deck, renamed(&text, name)).map_err(io(&deck))?;
    files.sort_by_key(|file| *file != deck);
    let mut kept = Vec::new();
    for demo in talk.programs.keys() {
        match copied(&source.join("demos").join(demo), &project.join("demos").join(demo)) {
            Ok(copied) => files.extend(copied),
            Err(MakeError::Taken(_)) => kept.push(demo.clone()),
            Err(error) => return Err(error),
        }
    }
    write_parents(places)?;
    Ok(Made { slug, files, kept })
}

/// What its folder is called: it stands in files and on command lines.
fn slug(name: &str) -> Result<String, MakeError> {
    let slug = slug::slugify(name);
    let slug = slug.get(..SLUG_MAX).unwrap_or(&slug).trim_end_matches('-').to_owned();
    if slug.is_empty() { Err(MakeError::Nameless(name.to_owned())) } else { Ok(slug) }
}

fn filled(template: &str, slug: &str, title: &str) -> String {
    let text = template.replace("{slug}", slug);
    let mut parts = text.split("{title}");
    let head = parts.next().unwrap_or_default();
    // In the head it must be a text, whatever it says; in a heading it is what it says.
    let quoted = serde_json::to_string(title).expect("a text");
    format!("{head}{quoted}{}", parts.collect::<Vec<_>>().join(&escaped(title.trim())))
}

/// As Markdown that says just this.
fn escaped(text: &str) -> String {
    let is_sign = |letter: &char| r"\`*_[]<>".contains(*letter);
    text.chars().flat_map(|letter| is_sign(&letter).then_some('\\').into_iter().chain([letter])).collect()
}

/// With another title in its head.
fn renamed(deck: &str, title: &str) -> String {
    let quoted = serde_json::to_string(title).expect("a text");
    let mut is_done = false;
    let lines = deck.split_inclusive('\n').map(|line| match line.strip_prefix("title:") {
        Some(_) if !is_done => {
            is_done = true;
            format!("title: {quoted}\n")
        }
        _ => line.to_owned(),
    });
    lines.collect()
}

/// A project has both folders.
fn write_parents(places: &Places) -> Result<(), MakeError> {
    ["slides", "demos"].into_iter().try_for_each(|part| {
        let folder = places.project().join(part);
        std::fs::create_dir_all(&folder).map_err(io(&folder))
    })
}

/// A folder that appears whole, with one file in it.
fn write(folder: &Path, name: &str, text: &str) -> Result<PathBuf, MakeError> {
    whole(folder, |beside| {
        let file = beside.join(name);
        std::fs::write(&file, text).map_err(io(&file))
    })?;
    Ok(folder.join(name))
}

/// A folder that appears whole, as a copy of another; its files. What begins with a dot stays behind.
fn copied(from: &Path, to: &Path) -> Result<Vec<PathBuf>, MakeError> {
    let mut files = Vec::new();
    whole(to, |beside| {
        let mut folders = vec![PathBuf::new()];
        while let Some(below) = folders.pop() {
            let folder = from.join(&below);
            std::fs::create_dir_all(beside.join(&below)).map_err(io(&folder))?;
            for entry in std::fs::read_dir(&folder).map_err(io(&folder))? {
                let entry = entry.map_err(io(&folder))?;
                let (path, below) = (entry.path(), below.join(entry.file_name()));
                let kind = entry.file_type().map_err(io(&path))?;
                if entry.file_name().as_encoded_bytes().starts_with(b".") {
                    continue;
                }
                if kind.is_dir() {
                    folders.push(below);
                } else if kind.is_file() {
                    if files.len() == FILES_MAX {
                        return Err(MakeError::TooMuch(from.to_owned()));
                    }
                    let text = std::fs::read(&path).map_err(io(&path))?;
                    // Its own rights, and not those of what is read-only.
                    std::fs::write(beside.join(&below), text).map_err(io(&path))?;
                    files.push(to.join(below));
                } else {
                    return Err(MakeError::NoFile(path));
                }
            }
        }
        Ok(())
    })?;
    files.sort();
    Ok(files)
}

/// Filled beside, then renamed: after a fault there is nothing of it.
fn whole(folder: &Path, fill: impl FnOnce(&Path) -> Result<(), MakeError>) -> Result<(), MakeError> {
    if folder.exists() {
        return Err(MakeError::Taken(folder.to_owned()));
    }
    let parent = folder.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(parent).map_err(io(parent))?;
    let beside = tempfile::Builder::new().prefix(".new-").tempdir_in(parent).map_err(io(parent))?;
    let content = beside.path().join("content");
    std::fs::create_dir(&content).map_err(io(&content))?;
    fill(&content)?;
    std::fs::rename(&content, folder).map_err(|source| match source.kind() {
        ErrorKind::AlreadyExists | ErrorKind::DirectoryNotEmpty => MakeError::Taken(folder.to_owned()),
        _ => MakeError::Io { path: folder.to_owned(), source },
    })
}

fn io(path: &Path) -> impl Fn(std::io::Error) -> MakeError + use<> {
    let path = path.to_owned();
    move |source| MakeError::Io { path: path.clone(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folders(root: &Path, part: &str) -> Vec<String> {
        let entries = std::fs::read_dir(root.join(part)).expect("a folder").flatten();
        let mut names: Vec<_> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_name_becomes_a_folders_name() {
        for (name, expected) in [
            ("My customer", "my-customer"),
            ("  A/B: test_2 ", "a-b-test-2"),
            ("Größe", "grosse"),
            (&"x".repeat(90), &"x".repeat(60)),
        ] {
            assert_eq!(slug(name).expect("a name"), expected);
        }
        for name in ["", "!?", "  "] {
            assert!(matches!(slug(name), Err(MakeError::Nameless(_))), "{name}");
        }
    }

    #[test]
    fn what_is_made_has_no_fault_and_no_warning() {
        let root = tempfile::tempdir().expect("a folder");
        let places = Places::within(&root.path().join("talks of mine"));
        for name in ["My customer", "On: \"quotes\" & <signs> # {slug}"] {
            let Made { slug, files, kept } = talk(&places, name).expect("made");
            assert_eq!((files.len(), kept), (2, Vec::new()));
            let talk = Library::new(places.project()).talk(&slug).expect("it parses");
            assert_eq!((&talk.faults, &talk.warnings), (&Vec::new(), &Vec::new()));
            assert_eq!((talk.deck.title.as_str(), talk.deck.slides.len()), (name, 2));
            assert_eq!(talk.programs[&slug].demo.groups.len(), 2);
        }
        assert!(matches!(talk(&places, "my CUSTOMER"), Err(MakeError::Taken(_))));
        assert!(matches!(demo(&places, "my customer"), Err(MakeError::Taken(_))));
        let alone = demo(&places, "Another one").expect("made");
        assert_eq!(talk(&places, "Another one").expect("made").kept, [alone.slug], "its demo was there");
        assert_eq!(folders(places.project(), "slides"), ["another-one", "my-customer", "on-quotes-signs-slug"]);
    }

    #[test]
    fn a_copy_has_its_own_title_and_the_demos_that_it_cues() {
        let root = tempfile::tempdir().expect("a folder");
        let places = Places::within(root.path());
        talk(&places, "First").expect("made");
        demo(&places, "Unused").expect("made");
        let deck = root.path().join("slides/first");
        std::fs::create_dir(deck.join("pictures")).expect("a folder");
        std::fs::write(deck.join("pictures/a.svg"), "<svg/>").expect("written");
        std::fs::write(deck.join(".secret"), "").expect("written");
        let made = copy(&places, "Second: ours", "first").expect("copied");
        assert_eq!((made.slug.as_str(), made.kept), ("second-ours", vec!["first".to_owned()]));
        let copied = root.path().join("slides/second-ours");
        assert_eq!(made.files, [copied.join("deck.md"), copied.join("pictures/a.svg")]);
        assert_eq!(Library::new(root.path()).talk("second-ours").expect("it parses").deck.title, "Second: ours");
        let unknown = copy(&places, "Third", "nothing").unwrap_err().to_string();
        assert!(unknown.contains("'nothing'") && unknown.contains("first, second-ours"), "{unknown}");
    }

    #[cfg(unix)]
    #[test]
    fn what_cannot_be_copied_leaves_nothing_behind() {
        let root = tempfile::tempdir().expect("a folder");
        let places = Places::within(root.path());
        talk(&places, "First").expect("made");
        std::os::unix::fs::symlink("/etc/hostname", root.path().join("slides/first/link")).expect("a link");
        assert!(matches!(copy(&places, "Second", "first"), Err(MakeError::NoFile(_))));
        assert_eq!(folders(root.path(), "slides"), ["first"]);
    }
}
