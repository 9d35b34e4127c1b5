//! Why a request is turned away: as little as that for the caller, and all else for the operator.

use super::diagnosis;
use super::signature::{matches, sign};
use super::string_to_sign::StringToSign;
use crate::error::Code;
use greenroom_store::AccountKey;

/// Why a request was turned away: a code for the caller, all else for the operator.
#[derive(Debug, PartialEq, Eq)]
pub struct Denied {
    pub code: Code,
    pub detail: String,
    /// Where it is the signature that does not match.
    pub unmatched: Option<Box<Unmatched>>,
}

/// A signature that does not match. What the client signed differently can be found out, which costs far more than to refuse it.
#[derive(Debug, PartialEq, Eq)]
pub struct Unmatched {
    pub string: StringToSign,
    keys: Vec<AccountKey>,
    signature: String,
}

impl Unmatched {
    /// The part that the client signed differently, where one part explains it all.
    pub fn differs(&self) -> Option<String> {
        let fits = |candidate: &str| self.keys.iter().any(|key| matches(&sign(key, candidate), &self.signature));
        diagnosis::differs(&self.string, fits)
    }
}

impl Denied {
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), unmatched: None }
    }

    pub fn failed(detail: impl Into<String>) -> Self {
        Self::new(Code::AuthenticationFailed, detail)
    }

    pub fn unmatched<'k>(
        detail: &str,
        string: StringToSign,
        keys: impl Iterator<Item = &'k AccountKey>,
        signature: &str,
    ) -> Self {
        let unmatched = Unmatched { string, keys: keys.cloned().collect(), signature: signature.to_owned() };
        Self { unmatched: Some(Box::new(unmatched)), ..Self::failed(detail) }
    }
}
