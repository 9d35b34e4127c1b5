//! What is said of each talk, demo and take, read from their files.

use crate::doctor::short;
use crate::export;
use crate::library::{Library, LibraryError, Talk};
use crate::look::{self, Seen};
use crate::parse::{Fault, Profile, Program};
use crate::pictures::Picture;
use crate::places::{self, Places};
use crate::rehearsals;
use crate::system;
use crate::takes::library::{Listed, Takes};
use crate::tool::{self, StandIn};
use greenroom_show::deck::{Deck, Layout, Level, Slide};
use greenroom_show::start::{DemoCard, Folder, Lobby, Origin, Place, Shelf, TakeLine, TalkCard};
use greenroom_show::take::Verdict;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Takes that the page lists; the presenter's window and the command line have all.
const TAKES_MAX: usize = 40;
/// Of a card.
const FAULTS_MAX: usize = 20;

/// What was read.
#[derive(Debug)]
pub struct Known {
    pub lobby: Lobby,
    pub pictures: BTreeMap<String, Picture>,
}

/// Files of which something is shown: when these are the same, so is what is shown.
pub fn look(places: &Places, example: Option<&Places>) -> Seen {
    let of = |places: &Places| {
        let project = places.project();
        [project.join("slides"), project.join("demos"), places.takes().to_path_buf(), places.rehearsals("")]
    };
    let folders: Vec<_> = std::iter::once(places).chain(example).flat_map(of).collect();
    look::look(&folders)
}

pub fn read(places: &Places, example: Option<&Places>) -> Known {
    let mut pictures = BTreeMap::new();
    let (mut shelves, mut takes) = (Vec::new(), Vec::new());
    for places in std::iter::once(places).chain(example) {
        let listed = Takes::open(places).list();
        let shelf = shelf(places, &listed, &mut pictures);
        takes.extend(listed.into_iter().map(|listed| take(&shelf.folder, listed)));
        shelves.push(shelf);
    }
    takes.sort_by_key(|take| Reverse(take.at_unix_ms));
    let is_first_time = takes.is_empty();
    let more_takes = takes.len().saturating_sub(TAKES_MAX);
    takes.truncate(TAKES_MAX);
    let (talk_forms, take_forms) = (export::deck::forms(), export::forms());
    Known {
        lobby: Lobby { shelves, takes, more_takes, talk_forms, take_forms, is_first_time, ..Lobby::default() },
        pictures,
    }
}

fn shelf(places: &Places, takes: &[Listed], pictures: &mut BTreeMap<String, Picture>) -> Shelf {
    let project = places.project();
    let library = Library::new(project);
    let origin = match () {
        () if places::is_shipped(project) => Origin::Example,
        // A folder that is not there yet can be made.
        () if !project.exists() || system::is_writable(project) => Origin::Own,
        () => Origin::ReadOnly,
    };
    let folder = Folder { path: project.display().to_string(), shown: short(project) };
    if !project.exists() {
        return Shelf { folder, origin, talks: vec![], demos: vec![], trouble: None };
    }
    let (decks, demos) = match (library.decks(), library.demos()) {
        (Ok(decks), Ok(demos)) => (decks, demos),
        (Err(error), _) | (_, Err(error)) => {
            return Shelf { folder, origin, talks: vec![], demos: vec![], trouble: Some(error.to_string()) };
        }
    };
    let talks = decks.iter().map(|slug| talk(places, &library, slug, pictures)).collect();
    let demos = demos.iter().map(|slug| demo(places, &library, slug, takes)).collect();
    Shelf { folder, origin, talks, demos, trouble: None }
}

fn talk(places: &Places, library: &Library, slug: &str, pictures: &mut BTreeMap<String, Picture>) -> TalkCard {
    let runs = rehearsals::list(places, slug);
    let blank = TalkCard {
        slug: slug.to_owned(),
        title: slug.to_owned(),
        minutes: 0.0,
        slides: 0,
        demos: 0,
        audience: Level::default(),
        cover: None,
        faults: vec![],
        checks: None,
        rehearsed_unix_ms: runs.last().map(|(_, run)| run.at_unix_ms),
        runs: runs.len(),
    };
    match library.talk(slug) {
        Ok(Talk { deck, programs, pictures: shown, faults, .. }) => {
            pictures.extend(shown);
            TalkCard {
                title: deck.title.clone(),
                minutes: deck.minutes,
                slides: deck.slides.len(),
                demos: programs.len(),
                audience: deck.audience,
                cover: Some(Box::new(cover(deck))),
                faults: faults.into_iter().take(FAULTS_MAX).map(place).collect(),
                ..blank
            }
        }
        Err(error) => TalkCard { faults: faults(error, &format!("slides/{slug}/deck.md")), ..blank },
    }
}

/// The deck with one slide alone: its cover, or else the first that needs no demo.
fn cover(mut deck: Deck) -> Deck {
    let is_cover = |slide: &Slide| slide.layout == Layout::Cover;
    let slides = &deck.slides;
    let chosen =
        slides.iter().position(is_cover).or_else(|| slides.iter().position(|slide| slide.cue.is_none())).unwrap_or(0);
    deck.slides.swap(0, chosen);
    deck.slides.truncate(1);
    deck.sections.truncate(1);
    deck
}

fn demo(places: &Places, library: &Library, slug: &str, takes: &[Listed]) -> DemoCard {
    let own = || takes.iter().filter(|take| take.demo == slug);
    let blank = DemoCard {
        slug: slug.to_owned(),
        title: slug.to_owned(),
        minutes: 0.0,
        steps: 0,
        will: vec![],
        faults: vec![],
        passed_unix_ms: own().find(|take| take.outcome == Verdict::Passed).map(|take| take.at_unix_ms),
        takes: own().count(),
    };
    match library.demo(slug) {
        Ok(parsed) => {
            let demo = &parsed.value.demo;
            let will = will(&parsed.value, &|name| tool::find(places, name).is_some());
            DemoCard { title: demo.title.clone(), minutes: demo.minutes, steps: demo.steps.len(), will, ..blank }
        }
        Err(error) => DemoCard { faults: faults(error, &format!("demos/{slug}/demo.md")), ..blank },
    }
}

/// What a demo does to this machine, before it does.
fn will(program: &Program, is_here: &dyn Fn(&str) -> bool) -> Vec<String> {
    let stack = match (program.profile, program.vault.is_some()) {
        (Profile::Shared, _) => "starts a storage stack on this machine",
        (Profile::Fresh, false) => "starts a storage stack of its own on this machine",
        (Profile::Fresh, true) => "starts a storage stack of its own on this machine, and a vault for its keys",
        (Profile::Offload, false) => {
            "starts a storage stack of its own on this machine, and a second one that stands for the cloud"
        }
        (Profile::Offload, true) => {
            "starts a storage stack on this machine, a second one that stands for the cloud, and a vault"
        }
    };
    let demo = &program.demo;
    let mut will = vec![format!("{stack}, reachable from here alone (127.0.0.1)")];
    let (here, missing): (Vec<_>, Vec<_>) = demo.tools.iter().map(String::as_str).partition(|tool| is_here(tool));
    let steps = format!("runs {} steps, about {} minutes", demo.steps.len(), demo.minutes);
    will.push(match here[..] {
        [] => steps,
        _ => format!("{steps}, with {}", here.join(", ")),
    });
    let (stood_in, missing): (Vec<_>, Vec<_>) = missing.into_iter().partition(|tool| StandIn::of(tool).is_some());
    if !stood_in.is_empty() {
        will.push(format!("{} is not here: what is built in stands in for it, and says so", stood_in.join(", ")));
    }
    if !missing.is_empty() {
        will.push(format!("{} is not here: steps fail until it is installed", missing.join(", ")));
    }
    will.push("records the run as a take; all else that it makes goes when you close it".into());
    will
}

fn take(folder: &Folder, listed: Listed) -> TakeLine {
    TakeLine {
        folder: folder.path.clone(),
        title: if listed.title.is_empty() { listed.id.clone() } else { listed.title },
        id: listed.id,
        name: listed.name,
        demo: listed.demo,
        deck: listed.deck,
        at_unix_ms: listed.at_unix_ms,
        seconds: listed.duration_us as f64 / 1e6,
        bytes: listed.bytes,
        verdict: listed.outcome,
        starred: listed.starred,
    }
}

fn faults(error: LibraryError, file: &str) -> Vec<Place> {
    match error {
        LibraryError::Faults(faults) => faults.0.into_iter().take(FAULTS_MAX).map(place).collect(),
        error => vec![Place { file: file.to_owned(), line: 1, message: error.to_string() }],
    }
}

pub fn place(fault: Fault) -> Place {
    let Fault { file, line, message } = fault;
    Place { file, line, message }
}
