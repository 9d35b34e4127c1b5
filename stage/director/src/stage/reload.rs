//! Shows an edited deck or demo at once. A broken edit keeps the last good version on stage, and is named to the speaker.

use super::loaded::Loaded;
use super::{Stage, What, calls, history, trust};
use crate::library::LibraryError;
use greenroom_show::Event;
use notify::{RecursiveMode, Watcher};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// An editor writes a file in several strokes.
const SETTLE: Duration = Duration::from_millis(80);
/// How often a reload looks whether it may go on: steps do not change under a run.
const LOOK_EVERY: Duration = Duration::from_millis(200);

pub async fn run(stage: Arc<Stage>) {
    let (sender, mut changes) = mpsc::channel(1);
    let changed = move |event: notify::Result<notify::Event>| {
        // Reading is no change. A full channel knows already.
        if event.is_ok_and(|event| !event.kind.is_access()) {
            sender.try_send(()).ok();
        }
    };
    let watched = notify::recommended_watcher(changed).and_then(|mut watcher| {
        for folder in folders(&stage) {
            watcher.watch(&folder, RecursiveMode::Recursive)?;
        }
        Ok(watcher)
    });
    // Watches as long as it lives.
    let _watcher = match watched {
        Ok(watcher) => watcher,
        Err(error) => return stage.notice(format!("Edits are not seen until the talk is opened again: {error}")),
    };
    loop {
        tokio::select! {
            changed = changes.recv() => if changed.is_none() { return },
            () = stage.closing.cancelled() => return,
        }
        tokio::time::sleep(SETTLE).await;
        while changes.try_recv().is_ok() {}
        while is_busy(&stage) {
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = stage.closing.cancelled() => return,
            }
        }
        reload(&stage).await;
    }
}

/// While a step runs, or a recorded talk is drawn in place of the live one.
fn is_busy(stage: &Stage) -> bool {
    let now = stage.lock();
    now.running.is_some() || now.show.replays_talk()
}

fn folders(stage: &Stage) -> Vec<std::path::PathBuf> {
    let demos = stage.root.join("demos");
    match &stage.what {
        What::Deck(slug) => vec![stage.root.join("slides").join(slug), demos],
        What::Demo(slug) => vec![demos.join(slug)],
    }
}

async fn reload(stage: &Arc<Stage>) {
    let before = stage.loaded();
    let mut loaded = match Loaded::read(&stage.root, &stage.what, &stage.trust).await {
        Ok(loaded) => loaded,
        Err(error) => return stage.emit(Event::Faults(lines(&error))),
    };
    if !loaded.talk.faults.is_empty() && before.talk.faults.is_empty() {
        let faults = loaded.talk.faults.iter().map(ToString::to_string).collect();
        return stage.emit(Event::Faults(faults));
    }
    trust::carry_over(stage, &before, &mut loaded).await;
    let version = stage.lock().show.version;
    // A cut that the edit took away: the whole talk.
    let opened =
        loaded.opened(version).or_else(|_| loaded.opened(greenroom_show::version::Version { cut: None, ..version }));
    let opened = match opened {
        Ok(opened) => opened,
        Err(why) => return stage.emit(Event::Faults(vec![why])),
    };
    if !is_same(&before, &loaded) {
        stage.reloaded(loaded.clone());
        stage.emit(Event::Opened(Box::new(opened)));
        history::learn(stage);
        if let Err(error) = calls::come_back(stage) {
            stage.notice(error.to_string());
        }
        for warning in loaded.talk.warnings.iter().filter(|warning| !before.talk.warnings.contains(warning)) {
            stage.notice(warning.to_string());
        }
    }
    stage.emit(Event::Faults(loaded.talk.faults.iter().map(ToString::to_string).collect()));
}

fn is_same(before: &Loaded, after: &Loaded) -> bool {
    let demos = |loaded: &Loaded| -> Vec<_> {
        loaded.talk.programs.iter().map(|(slug, program)| (slug.clone(), program.demo.hash.clone())).collect()
    };
    before.talk.deck == after.talk.deck && demos(before) == demos(after) && before.held == after.held
}

fn lines(error: &LibraryError) -> Vec<String> {
    error.to_string().lines().map(str::to_string).collect()
}
