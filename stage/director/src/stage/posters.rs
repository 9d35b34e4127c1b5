//! Pictures of takes for the list of them: what each comes to, as the audience of this show may see it. Drawn once, one at a time and only
//! while nothing runs, and kept beside the takes: each can be drawn again.

use super::hand_on;
use super::kernel::{Kernel, Now};
use crate::export::{self, ExportError, Poster, Shape, Wanted};
use crate::takes;
use crate::takes::library::{Takes, about_path};
use bytes::Bytes;
use greenroom_show::deck::Level;
use greenroom_show::playback::Idle;
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;

/// Twice as large as the list shows them, for a dense screen.
const HEIGHT: u32 = 216;
/// Among the takes.
const FOLDER: &str = ".posters";
/// Whether nothing runs any more.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A longer list asks again when it is read again.
const WAITING_MAX: usize = 32;

#[derive(Debug)]
pub struct Posters {
    camera: Semaphore,
    waiting: AtomicUsize,
    /// Files that could not be drawn: trying again would cost as much, and give as little.
    failed: Mutex<BTreeSet<String>>,
}

impl Default for Posters {
    fn default() -> Posters {
        Posters { camera: Semaphore::new(1), waiting: AtomicUsize::new(0), failed: Mutex::default() }
    }
}

/// The picture of a take as a PNG, or nothing where there is none for now. One that has to be drawn is waited for.
pub async fn poster(kernel: &Arc<Kernel>, id: &str) -> Option<Bytes> {
    let level = hand_on::level(&kernel.lock());
    let wanted = id.to_string();
    // Whatever is asked for, only the id of a take that there is becomes a part of a path.
    kernel.shelf(move |_, index| index.header(&wanted).map(|_| ())).await.ok()??;
    let (take, name) = (id.to_string(), format!("{id}.{}.png", level.as_str()));
    let file = name.clone();
    if let Some(picture) = kernel.at_the_disk(move |kernel| kept(kernel, &take, &file)).await.ok()? {
        return Some(picture);
    }
    let waiting = kernel.posters.waiting.fetch_add(1, Ordering::Relaxed);
    let drawn = if waiting < WAITING_MAX { drawn(kernel, id.to_string(), level, name).await } else { None };
    kernel.posters.waiting.fetch_sub(1, Ordering::Relaxed);
    drawn
}

/// One that was drawn after the take, and what is said of it, have changed.
fn kept(kernel: &Kernel, id: &str, name: &str) -> Option<Bytes> {
    let folder = kernel.takes_folder();
    let changed = |path: &Path| std::fs::metadata(path).and_then(|found| found.modified()).ok();
    let picture = folder.join(FOLDER).join(name);
    let drawn = changed(&picture)?;
    let is_older = |path: &Path| changed(path).is_some_and(|at| at > drawn);
    if is_older(&takes::path(&folder, id)) || is_older(&about_path(&folder, id)) {
        return None;
    }
    std::fs::read(picture).ok().map(Bytes::from)
}

async fn drawn(kernel: &Arc<Kernel>, id: String, level: Level, name: String) -> Option<Bytes> {
    let _camera = kernel.posters.camera.acquire().await.ok()?;
    while !is_at_rest(&kernel.lock()) {
        kernel.closing.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await?;
    }
    if kernel.posters.failed().contains(&name) {
        return None;
    }
    let desk = kernel.clone();
    // A task of the show's: it waits for it when it closes.
    let work = kernel.tasks.spawn_blocking(move || draw(&desk, &id, level, &name));
    work.await.ok()?
}

fn draw(kernel: &Kernel, id: &str, level: Level, name: &str) -> Option<Bytes> {
    let folder = kernel.takes_folder();
    let wanted =
        Wanted { format: &Poster, idle: Idle::Cut, level, shape: Shape { height: HEIGHT, ..Shape::default() } };
    let mut goes_on = |_: f64| match kernel.closing.is_cancelled() || !is_at_rest(&kernel.lock()) {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    };
    let takes = Takes::open(&kernel.places);
    match export::export(&takes, id, wanted, &folder.join(FOLDER).join(name), &mut goes_on) {
        Ok(()) => {
            sweep(&takes, &folder.join(FOLDER));
            // One that is still recorded has changed since: this is how it stood.
            std::fs::read(folder.join(FOLDER).join(name)).ok().map(Bytes::from)
        }
        Err(ExportError::Cancelled) => None,
        // The list shows that there is none; whoever hands the take on is told why.
        Err(_) => {
            kernel.posters.failed().insert(name.to_string());
            None
        }
    }
}

impl Posters {
    fn failed(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Pictures of takes that are gone go.
fn sweep(takes: &Takes, folder: &Path) {
    for found in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = found.file_name().to_string_lossy().into_owned();
        let id = name.split('.').next().unwrap_or_default();
        if takes.index.header(id).is_none() {
            // It is looked for again with the next picture.
            std::fs::remove_file(found.path()).ok();
        }
    }
}

/// Whether a core may be taken: nobody speaks, nothing runs, nothing is played.
fn is_at_rest(now: &Now) -> bool {
    let show = now.show.live();
    !show.clock.runs() && now.busy.is_free() && now.replay.is_none() && now.booth.is_none()
}
