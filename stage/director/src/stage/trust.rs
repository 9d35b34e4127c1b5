//! The speaker says yes to what the demos on stage run.

use super::loaded::{Loaded, ask_versions};
use super::{Stage, calls};
use crate::library::Talk;
use crate::version::find_tools;
use greenroom_show::Event;
use greenroom_show::call::CallError;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Lets the steps of the demos on stage run, whose lines the presenter has listed, as they are on stage now, and remembers it. Demos
/// that this version does not show stay held.
pub async fn trust(stage: &Arc<Stage>) -> Result<(), CallError> {
    let failed = |detail: String| CallError::Failed { detail };
    let before = stage.loaded();
    let (version, listed) = {
        let now = stage.lock();
        (now.show.version, now.show.held.clone())
    };
    remember(stage, &before.talk, &listed).await.map_err(failed)?;
    if !Arc::ptr_eq(&before, &stage.loaded()) {
        return Err(failed("the talk was edited meanwhile: look at its lines again, then press Shift Y".into()));
    }
    let held: BTreeSet<_> = before.held.difference(&listed).cloned().collect();
    let tools = find_tools(&stage.places, &before.talk, &held);
    let loaded = Loaded { talk: before.talk.clone(), held, tools };
    let opened = loaded.opened(version).map_err(failed)?;
    stage.reloaded(loaded);
    let mut now = stage.lock();
    stage.emit_in(&mut now, Event::Opened(Box::new(opened)));
    // What was on stage knows nothing of its tools yet.
    if let Some(demo) = now.show.active.clone().filter(|demo| listed.contains(demo)) {
        stage.begin(&mut now, &demo);
    }
    drop(now);
    ask_versions(&stage.kernel);
    calls::come_back(stage)
}

/// An edit that is made while the show is open is the speaker's own: what was trusted before it is trusted after it.
pub async fn carry_over(stage: &Stage, before: &Loaded, loaded: &mut Loaded) {
    let was_trusted = |slug: &&String| before.talk.programs.contains_key(*slug) && !before.held.contains(*slug);
    let edited: BTreeSet<String> = loaded.held.iter().filter(was_trusted).cloned().collect();
    if edited.is_empty() {
        return;
    }
    if let Err(error) = remember(stage, &loaded.talk, &edited).await {
        tracing::warn!(%error, "the next show will ask again");
    }
    loaded.held.retain(|slug| !edited.contains(slug));
    loaded.tools = find_tools(&stage.places, &loaded.talk, &loaded.held);
}

/// Reads all that the steps run, down to tools of a hundred megabytes.
async fn remember(stage: &Stage, talk: &Talk, demos: &BTreeSet<String>) -> Result<(), String> {
    let (talk, demos) = (talk.clone(), demos.clone());
    let kept = stage.at_the_disk(move |kernel| kernel.trust.remember(kernel.places.project(), &talk, &demos)).await;
    kept.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
}
