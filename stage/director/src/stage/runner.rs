//! Runs steps, one after the other, each with its deadline. A step that fails ends its group, and never the show.

use super::history::Expected;
use super::kernel::{Kernel, Now};
use super::nodes::{CLOUD, Cloud, Home};
use super::outcome::outcome;
use super::supervise::{Order, of_origin, origins};
use super::vault_lines::Wanted;
use super::{Stage, calls};
use crate::condition::{Verdict, judge};
use crate::data::{self, Recipe};
use crate::measures::waited;
use crate::parse::{Condition, DataVerb, Program, Verb, without_within};
use crate::rates::{Values, counters};
use crate::stack::Client;
use crate::tool::StandIn;
use greenroom_model::{AccountName, ContainerName};
use greenroom_show::call::CallError;
use greenroom_show::demo::Demo;
use greenroom_show::unit::{Unit, grouped};
use greenroom_show::{Event, Outcome, Position, StepState};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often a `wait` looks.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Progress lines of a built-in step, at most this many a second.
const LINES_A_SECOND: u64 = 20;

/// A container that a demo has made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    pub demo: String,
    pub account: AccountName,
    pub container: ContainerName,
}

/// What a step came to: what it saw, or why it failed.
pub type Seen = Result<String, String>;

impl Kernel {
    /// What runs in a tool's name; `None` while its version is asked.
    fn runs_as(&self, tool: &str) -> Option<String> {
        match self.loaded().tools.get(tool) {
            Some(Some(found)) => self.versions.known(found),
            Some(None) | None => Some(match StandIn::of(tool) {
                Some(StandIn::Mover) => format!("built-in mover (no {tool} on this machine)"),
                Some(StandIn::Nothing) => "built in".into(),
                None => "not installed".into(),
            }),
        }
    }

    /// Makes a demo the one on stage, fresh, where another one was or none.
    pub fn begin(&self, now: &mut Now, demo: &str) {
        self.emit_in(now, Event::Begun { demo: demo.to_string() });
        let tools = self.program(demo).map(|program| program.demo.tools.clone()).unwrap_or_default();
        let is_held = self.loaded().held.contains(demo);
        for name in tools.into_iter().filter(|_| !is_held) {
            if let Some(is) = self.runs_as(&name) {
                self.emit_in(now, Event::Tool { name, is });
            }
        }
        let slide = now.show.position.slide;
        let here = now.show.slide().and_then(|slide| slide.cue.as_ref()).is_some_and(|cue| cue.demo == demo);
        if here {
            self.emit_in(now, Event::Moved(Position { slide, reveal: 0 }));
        }
    }

    pub fn program(&self, demo: &str) -> Result<Arc<Program>, CallError> {
        let loaded = self.loaded();
        loaded.talk.programs.get(demo).cloned().ok_or_else(|| CallError::NotFound {
            kind: "demo".into(),
            name: demo.into(),
            nearest: crate::parse::nearest(demo, loaded.talk.programs.keys().map(String::as_str)),
        })
    }

    /// The steps of a group.
    pub fn group(&self, demo: &str, group: &str) -> Result<Range<usize>, CallError> {
        let program = self.program(demo)?;
        let nearest = || crate::parse::nearest(group, program.demo.groups.iter().map(|group| group.name.as_str()));
        let not_found =
            || CallError::NotFound { kind: "group of steps".into(), name: group.into(), nearest: nearest() };
        program.demo.group(group).map(|group| group.steps.clone()).ok_or_else(not_found)
    }

    /// The program of a demo that has such a step.
    pub fn step(&self, demo: &str, step: usize) -> Result<Arc<Program>, CallError> {
        let program = self.program(demo)?;
        if step >= program.demo.steps.len() {
            return Err(CallError::NotFound { kind: "step".into(), name: step.to_string(), nearest: None });
        }
        Ok(program)
    }
}

impl Stage {
    /// Runs a group from its first step that has not passed; one that has passed runs again, whole.
    pub fn start_group(self: &Arc<Self>, demo: &str, group: &str) -> Result<(), CallError> {
        let program = self.program(demo)?;
        let steps = self.group(demo, group)?;
        let mut now = self.lock();
        self.prepare(&mut now, demo)?;
        let run = now.show.runs.get(demo);
        let open = steps.clone().find(|step| run.is_none_or(|run| run.state(*step) != StepState::Passed));
        self.start(&mut now, &program, open.unwrap_or(steps.start)..steps.end);
        Ok(())
    }

    pub fn start_step(self: &Arc<Self>, demo: &str, step: usize) -> Result<(), CallError> {
        let program = self.step(demo, step)?;
        let mut now = self.lock();
        self.prepare(&mut now, demo)?;
        self.start(&mut now, &program, step..step + 1);
        Ok(())
    }

    fn prepare(self: &Arc<Self>, now: &mut Now, demo: &str) -> Result<(), CallError> {
        now.busy.be_free()?;
        if self.loaded().held.contains(demo) {
            return Err(CallError::NotTrusted { demo: demo.into() });
        }
        if now.show.recorded.is_some() {
            now.replay = None;
            self.emit_in(now, Event::Replay(greenroom_show::Replay::Closed));
        }
        if now.show.active.as_deref() != Some(demo) {
            self.begin(now, demo);
        }
        Ok(())
    }

    fn start(self: &Arc<Self>, now: &mut Now, program: &Arc<Program>, steps: Range<usize>) {
        let mut guard = now.busy.begin_steps(&self.kernel);
        let stage = self.clone();
        let program = program.clone();
        self.tasks.spawn(async move {
            // What another demo left in the background is over with it.
            let others =
                stage.backstage.began.lock().unwrap_or_else(PoisonError::into_inner).replace(program.demo.slug.clone());
            if others.is_some_and(|other| other != program.demo.slug) {
                stage.backstage.background.end().await;
                stage.end_consumers().await;
            }
            let last = steps.end - 1;
            for step in steps {
                let outcome = stage.run_step(&program, step, &guard.steps.cancel).await;
                let goes_on = matches!(outcome, Outcome::Passed { .. }) && step < last;
                match outcome {
                    Outcome::Passed { .. } => {}
                    Outcome::Failed { .. } | Outcome::TimedOut { .. } | Outcome::Cancelled => stage.end_loads().await,
                }
                let has_failed = matches!(outcome, Outcome::Failed { .. } | Outcome::TimedOut { .. });
                {
                    let mut now = stage.lock();
                    if !goes_on {
                        guard.end(&mut now);
                    }
                    stage.emit_in(&mut now, Event::StepEnded { step, outcome });
                }
                if has_failed {
                    calls::fall_back(&stage, "failed").await;
                }
                if !goes_on {
                    return;
                }
            }
        });
    }

    /// Runs one step to its outcome.
    async fn run_step(self: &Arc<Self>, program: &Program, step: usize, cancel: &CancellationToken) -> Outcome {
        let Expected { timeout, late } = self.patience(&program.demo, step);
        self.step_started(&program.demo, step, timeout);
        let came = tokio::select! {
            came = outcome(|own| self.execute(program, step, own), Duration::from_millis(timeout), cancel) => came,
            never = self.says_when_late(step, late) => never,
        };
        let outcome = match came {
            Outcome::Failed { why } => Outcome::Failed { why: self.explained(&program.demo.slug, step, why) },
            Outcome::Passed { .. } | Outcome::TimedOut { .. } | Outcome::Cancelled => came,
        };
        self.say_outcome(&outcome);
        outcome
    }

    /// Says it once, and never ends: the step goes on.
    async fn says_when_late(self: &Arc<Self>, step: usize, late: Option<u64>) -> Outcome {
        if let Some(late) = late {
            tokio::time::sleep(Duration::from_millis(late)).await;
            self.emit(Event::Late { step });
            calls::fall_back(self, "takes longer than it ever did").await;
        }
        std::future::pending().await
    }

    fn step_started(self: &Arc<Self>, demo: &Demo, step: usize, timeout_ms: u64) {
        let mut now = self.lock();
        self.emit_in(&mut now, Event::StepStarted { step, timeout_ms });
        // The narrative follows the group that runs.
        let at = now.show.position.slide;
        let cue = now.show.slide().and_then(|slide| slide.cue.clone()).filter(|cue| cue.demo == demo.slug);
        let reveal = cue.and_then(|cue| {
            let holds = |name: &String| demo.group(name).is_some_and(|group| group.steps.contains(&step));
            cue.groups.iter().position(holds)
        });
        if let Some(reveal) = reveal.map(|index| index + 1).filter(|reveal| *reveal != now.show.position.reveal) {
            self.emit_in(&mut now, Event::Moved(Position { slide: at, reveal }));
        }
    }

    /// Why a step failed, and what it may have missed: a group that ran before the ones that it builds on.
    fn explained(&self, demo: &str, step: usize, why: String) -> String {
        let now = self.lock();
        let missed = now.show.missed(demo, step);
        match missed.as_slice() {
            [] => why,
            [one] => format!("{why}\n'{one}' comes before this and has not passed: run it first"),
            many => format!("{why}\n'{}' come before this and have not passed: run them first", many.join("', '")),
        }
    }

    fn say_outcome(self: &Arc<Self>, outcome: &Outcome) {
        let text = match outcome {
            Outcome::Passed { seen } if seen.is_empty() => return,
            Outcome::Passed { seen } => format!("\x1b[32m✓\x1b[0m {seen}\r\n"),
            Outcome::Failed { why } => format!("\x1b[31m✗\x1b[0m {}\r\n", first_line(why)),
            Outcome::TimedOut { why } if why.is_empty() => "\x1b[31m✗\x1b[0m out of time\r\n".to_string(),
            Outcome::TimedOut { why } => format!("\x1b[31m✗\x1b[0m out of time: {}\r\n", first_line(why)),
            Outcome::Cancelled => "\x1b[33m■\x1b[0m stopped\r\n".to_string(),
        };
        self.emit(Event::Output(text));
    }

    async fn execute(self: &Arc<Self>, program: &Program, step: usize, cancel: CancellationToken) -> Seen {
        let cancel = &cancel;
        let line = &program.lines[step];
        let demo = &program.demo.slug;
        if !matches!(line.verb, Verb::Run { .. }) {
            self.prompt(&line.text);
        }
        self.order(Order::Use(Home::of(program))).await?;
        match &line.verb {
            Verb::Tenant { what } => self.tenant(demo, what).await,
            Verb::Data { what } => self.data(what, cancel).await,
            Verb::Run { tool, args } => {
                let group = group_of(&program.demo, step);
                self.run_tool(&group, tool, args, line.fails_with.as_deref(), cancel).await
            }
            Verb::Load(load) => self.load(demo, load, cancel).await,
            Verb::Stop { load } => self.stop_load(load).await,
            Verb::Join { load } => self.join_load(load, cancel).await,
            Verb::Fault { what } => self.fault(what).await,
            Verb::Offload { what } => self.offload(what).await,
            Verb::Admission { state } => self.admission(*state).await,
            Verb::Keys { what } => self.keys(what).await,
            Verb::Vault { what } => self.vault(what).await,
            Verb::Encryption { what } => self.encryption(what).await,
            Verb::Search { text, found } => {
                let wanted = if *found { Wanted::Found } else { Wanted::Nowhere };
                self.search(text, wanted, cancel).await
            }
            Verb::Quota { tenant, bytes } => self.quota(tenant, *bytes).await,
            Verb::Mirror { what } => self.mirror(what).await,
            Verb::Feed { account, state, segment } => self.feed(account, *state, *segment).await,
            Verb::Sink { account, name } => self.sink(account, name).await,
            Verb::Consumer { what } => self.consumer(demo, what).await,
            Verb::Stack { what } => self.stack_verb(what, cancel).await,
            Verb::Expect { condition } => self.expect(&Condition::read(condition)?).await,
            Verb::Wait { condition } => {
                let (condition, _) = without_within(condition)?;
                let name = waited(&group_of(&program.demo, step));
                let began = self.watch.now();
                let waited = || (self.watch.now() - began) as f64 / 1e6;
                // A clock, for a demo that draws it.
                let tick = || self.sample(&[(name.clone(), waited())].into(), |program| program.demo.slug == *demo);
                let seen = self.wait(&Condition::read(&condition)?, tick, cancel).await;
                tick();
                self.emit(Event::Figure { name: name.clone(), value: waited(), unit: Unit::Seconds });
                seen
            }
        }
    }

    /// The line that is about to run, emphasised.
    pub(super) fn prompt(self: &Arc<Self>, text: &str) {
        self.emit(Event::Output(format!("\x1b[1;33m$ {text}\x1b[0m\r\n")));
    }

    async fn data(self: &Arc<Self>, what: &DataVerb, cancel: &CancellationToken) -> Seen {
        let stage = self.clone();
        let cancel = cancel.clone();
        let place = |name: &str| self.data_place(name);
        let work: Box<dyn FnOnce() -> Result<data::Amount, data::DataError> + Send> = match what {
            DataVerb::Make { name, files, size, large, large_size, seed, like, mark } => {
                let folder = place(name)?;
                let recipe = Recipe {
                    like: *like,
                    files: *files,
                    file_bytes: size.as_u64(),
                    large: *large,
                    large_bytes: large_size.as_u64(),
                    seed: *seed,
                    mark: mark.clone(),
                };
                Box::new(move || data::make(&folder, recipe, stage.progress("written"), &cancel))
            }
            DataVerb::Compare { left, right } => {
                let (left, right) = (place(left)?, place(right)?);
                Box::new(move || data::compare(&left, &right, stage.progress("compared"), &cancel))
            }
        };
        let amount = tokio::task::spawn_blocking(work).await.map_err(|error| error.to_string())?;
        let amount = amount.map_err(|error| error.to_string())?;
        let size = Unit::Bytes.say(amount.bytes as f64);
        let files = grouped(amount.files as f64);
        self.emit(Event::Output("\r\x1b[K".into()));
        Ok(match what {
            DataVerb::Make { .. } => format!("{files} files, {size}"),
            DataVerb::Compare { .. } => format!("{files} files, {size}, the same by BLAKE3"),
        })
    }

    /// `{data:name}`, or the bare name.
    fn data_place(&self, name: &str) -> Result<std::path::PathBuf, String> {
        let name = name.strip_prefix("{data:").and_then(|name| name.strip_suffix('}')).unwrap_or(name);
        self.backstage.workshop.data_folder(name).map_err(|error| error.to_string())
    }

    /// A line that is replaced as work goes on.
    fn progress(self: &Arc<Self>, done: &'static str) -> impl Fn(data::Amount) + Send + use<> {
        let stage = self.clone();
        let said = AtomicU64::new(0);
        move |amount| {
            let tick = stage.watch.now() * LINES_A_SECOND / 1_000_000;
            if said.swap(tick, Ordering::Relaxed) != tick {
                let (files, size) = (grouped(amount.files as f64), Unit::Bytes.say(amount.bytes as f64));
                stage.emit(Event::Output(format!("\r{files} files, {size} {done}\x1b[K")));
            }
        }
    }

    async fn expect(self: &Arc<Self>, condition: &Condition) -> Seen {
        match judge(condition, &self.fresh_values().await?) {
            Verdict::Holds { seen } => Ok(seen),
            Verdict::Fails { seen } => Err(seen),
            Verdict::Unknown { why } => Err(why),
        }
    }

    /// The step's own deadline ends the waiting, with what was seen last. `tick` is called at each look.
    async fn wait(self: &Arc<Self>, condition: &Condition, tick: impl Fn(), cancel: &CancellationToken) -> Seen {
        let mut last = "nothing has been measured yet".to_string();
        loop {
            tick();
            let values = tokio::select! {
                values = self.fresh_values() => values?,
                () = cancel.cancelled() => return Err(last),
            };
            last = match judge(condition, &values) {
                Verdict::Holds { seen } => return Ok(seen),
                Verdict::Fails { seen } => seen,
                Verdict::Unknown { why } => why,
            };
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = cancel.cancelled() => return Err(last),
            }
        }
    }

    /// Rates as last streamed, counters as of now, and the figures of the run.
    async fn fresh_values(&self) -> Result<Values, String> {
        let client = self.client()?;
        let mut values = self.backstage.values.borrow().clone();
        let metrics = client.metrics().await.map_err(|error| error.to_string())?;
        values.extend(counters(&metrics));
        values.extend(self.backstage.origin_values.borrow().clone());
        let cloud = self.backstage.cloud.borrow().clone();
        if let Some(Cloud { client, line, .. }) = cloud {
            let metrics = client.metrics().await.map_err(|error| error.to_string())?;
            values.extend(origins(counters(&of_origin(metrics)), &line));
        }
        let now = self.lock();
        let run = now.show.active.as_ref().and_then(|demo| now.show.runs.get(demo));
        values.extend(run.iter().flat_map(|run| &run.figures).map(|(name, figure)| (name.clone(), figure.value)));
        drop(now);
        values.extend(self.load_values());
        values.extend(self.consumer_values());
        Ok(values)
    }

    pub(super) fn client(&self) -> Result<Client, String> {
        self.backstage
            .stack
            .borrow()
            .clone()
            .ok_or_else(|| "the stack is not ready: wait for it, or start it again".into())
    }

    /// The stack that has an account: the second node has one, and the demo's stack all others.
    pub(super) fn client_of(&self, account: &AccountName) -> Result<Client, String> {
        let cloud = self.backstage.cloud.borrow().as_ref().map(|cloud| cloud.client.clone());
        match cloud.filter(|_| account.as_str() == CLOUD) {
            Some(cloud) => Ok(cloud),
            None => self.client(),
        }
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

fn group_of(demo: &Demo, step: usize) -> String {
    demo.groups.iter().find(|group| group.steps.contains(&step)).map(|group| group.name.clone()).unwrap_or_default()
}
