//! What there is before there is a show: talks, demos and takes of a project, made, looked at, edited, handed on. It reads when it is asked and
//! something has changed; nothing runs here but what the user asked for.

mod cards;
mod jobs;
#[cfg(test)]
mod tests;

use crate::doctor::{self, short};
use crate::durable;
use crate::editor;
use crate::library::{Library, LibraryError, Talk};
use crate::look::{Seen, look};
use crate::make;
use crate::pictures::Picture;
use crate::places::{self, Home, Places, is_shipped, shipped};
use crate::preflight::{Facts, judge};
use crate::settings;
use crate::stage::{Clipboard, stack_program};
use crate::system;
use crate::takes::library::{Limits, Takes, kept_limits};
use crate::trust::Trust;
use crate::version::Versions;
use cards::Known;
use greenroom_show::call::{Call, CallError, Role};
use greenroom_show::preflight::{Check, Verdict};
use greenroom_show::start::settings::Retention;
use greenroom_show::start::{Draft, Folder, Lobby, Shelf, StartRequest};
use greenroom_show::version::Version;
use jobs::Jobs;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How often files are looked at while somebody looks at the page.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// What no file tells, such as power and room on the disk, is looked at again after so long.
const FACTS_LAST: Duration = Duration::from_secs(60);
/// Folders that are remembered.
const RECENT_MAX: usize = 12;
const GIB: u64 = 1 << 30;

/// What a start page begins with.
#[derive(Debug, Clone)]
pub struct Opening {
    pub home: Home,
    pub places: Places,
    /// Whether all steps may run, whoever wrote them.
    pub trusts_all: bool,
    pub clipboard: Option<Clipboard>,
}

/// A handle to what the start page shows. Clones are the same.
#[derive(Debug, Clone)]
pub struct Start(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    home: Home,
    trusts_all: bool,
    clipboard: Option<Clipboard>,
    stack: PathBuf,
    versions: Versions,
    state: Mutex<State>,
    jobs: Jobs,
}

#[derive(Debug)]
struct State {
    places: Places,
    lobby: Lobby,
    /// What slides show, by id.
    pictures: BTreeMap<String, Picture>,
    seen: Option<Seen>,
    read_at: Option<Instant>,
    judged_at: Option<Instant>,
    reads: bool,
    /// While a show is on.
    rests: bool,
    recent: Vec<Folder>,
    /// The deck that is being written.
    draft: Option<Drafted>,
}

/// A deck as it was read last.
#[derive(Debug)]
struct Drafted {
    file: PathBuf,
    seen: Seen,
    draft: Draft,
}

impl Start {
    pub fn open(opening: Opening) -> Start {
        let Opening { home, places, trusts_all, clipboard } = opening;
        let state = State {
            places,
            lobby: Lobby::default(),
            pictures: BTreeMap::new(),
            seen: None,
            read_at: None,
            judged_at: None,
            reads: false,
            rests: false,
            recent: Vec::new(),
            draft: None,
        };
        Start(Arc::new(Inner {
            home,
            trusts_all,
            clipboard,
            stack: stack_program(),
            versions: Versions::default(),
            state: Mutex::new(state),
            jobs: Jobs::default(),
        }))
    }

    /// Answers a window's call. The presenter's is told what is set, and no more.
    pub async fn call(&self, role: Role, request: StartRequest) -> Result<Value, CallError> {
        use StartRequest as Ask;
        let is_of_settings = matches!(request, Ask::ReadSettings(_) | Ask::WriteSettings(_));
        match role {
            Role::Start => {}
            Role::Presenter if is_of_settings => {}
            Role::Presenter | Role::Audience => return Err(CallError::NotAllowed),
        }
        match request {
            Ask::ReadLobby(call) => answer(&call, Ok(self.lobby().await)),
            Ask::ReadDraft(call) => answer(&call, self.draft(Path::new(&call.folder), &call.deck).await),
            Ask::OpenFolder(call) => answer(&call, self.open_folder(Path::new(&call.path))),
            Ask::ForgetFolder(call) => answer(&call, self.forget(&call.path)),
            Ask::NewTalk(call) => answer(&call, self.new_talk(&call.name, call.from.as_deref())),
            Ask::NewDemo(call) => answer(&call, self.new_demo(&call.name)),
            Ask::EditFile(call) => answer(&call, self.edit(Path::new(&call.folder), &call.file, call.line)),
            Ask::ExportTalk(call) => answer(&call, jobs::export_talk(self, &call).await),
            Ask::ExportTake(call) => answer(&call, jobs::export_take(self, &call)),
            Ask::CancelJob(call) => answer(&call, self.0.jobs.cancel()),
            Ask::ShowExports(call) => answer(&call, self.show_exports()),
            Ask::FetchTool(call) => answer(&call, jobs::fetch_tool(self, &call.name)),
            Ask::Examine(call) => answer(&call, Ok(self.examine().await)),
            Ask::CopyReport(call) => answer(&call, self.copy_report().await),
            Ask::ReadSettings(call) => answer(&call, settings::read(self.places().settings()).map_err(failed)),
            Ask::WriteSettings(call) => {
                answer(&call, settings::write(self.places().settings(), &call.settings).map_err(failed))
            }
            Ask::ReadRetention(call) => answer(&call, self.retention()),
            Ask::WriteRetention(call) => answer(&call, self.keep_retention(call.retention)),
        }
    }

    /// Of the project that is open.
    pub fn places(&self) -> Places {
        self.state().places.clone()
    }

    /// Of any project, for this user.
    pub fn places_of(&self, project: &Path) -> Places {
        Places::of(project, &self.0.home)
    }

    pub fn trust_in(&self, project: &Path) -> Trust {
        if self.0.trusts_all { Trust::Given } else { Trust::of_user(project) }
    }

    /// What a slide of a card or of a draft shows.
    pub fn picture(&self, id: &str) -> Option<Picture> {
        self.state().pictures.get(id).cloned()
    }

    /// Something of a project is on stage: it was open lately, and whoever speaks has the machine to themselves.
    pub fn staged(&self, project: &Path) {
        self.remember(project);
        self.state().rests = true;
    }

    /// The stage is empty again; whatever ran has left takes and rehearsals.
    pub fn wake(&self) {
        let mut state = self.state();
        (state.rests, state.seen) = (false, None);
    }

    /// A folder or a file was dropped on the page, which is told what came of it.
    pub fn dropped(&self, path: &Path) {
        if let Err(error) = self.open_folder(path) {
            self.0.jobs.say(error.to_string());
        }
    }

    /// Ends what is under way.
    pub fn close(&self) {
        // Nothing may be under way.
        self.0.jobs.cancel().ok();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn lobby(&self) -> Lobby {
        let (is_first, is_due) = {
            let mut state = self.state();
            let is_due = !state.reads && !state.rests && state.read_at.is_none_or(|at| at.elapsed() >= LOOK_EVERY);
            state.reads |= is_due;
            (state.seen.is_none() && state.lobby.shelves.is_empty(), is_due)
        };
        if is_due {
            let reader = self.clone();
            let work = tokio::spawn(async move { reader.read().await });
            // What was never read is waited for; what was is shown meanwhile.
            if is_first {
                work.await.ok();
            }
        }
        let (job, said) = self.0.jobs.told();
        let state = self.state();
        Lobby { recent: state.recent.clone(), job, said, ..state.lobby.clone() }
    }

    /// Looks, reads what has changed, and lets preflight look at each talk behind it.
    async fn read(&self) {
        let (places, before, is_old) = {
            let state = self.state();
            let is_old = state.judged_at.is_none_or(|at| at.elapsed() >= FACTS_LAST);
            (state.places.clone(), state.seen.clone(), is_old)
        };
        let example = shipped().filter(|shipped| places.project().canonicalize().ok().as_ref() != Some(shipped));
        let example = example.map(|project| self.places_of(&project));
        let recent = self.0.home.recent();
        let work = tokio::task::spawn_blocking(move || {
            let seen = cards::look(&places, example.as_ref());
            let is_same = before.as_ref() == Some(&seen);
            let known = (!is_same).then(|| cards::read(&places, example.as_ref()));
            let recent = others(&recent, places.project());
            (places, seen, known, recent)
        });
        let Ok((places, seen, known, recent)) = work.await else { return self.state().reads = false };
        let is_new = known.is_some();
        {
            let mut state = self.state();
            (state.reads, state.read_at) = (false, Some(Instant::now()));
            // Another project was opened meanwhile.
            if state.places != places {
                return;
            }
            (state.seen, state.recent) = (Some(seen), recent);
            if let Some(known) = known {
                state.take(known);
            }
            if is_new || is_old {
                state.judged_at = Some(Instant::now());
            }
        }
        if is_new || is_old {
            let judge = self.clone();
            tokio::spawn(async move { judge.judge().await });
        }
    }

    async fn judge(&self) {
        let cards = self.state().lobby.shelves.iter().flat_map(talks).collect::<Vec<_>>();
        for (project, slug) in &cards {
            let checks = self.checks(project, slug).await;
            let mut state = self.state();
            let card = state.lobby.shelves.iter_mut().find(|shelf| Path::new(&shelf.folder.path) == project);
            if let Some(card) = card.and_then(|shelf| shelf.talks.iter_mut().find(|talk| talk.slug == *slug)) {
                card.checks = Some(checks);
            }
        }
    }

    /// What of preflight is not go.
    async fn checks(&self, project: &Path, slug: &str) -> Vec<Check> {
        let (places, trust) = (self.places_of(project), self.trust_in(project));
        let facts = Facts::gather(&places, slug, Version::default(), &trust, &self.0.versions, &self.0.stack).await;
        match facts {
            Ok(facts) => judge(&facts).into_iter().filter(|check| check.verdict != Verdict::Go).collect(),
            // Its faults are on the card.
            Err(_) => Vec::new(),
        }
    }

    /// Read again when a file has changed: the page asks several times a second.
    async fn draft(&self, project: &Path, deck: &str) -> Result<Draft, CallError> {
        let (project, slug) = (self.known(project)?, deck.to_owned());
        let file = project.join("slides").join(deck).join("deck.md");
        let before =
            self.state().draft.as_ref().filter(|drafted| drafted.file == file).map(|drafted| drafted.seen.clone());
        let work = tokio::task::spawn_blocking(move || {
            let seen = look(&["slides", "demos"].map(|part| project.join(part)));
            let read = (before.as_ref() != Some(&seen)).then(|| Library::new(&project).talk(&slug));
            (seen, read)
        });
        let (seen, read) = work.await.map_err(failed)?;
        let mut state = self.state();
        let before = state.draft.as_ref().filter(|drafted| drafted.file == file).map(|drafted| drafted.draft.clone());
        let draft = match (read, before) {
            (None, Some(draft)) => return Ok(draft),
            // Another deck was asked for meanwhile: the next question reads this one.
            (None, None) => return Ok(Draft::default()),
            (Some(Ok(talk)), _) => {
                state.pictures.extend(talk.pictures.clone());
                drafted(talk)
            }
            (Some(Err(LibraryError::Faults(faults))), before) => Draft {
                deck: before.and_then(|draft| draft.deck),
                faults: faults.0.into_iter().map(cards::place).collect(),
                files: vec![format!("slides/{deck}/deck.md")],
                ..Draft::default()
            },
            (Some(Err(error)), _) => return Err(failed(error)),
        };
        state.draft = Some(Drafted { file, seen, draft: draft.clone() });
        Ok(draft)
    }

    /// The page names folders that it was told of, and no others.
    fn known(&self, project: &Path) -> Result<PathBuf, CallError> {
        let state = self.state();
        let is_known = state.places.project() == project
            || state.lobby.shelves.iter().any(|shelf| Path::new(&shelf.folder.path) == project);
        is_known
            .then(|| project.to_owned())
            .ok_or_else(|| failed(format!("{} is not open: open it first", short(project))))
    }

    fn open_folder(&self, path: &Path) -> Result<(), CallError> {
        let path = expanded(path);
        let path = path.canonicalize().map_err(|error| failed(format!("{}: {error}", short(&path))))?;
        let project = project_of(&path).ok_or_else(|| {
            failed(format!(
                "there is no talk in {}: a project has a folder 'slides' with a folder for each talk, and a deck.md in that. 'New talk' makes one.",
                short(&path)
            ))
        })?;
        self.switch(&project);
        Ok(())
    }

    fn switch(&self, project: &Path) {
        self.remember(project);
        let places = self.places_of(project);
        let mut state = self.state();
        if state.places != places {
            (state.places, state.seen, state.read_at, state.lobby) = (places, None, None, Lobby::default());
        }
    }

    /// What is lost of it costs a click: a list that cannot be written is no reason to stop.
    fn remember(&self, project: &Path) {
        if is_shipped(project) {
            return;
        }
        let file = self.0.home.recent();
        let mut recent = read_recent(&file);
        recent.retain(|path| path != project);
        recent.insert(0, project.to_owned());
        recent.truncate(RECENT_MAX);
        if let Err(error) = write_recent(&file, &recent) {
            tracing::warn!(%error, "the folders that were open cannot be remembered");
        }
    }

    fn forget(&self, path: &str) -> Result<(), CallError> {
        let file = self.0.home.recent();
        let mut recent = read_recent(&file);
        recent.retain(|known| known != Path::new(path));
        write_recent(&file, &recent).map_err(|error| failed(format!("{}: {error}", short(&file))))?;
        self.state().recent.retain(|known| known.path != path);
        Ok(())
    }

    /// Where something new goes: the project that is open, or the user's own where that one cannot be written.
    fn to_write(&self) -> Places {
        let places = self.places();
        let project = places.project();
        if is_shipped(project) || !system::is_writable(project) { self.places_of(&self.0.home.talks) } else { places }
    }

    fn new_talk(&self, name: &str, from: Option<&str>) -> Result<String, CallError> {
        let places = self.to_write();
        let made = match from {
            Some(from) => make::copy(&places, name, from),
            None => make::talk(&places, name),
        };
        let made = made.map_err(failed)?;
        self.switch(places.project());
        Ok(made.slug)
    }

    fn new_demo(&self, name: &str) -> Result<String, CallError> {
        let places = self.to_write();
        let made = make::demo(&places, name).map_err(failed)?;
        self.switch(places.project());
        Ok(made.slug)
    }

    fn edit(&self, project: &Path, file: &str, line: usize) -> Result<String, CallError> {
        let project = self.known(project)?;
        let path = project.join(file);
        let is_inside =
            path.canonicalize().is_ok_and(|path| project.canonicalize().is_ok_and(|project| path.starts_with(project)));
        if !is_inside {
            return Err(failed(format!("there is no {file} in {}", short(&project))));
        }
        let set = settings::of(&self.places()).editor;
        editor::open(&set, &path, line).map_err(failed)
    }

    fn show_exports(&self) -> Result<(), CallError> {
        let folder = self.places().exports().to_owned();
        std::fs::create_dir_all(&folder).map_err(|error| failed(format!("{}: {error}", short(&folder))))?;
        editor::show(&folder).map(|_| ()).map_err(|_| failed(format!("what was handed on lies in {}", short(&folder))))
    }

    async fn examine(&self) -> greenroom_show::start::doctor::Examination {
        doctor::examine(&self.places(), &self.0.home, &self.0.versions, &self.0.stack).await
    }

    async fn copy_report(&self) -> Result<(), CallError> {
        let report = self.examine().await.report();
        let clipboard = self.0.clipboard.as_ref().ok_or_else(|| failed("there is no clipboard here"))?;
        clipboard.put(&report).map_err(failed)
    }

    fn retention(&self) -> Result<Retention, CallError> {
        let limits = kept_limits(self.places().takes()).map_err(failed)?.unwrap_or_default();
        Ok(Retention { gib: limits.bytes.map(|bytes| bytes.div_ceil(GIB)), days: limits.days })
    }

    fn keep_retention(&self, Retention { gib, days }: Retention) -> Result<(), CallError> {
        if gib == Some(0) || days == Some(0) {
            return Err(failed("a limit of nothing would delete each take: leave it empty to keep all"));
        }
        let takes = Takes::open(&self.places());
        let limits = Limits { bytes: gib.map(|gib| gib.saturating_mul(GIB)), days };
        takes.keep_limits((limits != Limits::default()).then_some(limits)).map_err(failed)
    }
}

impl State {
    /// What preflight said before stands until it says something else.
    fn take(&mut self, known: Known) {
        let Known { mut lobby, pictures } = known;
        for shelf in &mut lobby.shelves {
            let before = self.lobby.shelves.iter().find(|before| before.folder == shelf.folder);
            for talk in &mut shelf.talks {
                let card = before.and_then(|before| before.talks.iter().find(|before| before.slug == talk.slug));
                talk.checks = card.and_then(|card| card.checks.clone());
            }
        }
        (self.lobby, self.pictures) = (lobby, pictures);
    }
}

fn talks(shelf: &Shelf) -> Vec<(PathBuf, String)> {
    shelf.talks.iter().map(|talk| (PathBuf::from(&shelf.folder.path), talk.slug.clone())).collect()
}

fn drafted(talk: Talk) -> Draft {
    let Talk { deck, programs, faults, warnings, .. } = talk;
    let cues = deck.slides.iter().filter_map(|slide| slide.cue.as_ref());
    let cued: BTreeSet<_> = cues.map(|cue| format!("demos/{}/demo.md", cue.demo)).collect();
    let places = |faults: Vec<crate::Fault>| faults.into_iter().map(cards::place).collect();
    Draft {
        files: std::iter::once(format!("slides/{}/deck.md", deck.slug)).chain(cued).collect(),
        demos: programs.iter().map(|(slug, program)| (slug.clone(), program.demo.clone())).collect(),
        faults: places(faults),
        warnings: places(warnings),
        deck: Some(Box::new(deck)),
    }
}

/// The project that a folder or a file is, or is in; one without demos counts where it was named.
fn project_of(path: &Path) -> Option<PathBuf> {
    let holds_talks = |folder: &&Path| {
        let decks = std::fs::read_dir(folder.join("slides")).into_iter().flatten().flatten();
        decks.take(1_000).any(|deck| deck.path().join("deck.md").is_file())
    };
    places::around(path).or_else(|| path.ancestors().take(4).find(holds_talks).map(Path::to_path_buf))
}

/// With the user's own folder for `~`, as a person types it; a dropped file may come as an address.
fn expanded(path: &Path) -> PathBuf {
    let text = path.to_string_lossy();
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    match text.trim() {
        "~" => home,
        typed => match typed.strip_prefix("~/") {
            Some(below) => home.join(below),
            None => PathBuf::from(typed),
        },
    }
}

fn read_recent(file: &Path) -> Vec<PathBuf> {
    let text = std::fs::read(file).unwrap_or_default();
    let recent: Vec<PathBuf> = serde_json::from_slice(&text).unwrap_or_default();
    recent.into_iter().take(RECENT_MAX).collect()
}

/// Those that are there, but for the one that is open.
fn others(file: &Path, open: &Path) -> Vec<Folder> {
    let there = read_recent(file).into_iter().filter(|path| path != open && path.is_dir());
    there.map(|path| Folder { shown: short(&path), path: path.display().to_string() }).collect()
}

fn write_recent(file: &Path, recent: &[PathBuf]) -> std::io::Result<()> {
    // A name that is no text is not remembered.
    let names: Vec<&str> = recent.iter().filter_map(|path| path.to_str()).collect();
    durable::replace(file, serde_json::to_vec(&names)?)
}

/// As the call's own kind of answer.
fn answer<C: Call>(_: &C, reply: Result<C::Reply, CallError>) -> Result<Value, CallError> {
    serde_json::to_value(reply?).map_err(failed)
}

fn failed(error: impl Display) -> CallError {
    CallError::Failed { detail: error.to_string() }
}
