//! Which events become a take: a run of a demo is one, from its first step to a breath after its last; and so is a talk, from its
//! clock's start to its reset or to the end of the show.

use super::What;
use super::kernel::{Kernel, Sink};
use crate::recorder::Recorder;
use greenroom_show::deck::Deck;
use greenroom_show::take::{Header, Machine, VERSION};
use greenroom_show::{ClockAct, Event, Micros, Opened, Run, Show, StepState};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

/// The curves come to rest before the take ends.
const BREATH: Micros = 2_000_000;

/// Lets every run of a demo become a take, and every talk. Tells the id of the newest take of a demo.
pub fn attach(kernel: &Arc<Kernel>) -> watch::Receiver<Option<String>> {
    let shelf = Shelf {
        folder: kernel.takes_folder(),
        machine: kernel.machine.clone(),
        tasks: kernel.tasks.clone(),
        teller: Teller { kernel: Arc::downgrade(kernel), runtime: tokio::runtime::Handle::current() },
    };
    let (last, newest) = watch::channel(None);
    kernel.attach(DemoTakes { shelf: shelf.clone(), recorder: None, passed: None, last });
    if matches!(kernel.what, What::Deck(_)) {
        kernel.attach(TalkTakes { shelf, recorder: None });
    }
    newest
}

#[derive(Debug)]
struct DemoTakes {
    shelf: Shelf,
    recorder: Option<Recorder>,
    /// When the demo had passed whole.
    passed: Option<Micros>,
    last: watch::Sender<Option<String>>,
}

impl Sink for DemoTakes {
    fn after(&mut self, show: &Show, at: Micros, event: &Event) {
        match event {
            // A window's copy of the deck, and another take on stage, are not what happened to this demo.
            Event::Opened(_) | Event::Replay(_) | Event::Faults(_) => return,
            Event::Begun { .. } => return self.end(),
            Event::StepStarted { .. } if self.recorder.is_none() => self.begin(show, at),
            _ => {}
        }
        if self.passed.is_some_and(|passed| passed + BREATH < at) {
            self.end();
        }
        let Some(recorder) = &mut self.recorder else { return };
        if !recorder.record(at, event) {
            return self.end();
        }
        match event {
            Event::StepStarted { .. } => self.passed = None,
            Event::StepEnded { .. } if passed(show) => self.passed = Some(at),
            _ => {}
        }
    }
}

impl DemoTakes {
    fn end(&mut self) {
        self.passed = None;
        self.shelf.end(self.recorder.take());
    }

    fn begin(&mut self, show: &Show, at: Micros) {
        let Some((demo, run)) = active(show) else { return };
        let Some(deck) = &show.deck else { return };
        let header = Header {
            demo: demo.slug.clone(),
            demo_hash: demo.hash.clone(),
            tools: run.tools.clone(),
            ..self.shelf.header(deck)
        };
        let Some(mut recorder) = self.shelf.open(&header, at) else { return };
        recorder.record(at, &Event::Begun { demo: demo.slug.clone() });
        for (name, is) in header.tools {
            recorder.record(at, &Event::Tool { name, is });
        }
        self.last.send_replace(Some(recorder.id.clone()));
        self.recorder = Some(recorder);
    }
}

/// The take of the whole talk.
#[derive(Debug)]
struct TalkTakes {
    shelf: Shelf,
    recorder: Option<Recorder>,
}

impl Sink for TalkTakes {
    fn after(&mut self, show: &Show, at: Micros, event: &Event) {
        match event {
            // What only the speaker reads, and what another take shows, is not the talk's.
            Event::Notice(_) | Event::Faults(_) | Event::Replay(_) => return,
            Event::Clock(ClockAct::Start) if self.recorder.is_none() => self.begin(show.live(), at),
            _ => {}
        }
        let Some(recorder) = &mut self.recorder else { return };
        let is_kept = recorder.record(at, event);
        if !is_kept || *event == Event::Clock(ClockAct::Reset) {
            self.shelf.end(self.recorder.take());
        }
    }
}

impl TalkTakes {
    /// Opens with all that a window needs to draw what follows.
    fn begin(&mut self, show: &Show, at: Micros) {
        let Some(deck) = &show.deck else { return };
        let Some(mut recorder) = self.shelf.open(&self.shelf.header(deck), at) else { return };
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

/// Where takes go, and what each says of where it came from.
#[derive(Debug, Clone)]
struct Shelf {
    folder: PathBuf,
    machine: Machine,
    tasks: TaskTracker,
    teller: Teller,
}

impl Shelf {
    /// Of a talk; a demo's take adds which demo.
    fn header(&self, deck: &Deck) -> Header {
        Header {
            format: "greenroom-take".into(),
            version: VERSION,
            greenroom: env!("CARGO_PKG_VERSION").into(),
            deck: deck.slug.clone(),
            deck_hash: deck.hash.clone(),
            demo: String::new(),
            demo_hash: String::new(),
            at_unix_ms: crate::clock::wall_unix_ms(),
            machine: self.machine.clone(),
            tools: BTreeMap::new(),
        }
    }

    /// A new take; the show goes on without one where the disk refuses.
    fn open(&self, header: &Header, at: Micros) -> Option<Recorder> {
        let failed = {
            let teller = self.teller.clone();
            move |why| teller.tell(why)
        };
        let say = |error| {
            let folder = self.folder.display();
            self.teller.tell(format!("No take is recorded: {folder}: {error}. Make the folder writable."));
        };
        Recorder::open(&self.folder, header, at, failed).map_err(say).ok()
    }

    /// The last sync of a take waits for the disk, and must not hold the show.
    fn end(&self, recorder: Option<Recorder>) {
        if let Some(recorder) = recorder {
            self.tasks.spawn_blocking(move || drop(recorder));
        }
    }
}

/// Gives the speaker a notice from inside the show's lock, or from a thread that must not wait for it.
#[derive(Debug, Clone)]
struct Teller {
    kernel: Weak<Kernel>,
    runtime: tokio::runtime::Handle,
}

impl Teller {
    fn tell(&self, text: String) {
        if let Some(kernel) = self.kernel.upgrade() {
            self.runtime.spawn(async move { kernel.notice(text) });
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
