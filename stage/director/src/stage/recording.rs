//! Which events become a take: a run of a demo is one, from its first step to a breath after its last; and so is a talk, from its
//! clock's start to its reset or to the end of the show.

use super::What;
use super::kernel::{Kernel, Sink};
use crate::recorder::{Goes, Recorder, TAKE_BYTES_MAX, Tap, Told};
use crate::scrub::Secrets;
use greenroom_show::deck::{Deck, Section};
use greenroom_show::demo::{Demo, Step};
use greenroom_show::take::{Header, Machine, VERSION};
use greenroom_show::version::Version;
use greenroom_show::{ClockAct, Event, Micros, Of, Opened, Replay, Run, Show, StepState};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
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
        secrets: kernel.secrets.clone(),
        tasks: kernel.tasks.clone(),
        teller: Teller { kernel: Arc::downgrade(kernel), runtime: tokio::runtime::Handle::current() },
    };
    let (last, newest) = watch::channel(None);
    kernel.attach(DemoTakes { shelf: shelf.clone(), recorder: None, passed: None, last });
    if matches!(kernel.what, What::Deck(_)) {
        kernel.attach(TalkTakes { shelf, recorder: None, is_covered: false });
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
        // What happened to this demo: nothing of the stage, and nothing that the speaker alone reads.
        if !event.is_of_run() {
            return;
        }
        match event {
            Event::Begun { .. } => return self.end(),
            Event::StepStarted { .. } if self.recorder.is_none() => self.begin(show, at),
            _ => {}
        }
        if self.passed.is_some_and(|passed| passed + BREATH < at) {
            self.end();
        }
        let Some(recorder) = &mut self.recorder else { return };
        if recorder.record(at, event) == Goes::NoFurther {
            self.shelf.say_full(recorder);
            return self.end();
        }
        match event {
            Event::StepStarted { .. } => self.passed = None,
            Event::StepEnded { .. } if passed(show) => self.passed = Some(at),
            _ => {}
        }
    }

    fn tap(&self) -> Option<Tap> {
        self.recorder.as_ref().and_then(Recorder::tap)
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
        let last = self.last.clone();
        let named = move |id| {
            last.send_replace(Some(id));
        };
        let Some(mut recorder) = self.shelf.open(&header, at, named) else { return };
        recorder.record(at, &Event::Opened(Box::new(drawn_with(show, deck, demo))));
        recorder.record(at, &Event::Begun { demo: demo.slug.clone() });
        for (name, is) in header.tools {
            recorder.record(at, &Event::Tool { name, is });
        }
        self.recorder = Some(recorder);
    }
}

/// The take of the whole talk.
#[derive(Debug)]
struct TalkTakes {
    shelf: Shelf,
    recorder: Option<Recorder>,
    /// Whether a recorded talk is drawn in place of this one.
    is_covered: bool,
}

impl Sink for TalkTakes {
    fn before(&mut self, show: &Show, _: Micros, _: &Event) {
        self.is_covered = show.replays_talk();
    }

    fn after(&mut self, show: &Show, at: Micros, event: &Event) {
        match event {
            // What only the speaker reads is not the talk's, and another talk is not this one.
            _ if event.of() == Of::Speaker => return,
            Event::Replay(Replay::Opened(take)) if take.is_of_talk() => return,
            Event::Replay(_) if self.is_covered => return,
            Event::Clock(ClockAct::Start) if self.recorder.is_none() => self.begin(show.live(), at),
            _ => {}
        }
        let Some(recorder) = &mut self.recorder else { return };
        let goes = recorder.record(at, event);
        if goes == Goes::NoFurther {
            self.shelf.say_full(recorder);
        }
        if goes == Goes::NoFurther || *event == Event::Clock(ClockAct::Reset) {
            self.shelf.end(self.recorder.take());
        }
    }

    fn tap(&self) -> Option<Tap> {
        self.recorder.as_ref().and_then(Recorder::tap)
    }
}

impl TalkTakes {
    /// Opens with all that is on stage, but what only the speaker reads.
    fn begin(&mut self, show: &Show, at: Micros) {
        let Some(deck) = &show.deck else { return };
        let Some(mut recorder) = self.shelf.open(&self.shelf.header(deck), at, |_| {}) else { return };
        let (notices, held, chosen) = (VecDeque::new(), BTreeSet::new(), BTreeMap::new());
        let show = Show { notices, faults: vec![], held, chosen, host: None, booth: None, talk: None, ..show.clone() };
        recorder.record(at, &Event::Showed { now: at, show: Box::new(show) });
        self.recorder = Some(recorder);
    }
}

/// Where takes go, and what each says of where it came from.
#[derive(Debug, Clone)]
struct Shelf {
    folder: PathBuf,
    machine: Machine,
    secrets: Secrets,
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
    fn open(&self, header: &Header, at: Micros, named: impl Fn(String) + Send + 'static) -> Option<Recorder> {
        let teller = self.teller.clone();
        let tell = move |told| match told {
            Told::Named(id) => named(id),
            Told::Ended(why) => teller.tell(why),
        };
        let say = |error| self.teller.tell(format!("No take is recorded: {error}"));
        Recorder::begin(&self.folder, header, at, self.secrets.clone(), tell).map_err(say).ok()
    }

    /// Tells the speaker of a take that is as long as one may be.
    fn say_full(&self, recorder: &Recorder) {
        if recorder.is_full() {
            let mib = TAKE_BYTES_MAX >> 20;
            self.teller.tell(format!("The take is no longer recorded: it has reached {mib} MiB. The show goes on."));
        }
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

/// The slide that a demo's panes are on, and the demo: all that draws its run, and no word of the speaker's.
fn drawn_with(show: &Show, deck: &Deck, demo: &Demo) -> Opened {
    let cues = |slide: &&greenroom_show::deck::Slide| slide.cue.as_ref().is_some_and(|cue| cue.demo == demo.slug);
    let slide = show.slide().filter(cues).or_else(|| deck.slides.iter().find(cues)).cloned();
    // A slide looks like its section, and its foot tells where that is; of other sections nothing is told but that they are.
    let here = slide.as_ref().map(|slide| slide.section);
    let untold = Section { title: String::new(), minutes: 0.0, first: 0 };
    let sections = deck.sections.iter().enumerate().filter(|_| here.is_some());
    let sections = sections.map(|(index, section)| match Some(index) == here {
        true => Section { first: 0, ..section.clone() },
        false => untold.clone(),
    });
    let (slides, sections) = (slide.into_iter().collect(), sections.collect());
    let steps = demo.steps.iter().map(|step| Step { if_fails: None, ..step.clone() }).collect();
    let drawn = Demo { steps, ..demo.clone() };
    Opened {
        deck: Deck { slides, sections, ..deck.clone() }.for_audience(),
        demos: BTreeMap::from([(demo.slug.clone(), drawn)]),
        version: Version::default(),
        held: BTreeSet::new(),
        faulty: false,
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
