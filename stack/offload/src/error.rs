//! What can go wrong, by what the caller does next.

use crate::seal::KeyId;
use std::sync::Arc;

/// An error of the flash side, which only its maker understands.
pub type FlashError = Box<dyn std::error::Error + Send + Sync>;

#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// Try again later: the target is away, slow, throttling, or answered with an error of its own.
    #[error("the target cannot be reached: {0}")]
    Away(Arc<str>),
    /// Ask the operator: the target refuses what its credential asks for.
    #[error("the target refuses the credential: {0}")]
    Refused(Arc<str>),
    #[error("'{0}' is not in the target")]
    Missing(Arc<str>),
    /// The bytes are not those that were written.
    #[error("'{object}' is damaged: {what}")]
    Damaged { object: Arc<str>, what: &'static str },
    /// Written by a later version, or with a feature that this one lacks.
    #[error("'{object}' needs {what}, which this version cannot read")]
    Unsupported { object: Arc<str>, what: Arc<str> },
    /// The objects of the volume contradict each other.
    #[error("the log of the volume does not add up: {0}")]
    Log(Arc<str>),
    /// Ask the operator: the log holds entries that this folder has not written. Whoever takes the volume over adopts them first.
    #[error("the volume holds entries of another writer, up to {found}, and this folder knows it up to {known}")]
    Behind { known: u64, found: u64 },
    /// Ask the operator: the log ends before what this folder has applied.
    #[error("the log of the volume ends at entry {found}, and this folder knows it up to {known}")]
    Short { known: u64, found: u64 },
    /// Stop writing: another writer has taken the volume over.
    #[error("another writer has taken over the volume, with epoch {epoch}")]
    Fenced { epoch: u64 },
    /// Open the volume again: nobody can say whether the last commit happened, and opening decides it.
    #[error("the outcome of a commit is unknown; the volume must be opened again")]
    InDoubt,
    /// Plan again: what the work was based on has changed meanwhile.
    #[error("the plan is out of date: {0}")]
    Stale(&'static str),
    /// Not for this format: a bound would be passed.
    #[error("{0}")]
    TooLarge(&'static str),
    /// Whoever holds the key that it is sealed by says no.
    #[error("it is sealed by a key that is refused: {0}")]
    KeyDenied(Arc<str>),
    /// Try again later: nobody answers who holds the key that it is sealed by.
    #[error("it is sealed by a key that is away: {0}")]
    KeyAway(Arc<str>),
    /// The key that it is sealed by was erased, or was never here.
    #[error("it is sealed by key {0}, which nobody here has")]
    KeyGone(KeyId),
    #[error("flash: {0}")]
    Flash(Arc<str>),
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub(crate) fn damaged(object: &str, what: &'static str) -> Self {
        Error::Damaged { object: object.into(), what }
    }

    /// An answer said that it was written.
    pub(crate) fn kept_nothing(object: &str) -> Self {
        Error::Away(format!("what answers there has said that it keeps '{object}', and does not have it").into())
    }

    pub(crate) fn bent(object: &str) -> Self {
        Error::Away(format!("what lies there as '{object}' is not what was sent: something bends it on the way").into())
    }

    pub(crate) fn log(what: impl Into<Arc<str>>) -> Self {
        Error::Log(what.into())
    }
}

impl From<FlashError> for Error {
    fn from(error: FlashError) -> Self {
        Error::Flash(error.to_string().into())
    }
}
