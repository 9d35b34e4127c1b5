//! What a show needs whatever plays in it: one state, the events that change it, everybody who hears them. Knows no stack and no tool.

use super::What;
use super::busy::Busy;
use super::loaded::Loaded;
use super::runner::Made;
use crate::clock::Stopwatch;
use crate::library::Talk;
use crate::scrub::Secrets;
use crate::takes::Index;
use crate::trust::Trust;
use crate::version::Versions;
use futures::{Stream, stream};
use greenroom_show::call::{CallError, Push, Role};
use greenroom_show::take::{Machine, TakeInfo};
use greenroom_show::{Event, Micros, Notice, Outcome, Show, StackState, Stamped};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Events that a window may fall behind before it is given a snapshot instead.
const BEHIND_MAX: usize = 4096;
/// Windows are told about 60 times a second at most.
const PUSH_EVERY: Duration = Duration::from_millis(16);
const EVENTS_A_PUSH: usize = 1024;

#[derive(Debug)]
pub struct Kernel {
    pub watch: Stopwatch,
    pub what: What,
    /// The project folder.
    pub root: PathBuf,
    pub trust: Trust,
    pub machine: Machine,
    /// What must not be shown, whatever happens.
    pub secrets: Secrets,
    /// What the files said last. Replaced whole, so that whoever runs a step keeps what it began with.
    loaded: Mutex<Arc<Loaded>>,
    index: Mutex<Index>,
    /// One lock orders all events: what is folded, heard and sent is one list.
    now: Mutex<Now>,
    bus: broadcast::Sender<Arc<Stamped>>,
    /// Of the tools that demos run.
    pub versions: Versions,
    pub closing: CancellationToken,
    pub tasks: TaskTracker,
}

#[derive(Debug)]
pub struct Now {
    pub show: Show,
    sinks: Vec<Box<dyn Sink>>,
    pub captions: Captions,
    pub busy: Busy,
    pub replay: Option<tokio::sync::mpsc::Sender<crate::replay::Command>>,
    /// Containers that demos have made, for their reset.
    pub made: Vec<Made>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Captions {
    Off,
    On,
}

/// Hears all that happens, in order, under the show's lock: what takes time it leaves to others. Dropped when the show closes.
pub trait Sink: std::fmt::Debug + Send {
    /// The event has not changed the show yet.
    fn before(&mut self, _show: &Show, _at: Micros, _event: &Event) {}
    /// It has.
    fn after(&mut self, _show: &Show, _at: Micros, _event: &Event) {}
}

impl Kernel {
    pub fn new(root: PathBuf, what: What, trust: Trust, loaded: Loaded) -> Kernel {
        let index = Mutex::new(Index::open(&takes_folder(&root)));
        Kernel {
            watch: Stopwatch::start(),
            what,
            root,
            trust,
            machine: crate::machine::describe(),
            secrets: Secrets::default(),
            loaded: Mutex::new(Arc::new(loaded)),
            index,
            now: Mutex::new(Now {
                show: Show::default(),
                sinks: vec![],
                captions: Captions::Off,
                busy: Busy::Nothing,
                replay: None,
                made: vec![],
            }),
            bus: broadcast::channel(BEHIND_MAX).0,
            versions: Versions::default(),
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
        let Now { show, sinks, .. } = now;
        sinks.iter_mut().for_each(|sink| sink.before(show, at, &event));
        show.apply(at, &event);
        sinks.iter_mut().for_each(|sink| sink.after(show, at, &event));
        let moves = matches!(event, Event::Moved(_) | Event::Opened(_) | Event::Frozen(_));
        // Nobody may listen yet: a window that comes later starts from a snapshot.
        self.bus.send(Arc::new(Stamped { at, event })).ok();
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
        takes_folder(&self.root)
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
    pub fn listen(&self) -> broadcast::Receiver<Arc<Stamped>> {
        self.bus.subscribe()
    }

    /// What a window draws: a snapshot, then what follows, as its role may see it.
    pub fn subscribe(self: Arc<Self>, role: Role) -> impl Stream<Item = Push> + Send + use<> {
        let subscription = Subscription { kernel: self, role, events: None };
        stream::unfold(subscription, |mut subscription| async move {
            let push = subscription.next().await?;
            Some((push, subscription))
        })
    }
}

fn takes_folder(root: &Path) -> PathBuf {
    root.join("takes")
}

struct Subscription {
    kernel: Arc<Kernel>,
    role: Role,
    events: Option<broadcast::Receiver<Arc<Stamped>>>,
}

impl Subscription {
    async fn next(&mut self) -> Option<Push> {
        let Some(events) = &mut self.events else { return Some(self.snapshot()) };
        let mut batch = Vec::new();
        match events.recv().await {
            Ok(stamped) => batch.push(stamped),
            Err(broadcast::error::RecvError::Lagged(_)) => return Some(self.snapshot()),
            Err(broadcast::error::RecvError::Closed) => return None,
        }
        tokio::time::sleep(PUSH_EVERY).await;
        while batch.len() < EVENTS_A_PUSH {
            match events.try_recv() {
                Ok(stamped) => batch.push(stamped),
                Err(broadcast::error::TryRecvError::Lagged(_)) => return Some(self.snapshot()),
                Err(_) => break,
            }
        }
        let events = batch.iter().filter_map(|stamped| self.seen(stamped)).collect();
        Some(Push::Events { now: self.kernel.watch.now(), events })
    }

    fn seen(&self, stamped: &Stamped) -> Option<Stamped> {
        let event = match self.role {
            Role::Presenter => Some(stamped.event.clone()),
            Role::Audience => stamped.event.for_audience(),
        };
        event.map(|event| Stamped { at: stamped.at, event })
    }

    fn snapshot(&mut self) -> Push {
        // Under the lock, so that no event is lost or doubled between the snapshot and what follows.
        let now = self.kernel.lock();
        self.events = Some(self.kernel.bus.subscribe());
        let show = match self.role {
            Role::Presenter => now.show.clone(),
            Role::Audience => now.show.for_audience(),
        };
        Push::Snapshot { now: self.kernel.watch.now(), show: Box::new(show) }
    }
}
