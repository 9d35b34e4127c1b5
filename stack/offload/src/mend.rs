//! Lets a volume whose log has gaps be written to again, as of what a rebuild has found of it.

use crate::cloud::{Cloud, Created};
use crate::error::{Error, Result};
use crate::hash::Hash;
use crate::layout;
use crate::log::{self, Change, Manifest, Ranges, State};
use crate::rebuild::Gap;
use crate::volume::Identity;
use bytes::Bytes;
use std::collections::BTreeSet;

/// Adds a manifest of a new epoch, which fences off whoever still writes, and then a checkpoint of it: readers begin there. Removes
/// nothing, and drops only what needs segments that are not there. Returns the manifest's number and hash, for `Flash::known`. `now` as in manifests.
/// Err: `Stale` where the volume has been written to since, which has changed nothing; rebuild again. After any other error too.
pub async fn mend(cloud: &Cloud, gap: &Gap, identity: &Identity, now: i64) -> Result<(u64, Hash)> {
    let state = &*gap.state;
    let writer = format!("{:032x}", u128::from_be_bytes(identity.writer));
    let (number, epoch) = (state.number + 1, state.epoch + 1);
    let (previous, change) = (state.last, Change::default());
    let manifest = Manifest { number, epoch, writer, previous, at: now, audit: None, change };
    let bytes = Bytes::from(manifest.encode()?);
    match cloud.create(&layout::manifest(number), bytes.clone()).await? {
        Created::Ours => {}
        Created::Theirs(_) => return Err(Error::Stale("the volume has been written to meanwhile")),
    }
    log::write_copy(cloud, number, bytes.clone()).await;
    let hash = Hash::of(&bytes);
    let state = State { number, epoch, last: Some(hash), audit: None, mended: Some(number), ..readable(gap) };
    log::write_checkpoint(cloud, &state).await?;
    // Read back: from now on it is all that there is of the log.
    match log::load(cloud).await? == state {
        true => Ok((number, hash)),
        false => Err(Error::log("what was written to mend the volume does not read as it should")),
    }
}

/// What is not there can be needed by nobody: garbage collection would stop at it for ever.
fn readable(gap: &Gap) -> State {
    let mut state = State::clone(&gap.state);
    state.segments.retain(|hash, _| !gap.missing.contains(hash));
    for place in &gap.needing {
        if let Some(segment) = state.segments.get_mut(&place.segment) {
            segment.kill(&Ranges::from_iter([place.recipe]));
        }
    }
    let there: BTreeSet<Hash> = state.segments.keys().copied().collect();
    state.segments.values_mut().for_each(|segment| segment.info.borrows.retain(|lender| there.contains(lender)));
    state
}
