//! A demo in the terminal: the events that the windows would draw, printed, and a table of what each step came to.

use anyhow::{Context, bail};
use futures::{StreamExt, stream::BoxStream};
use greenroom_director::Places;
use greenroom_director::{Director, Library, Options, Trust, What};
use greenroom_show::call::{Push, Role, RunGroup, ShowRequest, Stop, ToPresenter};
use greenroom_show::demo::Demo;
use greenroom_show::version::Version;
use greenroom_show::{Event, Outcome, Show, Stamped, StepState};
use std::io::Write as _;
use std::ops::Range;
use std::process::ExitCode;
use tokio_util::sync::CancellationToken;

/// As a shell reports a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

/// How a demo is run.
#[derive(Debug, clap::Args)]
pub struct Asked {
    slug: String,
    /// In this terminal, without windows.
    #[arg(long)]
    headless: bool,
    /// Lets its steps run this time, whoever wrote them; 'greenroom trust' remembers it.
    #[arg(long)]
    trust: bool,
}

pub fn run_demo(places: &Places, asked: &Asked) -> anyhow::Result<ExitCode> {
    let Asked { slug, headless, trust } = asked;
    let trust = if *trust { Trust::Given } else { Trust::of_user(places.project()) };
    if !headless && has_display() {
        return in_window(places, slug, &trust);
    }
    if !headless {
        eprintln!("There is no display: the demo runs in this terminal.");
    }
    tokio::runtime::Runtime::new().context("start the runtime")?.block_on(in_terminal(places, slug, trust))
}

fn has_display() -> bool {
    ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

/// Opens the app on the first deck that cues the demo.
fn in_window(places: &Places, slug: &str, trust: &Trust) -> anyhow::Result<ExitCode> {
    let library = Library::new(places.project());
    library.demo(slug)?;
    let cues = |deck: &String| library.talk(deck).is_ok_and(|talk| talk.programs.contains_key(slug));
    let Some(deck) = library.decks()?.into_iter().find(cues) else {
        bail!("no deck cues the demo '{slug}': run it with --headless");
    };
    super::make::app(places, &deck, (*trust == Trust::Given).then_some("--trust"))
}

async fn in_terminal(places: &Places, slug: &str, trust: Trust) -> anyhow::Result<ExitCode> {
    let held = trust.held(places.project(), &Library::new(places.project()).talk_of_demo(slug)?);
    if !held.is_empty() {
        bail!("the steps of '{slug}' are not trusted yet: look at demos/{slug}/demo.md, then add --trust");
    }
    let options = Options {
        places: places.clone(),
        what: What::Demo(slug.to_string()),
        version: Version::default(),
        trust,
        stack: None,
        clipboard: None,
    };
    let interrupt = on_interrupt();
    let director = Director::open(options).await?;
    let code = drive(&director, slug, &interrupt).await;
    director.close().await;
    if let Some(take) = director.last_take() {
        say(&format!("\nTake: {}\n", places.takes().join(format!("{take}.take.ndjson")).display())).ok();
    }
    code
}

/// Cancelled by Ctrl-C, from the beginning on: what comes before somebody listens would be lost, or end the program without its close.
fn on_interrupt() -> CancellationToken {
    let (interrupt, token) = (tokio::signal::ctrl_c(), CancellationToken::new());
    let cancel = token.clone();
    tokio::spawn(async move {
        if interrupt.await.is_ok() {
            cancel.cancel();
        }
    });
    token
}

async fn drive(director: &Director, slug: &str, interrupt: &CancellationToken) -> anyhow::Result<ExitCode> {
    tokio::select! {
        ready = director.ready() => if let Err(reason) = ready { bail!("{reason}") },
        () = interrupt.cancelled() => return Ok(ExitCode::from(INTERRUPTED)),
    }
    let mut watched = Watched::start(director, slug).await?;
    let demo = watched.show.demos.get(slug).cloned().context("find the demo that was just opened")?;
    let mut interrupted = false;
    for group in &demo.groups {
        say(&format!("\n{}\n", heading(&group.name, &group.about)))?;
        let call = RunGroup { demo: slug.to_string(), group: group.name.clone() };
        director.call(Role::Presenter, ShowRequest::RunGroup(call)).await?;
        interrupted = watched.follow(group.steps.clone(), interrupt).await?;
        if watched.stands(&group.steps) != Stands::Passed || interrupted {
            break;
        }
    }
    let failed = summary(&demo, &watched.show)?;
    Ok(match (interrupted, failed) {
        (true, _) => ExitCode::from(INTERRUPTED),
        (false, true) => ExitCode::FAILURE,
        (false, false) => ExitCode::SUCCESS,
    })
}

/// How the steps of a group stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stands {
    /// One of them runs, or is still to come.
    Open,
    Passed,
    /// One of them has not passed, and none after it will run.
    Failed,
}

/// The show as a window follows it: what it is told may begin anew at any time, where this terminal was too slow for all of it.
struct Watched<'a> {
    director: &'a Director,
    slug: &'a str,
    pushes: BoxStream<'static, Push>,
    show: Show,
}

impl<'a> Watched<'a> {
    /// From before anything is run, so that nothing is missed.
    async fn start(director: &'a Director, slug: &'a str) -> anyhow::Result<Self> {
        let mut pushes = director.subscribe(Role::Presenter).boxed();
        loop {
            match pushes.next().await.context("hear from the director")? {
                Push::Presenter(ToPresenter::Snapshot { show, .. }) => {
                    return Ok(Self { director, slug, pushes, show: *show });
                }
                Push::Presenter(ToPresenter::Events { .. }) | Push::Audience(_) => {}
            }
        }
    }

    /// Prints what happens until the steps have passed, or one of them has not. `true` after Ctrl-C.
    async fn follow(&mut self, steps: Range<usize>, interrupt: &CancellationToken) -> anyhow::Result<bool> {
        let mut interrupted = false;
        while self.stands(&steps) == Stands::Open {
            let push = tokio::select! {
                push = self.pushes.next() => push.context("hear from the director")?,
                () = interrupt.cancelled(), if !interrupted => {
                    interrupted = true;
                    self.director.call(Role::Presenter, ShowRequest::Stop(Stop {})).await?;
                    continue;
                }
            };
            self.take(push)?;
        }
        Ok(interrupted)
    }

    fn take(&mut self, push: Push) -> anyhow::Result<()> {
        match push {
            Push::Presenter(ToPresenter::Snapshot { show, .. }) => {
                say("\n… what came in between was more than this terminal took\n")?;
                self.show = *show;
            }
            // The audience's.
            Push::Audience(_) => {}
            Push::Presenter(ToPresenter::Events { events, .. }) => {
                for Stamped { at, event } in events {
                    if let Event::Output(text) = &event {
                        say(text)?;
                    }
                    if let Event::Notice(notice) = &event {
                        // Notes are no part of what is asked for: where they cannot be written, it goes on.
                        writeln!(std::io::stderr(), "note: {}", notice.text).ok();
                    }
                    self.show.apply(at, &event);
                }
            }
        }
        Ok(())
    }

    fn stands(&self, steps: &Range<usize>) -> Stands {
        let Some(run) = self.show.runs.get(self.slug) else { return Stands::Open };
        let mut passed = true;
        for state in steps.clone().map(|step| run.state(step)) {
            match state {
                StepState::Failed | StepState::Cancelled => return Stands::Failed,
                StepState::Pending | StepState::Running => passed = false,
                StepState::Passed => {}
            }
        }
        if passed { Stands::Passed } else { Stands::Open }
    }
}

/// Prints at once. Whoever reads may have gone (`| less`, then Q): that ends the demo, in order.
pub(super) fn say(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).context("print (whoever read this has gone)")
}

fn heading(name: &str, about: &str) -> String {
    if about.is_empty() {
        format!("\x1b[1m── {name}\x1b[0m")
    } else {
        format!("\x1b[1m── {name}\x1b[0m  {about}")
    }
}

/// The table of steps; `true` where one did not pass.
fn summary(demo: &Demo, show: &Show) -> anyhow::Result<bool> {
    let mut failed = false;
    say(&format!("\n{:<11} {:>8}  step\n", "", "seconds"))?;
    for (index, step) in demo.steps.iter().enumerate() {
        let ran = show.runs.get(&demo.slug).and_then(|run| run.steps.get(&index));
        let seconds = ran.and_then(|ran| Some((ran.ended? - ran.started) as f64 / 1e6));
        let seconds = seconds.map(|seconds| format!("{seconds:.1}")).unwrap_or_default();
        let outcome = ran.and_then(|ran| ran.outcome.as_ref());
        let (word, more) = match outcome {
            Some(Outcome::Passed { seen }) => ("✓ passed", seen.clone()),
            Some(Outcome::Failed { why }) => ("✗ failed", why.clone()),
            Some(Outcome::TimedOut { why }) => ("✗ timed out", format!("after {} s\n{why}", step.timeout_ms / 1000)),
            Some(Outcome::Cancelled) => ("■ stopped", String::new()),
            None => ("· not run", String::new()),
        };
        failed |= !matches!(outcome, Some(Outcome::Passed { .. }));
        say(&format!("{word:<11} {seconds:>8}  {}\n", step.text))?;
        for line in more.lines() {
            say(&format!("{:>22}{line}\n", ""))?;
        }
        if let (Some(hint), true) = (&step.if_fails, word.starts_with('✗')) {
            say(&format!("{:>22}→ {hint}\n", ""))?;
        }
    }
    let figures = show.runs.get(&demo.slug).map(|run| &run.figures);
    for (name, figure) in figures.into_iter().flatten() {
        say(&format!("{name:<30} {}\n", figure.unit.say(figure.value)))?;
    }
    Ok(failed)
}
