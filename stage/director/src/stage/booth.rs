//! Slides and takes go round unattended: `greenroom_show::booth` says what is shown now, and here it is opened and looked after.

use super::kernel::{Kernel, Now};
use super::{Stage, calls};
use crate::booth_file::{FILE, Shelf, list};
use crate::replay;
use greenroom_show::booth::{Booth, Does, Item, Stands};
use greenroom_show::call::CallError;
use greenroom_show::{Curtain, Event, Position, Replay};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

/// How often what is shown is looked after.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Keys pressed faster than they are obeyed.
const RESTARTS_WAITING: usize = 2;

/// A booth that goes round. Dropping it ends that.
#[derive(Debug)]
pub struct Handle {
    restarts: mpsc::Sender<()>,
    _over: DropGuard,
}

pub fn toggle(stage: &Arc<Stage>) -> Result<(), CallError> {
    let booth = stage.lock().booth.take();
    if booth.is_none() {
        return begin(stage);
    }
    drop(booth);
    let mut now = stage.lock();
    now.replay = None;
    stage.emit_in(&mut now, Event::Unattended(None));
    // In every window, whether or not a take is on stage just now.
    stage.emit_in(&mut now, Event::Replay(Replay::Closed));
    Ok(())
}

/// To the start of the list.
pub fn restart(kernel: &Arc<Kernel>) -> Result<(), CallError> {
    let now = kernel.lock();
    let off = || CallError::Failed { detail: "there is no booth: Shift B begins one".into() };
    let booth = now.booth.as_ref().ok_or_else(off)?;
    // One that waits already does the same.
    booth.restarts.try_send(()).ok();
    Ok(())
}

pub fn begin(stage: &Arc<Stage>) -> Result<(), CallError> {
    let (restarts, asked) = mpsc::channel(RESTARTS_WAITING);
    let over = CancellationToken::new();
    stage.lock().busy.be_free()?;
    calls::close_replay(stage);
    {
        let mut now = stage.lock();
        for event in [Event::Curtain(Curtain::Open), Event::Frozen(None), Event::Zoomed(None), Event::Pointed(None)] {
            stage.emit_in(&mut now, event);
        }
        now.booth = Some(Handle { restarts, _over: over.clone().drop_guard() });
        stage.emit_in(&mut now, Event::Unattended(Some(0)));
    }
    stage.tasks.spawn(goes_round(stage.kernel.clone(), asked, over));
    Ok(())
}

async fn goes_round(kernel: Arc<Kernel>, mut restarts: mpsc::Receiver<()>, over: CancellationToken) {
    let mut said = BTreeSet::new();
    let mut booth = Booth::new(read(&kernel, &mut said).await, kernel.watch.now());
    let mut stands = Stands::Shows;
    while !over.is_cancelled() && !kernel.closing.is_cancelled() {
        match booth.goes_on(kernel.watch.now(), stands) {
            Does::Stays => {}
            Does::Round => {
                booth = Booth::new(read(&kernel, &mut said).await, kernel.watch.now());
                continue;
            }
            Does::Shows(item) => {
                stands = show(&kernel, &item, &mut said).await;
                if let (Stands::Shows, Some((index, _))) = (stands, booth.shown()) {
                    tell(&kernel, index);
                }
                continue;
            }
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            asked = restarts.recv() => {
                let Some(()) = asked else { return };
                booth = Booth::new(read(&kernel, &mut said).await, kernel.watch.now());
            }
            () = over.cancelled() => {}
            () = kernel.closing.cancelled() => {}
        }
        stands = booth.shown().map_or(Stands::Shows, |(_, item)| looked_at(&kernel.lock(), item));
    }
}

/// The list as the files, the deck and the takes are now. What is wrong with it is said once.
async fn read(kernel: &Arc<Kernel>, said: &mut BTreeSet<String>) -> Vec<Item> {
    let show = kernel.lock().show.live().clone();
    let slug = kernel.loaded().talk.deck.slug.clone();
    let (file, path) = (format!("slides/{slug}/{FILE}"), kernel.places.project().join("slides").join(&slug).join(FILE));
    let text = match tokio::fs::read_to_string(&path).await {
        Ok(text) => Some(text),
        Err(error) => {
            if error.kind() != std::io::ErrorKind::NotFound {
                say(kernel, said, format!("{file}: {error}"));
            }
            None
        }
    };
    // Without takes it still has its slides.
    let takes = kernel.shelf(Kernel::takes).await.unwrap_or_default();
    let labels = calls::labels(kernel).await.unwrap_or_default();
    let shelf = Shelf { show: &show, takes: &takes, labels: &labels };
    let (items, faults) = list(&file, text.as_deref(), shelf);
    for fault in faults {
        say(kernel, said, fault.to_string());
    }
    items
}

async fn show(kernel: &Arc<Kernel>, item: &Item, said: &mut BTreeSet<String>) -> Stands {
    let shown = match item {
        Item::Slide { slide, .. } => show_slide(kernel, *slide),
        Item::Take { id, .. } => calls::open_take(kernel, id).await,
    };
    match shown {
        Ok(()) => Stands::Shows,
        Err(error) => {
            say(kernel, said, format!("The booth passes something over: {error}"));
            Stands::Broken
        }
    }
}

/// With all that its clicks would reveal.
fn show_slide(kernel: &Arc<Kernel>, slide: usize) -> Result<(), CallError> {
    if kernel.lock().show.replays_talk() {
        calls::close_replay(kernel);
    }
    calls::go_to(kernel, slide)?;
    let mut now = kernel.lock();
    let clicks = now.show.slide().filter(|slide| !now.show.runs_demo(slide)).map(greenroom_show::deck::Slide::clicks);
    if let Some(reveal) = clicks.filter(|clicks| *clicks > 0) {
        kernel.emit_in(&mut now, Event::Moved(Position { slide, reveal }));
    }
    Ok(())
}

fn looked_at(now: &Now, item: &Item) -> Stands {
    let Item::Take { id, .. } = item else { return Stands::Shows };
    match now.show.playing(0) {
        Some(playing) if playing.take.id != *id => Stands::Broken,
        Some(playing) if playing.ended => Stands::Ended,
        Some(_) if now.replay.as_ref().is_none_or(replay::Handle::is_over) => Stands::Broken,
        Some(_) => Stands::Shows,
        None => Stands::Broken,
    }
}

/// Which item is shown, unless the booth has ended meanwhile.
fn tell(kernel: &Arc<Kernel>, index: usize) {
    let mut now = kernel.lock();
    if now.booth.is_some() && now.show.live().booth != Some(index) {
        kernel.emit_in(&mut now, Event::Unattended(Some(index)));
    }
}

/// To the speaker, once.
fn say(kernel: &Arc<Kernel>, said: &mut BTreeSet<String>, text: String) {
    if said.insert(text.clone()) {
        kernel.notice(text);
    }
}
