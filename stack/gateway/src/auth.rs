//! Who asks, and may they: the only place that makes an [`Authenticated`] request, so that no handler runs without it.
//! Denies by default. The caller learns the code; the operator's log says what differed.

mod sas;
mod shared_key;
pub mod string_to_sign;

use crate::body::BodyIn;
use crate::error::{Code, Error};
use crate::request::{Head, Request};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use greenroom_store::{AccountKey, AccountRecord, Timestamp};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::header;
pub use sas::{ByServiceSas, Grant, Permit};
use sha2::Sha256;
use std::sync::Arc;
use subtle::ConstantTimeEq as _;

/// A request whose credential was verified and allows the operation that it asks for.
#[derive(Debug)]
pub struct Authenticated<R> {
    request: R,
    identity: Identity,
}

#[derive(Debug, Clone)]
pub struct Identity {
    pub account: Arc<AccountRecord>,
    pub credential: Credential,
}

#[derive(Debug, Clone)]
pub enum Credential {
    /// The account's key: everything is allowed.
    Key,
    Sas(Grant),
}

impl<R> Authenticated<R> {
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    pub fn body_mut(&mut self) -> &mut BodyIn
    where
        R: AsMut<BodyIn>,
    {
        self.request.as_mut()
    }

    pub fn into_parts(self) -> (R, Identity) {
        (self.request, self.identity)
    }
}

impl Identity {
    /// Whether the credential carries a permission beyond the one that its operation demanded.
    pub fn has(&self, letter: char) -> bool {
        match &self.credential {
            Credential::Key => true,
            Credential::Sas(grant) => grant.has(letter),
        }
    }

    pub fn overrides(&self) -> &[(&'static str, String)] {
        match &self.credential {
            Credential::Key => &[],
            Credential::Sas(grant) => &grant.overrides,
        }
    }
}

/// Why a request was turned away: a code for the caller, a sentence for the operator.
#[derive(Debug, PartialEq, Eq)]
pub struct Denied {
    pub code: Code,
    pub detail: String,
}

impl Denied {
    fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }

    fn failed(detail: impl Into<String>) -> Self {
        Self::new(Code::AuthenticationFailed, detail)
    }
}

/// A request that was not authenticated, given back so that it can be answered.
#[derive(Debug)]
pub struct TurnedAway {
    pub error: Error,
    pub request: Request,
}

/// Verifies a request's credential and that it grants `permit`.
pub fn authenticate(
    request: Request,
    permit: &Permit,
    account: Option<Arc<AccountRecord>>,
    now: Timestamp,
) -> Result<Authenticated<Request>, Box<TurnedAway>> {
    match identify(&request.head, permit, account, now) {
        Ok(identity) => Ok(Authenticated { request, identity }),
        Err(denied) => {
            let Denied { code, detail } = denied;
            tracing::info!(
                account = %request.head.target.account,
                method = %request.head.method,
                peer = %request.head.peer,
                code = code.row().code,
                "request turned away"
            );
            tracing::debug!(path = request.head.target.raw_path, detail = redacted(&detail), "why it was turned away");
            Err(Box::new(TurnedAway { error: code.into(), request }))
        }
    }
}

fn identify(
    head: &Head,
    permit: &Permit,
    account: Option<Arc<AccountRecord>>,
    now: Timestamp,
) -> Result<Identity, Denied> {
    let authorization = head.text(header::AUTHORIZATION.as_str());
    let signed_query = head.query.get("sig").is_some();
    if authorization.is_some() && signed_query {
        return Err(Denied::new(Code::InvalidAuthenticationInfo, "both an Authorization header and a SAS are sent"));
    }
    if authorization.is_none() && !signed_query {
        return Err(Denied::new(
            Code::NoAuthenticationInformation,
            "neither an Authorization header nor a SAS is sent",
        ));
    }
    // An account that is not there fails as a wrong key does, so that names cannot be probed.
    let account = account.ok_or_else(|| Denied::failed("there is no such account"))?;
    let credential = match authorization {
        Some(authorization) => {
            shared_key::Claim::parse(authorization)?.verify(head, &account.key, now)?;
            Credential::Key
        }
        None => {
            let grant = sas::verify(head, &account.key, now)?;
            grant.permits(permit)?;
            Credential::Sas(grant)
        }
    };
    Ok(Identity { account, credential })
}

/// HMAC-SHA256 of a string to sign, in Base64.
pub fn sign(key: &AccountKey, string: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(string.as_bytes());
    BASE64_STANDARD.encode(mac.finalize().into_bytes())
}

/// Whether two signatures are one, in a time that does not depend on where they differ.
fn matches(ours: &str, theirs: &str) -> bool {
    ours.as_bytes().ct_eq(theirs.as_bytes()).into()
}

/// What a log may hold of a string to sign: no signature of a copy source, no key that the client brought along.
fn redacted(detail: &str) -> String {
    const SECRET_HEADERS: [&str; 4] =
        ["x-ms-encryption-key:", "x-ms-copy-source-authorization:", "x-ms-source-encryption-key:", "sig="];
    let mut text = detail.to_owned();
    for secret in SECRET_HEADERS {
        let mut from = 0;
        while let Some(found) = text[from..].find(secret) {
            let start = from + found + secret.len();
            // The detail is quoted, so that a line end is a backslash and an `n`.
            let length = text[start..].find(['&', '\\', '"']).unwrap_or(text.len() - start);
            text.replace_range(start..start + length, "redacted");
            from = start;
        }
    }
    text
}

#[cfg(test)]
mod tests;
