//! What the lease operations of blobs and of containers share: their headers and their replies.

use crate::call::Call;
use crate::error::{Code, Error};
use crate::head::Head;
use crate::headers;
use crate::reply::Reply;
use greenroom_store::{
    BREAK_SECONDS_MAX, ETag, LEASE_SECONDS, Lease, LeaseAction, LeaseId, LeaseTerm, Precondition, Timestamp,
};
use http::StatusCode;
use sha2::{Digest as _, Sha256};

pub fn action(call: &Call) -> Result<LeaseAction, Error> {
    let head = &call.head;
    let held = || required(head, "x-ms-lease-id");
    match head.filled("x-ms-lease-action").unwrap_or_default().to_ascii_lowercase().as_str() {
        "acquire" => {
            let proposed = headers::lease_id(head, "x-ms-proposed-lease-id")?;
            Ok(LeaseAction::Acquire { proposed: proposed.unwrap_or_else(|| fresh(call)), term: term(head)? })
        }
        "renew" => Ok(LeaseAction::Renew(held()?)),
        "change" => Ok(LeaseAction::Change { id: held()?, proposed: required(head, "x-ms-proposed-lease-id")? }),
        "release" => Ok(LeaseAction::Release(held()?)),
        "break" => Ok(LeaseAction::Break { period_s: period(head)? }),
        "" => Err(Error::new(Code::MissingRequiredHeader, "x-ms-lease-action")),
        other => Err(Error::new(Code::InvalidHeaderValue, format!("x-ms-lease-action is {other:?}"))),
    }
}

/// The conditional headers. `x-ms-lease-id` is the operation's own here, and no condition.
pub fn precondition(head: &Head) -> Result<Precondition, Error> {
    Ok(Precondition { lease: None, ..headers::precondition(head)? })
}

/// The reply to an action that left this lease behind.
pub fn reply(action: LeaseAction, lease: &Lease, etag: &ETag, modified: Timestamp, now: Timestamp) -> Reply {
    let status = match action {
        LeaseAction::Acquire { .. } => StatusCode::CREATED,
        LeaseAction::Renew(_) | LeaseAction::Change { .. } | LeaseAction::Release(_) => StatusCode::OK,
        LeaseAction::Break { .. } => StatusCode::ACCEPTED,
    };
    let reply = Reply::new(status).version(etag, modified);
    match action {
        LeaseAction::Break { period_s } => {
            // The store broke it a moment after `now`; nobody waits longer for that than they said.
            let seconds = lease.breaks_in_s(now).min(period_s.map_or(u64::MAX, u64::from));
            reply.header("x-ms-lease-time", &seconds.to_string())
        }
        LeaseAction::Release(_) => reply,
        LeaseAction::Acquire { .. } | LeaseAction::Renew(_) | LeaseAction::Change { .. } => {
            reply.header_if("x-ms-lease-id", lease.id().map(|id| id.to_string()).as_deref())
        }
    }
}

fn required(head: &Head, name: &'static str) -> Result<LeaseId, Error> {
    headers::lease_id(head, name)?.ok_or_else(|| Error::new(Code::MissingRequiredHeader, name))
}

fn term(head: &Head) -> Result<LeaseTerm, Error> {
    let name = "x-ms-lease-duration";
    let text = head.filled(name).ok_or_else(|| Error::new(Code::MissingRequiredHeader, name))?;
    match text.parse::<i64>() {
        Ok(-1) => Ok(LeaseTerm::Infinite),
        Ok(seconds) => {
            let seconds = u8::try_from(seconds).ok().filter(|seconds| LEASE_SECONDS.contains(seconds));
            Ok(LeaseTerm::Seconds(seconds.ok_or_else(|| Error::new(Code::InvalidHeaderValue, name))?))
        }
        Err(_) => Err(Error::new(Code::InvalidHeaderValue, name)),
    }
}

fn period(head: &Head) -> Result<Option<u8>, Error> {
    let name = "x-ms-lease-break-period";
    let Some(text) = head.filled(name) else { return Ok(None) };
    let seconds = text.parse::<u8>().ok().filter(|seconds| *seconds <= BREAK_SECONDS_MAX);
    Ok(Some(seconds.ok_or_else(|| Error::new(Code::InvalidHeaderValue, name))?))
}

/// An id for a client that proposes none: unique, for it comes from the request's own.
fn fresh(call: &Call) -> LeaseId {
    let digest = Sha256::new().chain_update(&call.head.request_id).chain_update(call.now.0.to_le_bytes()).finalize();
    let bytes: [u8; 16] = digest[..16].try_into().expect("a SHA-256 has 32 bytes");
    LeaseId(u128::from_be_bytes(bytes))
}
