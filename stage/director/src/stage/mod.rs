//! The director's stage: one show, the events that change it, and everybody who hears them.

mod booth;
mod busy;
mod calls;
mod consumers;
mod cut;
mod ghost;
mod hand_on;
mod history;
mod keep;
mod kernel;
mod line;
mod loaded;
mod loads;
mod mirror_lines;
mod mirrors;
mod nodes;
mod operator;
mod outcome;
mod plan;
mod plays;
mod posters;
mod rebuild_line;
mod recording;
mod rehearse;
mod reload;
mod reset;
mod resume;
mod runner;
mod supervise;
mod tenants;
mod tidy;
mod tools;
mod trust;
mod turns;
mod vault_lines;

use crate::library::LibraryError;
use crate::pictures::Picture;
use crate::places::Places;
use crate::rates::Values;
use crate::tool::Background;
use crate::trust::Trust;
use crate::workshop::{Workshop, WorkshopError};
use bytes::Bytes;
use futures::Stream;
use greenroom_show::call::{CallError, Push, Role, ShowRequest};
use greenroom_show::version::Version;
use greenroom_show::{Event, Show, StackState};
use kernel::Kernel;
use loaded::Loaded;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use tokio::sync::watch;

/// Steps run one after the other, so that more than one order waits only around a reset.
const ORDERS_MAX: usize = 4;

/// What a director opens.
#[derive(Debug, Clone)]
pub struct Options {
    /// Of the project, and of what is left of it.
    pub places: Places,
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

    pub fn put(&self, text: &str) -> Result<(), String> {
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
    /// Id of the take that is being recorded, or of the last one.
    last_take: watch::Receiver<Option<String>>,
}

/// The show, and what plays in it.
#[derive(Debug)]
struct Stage {
    kernel: Arc<Kernel>,
    backstage: Backstage,
}

/// What demos run on. A show without it still has its slides, its takes and its clock.
#[derive(Debug)]
struct Backstage {
    stack_program: PathBuf,
    clipboard: Option<Clipboard>,
    workshop: Workshop,
    /// After which a step is given up, where its takes have taught more than what is written.
    patience: Mutex<history::Patience>,
    stack: watch::Sender<Option<crate::stack::Client>>,
    cloud: watch::Sender<Option<nodes::Cloud>>,
    vault: watch::Sender<Option<crate::vault::Vault>>,
    /// Since when the tenants' keys are as they are.
    turns: Mutex<turns::Turns>,
    /// Where the processes are that run.
    homes: watch::Sender<nodes::Home>,
    orders: tokio::sync::mpsc::Sender<supervise::Asked>,
    loads: loads::Loads,
    consumers: consumers::Consumers,
    /// What a leaked key has signed, by account.
    leaked: Mutex<BTreeMap<greenroom_model::AccountName, String>>,
    values: watch::Sender<Values>,
    /// Of the second node's account.
    origin_values: watch::Sender<Values>,
    /// What steps have left running on purpose.
    background: Background,
    /// The demo whose steps ran last.
    began: Mutex<Option<String>>,
    /// Asks the supervisor for a new start.
    restarts: tokio::sync::Notify,
}

/// Whoever is on stage may do all that a show does.
impl std::ops::Deref for Stage {
    type Target = Arc<Kernel>;

    fn deref(&self) -> &Arc<Kernel> {
        &self.kernel
    }
}

impl Director {
    /// Loads the talk and starts the stack behind it. Returns before the stack is ready: the show says when.
    pub async fn open(options: Options) -> Result<Director, OpenError> {
        let loaded = Loaded::read(&options.places, &options.what, &options.trust).await?;
        let opened = loaded
            .opened(options.version)
            .map_err(|why| OpenError::Version { deck: loaded.talk.deck.slug.clone(), why })?;
        let workshop = Workshop::open(options.places.shows())?;
        let kernel = Arc::new(Kernel::new(options.places, options.what, options.trust, loaded));
        rehearse::attach(&kernel);
        let last_take = recording::attach(&kernel);
        let (given, orders) = tokio::sync::mpsc::channel(ORDERS_MAX);
        let backstage = Backstage {
            stack_program: options.stack.unwrap_or_else(stack_program),
            clipboard: options.clipboard,
            workshop,
            patience: Mutex::default(),
            stack: watch::channel(None).0,
            cloud: watch::channel(None).0,
            vault: watch::channel(None).0,
            turns: Mutex::default(),
            homes: watch::channel(nodes::Home::default()).0,
            orders: given,
            loads: loads::Loads::default(),
            consumers: consumers::Consumers::default(),
            leaked: Mutex::default(),
            values: watch::channel(Values::new()).0,
            origin_values: watch::channel(Values::new()).0,
            background: Background::default(),
            began: Mutex::default(),
            restarts: tokio::sync::Notify::new(),
        };
        let stage = Arc::new(Stage { kernel, backstage });
        stage.emit(Event::Hosted(stage.machine.clone()));
        stage.emit(Event::Opened(Box::new(opened)));
        stage.say_faults(&stage.loaded().talk);
        history::learn(&stage);
        plan::restore(&stage);
        resume::restore(&stage, options.version);
        loaded::ask_versions(&stage.kernel);
        stage.tasks.spawn(supervise::run(stage.clone(), orders));
        stage.tasks.spawn(reload::run(stage.clone()));
        stage.tasks.spawn(tidy::run(stage.kernel.clone()));
        stage.tasks.spawn(resume::run(stage.kernel.clone()));
        Ok(Director { stage, last_take })
    }

    /// What a window draws: a snapshot, then what follows, as its role may see it.
    pub fn subscribe(&self, role: Role) -> impl Stream<Item = Push> + Send + use<> {
        self.stage.kernel.clone().subscribe(role)
    }

    /// Answers a window's call.
    pub async fn call(&self, role: Role, request: ShowRequest) -> Result<serde_json::Value, CallError> {
        calls::dispatch(&self.stage, role, request).await
    }

    pub fn places(&self) -> &Places {
        &self.stage.places
    }

    /// A picture of the deck on stage.
    pub fn picture(&self, id: &str) -> Option<Picture> {
        self.stage.loaded().talk.pictures.get(id).cloned()
    }

    /// The picture of a take, as a PNG, for the list of them; nothing where there is none for now.
    pub async fn poster(&self, id: &str) -> Option<Bytes> {
        posters::poster(&self.stage, id).await
    }

    /// Lets slides and takes go round unattended from now on.
    pub fn begin_booth(&self) -> Result<(), CallError> {
        booth::begin(&self.stage)
    }

    /// The show as it stands.
    pub fn show(&self) -> Show {
        self.stage.lock().show.clone()
    }

    /// Waits until the stack is ready, or says why it is not.
    pub async fn ready(&self) -> Result<(), String> {
        let mut events = self.stage.listen();
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
        self.last_take.borrow().clone()
    }

    /// Stops steps, tools and the stack, and ends the take.
    pub async fn close(&self) {
        self.stage.cancel_steps();
        self.stage.lock().replay = None;
        self.stage.closing.cancel();
        self.stage.tasks.close();
        self.stage.tasks.wait().await;
        self.stage.backstage.background.end().await;
        self.stage.detach().await;
        let kernel = self.stage.kernel.clone();
        tokio::task::spawn_blocking(move || kernel.keep_shelf()).await.ok();
        let stage = self.stage.clone();
        tokio::task::spawn_blocking(move || stage.backstage.workshop.remove()).await.ok();
    }
}

impl Stage {
    fn cancel_steps(&self) {
        self.lock().busy.cancel();
        self.backstage.loads.cancel();
    }
}

/// The stack's program: programs of one build stand beside each other.
pub fn stack_program() -> PathBuf {
    let own = std::env::current_exe().unwrap_or_default();
    own.with_file_name(format!("greenroom-stack{}", std::env::consts::EXE_SUFFIX))
}
