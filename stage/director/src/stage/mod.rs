//! The director's stage: one show, the events that change it, and everybody who hears them.

mod calls;
mod history;
mod loaded;
mod loads;
mod nodes;
mod operator;
mod plan;
mod recording;
mod rehearse;
mod reload;
mod resume;
mod runner;
mod supervise;
mod tenants;
mod tools;
mod trust;

use crate::clock::Stopwatch;
use crate::library::{LibraryError, Talk};
use crate::pictures::Picture;
use crate::rates::Values;
use crate::trust::Trust;
use crate::workshop::{Workshop, WorkshopError};
use futures::{Stream, stream};
use greenroom_show::call::{CallError, Push, Role};
use greenroom_show::demo::Demo;
use greenroom_show::take::{Machine, TakeInfo};
use greenroom_show::version::Version;
use greenroom_show::{Event, Notice, Replay, Show, StackState, Stamped};
use loaded::Loaded;
use recording::{Recording, TalkRecording};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;

/// Events that a window may fall behind before it is given a snapshot instead.
const BEHIND_MAX: usize = 4096;
/// Windows are told about 60 times a second at most.
const PUSH_EVERY: Duration = Duration::from_millis(16);
const EVENTS_A_PUSH: usize = 1024;
/// Steps run one after the other, so that more than one order waits only around a reset.
const ORDERS_MAX: usize = 4;

/// What a director opens.
#[derive(Debug, Clone)]
pub struct Options {
    /// The project folder: `slides/`, `demos/`, `takes/` and `.tools/` are in it.
    pub root: PathBuf,
    pub what: What,
    /// Which version of the deck: for whom, and in how many minutes.
    pub version: Version,
    /// Which demos may run.
    pub trust: Trust,
    /// The `greenroom-stack` program; beside this program where absent.
    pub stack: Option<PathBuf>,
    /// The desktop's, where there is one.
    pub clipboard: Option<Clipboard>,
}

/// Where a line goes that the speaker pastes.
#[derive(Clone)]
pub struct Clipboard(Arc<Put>);

type Put = dyn Fn(&str) -> Result<(), String> + Send + Sync;

impl Clipboard {
    pub fn new(put: impl Fn(&str) -> Result<(), String> + Send + Sync + 'static) -> Clipboard {
        Clipboard(Arc::new(put))
    }

    fn put(&self, text: &str) -> Result<(), String> {
        (self.0)(text)
    }
}

impl std::fmt::Debug for Clipboard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clipboard")
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    Deck(String),
    /// A demo by itself, on a slide of its own.
    Demo(String),
}

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Library(#[from] LibraryError),
    #[error(transparent)]
    Workshop(#[from] WorkshopError),
    #[error("{deck}: {why}")]
    Version { deck: String, why: String },
}

/// A handle to the running show. Clones are the same show.
#[derive(Debug, Clone)]
pub struct Director {
    stage: Arc<Stage>,
}

#[derive(Debug)]
struct Stage {
    watch: Stopwatch,
    what: What,
    trust: Trust,
    root: PathBuf,
    stack_program: PathBuf,
    clipboard: Option<Clipboard>,
    workshop: Workshop,
    machine: Machine,
    /// What the files said last. Replaced whole, so that whoever runs a step keeps what it began with.
    loaded: Mutex<Arc<Loaded>>,
    /// After which a step is given up, where its takes have taught more than what is written.
    patience: Mutex<history::Patience>,
    /// One lock orders all events: what is folded, recorded and sent is one list.
    now: Mutex<Now>,
    bus: broadcast::Sender<Arc<Stamped>>,
    stack: watch::Sender<Option<crate::stack::Client>>,
    cloud: watch::Sender<Option<nodes::Cloud>>,
    /// Where the processes are that run.
    homes: watch::Sender<nodes::Home>,
    orders: tokio::sync::mpsc::Sender<supervise::Asked>,
    loads: loads::Loads,
    /// What a leaked key has signed, by account.
    leaked: Mutex<BTreeMap<greenroom_model::AccountName, String>>,
    values: watch::Sender<Values>,
    /// Asks the supervisor for a new start.
    restarts: tokio::sync::Notify,
    closing: CancellationToken,
    tasks: tokio_util::task::TaskTracker,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Captions {
    Off,
    On,
}

#[derive(Debug)]
struct Now {
    show: Show,
    recording: Recording,
    talk: TalkRecording,
    counting: rehearse::Counting,
    captions: Captions,
    /// Stops the steps that run.
    running: Option<CancellationToken>,
    replay: Option<tokio::sync::mpsc::Sender<crate::replay::Command>>,
    /// Containers that demos have made, for their reset.
    made: Vec<runner::Made>,
}

impl Director {
    /// Loads the talk and starts the stack behind it. Returns before the stack is ready: the show says when.
    pub async fn open(options: Options) -> Result<Director, OpenError> {
        let loaded = Loaded::read(&options.root, &options.what, &options.trust).await?;
        let opened = loaded
            .opened(options.version)
            .map_err(|why| OpenError::Version { deck: loaded.talk.deck.slug.clone(), why })?;
        let workshop = Workshop::open(&options.root)?;
        let (given, orders) = tokio::sync::mpsc::channel(ORDERS_MAX);
        let stage = Arc::new(Stage {
            watch: Stopwatch::start(),
            stack_program: options.stack.unwrap_or_else(stack_program),
            clipboard: options.clipboard,
            workshop,
            machine: crate::machine::describe(),
            loaded: Mutex::new(Arc::new(loaded)),
            patience: Mutex::default(),
            now: Mutex::new(Now {
                show: Show::default(),
                recording: Recording::default(),
                talk: TalkRecording::default(),
                counting: rehearse::Counting::default(),
                captions: Captions::Off,
                running: None,
                replay: None,
                made: vec![],
            }),
            bus: broadcast::channel(BEHIND_MAX).0,
            stack: watch::channel(None).0,
            cloud: watch::channel(None).0,
            homes: watch::channel(nodes::Home::default()).0,
            orders: given,
            loads: loads::Loads::default(),
            leaked: Mutex::default(),
            values: watch::channel(Values::new()).0,
            restarts: tokio::sync::Notify::new(),
            closing: CancellationToken::new(),
            tasks: tokio_util::task::TaskTracker::new(),
            root: options.root,
            what: options.what,
            trust: options.trust,
        });
        stage.emit(Event::Opened(Box::new(opened)));
        stage.say_faults(&stage.loaded().talk);
        history::learn(&stage);
        plan::restore(&stage);
        resume::restore(&stage);
        stage.tasks.spawn(supervise::run(stage.clone(), orders));
        stage.tasks.spawn(reload::run(stage.clone()));
        stage.tasks.spawn(resume::run(stage.clone()));
        stage.tasks.spawn(rehearse::run(stage.clone()));
        Ok(Director { stage })
    }

    /// What a window draws: a snapshot, then what follows, as its role may see it.
    pub fn subscribe(&self, role: Role) -> impl Stream<Item = Push> + Send + use<> {
        let subscription = Subscription { stage: self.stage.clone(), role, events: None };
        stream::unfold(subscription, |mut subscription| async move {
            let push = subscription.next().await?;
            Some((push, subscription))
        })
    }

    /// Answers a window's call.
    pub async fn call(&self, role: Role, name: &str, args: serde_json::Value) -> Result<serde_json::Value, CallError> {
        calls::dispatch(&self.stage, role, name, args).await
    }

    /// The project folder.
    pub fn root(&self) -> &Path {
        &self.stage.root
    }

    /// A picture of the deck on stage.
    pub fn picture(&self, id: &str) -> Option<Picture> {
        self.stage.loaded().talk.pictures.get(id).cloned()
    }

    /// The show as it stands.
    pub fn show(&self) -> Show {
        self.stage.lock().show.clone()
    }

    /// Waits until the stack is ready, or says why it is not.
    pub async fn ready(&self) -> Result<(), String> {
        let mut events = self.stage.bus.subscribe();
        loop {
            match &self.stage.lock().show.stack {
                StackState::Ready { .. } => return Ok(()),
                StackState::Down { reason } => return Err(reason.clone()),
                StackState::Starting => {}
            }
            events.recv().await.ok();
        }
    }

    /// Id of the take that is being recorded, or of the last one.
    pub fn last_take(&self) -> Option<String> {
        self.stage.lock().recording.last.clone()
    }

    /// Stops steps, tools and the stack, and ends the take.
    pub async fn close(&self) {
        self.stage.cancel_steps();
        self.stage.lock().replay = None;
        self.stage.closing.cancel();
        self.stage.tasks.close();
        self.stage.tasks.wait().await;
        let open = {
            let mut now = self.stage.lock();
            (now.recording.take(), now.talk.take())
        };
        tokio::task::spawn_blocking(move || drop(open)).await.ok();
        self.stage.workshop.remove();
    }
}

impl Stage {
    fn lock(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The one way in which anything happens: folded, recorded, sent.
    fn emit(self: &Arc<Self>, event: Event) {
        let mut now = self.lock();
        self.emit_in(&mut now, event);
    }

    fn emit_in(self: &Arc<Self>, now: &mut Now, event: Event) {
        let at = self.watch.now();
        if let Some(run) = now.counting.before(now.show.live(), at, &event) {
            let stage = self.clone();
            self.tasks.spawn(async move { rehearse::save(&stage, run).await });
        }
        now.show.apply(at, &event);
        now.recording.record(self, &now.show, at, &event);
        now.talk.record(self, &now.show, at, &event);
        let moves = matches!(event, Event::Moved(_) | Event::Opened(_) | Event::Frozen(_));
        // Nobody may listen yet: a window that comes later starts from a snapshot.
        self.bus.send(Arc::new(Stamped { at, event })).ok();
        if moves && now.captions == Captions::On {
            let said = now.show.said();
            self.emit_in(now, Event::Captioned(said));
        }
    }

    fn notice(self: &Arc<Self>, text: impl Into<String>) {
        self.emit(Event::Notice(Notice { text: text.into() }));
    }

    fn cancel_steps(&self) {
        if let Some(running) = &self.lock().running {
            running.cancel();
        }
        self.loads.cancel();
    }

    fn takes_folder(&self) -> PathBuf {
        self.root.join("takes")
    }

    fn takes(&self) -> Vec<TakeInfo> {
        let (deck, demos) = self.on_stage();
        crate::takes::list(&self.takes_folder(), &deck, &demos)
    }

    /// The deck's name, and the demos that it cues.
    fn on_stage(&self) -> (String, BTreeMap<String, Demo>) {
        let now = self.lock();
        let live = now.show.live();
        (live.deck.as_ref().map(|deck| deck.slug.clone()).unwrap_or_default(), live.demos.clone())
    }

    fn loaded(&self) -> Arc<Loaded> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Tells the speaker what is wrong and what is odd in the files.
    fn say_faults(self: &Arc<Self>, talk: &Talk) {
        self.emit(Event::Faults(talk.faults.iter().map(ToString::to_string).collect()));
        for warning in &talk.warnings {
            self.notice(warning.to_string());
        }
    }

    fn replayed(self: &Arc<Self>, replay: Replay) {
        self.emit(Event::Replay(replay));
    }
}

struct Subscription {
    stage: Arc<Stage>,
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
        Some(Push::Events { now: self.stage.watch.now(), events })
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
        let now = self.stage.lock();
        self.events = Some(self.stage.bus.subscribe());
        let show = match self.role {
            Role::Presenter => now.show.clone(),
            Role::Audience => now.show.for_audience(),
        };
        Push::Snapshot { now: self.stage.watch.now(), show: Box::new(show) }
    }
}

/// The stack's program: programs of one build stand beside each other.
pub fn stack_program() -> PathBuf {
    let own = std::env::current_exe().unwrap_or_default();
    own.with_file_name(format!("greenroom-stack{}", std::env::consts::EXE_SUFFIX))
}
