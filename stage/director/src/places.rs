//! Where everything lies: what a talk is made of, what is left of running it, and what this machine keeps for itself. The only place that says so.
//! See `docs/design/places.md`.

use crate::system::{self, USER_HOME};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Names one folder for all that is kept, in place of the user's.
pub const HOME: &str = "GREENROOM_HOME";
/// In a project that holds all that is left of it: a checkout, or what an older version has worked in.
const WITHIN: &str = ".greenroom";
/// Below what the desktop, or a user, names for programs of all kinds.
const OURS: &str = "greenroom";
/// In the folder of documents.
const DOCUMENTS: &str = "Greenroom";
/// Beside the programs of a package: talks to look at, to run and to copy.
const SHIPPED: &str = "../share/greenroom";
const TOOLS: &str = ".tools";
const SETTINGS: &str = "settings.json";

#[derive(Debug, thiserror::Error)]
pub enum PlacesError {
    #[error("there is no folder for this user's files ({USER_HOME} is not set): give one with --home DIR, or {HOME}")]
    NoHome,
    #[error("there is no talk in {} or above it (a folder with slides/ and demos/): name one with --root, or make one with 'greenroom new talk NAME'", .0.display())]
    NoProject(PathBuf),
}

/// Of one project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    project: PathBuf,
    takes: PathBuf,
    rehearsals: PathBuf,
    exports: PathBuf,
    /// The first that has one counts.
    tools: Vec<PathBuf>,
    state: PathBuf,
    shows: PathBuf,
    settings: PathBuf,
    /// As it was named.
    home: Option<PathBuf>,
}

/// What is kept for a user, whatever the project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    /// Talks of the user's own.
    pub talks: PathBuf,
    data: PathBuf,
    state: PathBuf,
    cache: PathBuf,
    config: PathBuf,
    exports: PathBuf,
    named: Option<PathBuf>,
}

impl Home {
    /// `named`, or what the environment names, or the desktop's folders.
    pub fn find(named: Option<PathBuf>) -> Result<Home, PlacesError> {
        Home::of(named, &|name| std::env::var_os(name).filter(|value| !value.is_empty()))
    }

    fn of(named: Option<PathBuf>, variable: &dyn Fn(&str) -> Option<OsString>) -> Result<Home, PlacesError> {
        if let Some(folder) = named.or_else(|| variable(HOME).map(PathBuf::from)) {
            let folder = std::path::absolute(&folder).unwrap_or(folder);
            return Ok(Home::within(&folder));
        }
        let home = variable(USER_HOME).map(PathBuf::from).ok_or(PlacesError::NoHome)?;
        // A relative one is to be ignored, says the specification of these folders.
        let folder = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let base = |name: &str, below: &str| folder(name).unwrap_or_else(|| home.join(below)).join(OURS);
        let documents = documents(&home, folder("XDG_CONFIG_HOME")).join(DOCUMENTS);
        Ok(Home {
            talks: documents.clone(),
            data: base("XDG_DATA_HOME", ".local/share"),
            state: base("XDG_STATE_HOME", ".local/state"),
            cache: base("XDG_CACHE_HOME", ".cache"),
            config: base("XDG_CONFIG_HOME", ".config"),
            exports: documents.join("exports"),
            named: None,
        })
    }

    /// All in one folder.
    fn within(folder: &Path) -> Home {
        Home {
            talks: folder.to_path_buf(),
            data: folder.to_path_buf(),
            state: folder.join(WITHIN),
            cache: folder.join(WITHIN),
            config: folder.join(WITHIN),
            exports: folder.join("exports"),
            named: Some(folder.to_path_buf()),
        }
    }

    /// Tools that were fetched for this user.
    pub fn tools(&self) -> PathBuf {
        self.data.join(TOOLS)
    }

    /// What the user has set.
    pub fn settings(&self) -> PathBuf {
        self.config.join(SETTINGS)
    }

    /// Projects that were open, newest first.
    pub fn recent(&self) -> PathBuf {
        self.state.join("recent.json")
    }
}

/// The user's folder of documents, as their desktop has it.
fn documents(home: &Path, config: Option<PathBuf>) -> PathBuf {
    let list = config.unwrap_or_else(|| home.join(".config")).join("user-dirs.dirs");
    let text = std::fs::read_to_string(list).unwrap_or_default();
    let named = text.lines().find_map(|line| line.trim().strip_prefix("XDG_DOCUMENTS_DIR=")).map(|value| {
        let value = value.trim().trim_matches('"');
        value.strip_prefix("$HOME/").map_or_else(|| PathBuf::from(value), |below| home.join(below))
    });
    named.filter(|path| path.is_absolute()).unwrap_or_else(|| home.join("Documents"))
}

impl Places {
    /// All of a project in its own folder.
    pub fn within(project: &Path) -> Places {
        Places {
            project: project.to_path_buf(),
            takes: project.join("takes"),
            rehearsals: project.join("rehearsals"),
            exports: project.join("exports"),
            tools: vec![project.join(TOOLS)],
            state: project.join(WITHIN),
            shows: project.join(WITHIN),
            settings: project.join(WITHIN).join(SETTINGS),
            home: None,
        }
    }

    /// Of the project that is meant: what is named, or holds the current folder, or else the user's own, or the one that came with the program.
    pub fn find(project: Option<PathBuf>, home: Option<PathBuf>) -> Result<Places, PlacesError> {
        let (home, from) = (Home::find(home)?, std::env::current_dir().unwrap_or_default());
        let own = || is_project(&home.talks).then(|| home.talks.clone());
        let project = project.or_else(|| around(&from)).or_else(own).or_else(shipped);
        Ok(Places::of(&project.ok_or(PlacesError::NoProject(from))?, &home))
    }

    /// As `find`, for whoever makes a talk: what came with the program is not written to, and where there is no project yet, the user's own begins.
    pub fn to_write(project: Option<PathBuf>, home: Option<PathBuf>) -> Result<Places, PlacesError> {
        let (home, from) = (Home::find(home)?, std::env::current_dir().unwrap_or_default());
        let project = project.or_else(|| around(&from)).filter(|project| !is_shipped(project));
        Ok(Places::of(&project.unwrap_or_else(|| home.talks.clone()), &home))
    }

    /// A project anywhere. What is left of it stays in it where it already does so, and where it is the home; else it is kept at home, apart from
    /// that of other projects.
    pub fn of(project: &Path, home: &Home) -> Places {
        let project = &std::path::absolute(project).unwrap_or_else(|_| project.to_path_buf());
        let is_home = home.named.as_deref() == Some(project);
        let keeps_its_own = home.named.is_none() && system::is_writable(&project.join(WITHIN));
        if is_home || keeps_its_own {
            let tools = vec![project.join(TOOLS), home.tools()];
            return Places { tools, settings: home.settings(), home: home.named.clone(), ..Places::within(project) };
        }
        let is_own = *project == home.talks;
        let apart = |folder: &Path| match is_own {
            true => folder.to_path_buf(),
            false => folder.join("projects").join(key(project)),
        };
        Places {
            project: project.clone(),
            takes: apart(&home.data).join("takes"),
            rehearsals: apart(&home.data).join("rehearsals"),
            exports: if is_own { home.exports.clone() } else { home.exports.join(key(project)) },
            tools: vec![project.join(TOOLS), home.tools()],
            state: apart(&home.state),
            shows: home.cache.clone(),
            settings: home.settings(),
            home: home.named.clone(),
        }
    }

    /// `slides/` and `demos/` are in it. Nothing is written there but by who edits it.
    pub fn project(&self) -> &Path {
        &self.project
    }

    pub fn takes(&self) -> &Path {
        &self.takes
    }

    /// Runs of a deck.
    pub fn rehearsals(&self, deck: &str) -> PathBuf {
        self.rehearsals.join(deck)
    }

    pub fn exports(&self) -> &Path {
        &self.exports
    }

    /// A tool that was fetched, for the project or the user.
    pub fn fetched(&self, name: &str) -> Option<PathBuf> {
        let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
        self.tools.iter().map(|folder| folder.join(name).join(&file)).find(|program| program.is_file())
    }

    /// A small file of this machine's, of the project.
    pub fn state(&self, name: &str) -> PathBuf {
        self.state.join(name)
    }

    /// What the user has set, for all projects.
    pub fn settings(&self) -> &Path {
        &self.settings
    }

    /// Where shows do their work: large, and of no use after them.
    pub fn shows(&self) -> &Path {
        &self.shows
    }

    /// What leads another program of ours to the same places.
    pub fn arguments(&self) -> Vec<OsString> {
        let root = ["--root".into(), self.project.clone().into_os_string()];
        let home = self.home.iter().flat_map(|home| ["--home".into(), home.clone().into_os_string()]);
        root.into_iter().chain(home).collect()
    }
}

/// Where a tool is that came with a project, or was fetched for it.
pub fn in_project(project: &Path, name: &str) -> PathBuf {
    project.join(TOOLS).join(name).join(name)
}

/// Projects that came with the program, where they did.
pub fn shipped() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?.canonicalize().ok()?;
    let folder = program.parent()?.join(SHIPPED);
    is_project(&folder).then(|| folder.canonicalize().ok()).flatten()
}

/// What to do where a part of Greenroom itself is not there.
pub fn to_mend() -> &'static str {
    if shipped().is_some() { "install Greenroom again" } else { "'cargo xtask build' makes it" }
}

/// Whether a project came with the program.
pub fn is_shipped(project: &Path) -> bool {
    shipped().is_some_and(|shipped| project.canonicalize().is_ok_and(|project| project == shipped))
}

/// The project that a folder is, or is in.
pub fn around(folder: &Path) -> Option<PathBuf> {
    folder.ancestors().find(|folder| is_project(folder)).map(Path::to_path_buf)
}

fn is_project(folder: &Path) -> bool {
    ["slides", "demos"].iter().all(|part| folder.join(part).is_dir())
}

/// A name for a project that no other one has: its own, and a part of a hash of where it lies.
fn key(project: &Path) -> String {
    let canonical = project.canonicalize().unwrap_or_else(|_| project.to_path_buf());
    let name = canonical.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let hash = blake3::hash(canonical.as_os_str().as_encoded_bytes()).to_hex();
    format!("{name}-{}", &hash[..12])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn home(variables: &[(&str, &str)]) -> Result<Home, PlacesError> {
        let variables: BTreeMap<_, _> = variables.iter().copied().collect();
        Home::of(None, &|name| variables.get(name).map(OsString::from))
    }

    #[test]
    fn a_users_files_lie_where_the_desktop_has_such_files() {
        let plain = home(&[("HOME", "/h")]).expect("a home");
        assert_eq!(plain.talks, Path::new("/h/Documents/Greenroom"));
        assert_eq!(plain.data, Path::new("/h/.local/share/greenroom"));
        let named = [("HOME", "/h"), ("XDG_DATA_HOME", "/d"), ("XDG_STATE_HOME", "relative"), ("XDG_CACHE_HOME", "/c")];
        let named = home(&named).expect("a home");
        assert_eq!((named.data, named.cache), (PathBuf::from("/d/greenroom"), PathBuf::from("/c/greenroom")));
        assert_eq!(named.state, Path::new("/h/.local/state/greenroom"), "a relative one counts for nothing");
        assert!(home(&[]).unwrap_err().to_string().contains("--home"));
        let one = home(&[("HOME", "/h"), (HOME, "/one")]).expect("a home");
        assert_eq!((one.talks.as_path(), one.state.as_path()), (Path::new("/one"), Path::new("/one/.greenroom")));
    }

    #[test]
    fn the_folder_of_documents_is_the_desktops() {
        let folder = tempfile::tempdir().expect("a folder");
        for (text, expected) in [
            ("# words\nXDG_DOCUMENTS_DIR=\"$HOME/Dokumente\"\n", "Dokumente"),
            ("XDG_DOCUMENTS_DIR=nowhere", "Documents"),
            ("", "Documents"),
        ] {
            std::fs::write(folder.path().join("user-dirs.dirs"), text).expect("written");
            assert_eq!(
                documents(Path::new("/h"), Some(folder.path().into())),
                Path::new("/h").join(expected),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_left_of_a_project_stays_in_it_or_lies_apart_from_that_of_others() {
        let folder = tempfile::tempdir().expect("a folder");
        let project = |name: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(&path).expect("a folder");
            path
        };
        let (old, one, other) = (project("an old checkout"), project("a/Vortrag ü"), project("b/Vortrag ü"));
        std::fs::create_dir(old.join(WITHIN)).expect("a folder");
        let user = home(&[("HOME", "/h")]).expect("a home");
        assert_eq!(Places::of(&old, &user).takes(), old.join("takes"));
        let (one, other) = (Places::of(&one, &user), Places::of(&other, &user));
        assert!(one.takes().starts_with("/h/.local/share/greenroom/projects"), "{one:?}");
        assert_ne!((one.takes(), one.state("plan.json")), (other.takes(), other.state("plan.json")), "two of one name");
        assert!(one.exports().starts_with("/h/Documents/Greenroom/exports"), "{one:?}");
        assert_ne!(one.exports(), other.exports());
        let own = Places::of(&user.talks, &user);
        assert_eq!(own.takes(), Path::new("/h/.local/share/greenroom/takes"));

        let all = Home::of(Some(old.clone()), &|_| None).expect("a home");
        assert_eq!(Places::of(&old, &all).takes(), old.join("takes"));
        let foreign = Places::of(other.project(), &all);
        assert!(foreign.takes().starts_with(old.join("projects")), "{foreign:?}");
        assert_eq!(foreign.arguments().len(), 4);
        assert_eq!(Places::within(other.project()).arguments().len(), 2);
    }

    #[test]
    fn a_tool_of_the_project_goes_before_one_of_the_user() {
        let folder = tempfile::tempdir().expect("a folder");
        let (project, user) = (folder.path().join("project"), folder.path().join("home"));
        let places = Places::of(&project, &Home::within(&user));
        assert_eq!(places.fetched("azcopy"), None);
        for folder in [user.join(".tools"), project.join(TOOLS)] {
            let program = folder.join("azcopy/azcopy");
            std::fs::create_dir_all(program.parent().expect("a parent")).expect("a folder");
            std::fs::write(&program, "").expect("written");
            assert_eq!(places.fetched("azcopy"), Some(program));
        }
    }
}
