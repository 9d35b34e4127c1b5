//! What the vault does not do, and how Azure says so:
//! <https://learn.microsoft.com/azure/key-vault/general/rest-error-codes>.

use super::record::Use;
use http::StatusCode;
use serde::Serialize;
use std::io;

#[derive(Debug, Clone, thiserror::Error)]
#[error("{}", self.message())]
pub enum Refusal {
    /// No token, or none that is good.
    Stranger,
    /// The client lacks a right.
    NoRight {
        client: String,
        right: String,
    },
    NoKey(String),
    NoVersion(String),
    NotDeleted(String),
    /// It is in the way until it is recovered or purged.
    Deleted(String),
    Disabled(Use),
    NotYet(Use),
    Expired(Use),
    NotItsUse(Use),
    Bad(String),
    NoVersionOfApi(String),
    TooLarge,
    Slow,
    NoPlace,
    NoMethod,
    Throttled {
        retry_after_s: u32,
    },
    Away,
    /// Not the client's fault.
    Broken(String),
}

#[derive(Serialize)]
pub struct Body {
    error: Error,
}

#[derive(Serialize)]
struct Error {
    code: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    innererror: Option<Inner>,
}

#[derive(Serialize)]
struct Inner {
    code: &'static str,
}

impl Refusal {
    pub fn status(&self) -> StatusCode {
        self.row().0
    }

    /// The code that says most.
    pub fn code(&self) -> &'static str {
        let (_, code, inner) = self.row();
        inner.unwrap_or(code)
    }

    pub fn body(&self) -> Body {
        let (_, code, inner) = self.row();
        Body { error: Error { code, message: self.message(), innererror: inner.map(|code| Inner { code }) } }
    }

    fn row(&self) -> (StatusCode, &'static str, Option<&'static str>) {
        match self {
            Self::Stranger => (StatusCode::UNAUTHORIZED, "Unauthorized", None),
            Self::NoRight { .. } => (StatusCode::FORBIDDEN, "Forbidden", Some("ForbiddenByPolicy")),
            Self::NoKey(_) | Self::NoVersion(_) | Self::NotDeleted(_) => (StatusCode::NOT_FOUND, "KeyNotFound", None),
            Self::Deleted(_) => (StatusCode::CONFLICT, "Conflict", Some("ObjectIsDeletedButRecoverable")),
            Self::Disabled(_) => (StatusCode::FORBIDDEN, "Forbidden", Some("KeyDisabled")),
            Self::NotYet(_) => (StatusCode::FORBIDDEN, "Forbidden", Some("KeyNotYetValid")),
            Self::Expired(_) => (StatusCode::FORBIDDEN, "Forbidden", Some("KeyExpired")),
            Self::NotItsUse(_) => (StatusCode::FORBIDDEN, "Forbidden", Some("KeyOperationForbidden")),
            Self::Bad(_) | Self::NoVersionOfApi(_) => (StatusCode::BAD_REQUEST, "BadParameter", None),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "PayloadTooLarge", None),
            Self::Slow => (StatusCode::REQUEST_TIMEOUT, "RequestTimeout", None),
            Self::NoPlace => (StatusCode::NOT_FOUND, "NotFound", None),
            Self::NoMethod => (StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", None),
            Self::Throttled { .. } => (StatusCode::TOO_MANY_REQUESTS, "Throttled", None),
            Self::Away => (StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", None),
            Self::Broken(_) => (StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError", None),
        }
    }

    /// For people.
    pub fn message(&self) -> String {
        let not_on = |what: &Use, state: &str| format!("Operation {} is not allowed on {state} key.", what.name());
        match self {
            Self::Stranger => "AKV10000: Request is missing a Bearer token, or it is not good any more.".to_owned(),
            Self::NoRight { client, right } => format!("The client '{client}' does not have keys {right} permission."),
            Self::NoKey(name) => format!("A key with (name/id) {name} was not found in this key vault."),
            Self::NoVersion(name) => format!("A key with (name/id) {name} was not found in this key vault."),
            Self::NotDeleted(name) => format!("Deleted Key not found: {name}."),
            Self::Deleted(name) => format!("Key {name} is currently in a deleted but recoverable state."),
            Self::Disabled(what) => not_on(what, "a disabled"),
            Self::NotYet(what) => not_on(what, "a not yet valid"),
            Self::Expired(what) => not_on(what, "an expired"),
            Self::NotItsUse(what) => format!("Operation {} is not permitted on this key.", what.name()),
            Self::Bad(why) => why.clone(),
            Self::NoVersionOfApi(given) => format!("api-version must be 7.0 or later, not {given:?}."),
            Self::TooLarge => "The request is too large.".to_owned(),
            Self::Slow => "The request took too long to arrive.".to_owned(),
            Self::NoPlace => "There is nothing here.".to_owned(),
            Self::NoMethod => "That cannot be done here.".to_owned(),
            Self::Throttled { .. } => "Request was not processed because too many requests were received.".to_owned(),
            Self::Away => "The service is unavailable.".to_owned(),
            Self::Broken(why) => format!("The vault has failed: {why}."),
        }
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self::Broken(format!("its folder: {error}"))
    }
}

impl From<getrandom::Error> for Refusal {
    fn from(error: getrandom::Error) -> Self {
        Self::Broken(format!("no randomness: {error}"))
    }
}
