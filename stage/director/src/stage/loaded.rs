//! What the files of a talk say: its deck and demos, whose steps may run, and where their tools are.

use super::What;
use crate::library::{Library, LibraryError, Talk};
use crate::tool;
use crate::trust::Trust;
use greenroom_show::Opened;
use greenroom_show::version::Version;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

#[derive(Debug, Clone)]
pub struct Loaded {
    pub talk: Talk,
    /// Demos whose steps may not run yet.
    pub held: BTreeSet<String>,
    /// Where each tool of the demos is; `None` where the built-in mover stands in.
    pub tools: BTreeMap<String, Option<Found>>,
}

#[derive(Debug, Clone)]
pub struct Found {
    pub program: PathBuf,
    pub version: String,
}

impl Loaded {
    pub async fn read(root: &Path, what: &What, trust: &Trust) -> Result<Loaded, LibraryError> {
        let library = Library::new(root);
        let talk = match what {
            What::Deck(slug) => library.talk(slug)?,
            What::Demo(slug) => library.talk_of_demo(slug)?,
        };
        let held = trust.held(root, &talk);
        let tools = find_tools(root, &talk, &held).await;
        Ok(Loaded { talk, held, tools })
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
        Ok(Opened { deck, demos, version, held })
    }
}

/// To ask a tool for its version runs it: those of demos that may not run are not asked.
pub async fn find_tools(root: &Path, talk: &Talk, held: &BTreeSet<String>) -> BTreeMap<String, Option<Found>> {
    let programs = talk.programs.iter().filter(|(slug, _)| !held.contains(*slug));
    let names = programs.flat_map(|(_, program)| program.demo.tools.iter().cloned());
    let mut tools = BTreeMap::new();
    for name in names {
        let found = match tool::find(root, &name) {
            Some(program) => {
                let version = tool::version(&program).await.unwrap_or_else(|| "of unknown version".into());
                Some(Found { program, version })
            }
            None => None,
        };
        tools.insert(name, found);
    }
    tools
}
