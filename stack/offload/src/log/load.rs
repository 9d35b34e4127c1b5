//! Reads a log: the newest checkpoint that is whole, and every manifest after it.

use super::{Manifest, State};
use crate::cloud::{Cloud, Created};
use crate::error::{Error, Result};
use crate::format::document::{self, Kind};
use crate::hash::Hash;
use crate::{format, layout};
use serde::{Deserialize, Serialize};

/// Manifests between two checkpoints: what opening a volume may cost in requests.
pub const CHECKPOINT_EVERY: u64 = 64;

/// The object `FORMAT`: what a reader must know before anything else.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Format {
    pub format: u32,
    /// 32 hex digits: which volume this is, whatever its folder is called.
    pub volume: String,
    /// Tenants' keys for chunk ids derive from it. It hides equal content of tenants from each other, not from who can read the target.
    pub id_key: Hash,
}

/// The key stays out of logs.
impl std::fmt::Debug for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Format {} of volume {}", self.format, self.volume)
    }
}

impl Format {
    pub(crate) fn volume_id(&self) -> Result<[u8; 16]> {
        u128::from_str_radix(&self.volume, 16)
            .ok()
            .filter(|_| self.volume.len() == 32)
            .map(u128::to_be_bytes)
            .ok_or(Error::damaged(layout::FORMAT, "its volume is not one"))
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Head {
    number: u64,
}

/// Err: `Missing` where there is no volume.
pub async fn load_format(cloud: &Cloud) -> Result<Format> {
    let format: Format = document::decode(Kind::Format, &cloud.get(layout::FORMAT).await?, layout::FORMAT)?;
    if format.format != format::FORMAT {
        let what = format!("format {}", format.format).into();
        return Err(Error::Unsupported { object: layout::FORMAT.into(), what });
    }
    format.volume_id()?;
    Ok(format)
}

/// Err: `Log`, `Damaged` where a manifest is missing or not whole: nobody may guess what it said.
pub async fn load(cloud: &Cloud) -> Result<State> {
    // Read first: the log can only have become longer since.
    let head = head(cloud).await?;
    let mut state = newest_checkpoint(cloud).await?;
    while let Some((manifest, hash)) = read_manifest(cloud, state.number + 1).await? {
        state.apply(&manifest, hash)?;
    }
    match head {
        Some(head) if head > state.number => Err(Error::log(format!("manifest {} is missing", state.number + 1))),
        _ => Ok(state),
    }
}

/// `None` where the log ends before it.
pub(crate) async fn read_manifest(cloud: &Cloud, number: u64) -> Result<Option<(Manifest, Hash)>> {
    let name = layout::manifest(number);
    match cloud.get(&name).await {
        Ok(bytes) => Ok(Some((Manifest::decode(&bytes, &name)?, Hash::of(&bytes)))),
        Err(Error::Missing(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Best effort: a volume without checkpoint or hint is only slower to open.
pub(crate) async fn write_checkpoint(cloud: &Cloud, state: &State) -> Result<()> {
    let name = layout::checkpoint(state.number);
    match cloud.create(&name, document::encode(Kind::Checkpoint, state)?.into()).await? {
        Created::Ours => {}
        Created::Theirs(_) => return Err(Error::damaged(&name, "it is not the checkpoint that was written")),
    }
    let head = document::encode(Kind::Head, &Head { number: state.number })?;
    cloud.overwrite(layout::HEAD, head.into()).await
}

async fn head(cloud: &Cloud) -> Result<Option<u64>> {
    let bytes = match cloud.get(layout::HEAD).await {
        Ok(bytes) => bytes,
        Err(Error::Missing(_)) => return Ok(None),
        Err(error) => return Err(error),
    };
    // A damaged hint is none.
    Ok(document::decode(Kind::Head, &bytes, layout::HEAD).ok().map(|head: Head| head.number))
}

/// The empty state where there is none that is whole.
async fn newest_checkpoint(cloud: &Cloud) -> Result<State> {
    let found = cloud.list(layout::CHECKPOINTS).await?;
    let mut numbers: Vec<u64> = found.iter().filter_map(|(name, _)| layout::checkpoint_number(name)).collect();
    numbers.sort_unstable();
    for number in numbers.into_iter().rev() {
        let name = layout::checkpoint(number);
        match document::decode::<State>(Kind::Checkpoint, &cloud.get(&name).await?, &name) {
            Ok(state) if state.number == number => return Ok(state),
            Ok(_) => tracing::warn!(name, "a checkpoint is of another number, and was passed over"),
            Err(error @ Error::Unsupported { .. }) => return Err(error),
            Err(error) => tracing::warn!(%error, "a checkpoint was passed over"),
        }
    }
    Ok(State::default())
}
