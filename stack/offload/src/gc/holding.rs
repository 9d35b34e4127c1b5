//! Where anything of a tenant lies in the cloud, whether it still counts or not.

use crate::cloud::Cloud;
use crate::error::Result;
use crate::hash::Hash;
use crate::log::State;
use crate::offload::read_footer;
use std::collections::{BTreeMap, BTreeSet};

/// Segments that hold names or content of the tenants. Those that are condemned count for each of them: what was in them nobody can look up
/// any more, and they go soon. Reads every footer. Err: any that cannot be read.
pub async fn holding(
    cloud: &Cloud,
    state: &State,
    tenants: &BTreeSet<String>,
) -> Result<BTreeMap<String, BTreeSet<Hash>>> {
    let condemned: BTreeSet<Hash> = state.condemned.keys().copied().collect();
    let mut held: BTreeMap<String, BTreeSet<Hash>> =
        tenants.iter().map(|tenant| (tenant.clone(), condemned.clone())).collect();
    for (hash, segment) in &state.segments {
        // A chunk that is borrowed lies where a recipe of the same tenant does too: ids are made with a key of its own.
        for recipe in read_footer(cloud, &segment.info).await?.recipes {
            if let Some(segments) = held.get_mut(recipe.label.tenant()) {
                segments.insert(*hash);
            }
        }
    }
    Ok(held)
}

/// Of these, what the log still knows: in use, or condemned and not yet removed.
pub fn left<'a>(state: &'a State, segments: &'a BTreeSet<Hash>) -> impl Iterator<Item = Hash> + 'a {
    segments.iter().filter(|hash| state.segments.contains_key(hash) || state.condemned.contains_key(hash)).copied()
}
