//! What past runs tell: of the talk, to its speaker; of each step, how long to wait for it.

use super::Stage;
use crate::clock::wall_unix_ms;
use crate::rehearsals;
use greenroom_show::call::CallError;
use greenroom_show::demo::Demo;
use greenroom_show::rehearsal::{Reliability, Report, reliability, report as sum_up};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

/// What past runs tell of a step, by a demo's hash and the step's number.
pub type Patience = BTreeMap<(String, usize), Expected>;

/// Milliseconds that a step may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    /// Then it is given up.
    pub timeout: u64,
    /// Then it is late, where past runs tell.
    pub late: Option<u64>,
}

impl Stage {
    /// How long a step may take.
    pub fn patience(&self, demo: &Demo, step: usize) -> Expected {
        let learned = self.backstage.patience.lock().unwrap_or_else(PoisonError::into_inner);
        learned
            .get(&(demo.hash.clone(), step))
            .copied()
            .unwrap_or_else(|| Expected { timeout: demo.steps.get(step).map_or(0, |step| step.timeout_ms), late: None })
    }

    fn slug(&self) -> String {
        self.lock().show.deck.as_ref().map(|deck| deck.slug.clone()).unwrap_or_default()
    }
}

/// Reads the takes of the demos on stage, without making anybody wait.
pub fn learn(stage: &Arc<Stage>) {
    let learner = stage.clone();
    stage.tasks.spawn_blocking(move || {
        let demos = learner.lock().show.demos.clone();
        let hash = |step: &Reliability| demos.get(&step.demo).map(|demo| demo.hash.clone()).unwrap_or_default();
        let learned = steps(&learner, &demos).into_iter().map(|step| {
            let expected = Expected { timeout: step.timeout_ms, late: step.late_ms };
            ((hash(&step), step.step), expected)
        });
        *learner.backstage.patience.lock().unwrap_or_else(PoisonError::into_inner) = learned.collect();
    });
}

fn steps(stage: &Stage, demos: &BTreeMap<String, Demo>) -> Vec<Reliability> {
    let trials = stage.shelf_now(|stage, index| index.trials(demos, &stage.machine));
    reliability(demos.values(), &trials)
}

pub async fn report(stage: &Arc<Stage>) -> Result<Report, CallError> {
    let reader = stage.clone();
    let read = tokio::task::spawn_blocking(move || {
        let runs = rehearsals::list(&reader.places, &reader.slug());
        let demos = reader.lock().show.demos.clone();
        sum_up(&runs, steps(&reader, &demos), wall_unix_ms())
    });
    read.await.map_err(|error| CallError::Failed { detail: error.to_string() })
}

pub async fn delete(stage: &Arc<Stage>, id: &str) -> Result<(), CallError> {
    let (deck, id) = (stage.slug(), id.to_string());
    let deleted = stage.at_the_disk(move |kernel| rehearsals::delete(&kernel.places, &deck, Some(&id))).await?;
    deleted.map(|_| ()).map_err(|error| CallError::Failed { detail: error.to_string() })
}

/// Writes `exports/rehearsals-<deck>-<time>.csv`, and answers where that is.
pub async fn export(stage: &Arc<Stage>) -> Result<String, CallError> {
    let deck = stage.slug();
    let folder = stage.places.exports().to_path_buf();
    let file = folder.join(format!("rehearsals-{deck}-{}.csv", rehearsals::id(wall_unix_ms())));
    let path = file.clone();
    let written = stage.at_the_disk(move |kernel| {
        std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&path, rehearsals::csv(&kernel.places, &deck)))
    });
    match written.await? {
        Ok(()) => Ok(file.display().to_string()),
        Err(error) => Err(CallError::Failed { detail: format!("{} cannot be written: {error}", file.display()) }),
    }
}
