//! What takes a while: one thing at a time, told by its share, until it is done or broken off.

use super::{Start, failed};
use crate::doctor::short;
use crate::export::{self, Idle, Shape, deck};
use crate::library::Library;
use crate::takes::library::Takes;
use crate::toolbox;
use greenroom_show::call::CallError;
use greenroom_show::start::{ExportTake, ExportTalk, Job, Said};
use greenroom_show::version::Version;
use std::fmt::Display;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio_util::sync::CancellationToken;

#[derive(Debug, Clone, Default)]
pub struct Jobs(Arc<Mutex<Desk>>);

#[derive(Debug, Default)]
struct Desk {
    under_way: Option<(Job, CancellationToken)>,
    said: Option<Said>,
}

impl Jobs {
    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is under way, and what the last one came to.
    pub fn told(&self) -> (Option<Job>, Option<Said>) {
        let desk = self.desk();
        (desk.under_way.as_ref().map(|(job, _)| job.clone()), desk.said.clone())
    }

    /// Why something was not done that no call asked for.
    pub fn say(&self, text: String) {
        self.desk().said = Some(Said { text, failed: true });
    }

    pub fn cancel(&self) -> Result<(), CallError> {
        let desk = self.desk();
        let (_, cancel) = desk.under_way.as_ref().ok_or_else(|| failed("nothing is under way"))?;
        cancel.cancel();
        Ok(())
    }

    fn begin(&self, what: String) -> Result<(), CallError> {
        let mut desk = self.desk();
        if let Some((job, _)) = &desk.under_way {
            return Err(failed(format!("{}: cancel it first, or wait", job.what)));
        }
        (desk.under_way, desk.said) = (Some((Job { what, share: None }, CancellationToken::new())), None);
        Ok(())
    }

    fn hear(&self, share: Option<f64>) -> ControlFlow<()> {
        match &mut self.desk().under_way {
            Some((job, cancel)) if !cancel.is_cancelled() => {
                job.share = share.map(|share| share.clamp(0.0, 1.0));
                ControlFlow::Continue(())
            }
            _ => ControlFlow::Break(()),
        }
    }

    fn end<E: Display>(&self, done: Result<PathBuf, E>) {
        let said = match done {
            Ok(path) => Said { text: format!("Written: {}", short(&path)), failed: false },
            Err(error) => Said { text: error.to_string(), failed: true },
        };
        let mut desk = self.desk();
        (desk.under_way, desk.said) = (None, Some(said));
    }
}

/// As its audience may see it.
pub async fn export_talk(start: &Start, asked: &ExportTalk) -> Result<(), CallError> {
    let ExportTalk { folder, deck, form, level } = asked;
    let known = deck::Form::ALL.into_iter().find(|known| known.extension() == form);
    let form = known.ok_or_else(|| failed(format!("a talk is handed on as pdf, pptx or html, and not as {form}")))?;
    let project = start.known(Path::new(folder))?;
    let (places, slug) = (start.places_of(&project), deck.clone());
    let talk = tokio::task::spawn_blocking(move || Library::new(&project).talk(&slug)).await;
    let talk = talk.map_err(failed)?.map_err(failed)?;
    let jobs = start.0.jobs.clone();
    jobs.begin(format!("Writing '{}' as {} for {}", talk.deck.title, form.extension(), level.as_str()))?;
    let version = Version { level: Some(*level), cut: None };
    let wanted = deck::Wanted { form, version, reveals: deck::Reveals::Done, notes: deck::Notes::No, height: 1080 };
    let to = places.exports().join(format!("{deck}.{}", form.extension()));
    tokio::task::spawn_blocking(move || {
        let done = deck::export(&places, &talk, wanted, &to, &mut |share| jobs.hear(Some(share)));
        jobs.end(done.map(|()| to));
    });
    Ok(())
}

/// As it is played, for the level that it was recorded at: it is the user's own.
pub fn export_take(start: &Start, asked: &ExportTake) -> Result<(), CallError> {
    let format = export::format(&asked.form).map_err(failed)?;
    let project = start.known(Path::new(&asked.folder))?;
    let (jobs, places, id) = (start.0.jobs.clone(), start.places_of(&project), asked.id.clone());
    jobs.begin(format!("Writing the take as {}", format.name()))?;
    let to = places.exports().join(format!("{id}.{}", format.extension()));
    tokio::task::spawn_blocking(move || {
        let takes = Takes::open(&places);
        let level = takes.index.level(&id).unwrap_or_default();
        let wanted = export::Wanted { format, idle: Idle::Cut, level, shape: Shape::default() };
        let done = export::export(&takes, &id, wanted, &to, &mut |share| jobs.hear(Some(share)));
        jobs.end(done.map(|()| to));
    });
    Ok(())
}

pub fn fetch_tool(start: &Start, name: &str) -> Result<(), CallError> {
    let (jobs, home, name) = (start.0.jobs.clone(), start.0.home.clone(), name.to_owned());
    jobs.begin(format!("Fetching {name}"))?;
    tokio::spawn(async move {
        let done = toolbox::fetch(&home, &name, &mut |share| jobs.hear(share)).await;
        jobs.end(done);
    });
    Ok(())
}
