//! Brings a folder up to what the log holds, where others have written to it: before it takes the volume over, by an operator's word.

use crate::cloud::Cloud;
use crate::error::{Error, Result};
use crate::flash::{Adopted, Flash, Found, Rank};
use crate::format::footer::{Named, Place};
use crate::hash::Hash;
use crate::layout;
use crate::log::{self, Known, Segment, State};
use crate::offload::{read_applied, read_footer};
use crate::rebuild::{name_hash, newest_first};
use crate::seal::Keys;
use std::collections::HashSet;
use std::sync::Arc;

/// Handed to flash at a time: one transaction or a few.
const FOUND_AT_ONCE: usize = 1_000;

/// What is sealed by a key that nobody has any more is left out. Err: the target is away, something there is damaged, or sealed by a key that is
/// refused or away, it is another history than the folder's, or flash failed. Nothing that counts has gone, and doing it again does the rest.
pub async fn adopt(flash: &impl Flash, cloud: &Cloud, keys: &dyn Keys, now: i64) -> Result<Adopted> {
    let state = Arc::new(log::load(cloud).await?);
    continues(cloud, &flash.known().await?, &state).await?;
    apply_own(flash, cloud, keys).await?;
    let mut adopted = Adopted::default();
    let mut recipes = Recipes::default();
    for (hash, segment) in newest_first(&state) {
        recipes.read(cloud, keys, hash, segment, Sealed::Needed).await?;
        if recipes.waiting.len() >= FOUND_AT_ONCE {
            adopted += flash.adopt(std::mem::take(&mut recipes.waiting)).await?;
        }
    }
    adopted += flash.adopt(recipes.waiting).await?;
    adopted += flash.end_adoption(state, now).await?;
    Ok(adopted)
}

/// Lets a folder that only reads the volume find again what its writer has moved. Returns the state to read by. Err: as it was before.
/// What is sealed by a key that is not to be had is looked for again the next time.
pub async fn follow(flash: &impl Flash, cloud: &Cloud, keys: &dyn Keys) -> Result<Arc<State>> {
    let state = Arc::new(log::load(cloud).await?);
    let known = flash.known().await?;
    continues(cloud, &known, &state).await?;
    let mut recipes = Recipes::default();
    let new = newest_first(&state).into_iter().filter(|(_, segment)| segment.added.0 > known.number);
    for (hash, segment) in new {
        recipes.read(cloud, keys, hash, segment, Sealed::LeftOut).await?;
        recipes.waiting.retain(|found| found.rank == Rank::First);
        if recipes.waiting.len() >= FOUND_AT_ONCE {
            flash.follow(std::mem::take(&mut recipes.waiting)).await?;
        }
    }
    flash.follow(recipes.waiting).await?;
    Ok(state)
}

/// What to do about recipes whose key is refused or away.
#[derive(Clone, Copy)]
enum Sealed {
    /// A row whose content has moved would be taken for one whose content is gone.
    Needed,
    LeftOut,
}

/// Recipes that count, newest first.
#[derive(Default)]
struct Recipes {
    /// Sixteen bytes a name: the newest recipe of each is met first.
    seen: HashSet<[u8; 16]>,
    waiting: Vec<Found>,
}

impl Recipes {
    async fn read(
        &mut self,
        cloud: &Cloud,
        keys: &dyn Keys,
        hash: Hash,
        segment: &Segment,
        sealed: Sealed,
    ) -> Result<()> {
        if segment.live_recipes() == 0 {
            return Ok(());
        }
        let footer = read_footer(cloud, &segment.info).await?;
        let live: Vec<u32> = segment.live().collect();
        for number in live.into_iter().rev() {
            let recipe = footer.recipes.get(number as usize);
            let recipe = recipe.ok_or(Error::damaged("footer", "it has fewer recipes than the log says"))?;
            let Named { key, about } = match footer.named(recipe, keys, &layout::segment(&hash)).await {
                Ok(named) => named,
                Err(Error::KeyGone(_)) => continue,
                Err(Error::KeyDenied(_) | Error::KeyAway(_)) if matches!(sealed, Sealed::LeftOut) => continue,
                Err(error) => return Err(error),
            };
            let rank = if self.seen.insert(name_hash(&key)?) { Rank::First } else { Rank::Outdated };
            let place = Place { segment: hash, recipe: number };
            self.waiting.push(Found { key, about, place, was: recipe.was, rank });
        }
        Ok(())
    }
}

/// What this folder has written and not heard of, before others did: what clients have had go since is known once it is applied.
async fn apply_own(flash: &impl Flash, cloud: &Cloud, keys: &dyn Keys) -> Result<()> {
    let known = flash.known().await?;
    match log::read_manifest(cloud, known.number + 1).await? {
        Some((_, hash)) if known.meant.contains(&hash) => {
            Ok(flash.apply(read_applied(cloud, keys, known.number + 1).await?).await?)
        }
        Some(_) | None => Ok(()),
    }
}

/// What does not count in another history was not deleted by anybody.
async fn continues(cloud: &Cloud, known: &Known, state: &State) -> Result<()> {
    if state.number < known.number {
        return Err(Error::Short { known: known.number, found: state.number });
    }
    if state.mended.is_some_and(|mended| mended > known.number) {
        let why = "it was mended since this folder wrote to it, and may have lost what lies on flash here: rebuild another folder from it";
        return Err(Error::log(why));
    }
    let Some(last) = known.last else { return Ok(()) };
    match log::read_manifest(cloud, known.number).await? {
        Some((_, hash)) if hash == last => Ok(()),
        Some(_) | None => Err(Error::log(format!("entry {} is not the one that this folder knows", known.number))),
    }
}
