//! What the presenter sets in the capacity planner: kept from one show to the next, and written out as a table and as pictures.

use super::kernel::Kernel;
use crate::clock::wall_unix_ms;
use crate::durable;
use crate::rehearsals;
use greenroom_show::Event;
use greenroom_show::call::{CallError, SetPlan};
use greenroom_show::planner::{Settings, picture};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What was set in an earlier show.
pub fn restore(kernel: &Kernel) {
    let kept = std::fs::read(file(kernel)).ok();
    if let Some(settings) = kept.and_then(|bytes| serde_json::from_slice::<Settings>(&bytes).ok()) {
        kernel.emit(Event::Planned(settings));
    }
}

pub async fn set(kernel: &Arc<Kernel>, call: &SetPlan) -> Result<(), CallError> {
    {
        let mut now = kernel.lock();
        let mut settings = now.show.settings.clone();
        settings.set(call.key, call.value);
        kernel.emit_in(&mut now, Event::Planned(settings));
    }
    let kept = kernel.at_the_disk(keep).await?;
    kept.map_err(|error| failed(&file(kernel), &error))
}

/// What is set now, also where it was set again meanwhile: a slider is set many times a second, and the last one counts.
fn keep(kernel: &Kernel) -> std::io::Result<()> {
    loop {
        let settings = kernel.lock().show.settings.clone();
        durable::replace(&file(kernel), serde_json::to_vec(&settings)?)?;
        if kernel.lock().show.settings == settings {
            return Ok(());
        }
    }
}

/// Writes `exports/plan-<time>/`, and answers where that is.
pub async fn export(kernel: &Arc<Kernel>) -> Result<String, CallError> {
    kernel.at_the_disk(write).await?
}

fn write(kernel: &Kernel) -> Result<String, CallError> {
    let plan = kernel.lock().show.plan();
    let folder = kernel.places.exports().join(format!("plan-{}", rehearsals::id(wall_unix_ms())));
    let files =
        [("plan.csv", plan.csv()), ("capacity.svg", picture::capacity(&plan)), ("cost.svg", picture::cost(&plan))];
    std::fs::create_dir_all(&folder).map_err(|error| failed(&folder, &error))?;
    for (name, text) in files {
        let file = folder.join(name);
        std::fs::write(&file, text).map_err(|error| failed(&file, &error))?;
    }
    Ok(folder.display().to_string())
}

fn failed(file: &Path, error: &std::io::Error) -> CallError {
    CallError::Failed { detail: format!("{} cannot be written: {error}", file.display()) }
}

fn file(kernel: &Kernel) -> PathBuf {
    kernel.places.state("plan.json")
}
