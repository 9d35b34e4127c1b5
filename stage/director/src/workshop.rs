//! Where a show does its work: a folder of its own for the stack and for data, taken away when the show closes, and what stands
//! for `{data:…}` and `{blob:…}` in a step.

use crate::data;
use crate::parse::{Endpoint, WordPart, is_inside, read_word};
use crate::stack::{Client, StackError};
use greenroom_model::AccountName;
use greenroom_model::control::SasRequest;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{DirEntry, File};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;

/// A signature outlives the longest step, and not the talk.
const SAS_SECONDS: u64 = 3600;
const SAS_PERMISSIONS: &str = "racwdl";

#[derive(Debug, thiserror::Error)]
pub enum WorkshopError {
    #[error("{path}: {source}; Greenroom works in a folder there: make it writable, or start it with --home DIR")]
    Io { path: String, source: std::io::Error },
    #[error("{0}")]
    Placeholder(String),
    #[error("'{{data:{0}}}' leaves the folder of data: name a folder in it")]
    Outside(String),
    #[error("no key of '{0}' has leaked: 'keys leak' comes before")]
    NotLeaked(AccountName),
    #[error(transparent)]
    Stack(#[from] StackError),
}

/// The folder of one show. Held by a lock, so that what a crash left is known for what it is and taken away at the next start.
#[derive(Debug)]
pub struct Workshop {
    folder: PathBuf,
    _lock: File,
    /// Takes away what crashes have left, gigabytes at times, while the show goes on.
    sweep: Mutex<Option<JoinHandle<()>>>,
}

/// A word of a step once its placeholders are filled: for the tool, and for the eyes.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Filled {
    pub word: String,
    pub shown: String,
    /// Those that its placeholders lead to.
    pub accounts: BTreeSet<AccountName>,
}

impl Workshop {
    /// `shows`: where shows do their work.
    pub fn open(shows: &Path) -> Result<Workshop, WorkshopError> {
        let parent = shows.to_path_buf();
        let io = |source| WorkshopError::Io { path: parent.display().to_string(), source };
        std::fs::create_dir_all(&parent).map_err(io)?;
        put_aside(&parent);
        let folder = parent.join(format!("show-{}", std::process::id()));
        std::fs::create_dir_all(&folder).map_err(io)?;
        let lock = File::create(folder.join("lock")).map_err(io)?;
        lock.try_lock().map_err(|error| io(error.into()))?;
        let swept = parent.clone();
        let sweep = std::thread::spawn(move || sweep(&swept));
        let workshop = Workshop { folder, _lock: lock, sweep: Mutex::new(Some(sweep)) };
        for folder in [workshop.stack(), workshop.data(), workshop.home()] {
            std::fs::create_dir_all(folder).map_err(io)?;
        }
        Ok(workshop)
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn stack(&self) -> PathBuf {
        self.folder.join("stack")
    }

    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Home of the tools: their logs and plans, out of the data.
    pub fn home(&self) -> PathBuf {
        self.folder.join("home")
    }

    /// The folder that `{data:name}` stands for.
    pub fn data_folder(&self, name: &str) -> Result<PathBuf, WorkshopError> {
        if is_inside(name) { Ok(self.data().join(name)) } else { Err(WorkshopError::Outside(name.to_string())) }
    }

    /// Removes the data of the demos; the stack's stays.
    pub fn clear_data(&self) -> Result<(), data::DataError> {
        data::remove(&self.data())?;
        std::fs::create_dir_all(self.data()).map_err(|source| data::DataError::Io { path: self.data(), source })
    }

    /// Takes the whole folder away, when the show is over. Once: the next show of this process has one of the same name.
    pub fn remove(&self) {
        let sweep = self.sweep.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(sweep) = sweep {
            std::fs::remove_dir_all(&self.folder).ok();
            sweep.join().ok();
        }
    }

    /// Fills the placeholders of one word. Endpoints get a short-lived signature, which is never shown.
    /// `stack_of` gives the stack that has an account, `leaked` what a leaked key has signed, by account.
    pub async fn fill(
        &self,
        word: &str,
        stack_of: impl Fn(&AccountName) -> Client + Send + Sync,
        leaked: &BTreeMap<AccountName, String>,
    ) -> Result<Filled, WorkshopError> {
        let mut filled = Filled::default();
        for part in read_word(word).map_err(WorkshopError::Placeholder)? {
            match part {
                WordPart::Text(text) => filled.push(&text, &text),
                WordPart::Data(name) => {
                    let folder = self.data_folder(&name)?;
                    filled.push(&folder.display().to_string(), &format!("./{name}"));
                }
                WordPart::Blob(endpoint) => {
                    let (url, sas) = signed(&endpoint, &stack_of(&endpoint.container.account)).await?;
                    filled.accounts.insert(endpoint.container.account);
                    filled.push(&format!("{url}?{sas}"), &format!("{url}?sig=•••"));
                }
                WordPart::Leaked(Endpoint { container, path }) => {
                    let Some(sas) = leaked.get(&container.account) else {
                        return Err(WorkshopError::NotLeaked(container.account));
                    };
                    let url = format!("{}/{container}{path}", stack_of(&container.account).blob);
                    filled.accounts.insert(container.account);
                    filled.push(&format!("{url}?{sas}"), &format!("{url}?sig=•••"));
                }
            }
        }
        Ok(filled)
    }
}

impl Drop for Workshop {
    fn drop(&mut self) {
        self.remove();
    }
}

/// The word is signed.
impl std::fmt::Debug for Filled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Filled").field("shown", &self.shown).finish_non_exhaustive()
    }
}

impl Filled {
    fn push(&mut self, word: &str, shown: &str) {
        self.word.push_str(word);
        self.shown.push_str(shown);
    }
}

/// What begins so is on its way out.
const ASIDE: &str = "gone-";

/// Folders of shows that have ended without taking theirs away get another name, so that none of them is taken for this show's own.
fn put_aside(parent: &Path) {
    for entry in left(parent).filter(|entry| !is_aside(entry)) {
        let lock = File::open(entry.path().join("lock"));
        if lock.is_ok_and(|lock| lock.try_lock().is_ok()) {
            let name = format!("{ASIDE}{}-{}", std::process::id(), entry.file_name().display());
            std::fs::rename(entry.path(), parent.join(name)).ok();
        }
    }
}

fn sweep(parent: &Path) {
    for entry in left(parent).filter(is_aside) {
        std::fs::remove_dir_all(entry.path()).ok();
    }
}

fn left(parent: &Path) -> impl Iterator<Item = DirEntry> {
    std::fs::read_dir(parent).into_iter().flatten().flatten()
}

fn is_aside(entry: &DirEntry) -> bool {
    entry.file_name().as_encoded_bytes().starts_with(ASIDE.as_bytes())
}

/// URL and signature of an endpoint.
async fn signed(endpoint: &Endpoint, stack: &Client) -> Result<(String, String), WorkshopError> {
    let Endpoint { container, path } = endpoint;
    let whole = SasRequest::new(container.account.clone(), SAS_PERMISSIONS, SAS_SECONDS);
    let request = SasRequest { container: Some(container.container.clone()), ..whole };
    let sas = stack.sas(&request).await?;
    Ok((format!("{}/{container}{path}", stack.blob), sas.token))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_never_leaves_its_folder() {
        let root = tempfile::tempdir().expect("a folder");
        let workshop = Workshop::open(root.path()).expect("writable");
        assert!(workshop.data_folder("back/photos").is_ok());
        for bad in ["", "..", "../x", "a/../../x", "/etc", "."] {
            assert!(workshop.data_folder(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_a_crash_left_is_taken_away_and_what_is_held_is_not() {
        let root = tempfile::tempdir().expect("a folder");
        let left = root.path().join("show-0");
        std::fs::create_dir_all(&left).expect("made");
        std::fs::write(left.join("lock"), "").expect("made");
        let held = root.path().join("show-1");
        std::fs::create_dir_all(&held).expect("made");
        let lock = File::create(held.join("lock")).expect("made");
        lock.try_lock().expect("free");
        let workshop = Workshop::open(root.path()).expect("writable");
        assert!(!left.exists() && held.exists());
        let own = workshop.data();
        drop(workshop);
        assert!(!own.exists());
        let names = std::fs::read_dir(root.path()).expect("there").flatten();
        assert_eq!(names.map(|entry| entry.path()).collect::<Vec<_>>(), [held]);
    }

    #[test]
    fn a_folder_of_this_shows_own_name_that_a_crash_left_is_not_this_shows() {
        let root = tempfile::tempdir().expect("a folder");
        let left = root.path().join(format!("show-{}", std::process::id()));
        std::fs::create_dir_all(left.join("data")).expect("made");
        std::fs::write(left.join("data/old.bin"), "").expect("made");
        std::fs::write(left.join("lock"), "").expect("made");
        let workshop = Workshop::open(root.path()).expect("writable");
        assert!(!workshop.data().join("old.bin").exists());
    }
}
