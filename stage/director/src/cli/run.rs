//! A demo in the terminal: the events that the windows would draw, printed, and a table of what each step came to.

use anyhow::{Context, bail};
use futures::{Stream, StreamExt};
use greenroom_director::{Director, Library, Options, Trust, What};
use greenroom_show::call::{Call, Push, Role, RunGroup, Stop};
use greenroom_show::demo::Demo;
use greenroom_show::version::Version;
use greenroom_show::{Event, Outcome, Show, Stamped};
use std::io::Write;
use std::path::Path;
use std::process::{Command, ExitCode};
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

pub fn run_demo(root: &Path, asked: &Asked) -> anyhow::Result<ExitCode> {
    let Asked { slug, headless, trust } = asked;
    let trust = if *trust { Trust::Given } else { Trust::of_user(root) };
    if !headless && has_display() {
        return in_window(root, slug, &trust);
    }
    if !headless {
        eprintln!("There is no display: the demo runs in this terminal.");
    }
    tokio::runtime::Runtime::new().context("start the runtime")?.block_on(in_terminal(root, slug, trust))
}

fn has_display() -> bool {
    ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

/// Opens the app on the first deck that cues the demo.
fn in_window(root: &Path, slug: &str, trust: &Trust) -> anyhow::Result<ExitCode> {
    let library = Library::new(root);
    library.demo(slug)?;
    let cues = |deck: &String| library.talk(deck).is_ok_and(|talk| talk.programs.contains_key(slug));
    let Some(deck) = library.decks()?.into_iter().find(cues) else {
        bail!("no deck cues the demo '{slug}': run it with --headless");
    };
    let app = std::env::current_exe()?.with_file_name("greenroom-app");
    let given = (*trust == Trust::Given).then_some("--trust");
    let status = Command::new(&app)
        .arg("--root")
        .arg(root)
        .args(["--deck", &deck])
        .args(given)
        .status()
        .with_context(|| format!("open {} (build it with 'cargo xtask build')", app.display()))?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn in_terminal(root: &Path, slug: &str, trust: Trust) -> anyhow::Result<ExitCode> {
    let held = trust.held(root, &Library::new(root).talk_of_demo(slug)?);
    if !held.is_empty() {
        bail!("the steps of '{slug}' are not trusted yet: look at demos/{slug}/demo.md, then add --trust");
    }
    let options = Options {
        root: root.to_path_buf(),
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
        println!("\nTake: {}", root.join("takes").join(format!("{take}.take.ndjson")).display());
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
    let demo = director.show().demos.remove(slug).context("find the demo that was just opened")?;
    let mut pushes = Box::pin(director.subscribe(Role::Presenter));
    let mut interrupted = false;
    for group in &demo.groups {
        println!("\n{}", heading(&group.name, &group.about));
        let call = RunGroup { demo: slug.to_string(), group: group.name.clone() };
        director.call(Role::Presenter, RunGroup::NAME, serde_json::to_value(call)?).await?;
        interrupted = follow(director, &mut pushes, group.steps.end - 1, interrupt).await?;
        let show = director.show();
        let passed = show
            .runs
            .get(slug)
            .is_some_and(|run| group.steps.clone().all(|step| run.state(step) == greenroom_show::StepState::Passed));
        if !passed || interrupted {
            break;
        }
    }
    let show = director.show();
    let failed = summary(&demo, &show);
    Ok(match (interrupted, failed) {
        (true, _) => ExitCode::from(INTERRUPTED),
        (false, true) => ExitCode::FAILURE,
        (false, false) => ExitCode::SUCCESS,
    })
}

/// Prints what happens until `last` has ended, or a step before it did not pass. `true` after Ctrl-C.
async fn follow(
    director: &Director,
    pushes: &mut (impl Stream<Item = Push> + Unpin),
    last: usize,
    interrupt: &CancellationToken,
) -> anyhow::Result<bool> {
    let mut interrupted = false;
    loop {
        let push = tokio::select! {
            push = pushes.next() => push.context("hear from the director")?,
            () = interrupt.cancelled(), if !interrupted => {
                interrupted = true;
                director.call(Role::Presenter, Stop::NAME, serde_json::json!({})).await?;
                continue;
            }
        };
        let events = match push {
            Push::Events { events, .. } => events,
            Push::Snapshot { .. } => continue,
        };
        for Stamped { event, .. } in events {
            match event {
                Event::Output(text) => {
                    print!("{text}");
                    std::io::stdout().flush().ok();
                }
                Event::Notice(notice) => eprintln!("note: {}", notice.text),
                Event::StepEnded { step, outcome } => {
                    let passed = matches!(outcome, Outcome::Passed { .. });
                    if step == last || !passed {
                        return Ok(interrupted);
                    }
                }
                _ => {}
            }
        }
    }
}

fn heading(name: &str, about: &str) -> String {
    if about.is_empty() {
        format!("\x1b[1m── {name}\x1b[0m")
    } else {
        format!("\x1b[1m── {name}\x1b[0m  {about}")
    }
}

/// The table of steps; `true` where one did not pass.
fn summary(demo: &Demo, show: &Show) -> bool {
    let mut failed = false;
    println!("\n{:<11} {:>8}  step", "", "seconds");
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
        println!("{word:<11} {seconds:>8}  {}", step.text);
        for line in more.lines() {
            println!("{:>22}{line}", "");
        }
        if let (Some(hint), true) = (&step.if_fails, word.starts_with('✗')) {
            println!("{:>22}→ {hint}", "");
        }
    }
    let figures = show.runs.get(&demo.slug).map(|run| &run.figures);
    for (name, figure) in figures.into_iter().flatten() {
        println!("{name:<30} {}", figure.unit.say(figure.value));
    }
    failed
}
