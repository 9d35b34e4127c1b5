//! What the files of a talk say: its deck and demos, whose steps may run, and where their tools are.

use super::What;
use super::kernel::Kernel;
use crate::library::{Library, LibraryError, Talk};
use crate::places::Places;
use crate::trust::Trust;
use crate::version::{Found, find_tools};
use greenroom_show::version::Version;
use greenroom_show::{Event, Opened};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

#[derive(Debug, Clone)]
pub struct Loaded {
    pub talk: Talk,
    /// Demos whose steps may not run yet.
    pub held: BTreeSet<String>,
    /// Where each tool of the demos is; `None` where it is not installed.
    pub tools: BTreeMap<String, Option<Found>>,
}

impl Loaded {
    pub async fn read(places: &Places, what: &What, trust: &Trust) -> Result<Loaded, LibraryError> {
        let (places, what, trust) = (places.clone(), what.clone(), trust.clone());
        let read = tokio::task::spawn_blocking(move || {
            let library = Library::new(places.project());
            let talk = match &what {
                What::Deck(slug) => library.talk(slug)?,
                What::Demo(slug) => library.talk_of_demo(slug)?,
            };
            let held = trust.held(places.project(), &talk);
            let tools = find_tools(&places, &talk, &held);
            Ok(Loaded { talk, held, tools })
        });
        read.await.expect("reading files does not panic")
    }

    /// A version of the talk as it comes on stage, with the demos that it cues and no other.
    pub fn opened(&self, version: Version) -> Result<Opened, String> {
        let whole = &self.talk.deck;
        if let Some(cut) = version.cut.filter(|cut| !whole.cuts.contains(cut)) {
            let known: Vec<_> = whole.cuts.iter().map(f64::to_string).collect();
            let known = if known.is_empty() { "none; add 'cuts' to its front matter".into() } else { known.join(", ") };
            return Err(format!("there is no version of {cut} minutes (shorter versions: {known})"));
        }
        let Some((deck, _)) = greenroom_show::version::version(whole, version) else {
            let fault = self.talk.faults.first().map(|fault| format!(", or mend {fault}")).unwrap_or_default();
            return Err(format!("no slide of it may be shown to this audience: choose another level{fault}"));
        };
        let cued =
            |slug: &String| deck.slides.iter().any(|slide| slide.cue.as_ref().is_some_and(|cue| cue.demo == *slug));
        let demos = self.talk.programs.iter().filter(|(slug, _)| cued(slug));
        let demos = demos.map(|(slug, program)| (slug.clone(), program.demo.clone())).collect();
        let held = self.held.iter().filter(|slug| cued(slug)).cloned().collect();
        Ok(Opened { deck, demos, version, held, faulty: !self.talk.faults.is_empty() })
    }
}

/// Asks the tools of the demos that may run for their versions, side by side; the demo on stage hears of each as it is known.
pub fn ask_versions(kernel: &Arc<Kernel>) {
    for (name, found) in kernel.loaded().tools.clone() {
        let Some(found) = found else { continue };
        let kernel = kernel.clone();
        kernel.tasks.clone().spawn(async move {
            let is = tokio::select! {
                is = kernel.versions.of(&found) => is,
                () = kernel.closing.cancelled() => return,
            };
            let mut now = kernel.lock();
            let show = now.show.live();
            let demo = show.active.as_ref().and_then(|slug| Some((show.demos.get(slug)?, show.runs.get(slug)?)));
            if demo.is_some_and(|(demo, run)| demo.tools.contains(&name) && run.tools.get(&name) != Some(&is)) {
                kernel.emit_in(&mut now, Event::Tool { name, is });
            }
        });
    }
}
