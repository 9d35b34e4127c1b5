//! Reads a log: the newest checkpoint that is whole, and every manifest after it.

use super::manifest::Manifest;
use super::state::State;
use crate::cloud::{Cloud, Created};
use crate::error::{Error, Result};
use crate::format::document::{self, Kind};
use crate::hash::Hash;
use crate::{format, layout};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

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

/// Whatever tells how far the log goes, as it was listed at one moment.
#[derive(Debug, Default)]
pub(super) struct Witnesses {
    pub head: Option<u64>,
    /// Why there is no `head` although there is an object.
    pub head_damaged: Option<Error>,
    pub manifests: BTreeSet<u64>,
    pub copies: BTreeSet<u64>,
    pub checkpoints: BTreeSet<u64>,
}

impl Witnesses {
    pub async fn call(cloud: &Cloud) -> Result<Self> {
        let (head, head_damaged) = match head(cloud).await {
            Ok(head) => (head, None),
            // A damaged hint is none.
            Err(error @ Error::Damaged { .. }) => (None, Some(error)),
            Err(error) => return Err(error),
        };
        let numbers = async |folder, number: fn(&str) -> Option<u64>| {
            let found = cloud.list(folder).await?;
            Ok::<_, Error>(found.iter().filter_map(|(name, _)| number(name)).collect())
        };
        Ok(Self {
            head,
            head_damaged,
            manifests: numbers(layout::LOG, layout::manifest_number).await?,
            copies: numbers(layout::COPIES, layout::manifest_number).await?,
            checkpoints: numbers(layout::CHECKPOINTS, layout::checkpoint_number).await?,
        })
    }

    /// The last manifest that anything testifies to; 0 where nothing does.
    pub fn top(&self) -> u64 {
        let last = [&self.manifests, &self.copies, &self.checkpoints].map(|numbers| numbers.last().copied());
        last.into_iter().chain([self.head]).flatten().max().unwrap_or(0)
    }
}

/// Err: `Missing` where there is no volume.
pub async fn load_format(cloud: &Cloud) -> Result<Format> {
    match read_format(cloud, layout::FORMAT).await {
        Err(error @ (Error::Missing(_) | Error::Damaged { .. })) => {
            match read_format(cloud, layout::FORMAT_COPY).await {
                Ok(format) => {
                    tracing::warn!(%error, "its copy stands in");
                    Ok(format)
                }
                Err(Error::Missing(_) | Error::Damaged { .. }) => Err(error),
                Err(other) => Err(other),
            }
        }
        read => read,
    }
}

pub(super) async fn read_format(cloud: &Cloud, name: &str) -> Result<Format> {
    let format: Format = document::decode(Kind::Format, &cloud.get(name).await?, name)?;
    if format.format != format::FORMAT {
        let what = format!("format {}", format.format).into();
        return Err(Error::Unsupported { object: name.into(), what });
    }
    format.volume_id()?;
    Ok(format)
}

/// For whoever goes on with it. Err: `Log`, `Damaged` where a manifest that nothing makes up for is missing or not whole: nobody may
/// guess what it said.
pub async fn load(cloud: &Cloud) -> Result<State> {
    // Asked first: the log can only have become longer since.
    let witnesses = Witnesses::call(cloud).await?;
    let mut state = newest_checkpoint(cloud, &witnesses.checkpoints, |_| {}).await?;
    while let Some((manifest, hash)) = read_manifest(cloud, state.number + 1).await? {
        state.apply(&manifest, hash)?;
    }
    match witnesses.top() {
        top if top > state.number => Err(Error::log(format!(
            "manifest {} is missing with its copy, and there is one of number {top}; a rebuild of the volume says what can be had back",
            state.number + 1
        ))),
        _ => Ok(state),
    }
}

/// The manifest, or its copy where it is not whole. `None` where the log ends before it.
pub(crate) async fn read_manifest(cloud: &Cloud, number: u64) -> Result<Option<(Manifest, Hash)>> {
    let found = read_one(cloud, number, &layout::manifest(number)).await;
    let why = match &found {
        Ok(_) | Err(Error::Missing(_) | Error::Damaged { .. }) => found.as_ref().err(),
        Err(_) => return found.map(Some),
    };
    let Some(why) = why else { return found.map(Some) };
    match read_one(cloud, number, &layout::manifest_copy(number)).await {
        Ok(copy) => {
            tracing::warn!(error = %why, "its copy stands in");
            Ok(Some(copy))
        }
        Err(Error::Missing(_) | Error::Damaged { .. }) => match found {
            Err(Error::Missing(_)) => Ok(None),
            found => found.map(Some),
        },
        Err(error) => Err(error),
    }
}

/// Err: `Missing`, `Damaged`.
pub(super) async fn read_one(cloud: &Cloud, number: u64, name: &str) -> Result<(Manifest, Hash)> {
    let read = async || {
        let bytes = cloud.get(name).await?;
        Ok::<_, Error>((Manifest::decode(&bytes, name)?, Hash::of(&bytes)))
    };
    let (manifest, hash) = match read().await {
        // Once more: the bytes may have been damaged on their way.
        Err(Error::Damaged { .. }) => read().await?,
        read => read?,
    };
    match manifest.number == number {
        true => Ok((manifest, hash)),
        false => Err(Error::damaged(name, "it is the manifest of another number")),
    }
}

/// Best effort, as a second place for what has been committed: the manifest counts without it.
pub(crate) async fn write_copy(cloud: &Cloud, number: u64, manifest: Bytes) {
    keep(cloud, &layout::manifest_copy(number), manifest).await;
}

/// Best effort, as for a manifest.
pub(crate) async fn write_format_copy(cloud: &Cloud, format: &Format) {
    match document::encode(Kind::Format, format) {
        Ok(bytes) => keep(cloud, layout::FORMAT_COPY, bytes.into()).await,
        Err(error) => tracing::warn!(%error, "no copy of FORMAT was written"),
    }
}

async fn keep(cloud: &Cloud, name: &str, bytes: Bytes) {
    match cloud.create(name, bytes).await {
        Ok(Created::Ours) => {}
        Ok(Created::Theirs(_)) => tracing::warn!(name, "a copy is not what it is a copy of"),
        Err(error) => tracing::warn!(%error, name, "no copy was written; the original stands alone"),
    }
}

/// Best effort: a volume without checkpoint or hint is only slower to open.
pub(crate) async fn write_checkpoint(cloud: &Cloud, state: &State) -> Result<()> {
    let name = layout::checkpoint(state.number);
    match cloud.create(&name, document::encode(Kind::Checkpoint, state)?.into()).await? {
        Created::Ours => {}
        Created::Theirs(_) => return Err(Error::damaged(&name, "it is not the checkpoint that was written")),
    }
    write_head(cloud, state.number).await
}

pub(crate) async fn write_head(cloud: &Cloud, number: u64) -> Result<()> {
    let head = document::encode(Kind::Head, &Head { number })?;
    cloud.overwrite(layout::HEAD, head.into()).await
}

async fn head(cloud: &Cloud) -> Result<Option<u64>> {
    match cloud.get(layout::HEAD).await {
        Ok(bytes) => Ok(Some(document::decode::<Head>(Kind::Head, &bytes, layout::HEAD)?.number)),
        Err(Error::Missing(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The empty state where there is none that is whole. `damaged` is told of each that is not.
pub(super) async fn newest_checkpoint(
    cloud: &Cloud,
    numbers: &BTreeSet<u64>,
    mut damaged: impl FnMut(Error),
) -> Result<State> {
    for number in numbers.iter().rev() {
        match read_checkpoint(cloud, *number).await {
            Ok(state) => return Ok(state),
            Err(error @ (Error::Missing(_) | Error::Damaged { .. })) => {
                tracing::warn!(%error, "a checkpoint was passed over");
                damaged(error);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(State::default())
}

async fn read_checkpoint(cloud: &Cloud, number: u64) -> Result<State> {
    let name = layout::checkpoint(number);
    let read = async || document::decode::<State>(Kind::Checkpoint, &cloud.get(&name).await?, &name);
    let state = match read().await {
        // Once more: the bytes may have been damaged on their way.
        Err(Error::Damaged { .. }) => read().await?,
        read => read?,
    };
    match state.number == number {
        true => Ok(state),
        false => Err(Error::damaged(&name, "it is the checkpoint of another number")),
    }
}
