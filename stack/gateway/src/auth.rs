//! Who asks, and may they: the only place that makes an [`Authenticated`] request, so that no handler runs without it.
//! Denies by default. The caller learns the code; the operator learns what differed, from the log and the control API.

mod anonymous;
mod denied;
mod diagnosis;
pub mod issuer;
mod permit;
pub mod refusals;
mod sas;
pub mod sas_fields;
mod shared_key;
mod signature;
pub mod string_to_sign;

use crate::body::BodyIn;
use crate::error::{Code, Error};
use crate::head::{Head, Transport};
use crate::request::Request;
use crate::time;
use denied::Denied;
use greenroom_model::control::{RefusedRequest, SignedPart};
use greenroom_store::{AccountRecord, AccountState, ContainerAcl, Store, StoreError, Timestamp};
use http::header;
use issuer::{Issuer, Principal};
pub use permit::{Permit, Reach};
use refusals::Refusals;
pub use sas::Grant;
pub use signature::sign;
use std::sync::Arc;

/// A path longer than this is cut in what the operator is told.
const PATH_CHARS_MAX: usize = 512;

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
    /// A bearer token of the local issuer.
    Role(Principal),
    /// None: the container is public.
    Anonymous,
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
            Credential::Role(principal) => principal.role.letters().contains(letter),
            Credential::Anonymous => false,
        }
    }

    /// What a SAS prescribes for what its holder writes.
    pub fn encryption_scope(&self) -> Option<&str> {
        match &self.credential {
            Credential::Sas(grant) => grant.encryption_scope.as_deref(),
            Credential::Key | Credential::Role(_) | Credential::Anonymous => None,
        }
    }

    pub fn overrides(&self) -> &[(&'static str, String)] {
        match &self.credential {
            Credential::Sas(grant) => &grant.overrides,
            Credential::Key | Credential::Role(_) | Credential::Anonymous => &[],
        }
    }
}

/// A request that was not authenticated, given back so that it can be answered.
#[derive(Debug)]
pub struct TurnedAway {
    pub error: Error,
    pub request: Request,
}

/// Verifies credentials with what the store and the issuer know, and tells the operator of those that fail.
#[derive(Debug, Clone)]
pub struct Authority {
    pub store: Store,
    pub issuer: Arc<Issuer>,
    pub refusals: Arc<Refusals>,
}

/// What a credential is judged by.
#[derive(Debug, Clone, Copy)]
struct Facts<'a> {
    account: Option<&'a Arc<AccountRecord>>,
    /// The container's, where it matters and the container is there.
    acl: Option<&'a ContainerAcl>,
    issuer: &'a Issuer,
    now: Timestamp,
}

impl Authority {
    /// Verifies a request's credential and that it grants `permit`.
    pub async fn admit(
        &self,
        request: Request,
        permit: &Permit,
        now: Timestamp,
    ) -> Result<Authenticated<Request>, Box<TurnedAway>> {
        let account = self.store.account(&request.head.target.account);
        let acl = match self.acl(&request.head, permit).await {
            Ok(acl) => acl,
            Err(error) => return Err(Box::new(TurnedAway { error: error.into(), request })),
        };
        let facts = Facts { account: account.as_ref(), acl: acl.as_ref(), issuer: &self.issuer, now };
        match identify(&request.head, permit, facts) {
            Ok(identity) => Ok(Authenticated { request, identity }),
            Err(denied) => {
                let error = denied.code.into();
                self.tell_operator(&request.head, denied, now);
                Err(Box::new(TurnedAway { error, request }))
            }
        }
    }

    /// Read anew for each request that needs it, so that a policy taken away is void at once.
    async fn acl(&self, head: &Head, permit: &Permit) -> Result<Option<ContainerAcl>, StoreError> {
        let anonymous = head.text(header::AUTHORIZATION.as_str()).is_none() && head.query.get("sig").is_none();
        let public = anonymous && anonymous::level_needed(permit).is_some();
        let Some(container) = head.target.container().filter(|_| public || head.query.filled("si").is_some()) else {
            return Ok(None);
        };
        match self.store.container(container).await {
            Ok(props) => Ok(Some(props.acl)),
            Err(StoreError::ContainerMissing) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn tell_operator(&self, head: &Head, denied: Denied, now: Timestamp) {
        let Denied { code, detail, unmatched } = denied;
        let signed: Vec<SignedPart> =
            unmatched.iter().flat_map(|unmatched| diagnosis::shown(&unmatched.string)).collect();
        let explained =
            unmatched.filter(|unmatched| diagnosis::is_short(&unmatched.string) && self.refusals.may_explain(now));
        let differs = explained.and_then(|unmatched| unmatched.differs());
        let row = code.row();
        let refused = RefusedRequest {
            at: time::iso_seconds(now),
            request_id: head.request_id.clone(),
            account: head.target.account.clone(),
            method: head.method.to_string(),
            path: head.target.raw_path.chars().take(PATH_CHARS_MAX).collect(),
            peer: head.peer.to_string(),
            status: row.status.as_u16(),
            code: row.code.to_owned(),
            why: detail,
            differs,
            signed,
        };
        tracing::debug!(request_id = refused.request_id, why = refused.why, signed = ?refused.signed, "request turned away");
        self.refusals.add(refused);
    }
}

fn identify(head: &Head, permit: &Permit, facts: Facts<'_>) -> Result<Identity, Denied> {
    let authorization = head.text(header::AUTHORIZATION.as_str());
    let signed_query = head.query.get("sig").is_some();
    if authorization.is_some() && signed_query {
        return Err(Denied::new(Code::InvalidAuthenticationInfo, "both an Authorization header and a SAS are sent"));
    }
    if authorization.is_none() && !signed_query {
        anonymous::verify(permit, facts.account.map(Arc::as_ref), facts.acl)?;
    }
    // An account that is not there is verified as one whose keys nobody has: names cannot be probed, neither by the answer nor by its time.
    let nobodys;
    let account = match facts.account {
        Some(account) => account,
        None => {
            nobodys = Arc::new(facts.issuer.nobodys(&head.target.account));
            &nobodys
        }
    };
    let credential = match authorization {
        Some(authorization) => match bearer_token(authorization) {
            Some(token) => Credential::Role(role(head, token, account, permit, facts)?),
            None => key(head, authorization, account, permit, facts.now)?,
        },
        None if signed_query => {
            let keys = sas::Keys { account, issuer: facts.issuer };
            let grant = sas::verify(head, keys, facts.acl, facts.now)?;
            grant.permits(permit)?;
            Credential::Sas(grant)
        }
        None => Credential::Anonymous,
    };
    if facts.account.is_none() {
        return Err(Denied::failed("there is no such account"));
    }
    // Only who holds a good credential learns of it.
    match account.state {
        AccountState::Enabled => Ok(Identity { account: account.clone(), credential }),
        AccountState::Disabled => Err(Denied::new(Code::AccountDisabled, "the account is disabled")),
    }
}

fn key(
    head: &Head,
    authorization: &str,
    account: &AccountRecord,
    permit: &Permit,
    now: Timestamp,
) -> Result<Credential, Denied> {
    shared_key::Claim::parse(authorization)?.verify(head, account, now)?;
    match permit.reach {
        Reach::RoleOnly => Err(Denied::failed("this operation takes a bearer token only")),
        Reach::AnySas | Reach::AccountSas | Reach::KeyOrRole => Ok(Credential::Key),
    }
}

fn bearer_token(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn role(
    head: &Head,
    token: &str,
    account: &AccountRecord,
    permit: &Permit,
    facts: Facts<'_>,
) -> Result<Principal, Denied> {
    // A bearer token is all that it takes: over a wire that others may read it is not accepted.
    if head.transport == Transport::Plain && !head.peer.to_canonical().is_loopback() {
        let detail = "a bearer token came over plain http, and not from this machine";
        return Err(Denied::failed(detail));
    }
    let principal =
        facts.issuer.verify(token, facts.now).map_err(|why| Denied::new(Code::InvalidAuthenticationInfo, why))?;
    if principal.account != head.target.account {
        let detail = format!("the bearer token gives a role on account {}", principal.account);
        return Err(Denied::new(Code::AuthorizationPermissionMismatch, detail));
    }
    if principal.generation != account.generation {
        return Err(Denied::new(Code::InvalidAuthenticationInfo, "the bearer token was revoked"));
    }
    let letters = principal.role.letters();
    if !permit.any_of.is_empty() && !permit.any_of.chars().any(|letter| letters.contains(letter)) {
        let detail = format!("the role {} lacks the permission {:?}", principal.role.name(), permit.any_of);
        return Err(Denied::new(Code::AuthorizationPermissionMismatch, detail));
    }
    Ok(principal)
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) use tests::passes_nobody;
