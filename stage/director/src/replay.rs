//! Plays a take on stage: `greenroom_show::playback` decides, and here are its clock, its file and the keys that move it.

use crate::takes::{Reader, TakeError};
use greenroom_show::keyframes::Keyframes;
use greenroom_show::playback::{Idle, Of, Pacer, Playhead, Score, To, Way};
use greenroom_show::take::TakeInfo;
use greenroom_show::timeline::Timeline;
use greenroom_show::{Micros, Replay, Show, Sought, Stamped, State};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// Events leave in batches of this long.
const TICK: Duration = Duration::from_millis(33);
/// Keys pressed faster than a replay answers.
const COMMANDS_WAITING: usize = 8;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    TogglePlay,
    Restart,
    Seek(To),
    /// Plays from the beginning of one step to the end of another, and rests there.
    Steps {
        first: usize,
        last: usize,
    },
    Pace(Way),
    /// Cuts the pauses between steps, or keeps them.
    ToggleIdle,
    /// To its end at once, and away.
    Leave,
}

/// What moves a take that is on stage. Dropping it ends the play.
#[derive(Debug, Clone)]
pub struct Handle {
    /// What plays.
    pub source: Arc<Source>,
    commands: mpsc::Sender<Command>,
    timeline: watch::Receiver<Option<Arc<Timeline>>>,
}

/// The other end.
#[derive(Debug)]
pub struct Waiting {
    commands: mpsc::Receiver<Command>,
    timeline: watch::Sender<Option<Arc<Timeline>>>,
}

impl Handle {
    pub fn new(source: Arc<Source>) -> (Handle, Waiting) {
        let (commands, heard) = mpsc::channel(COMMANDS_WAITING);
        let (told, timeline) = watch::channel(None);
        (Handle { source, commands, timeline }, Waiting { commands: heard, timeline: told })
    }

    /// Whether it will be done: a key that is pressed faster than a replay answers is not.
    pub fn send(&self, command: Command) -> bool {
        self.commands.try_send(command).is_ok()
    }

    /// Whether nothing plays any more.
    pub fn is_over(&self) -> bool {
        self.commands.is_closed()
    }

    /// Once the take was looked through; nothing where it left before.
    pub async fn timeline(&self) -> Option<Arc<Timeline>> {
        let mut timeline = self.timeline.clone();
        let known = timeline.wait_for(Option::is_some).await.ok()?;
        known.clone()
    }
}

/// A take in its file.
#[derive(Debug, Clone)]
pub struct Source {
    pub folder: PathBuf,
    pub take: TakeInfo,
    /// What was on stage before it.
    pub live: Arc<Show>,
    /// From where to where it is played, on the recording's clock.
    pub begins: Micros,
    pub ends: Micros,
}

/// Its events, up to where it ends.
#[derive(Debug)]
struct Events {
    reader: Reader,
    ends: Micros,
}

impl Iterator for Events {
    type Item = Stamped;

    fn next(&mut self) -> Option<Stamped> {
        self.reader.next().filter(|stamped| stamped.at <= self.ends)
    }
}

impl Source {
    fn open(&self) -> Result<Events, TakeError> {
        Ok(Events { reader: Reader::open(&self.folder, &self.take.id)?, ends: self.ends })
    }

    /// A talk is played by the clock of its recording, wherever it begins.
    fn pacer(&self, idle: Idle) -> Pacer {
        match self.of() {
            Of::Demo => Pacer::from(idle, self.begins),
            Of::Talk => Pacer::new(idle),
        }
    }

    fn of(&self) -> Of {
        Of::take(&self.take.demo)
    }

    /// Looks through the whole take.
    fn look(self, idle: Idle) -> JoinHandle<Result<Keyframes, TakeError>> {
        tokio::task::spawn_blocking(move || {
            let mut events = self.open()?;
            let mut keyframes = Keyframes::new(&self.take, self.pacer(idle), &self.live);
            while let Some(stamped) = events.next() {
                keyframes.take_in(stamped, events.reader.place());
            }
            Ok(keyframes)
        })
    }

    fn score(&self, idle: Idle) -> Result<Score<Events>, TakeError> {
        Ok(Score::new(self.of(), self.pacer(idle), self.open()?))
    }

    /// The take as it stands at a place, and the rest of it.
    async fn seek(&self, keyframes: Arc<Keyframes>, to: Micros) -> Result<Option<(Sought, Score<Events>)>, TakeError> {
        let source = self.clone();
        let sought = tokio::task::spawn_blocking(move || {
            keyframes.seek(to, |place| {
                let Events { reader, ends } = source.open()?;
                let header = reader.place();
                let reader = reader.goes_on_at(place.max(header)).map_err(|error| source.unreadable(error))?;
                Ok(Events { reader, ends })
            })
        });
        sought.await.map_err(|error| self.unreadable(std::io::Error::other(error)))?
    }

    /// What of the recording is played at a place: by its own clock.
    pub fn recorded_at(&self, played: Micros, idle: Idle) -> Result<Micros, TakeError> {
        let mut pacer = self.pacer(idle);
        let before = self.open()?.take_while(|stamped| pacer.due(stamped) <= played);
        Ok(before.map(|stamped| stamped.at).last().unwrap_or(0).max(self.begins.min(self.ends)))
    }

    /// When an event of the recording is due where pauses are cut, or are not.
    async fn due(&self, at: Micros, idle: Idle) -> Result<Micros, TakeError> {
        let source = self.clone();
        let due = tokio::task::spawn_blocking(move || {
            let mut pacer = source.pacer(idle);
            let before = source.open()?.take_while(|stamped| stamped.at <= at);
            Ok(before.map(|stamped| pacer.due(&stamped)).last().unwrap_or(0))
        });
        due.await.map_err(|error| self.unreadable(std::io::Error::other(error)))?
    }

    fn unreadable(&self, source: std::io::Error) -> TakeError {
        TakeError::Io { path: self.folder.join(&self.take.id), source }
    }
}

/// Plays until its commands end. `now` is a clock, `emit` puts events on stage.
pub async fn play(
    source: Source,
    now: impl Fn() -> Micros,
    emit: impl Fn(Replay),
    mut waiting: Waiting,
) -> Result<(), TakeError> {
    let idle = Idle::of(source.of());
    let mut play = Play {
        score: source.score(idle)?,
        pass: source.clone().look(idle),
        head: Playhead::start(now()),
        looked: None,
        shown: 0,
        rests: None,
        idle,
        source,
        now,
        emit,
    };
    play.begin(&waiting).await?;
    loop {
        tokio::select! {
            () = tokio::time::sleep(TICK), if play.head.plays() => play.tick(),
            looked = &mut play.pass, if play.looked.is_none() => play.hear_of_pass(looked, &waiting)?,
            command = waiting.commands.recv() => {
                let Some(command) = command else { return Ok(()) };
                play.obey(command, &waiting).await?;
                if command == Command::Leave {
                    return Ok(());
                }
            }
        }
    }
}

/// What a pass over the whole take has found.
#[derive(Debug, Clone)]
struct Looked {
    keyframes: Arc<Keyframes>,
    timeline: Arc<Timeline>,
}

/// A take while it is played.
struct Play<N, E> {
    source: Source,
    idle: Idle,
    score: Score<Events>,
    head: Playhead,
    /// Of the recording's clock, the last that was shown.
    shown: Micros,
    /// Where it is to rest, by the clock that it is played by.
    rests: Option<Micros>,
    pass: JoinHandle<Result<Keyframes, TakeError>>,
    looked: Option<Looked>,
    now: N,
    emit: E,
}

impl<N: Fn() -> Micros, E: Fn(Replay)> Play<N, E> {
    /// Goes to where a talk begins that was cut there; a demo's pacer knows.
    async fn begin(&mut self, waiting: &Waiting) -> Result<(), TakeError> {
        if self.source.of() == Of::Demo || self.source.begins == 0 {
            return Ok(());
        }
        let Looked { keyframes, .. } = self.looked(waiting).await?;
        self.seek(keyframes, self.source.begins).await
    }

    fn tick(&mut self) {
        let at = self.head.at((self.now)());
        let rests = self.rests.filter(|rests| *rests <= at);
        let batch = self.score.due(rests.unwrap_or(at));
        if let Some(last) = batch.last() {
            self.shown = last.at;
            (self.emit)(Replay::Events(batch));
        } else if rests.is_some() {
            self.rests = None;
            self.pause();
        }
        self.ends();
    }

    fn pause(&mut self) {
        self.head.pause((self.now)());
        (self.emit)(Replay::Paused);
    }

    fn play_on(&mut self) {
        self.head.play((self.now)());
        (self.emit)(Replay::Played);
    }

    fn ends(&mut self) {
        if self.score.ended() {
            self.head.pause((self.now)());
            (self.emit)(Replay::Ended);
        }
    }

    fn leave(&mut self) {
        while !self.score.ended() {
            (self.emit)(Replay::Events(self.score.due(Micros::MAX)));
        }
        (self.emit)(Replay::Left);
    }

    fn hear_of_pass(
        &mut self,
        looked: Result<Result<Keyframes, TakeError>, tokio::task::JoinError>,
        waiting: &Waiting,
    ) -> Result<(), TakeError> {
        let keyframes = looked.map_err(|error| self.source.unreadable(std::io::Error::other(error)))??;
        let timeline = Arc::new(keyframes.timeline());
        waiting.timeline.send_replace(Some(timeline.clone()));
        self.looked = Some(Looked { keyframes: Arc::new(keyframes), timeline });
        Ok(())
    }

    async fn obey(&mut self, command: Command, waiting: &Waiting) -> Result<(), TakeError> {
        match command {
            Command::TogglePlay if self.head.plays() => self.pause(),
            Command::TogglePlay if !self.score.ended() => self.play_on(),
            Command::TogglePlay | Command::Restart => {
                self.rests = None;
                self.score = self.source.score(self.idle)?;
                self.head = self.head.restart((self.now)());
                (self.emit)(Replay::Restarted);
                self.begin(waiting).await?;
            }
            Command::Steps { first, last } => {
                let Looked { keyframes, timeline } = self.looked(waiting).await?;
                self.rests = timeline.end_of_step(last);
                let to = To::Begin(first).from(self.head.at((self.now)()), &timeline);
                self.seek(keyframes, to).await?;
                if !self.head.plays() {
                    self.play_on();
                }
            }
            Command::Seek(to) => {
                self.rests = None;
                if matches!(to, To::Frame(_)) && self.head.plays() {
                    self.pause();
                }
                let Looked { keyframes, timeline } = self.looked(waiting).await?;
                let to = to.from(self.head.at((self.now)()), &timeline);
                self.seek(keyframes, to).await?;
            }
            Command::Pace(way) => {
                let speed = match way {
                    Way::Back => self.head.speed().slower(),
                    Way::On => self.head.speed().faster(),
                };
                self.head.set_speed(speed, (self.now)());
                (self.emit)(Replay::Paced(speed));
            }
            Command::ToggleIdle => {
                self.idle = self.idle.other();
                self.looked = None;
                waiting.timeline.send_replace(None);
                self.pass.abort();
                self.pass = self.source.clone().look(self.idle);
                let Looked { keyframes, .. } = self.looked(waiting).await?;
                let to = self.source.due(self.shown, self.idle).await?;
                self.seek(keyframes, to).await?;
            }
            Command::Leave => self.leave(),
        }
        Ok(())
    }

    /// Waits for the pass, where it is still under way.
    async fn looked(&mut self, waiting: &Waiting) -> Result<Looked, TakeError> {
        loop {
            if let Some(looked) = &self.looked {
                return Ok(looked.clone());
            }
            let looked = (&mut self.pass).await;
            self.hear_of_pass(looked, waiting)?;
        }
    }

    async fn seek(&mut self, keyframes: Arc<Keyframes>, to: Micros) -> Result<(), TakeError> {
        let Some((sought, score)) = self.source.seek(keyframes, to).await? else { return Ok(()) };
        if let State::Demo { run, .. } = &sought.state {
            self.shown = run.now;
        }
        self.score = score;
        self.head.seek(to, (self.now)());
        (self.emit)(Replay::Sought(Box::new(sought)));
        self.ends();
        Ok(())
    }
}
