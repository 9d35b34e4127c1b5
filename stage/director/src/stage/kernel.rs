//! What a show needs whatever plays in it: one state, the events that change it, everybody who hears them. Knows no stack and no tool.

use super::What;
use super::busy::Busy;
use super::hand_on::Desk;
use super::loaded::Loaded;
use super::posters::Posters;
use super::runner::Made;
use crate::clock::Stopwatch;
use crate::library::Talk;
use crate::places::Places;
use crate::recorder::Tap;
use crate::scrub::Secrets;
use crate::takes::Index;
use crate::trust::Trust;
use crate::version::Versions;
use futures::{Stream, stream};
use greenroom_show::audience::{Audience, Change, Seen, Told};
use greenroom_show::call::{CallError, Push, Role, ToAudience, ToPresenter};
use greenroom_show::take::{Machine, TakeInfo};
use greenroom_show::{Event, Micros, Notice, Outcome, Show, StackState, Stamped};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Events that a window may fall behind before it is given a snapshot instead.
const BEHIND_MAX: usize = 4096;
/// Windows are told about 60 times a second at most.
const PUSH_EVERY: Micros = 16_000;
/// What one act brings about is told as one.
const GATHER: Micros = 2_000;
const EVENTS_A_PUSH: usize = 1024;

#[derive(Debug)]
pub struct Kernel {
    pub watch: Stopwatch,
    pub what: What,
    /// The project folder.
    pub places: Places,
    pub trust: Trust,
    pub machine: Machine,
    /// What must not be shown, whatever happens.
    pub secrets: Secrets,
    /// What the files said last. Replaced whole, so that whoever runs a step keeps what it began with.
    loaded: Mutex<Arc<Loaded>>,
    index: Mutex<Index>,
    /// One lock orders all events: what is folded, heard and sent is one list.
    now: Mutex<Now>,
    bus: broadcast::Sender<Arc<Heard>>,
    /// Of the tools that demos run.
    pub versions: Versions,
    /// What is being handed on.
    pub handing: Desk,
    pub posters: Posters,
    pub closing: CancellationToken,
    pub tasks: TaskTracker,
}

#[derive(Debug)]
pub struct Now {
    pub show: Show,
    audience: Audience,
    sinks: Vec<Box<dyn Sink>>,
    pub captions: Captions,
    pub busy: Busy,
    pub replay: Option<crate::replay::Handle>,
    pub booth: Option<super::booth::Handle>,
    /// Where takes were cut before, the last cut last.
    pub cuts: Vec<super::cut::Before>,
    /// Containers that demos have made, for their reset.
    pub made: Vec<Made>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Captions {
    Off,
    On,
}

/// One event, as each role is told of it.
#[derive(Debug)]
pub struct Heard {
    stamped: Stamped,
    audience: Vec<Told>,
}

/// Hears all that happens, in order, under the show's lock: what takes time it leaves to others. Dropped when the show closes.
pub trait Sink: std::fmt::Debug + Send {
    /// The event has not changed the show yet.
    fn before(&mut self, _show: &Show, _at: Micros, _event: &Event) {}
    /// It has.
    fn after(&mut self, _show: &Show, _at: Micros, _event: &Event) {}
    /// The take that it writes, while it writes one.
    fn tap(&self) -> Option<Tap> {
        None
    }
}

impl Kernel {
    pub fn new(places: Places, what: What, trust: Trust, loaded: Loaded) -> Kernel {
        let index = Mutex::new(Index::open(places.takes()));
        Kernel {
            watch: Stopwatch::start(),
            what,
            places,
            trust,
            machine: crate::machine::describe(),
            secrets: Secrets::default(),
            loaded: Mutex::new(Arc::new(loaded)),
            index,
            now: Mutex::new(Now {
                show: Show::default(),
                audience: Audience::default(),
                sinks: vec![],
                captions: Captions::Off,
                busy: Busy::Nothing,
                replay: None,
                booth: None,
                cuts: vec![],
                made: vec![],
            }),
            bus: broadcast::channel(BEHIND_MAX).0,
            versions: Versions::default(),
            handing: Desk::default(),
            posters: Posters::default(),
            closing: CancellationToken::new(),
            tasks: TaskTracker::new(),
        }
    }

    pub fn lock(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From the next event on.
    pub fn attach(&self, sink: impl Sink + 'static) {
        self.lock().sinks.push(Box::new(sink));
    }

    /// The takes that are being recorded.
    pub fn taps(&self) -> Vec<Tap> {
        self.lock().sinks.iter().filter_map(|sink| sink.tap()).collect()
    }

    /// Lets all sinks go. Their end waits for the disk.
    pub async fn detach(&self) {
        let sinks = std::mem::take(&mut self.lock().sinks);
        tokio::task::spawn_blocking(move || drop(sinks)).await.ok();
    }

    /// The one way in which anything happens: folded, heard, sent.
    pub fn emit(&self, event: Event) {
        self.emit_in(&mut self.lock(), event);
    }

    pub fn emit_in(&self, now: &mut Now, event: Event) {
        let at = self.watch.now();
        // A number that is none cannot be drawn, nor read back from a take.
        let Some(event) = self.masked(event).finite() else { return };
        let Now { show, sinks, audience, .. } = now;
        sinks.iter_mut().for_each(|sink| sink.before(show, at, &event));
        show.apply(at, &event);
        sinks.iter_mut().for_each(|sink| sink.after(show, at, &event));
        // Under the lock, so that a slide comes with its content.
        let audience = audience.after(show, at, &event);
        let moves = matches!(event, Event::Moved(_) | Event::Opened(_) | Event::Frozen(_));
        // Nobody may listen yet: a window that comes later starts from a snapshot.
        self.bus.send(Arc::new(Heard { stamped: Stamped { at, event }, audience })).ok();
        if moves && now.captions == Captions::On {
            let said = now.show.said();
            self.emit_in(now, Event::Captioned(said));
        }
    }

    /// Without any secret that is known, whoever speaks.
    fn masked(&self, event: Event) -> Event {
        let clean = |text: String| self.secrets.scrub(&text);
        match event {
            Event::Output(text) => Event::Output(clean(text)),
            Event::Notice(Notice { text }) => Event::Notice(Notice { text: clean(text) }),
            Event::Faults(faults) => Event::Faults(faults.into_iter().map(clean).collect()),
            Event::Stack(StackState::Down { reason }) => Event::Stack(StackState::Down { reason: clean(reason) }),
            Event::StepEnded { step, outcome: Outcome::Failed { why } } => {
                Event::StepEnded { step, outcome: Outcome::Failed { why: clean(why) } }
            }
            Event::StepEnded { step, outcome: Outcome::TimedOut { why } } => {
                Event::StepEnded { step, outcome: Outcome::TimedOut { why: clean(why) } }
            }
            Event::StepEnded { step, outcome: Outcome::Passed { seen } } => {
                Event::StepEnded { step, outcome: Outcome::Passed { seen: clean(seen) } }
            }
            // Numbers, and what an author wrote.
            event => event,
        }
    }

    pub fn notice(&self, text: impl Into<String>) {
        self.emit(Event::Notice(Notice { text: text.into() }));
    }

    pub fn loaded(&self) -> Arc<Loaded> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn reloaded(&self, loaded: Loaded) {
        *self.loaded.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(loaded);
    }

    /// Tells the speaker what is wrong and what is odd in the files.
    pub fn say_faults(&self, talk: &Talk) {
        self.emit(Event::Faults(talk.faults.iter().map(ToString::to_string).collect()));
        for warning in &talk.warnings {
            self.notice(warning.to_string());
        }
    }

    pub fn takes_folder(&self) -> PathBuf {
        self.places.takes().to_path_buf()
    }

    /// Reads the index of all takes, brought up to date, without holding whoever shares this thread.
    pub async fn shelf<T: Send + 'static>(
        self: &Arc<Self>,
        read: impl FnOnce(&Kernel, &Index) -> T + Send + 'static,
    ) -> Result<T, CallError> {
        self.at_the_disk(|kernel| kernel.shelf_now(read)).await
    }

    /// Does what waits for the disk without holding whoever shares this thread.
    pub async fn at_the_disk<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Kernel) -> T + Send + 'static,
    ) -> Result<T, CallError> {
        let kernel = self.clone();
        let done = tokio::task::spawn_blocking(move || work(&kernel));
        done.await.map_err(|error| CallError::Failed { detail: error.to_string() })
    }

    /// The same, on a thread that may wait for the disk.
    pub fn shelf_now<T>(&self, read: impl FnOnce(&Kernel, &Index) -> T) -> T {
        let mut index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        index.refresh();
        read(self, &index)
    }

    /// Takes of the deck on stage and of the demos that it cues, newest first.
    pub fn takes(&self, index: &Index) -> Vec<TakeInfo> {
        let (deck, hash, demos) = {
            let now = self.lock();
            let live = now.show.live();
            let (slug, hash) =
                live.deck.as_ref().map(|deck| (deck.slug.clone(), deck.hash.clone())).unwrap_or_default();
            (slug, hash, live.demos.clone())
        };
        index.list(&deck, &hash, &demos)
    }

    /// Keeps the index for the next show.
    pub fn keep_shelf(&self) {
        self.index.lock().unwrap_or_else(PoisonError::into_inner).keep();
    }

    /// Next event, for who waits for a state of the show.
    pub fn listen(&self) -> broadcast::Receiver<Arc<Heard>> {
        self.bus.subscribe()
    }

    /// What a window draws: a snapshot, then what follows, as its role may see it.
    pub fn subscribe(self: Arc<Self>, role: Role) -> impl Stream<Item = Push> + Send + use<> {
        let subscription = Subscription { kernel: self, role, events: None, pushed: 0 };
        stream::unfold(subscription, |mut subscription| async move {
            let push = subscription.next().await?;
            Some((push, subscription))
        })
    }
}

struct Subscription {
    kernel: Arc<Kernel>,
    role: Role,
    events: Option<broadcast::Receiver<Arc<Heard>>>,
    /// When the window was told something last.
    pushed: Micros,
}

impl Subscription {
    async fn next(&mut self) -> Option<Push> {
        loop {
            let Some(events) = &mut self.events else { return Some(self.snapshot()) };
            let mut batch = Vec::new();
            match events.recv().await {
                Ok(heard) => batch.push(heard),
                Err(broadcast::error::RecvError::Lagged(_)) => return Some(self.snapshot()),
                Err(broadcast::error::RecvError::Closed) => return None,
            }
            // At once where nothing was told lately: a click is not to wait for a beat.
            let rests = (self.pushed + PUSH_EVERY).saturating_sub(self.kernel.watch.now());
            tokio::time::sleep(Duration::from_micros(rests.max(GATHER))).await;
            self.pushed = self.kernel.watch.now();
            while batch.len() < EVENTS_A_PUSH {
                match events.try_recv() {
                    Ok(heard) => batch.push(heard),
                    Err(broadcast::error::TryRecvError::Lagged(_)) => return Some(self.snapshot()),
                    Err(_) => break,
                }
            }
            if let Some(push) = self.push(&batch) {
                return Some(push);
            }
        }
    }

    /// What to tell of a batch; nothing where it holds nothing for this role.
    fn push(&self, batch: &[Arc<Heard>]) -> Option<Push> {
        let now = self.kernel.watch.now();
        match self.role {
            Role::Presenter => {
                let events = batch.iter().map(|heard| heard.stamped.clone()).collect();
                Some(Push::Presenter(ToPresenter::Events { now, events }))
            }
            Role::Audience | Role::Start => {
                let told: Vec<_> = batch.iter().flat_map(|heard| heard.audience.iter().cloned()).collect();
                (!told.is_empty()).then_some(Push::Audience(ToAudience { now, told }))
            }
        }
    }

    fn snapshot(&mut self) -> Push {
        // Under the lock, so that no event is lost or doubled between the snapshot and what follows.
        let locked = self.kernel.lock();
        self.events = Some(self.kernel.bus.subscribe());
        let now = self.kernel.watch.now();
        match self.role {
            Role::Presenter => Push::Presenter(ToPresenter::Snapshot { now, show: Box::new(locked.show.clone()) }),
            Role::Audience | Role::Start => {
                let told = vec![Told { at: now, change: Change::Stage(Seen::of(&locked.show)) }];
                Push::Audience(ToAudience { now, told })
            }
        }
    }
}
