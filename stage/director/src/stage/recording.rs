//! Which events become a take: a run of a demo is one, from its first step to a breath after its last; and so is a talk, from its
//! clock's start to its reset or to the end of the show.

use super::{Stage, What};
use crate::recorder::Recorder;
use greenroom_show::deck::Deck;
use greenroom_show::take::{Header, VERSION};
use greenroom_show::{ClockAct, Event, Micros, Opened, Run, Show, StepState};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};

/// The curves come to rest before the take ends.
const BREATH: Micros = 2_000_000;

#[derive(Debug, Default)]
pub struct Recording {
    recorder: Option<Recorder>,
    /// When the demo had passed whole.
    passed: Option<Micros>,
    pub last: Option<String>,
}

impl Recording {
    /// Takes the open take out, for the caller to end: its last sync waits for the disk, and must not hold the show.
    pub fn take(&mut self) -> Option<Recorder> {
        self.passed = None;
        self.recorder.take()
    }

    fn end(&mut self, stage: &Stage) {
        if let Some(recorder) = self.take() {
            stage.tasks.spawn_blocking(move || drop(recorder));
        }
    }

    pub fn record(&mut self, stage: &Arc<Stage>, show: &Show, at: Micros, event: &Event) {
        match event {
            // A window's copy of the deck, and another take on stage, are not what happened to this demo.
            Event::Opened(_) | Event::Replay(_) | Event::Faults(_) => return,
            Event::Begun { .. } => return self.end(stage),
            Event::StepStarted { .. } if self.recorder.is_none() => self.begin(stage, show, at),
            _ => {}
        }
        if self.passed.is_some_and(|passed| passed + BREATH < at) {
            self.end(stage);
        }
        let Some(recorder) = &mut self.recorder else { return };
        if !recorder.record(at, event) {
            return self.end(stage);
        }
        match event {
            Event::StepStarted { .. } => self.passed = None,
            Event::StepEnded { .. } if passed(show) => self.passed = Some(at),
            _ => {}
        }
    }

    fn begin(&mut self, stage: &Arc<Stage>, show: &Show, at: Micros) {
        let (Some(slug), Some(deck)) = (&show.active, &show.deck) else { return };
        let Some(demo) = show.demos.get(slug) else { return };
        let tools = demo.tools.iter().map(|name| (name.clone(), stage.runs_as(name))).collect();
        let header = Header { demo: slug.clone(), demo_hash: demo.hash.clone(), tools, ..header(stage, deck) };
        let Some(mut recorder) = open(stage, &header, at) else { return };
        recorder.record(at, &Event::Begun { demo: slug.clone() });
        for (name, is) in header.tools {
            recorder.record(at, &Event::Tool { name, is });
        }
        self.last = Some(recorder.id.clone());
        self.recorder = Some(recorder);
    }
}

/// The take of the whole talk.
#[derive(Debug, Default)]
pub struct TalkRecording {
    recorder: Option<Recorder>,
}

impl TalkRecording {
    pub fn take(&mut self) -> Option<Recorder> {
        self.recorder.take()
    }

    pub fn record(&mut self, stage: &Arc<Stage>, show: &Show, at: Micros, event: &Event) {
        match event {
            // What only the speaker reads, and what another take shows, is not the talk's.
            Event::Notice(_) | Event::Faults(_) | Event::Replay(_) => return,
            Event::Clock(ClockAct::Start) if self.recorder.is_none() => self.begin(stage, show.live(), at),
            _ => {}
        }
        let Some(recorder) = &mut self.recorder else { return };
        let is_kept = recorder.record(at, event);
        if !is_kept || *event == Event::Clock(ClockAct::Reset) {
            let ended = self.take();
            stage.tasks.spawn_blocking(move || drop(ended));
        }
    }

    /// Opens with all that a window needs to draw what follows.
    fn begin(&mut self, stage: &Arc<Stage>, show: &Show, at: Micros) {
        let (Some(deck), What::Deck(_)) = (&show.deck, &stage.what) else { return };
        let Some(mut recorder) = open(stage, &header(stage, deck), at) else { return };
        let opened =
            Opened { deck: deck.clone(), demos: show.demos.clone(), version: show.version, held: BTreeSet::new() };
        let so_far = [
            Event::Opened(Box::new(opened)),
            Event::Moved(show.position),
            Event::Clock(ClockAct::Set(show.clock.elapsed(at))),
            Event::Planned(show.settings.clone()),
        ];
        for event in so_far {
            recorder.record(at, &event);
        }
        self.recorder = Some(recorder);
    }
}

/// Of a talk; a demo's take adds which demo.
fn header(stage: &Stage, deck: &Deck) -> Header {
    Header {
        format: "greenroom-take".into(),
        version: VERSION,
        greenroom: env!("CARGO_PKG_VERSION").into(),
        deck: deck.slug.clone(),
        deck_hash: deck.hash.clone(),
        demo: String::new(),
        demo_hash: String::new(),
        at_unix_ms: crate::clock::wall_unix_ms(),
        machine: stage.machine.clone(),
        tools: BTreeMap::new(),
    }
}

/// A new take; the show goes on without one where the disk refuses.
fn open(stage: &Arc<Stage>, header: &Header, at: Micros) -> Option<Recorder> {
    let teller = Teller::new(stage);
    let failed = {
        let teller = teller.clone();
        move |why| teller.tell(why)
    };
    let folder = stage.takes_folder();
    let say =
        |error| teller.tell(format!("No take is recorded: {}: {error}. Make the folder writable.", folder.display()));
    Recorder::open(&folder, header, at, failed).map_err(say).ok()
}

/// Gives the speaker a notice from inside the show's lock, or from a thread that must not wait for it.
#[derive(Debug, Clone)]
struct Teller {
    stage: Weak<Stage>,
    runtime: tokio::runtime::Handle,
}

impl Teller {
    fn new(stage: &Arc<Stage>) -> Self {
        Self { stage: Arc::downgrade(stage), runtime: tokio::runtime::Handle::current() }
    }

    fn tell(&self, text: String) {
        if let Some(stage) = self.stage.upgrade() {
            self.runtime.spawn(async move { stage.notice(text) });
        }
    }
}

fn passed(show: &Show) -> bool {
    let Some((demo, run)) = active(show) else { return false };
    (0..demo.steps.len()).all(|step| run.state(step) == StepState::Passed)
}

fn active(show: &Show) -> Option<(&greenroom_show::demo::Demo, &Run)> {
    let slug = show.active.as_ref()?;
    Some((show.demos.get(slug)?, show.runs.get(slug)?))
}
