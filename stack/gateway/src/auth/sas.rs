//! Shared access signatures in the query: of an account, of a container or a blob ("service SAS"), or of a principal who holds a
//! user-delegation key. Every field is enforced; what is not understood denies.

use super::denied::Denied;
use super::issuer::{Issuer, Principal};
use super::permit::{Permit, Reach};
use super::sas_fields::{Kind, SasFields};
use super::signature::{matches, sign};
use super::string_to_sign::{self, SAS_VERSION_MIN, StringToSign, WITH_ENCRYPTION_SCOPE, WITH_RESOURCE, joined};
use crate::error::Code;
use crate::head::{Head, Transport};
use crate::target::{Place, Target};
use crate::time;
use greenroom_store::{AccessPolicy, AccountKey, AccountRecord, ContainerAcl, Timestamp};
use http::HeaderName;
use std::net::IpAddr;

/// Every letter that Azure's `sp` knows.
const PERMISSIONS: &str = "racwdxyltfmeopiu";
/// Services and resource types of an account SAS.
const SERVICES: &str = "bqtf";
const RESOURCE_TYPES: &str = "sco";

/// What a valid SAS allows. It says nothing yet of the operation: `Grant::permits` does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    reach: GrantReach,
    permissions: String,
    /// Response headers that a service SAS overrides: (header, value).
    pub overrides: Vec<(&'static str, String)>,
    /// What its holder writes is encrypted in this scope: `ses`.
    pub encryption_scope: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum GrantReach {
    /// `srt`, such as `sco`.
    Account { resource_types: String },
    /// The signature ties it to the container or blob that the request names.
    Resource,
    /// As `Resource`, within what the role of the key's holder allows.
    Delegated(Principal),
}

impl Grant {
    pub fn permits(&self, permit: &Permit) -> Result<(), Denied> {
        let mismatch = |detail: String| Err(Denied::new(Code::AuthorizationPermissionMismatch, detail));
        match (&self.reach, permit.reach) {
            (_, Reach::KeyOrRole | Reach::RoleOnly) => return mismatch("no SAS reaches this operation".to_owned()),
            (GrantReach::Resource | GrantReach::Delegated(_), Reach::AccountSas) => {
                let detail = "a service SAS does not reach this operation; use an account SAS or the key";
                return mismatch(detail.to_owned());
            }
            (GrantReach::Account { resource_types }, Reach::AccountSas | Reach::AnySas) => {
                if let Some(needed) = permit.resource_type.filter(|needed| !resource_types.contains(*needed)) {
                    let detail = format!("the SAS is for resource types {resource_types:?} but {needed:?} is needed");
                    return Err(Denied::new(Code::AuthorizationResourceTypeMismatch, detail));
                }
            }
            (GrantReach::Resource | GrantReach::Delegated(_), Reach::AnySas) => {}
        }
        if permit.any_of.is_empty() || permit.any_of.chars().any(|letter| self.has(letter)) {
            return Ok(());
        }
        match &self.reach {
            GrantReach::Delegated(Principal { role, .. }) if permit.any_of.chars().any(|letter| self.signs(letter)) => {
                mismatch(format!("the SAS grants what the role {} of its key's holder does not", role.name()))
            }
            _ => mismatch(format!("the SAS grants {:?} but one of {:?} is needed", self.permissions, permit.any_of)),
        }
    }

    pub fn has(&self, letter: char) -> bool {
        let by_role = match &self.reach {
            GrantReach::Delegated(principal) => principal.role.letters().contains(letter),
            GrantReach::Account { .. } | GrantReach::Resource => true,
        };
        by_role && self.signs(letter)
    }

    fn signs(&self, letter: char) -> bool {
        self.permissions.contains(letter)
    }
}

/// What a SAS is verified with.
#[derive(Debug, Clone, Copy)]
pub struct Keys<'a> {
    pub account: &'a AccountRecord,
    pub issuer: &'a Issuer,
}

/// Verifies the SAS of a request: signature first, then each field. `acl` is the container's, where there is one.
pub fn verify(head: &Head, keys: Keys<'_>, acl: Option<&ContainerAcl>, now: Timestamp) -> Result<Grant, Denied> {
    let (mut fields, signature) = SasFields::read(&head.query).map_err(Denied::failed)?;
    if fields.version.as_str() < SAS_VERSION_MIN || time::parse_iso(&fields.version).is_none() {
        return Err(Denied::failed(format!("sv={:?} is not a version from {SAS_VERSION_MIN} on", fields.version)));
    }
    // Most are this server's own: each key that is tried costs as much as all else that a small request asks of the credential.
    let check_own = |string: &StringToSign| {
        let given_out = keys.issuer.sas_key(keys.account);
        check_signature(string, std::iter::once(&given_out).chain(keys.account.keys()), &signature)
    };
    let reach = match fields.kind() {
        Kind::Account => {
            let string = string_to_sign::account_sas(head.target.account.as_str(), &fields);
            check_own(&string)?;
            account_reach(&fields)?
        }
        Kind::Service => {
            let addressed = addressed(&fields, &head.target)?;
            let string = string_to_sign::service_sas(&addressed, &as_signed(&fields, head)?);
            check_own(&string)?;
            refuse_delegation_fields(&fields)?;
            apply_policy(&mut fields, acl)?;
            GrantReach::Resource
        }
        Kind::UserDelegation => {
            let addressed = addressed(&fields, &head.target)?;
            let string = string_to_sign::delegation_sas(&addressed, &as_signed(&fields, head)?);
            let key = keys.issuer.delegation_key(keys.account, &fields.key);
            check_signature(&string, std::iter::once(&key), &signature)?;
            GrantReach::Delegated(holder(&fields, keys, now)?)
        }
    };
    verify_letters("sp", &fields.permissions, PERMISSIONS)?;
    verify_times(&fields, now)?;
    verify_channel(&fields, head)?;
    let overrides = if fields.kind() == Kind::Account { Vec::new() } else { overrides(&fields) };
    let encryption_scope = encryption_scope(&fields)?;
    Ok(Grant { reach, permissions: fields.permissions, overrides, encryption_scope })
}

/// The fields as they are signed for this request. A snapshot is signed only where the SAS is for one: to any other kind
/// it is a parameter of the operation. Headers and parameters that must be there are signed with what was sent.
fn as_signed(fields: &SasFields, head: &Head) -> Result<SasFields, Denied> {
    let mut signed = fields.clone();
    if signed.resource != "bs" {
        signed.snapshot.clear();
    }
    let names = |list: &str| list.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    signed.signed_headers.clear();
    for name in names(&fields.signed_headers) {
        let value = name.parse::<HeaderName>().ok().filter(|name| head.headers.contains_key(name));
        let value = value.map(|name| joined(&head.headers, &name));
        let value = value.ok_or_else(|| Denied::failed(format!("srh asks for the header {name}: not sent")))?;
        signed.signed_headers.push_str(&format!("{name}:{value}\n"));
    }
    signed.signed_query.clear();
    for name in names(&fields.signed_query) {
        let value = head.query.get(&name);
        let value = value.ok_or_else(|| Denied::failed(format!("srq asks for the parameter {name}: not sent")))?;
        signed.signed_query.push_str(&format!("\n{name}:{value}"));
    }
    Ok(signed)
}

fn check_signature<'k>(
    string: &StringToSign,
    keys: impl Iterator<Item = &'k AccountKey> + Clone,
    signature: &str,
) -> Result<(), Denied> {
    let fits = |candidate: &str| keys.clone().any(|key| matches(&sign(key, candidate), signature));
    match fits(&string.to_string()) {
        true => Ok(()),
        false => Err(Denied::unmatched("sig does not match", string.clone(), keys, signature)),
    }
}

fn account_reach(fields: &SasFields) -> Result<GrantReach, Denied> {
    if !fields.identifier.is_empty() {
        return Err(Denied::failed("an account SAS cannot name a stored access policy"));
    }
    refuse_delegation_fields(fields)?;
    verify_letters("ss", &fields.services, SERVICES)?;
    verify_letters("srt", &fields.resource_types, RESOURCE_TYPES)?;
    if !fields.services.contains('b') {
        let detail = format!("the SAS is for services {:?}, not for blobs", fields.services);
        return Err(Denied::new(Code::AuthorizationServiceMismatch, detail));
    }
    Ok(GrantReach::Account { resource_types: fields.resource_types.clone() })
}

/// Fields that only a user-delegation SAS signs: on another kind they are unsigned, and anybody may have added them.
fn refuse_delegation_fields(fields: &SasFields) -> Result<(), Denied> {
    let of_delegation = [
        ("skv", &fields.key.version),
        ("skoid", &fields.key.object_id),
        ("saoid", &fields.authorized_agent),
        ("suoid", &fields.unauthorized_agent),
        ("scid", &fields.correlation_id),
        ("skdutid", &fields.bound_tenant_id),
        ("sduoid", &fields.bound_object_id),
        ("srh", &fields.signed_headers),
        ("srq", &fields.signed_query),
        ("sdd", &fields.directory_depth),
    ];
    match of_delegation.into_iter().find(|(_, value)| !value.is_empty()) {
        Some((name, _)) => Err(Denied::failed(format!("{name} belongs to a user-delegation SAS, which this is not"))),
        None => Ok(()),
    }
}

/// Who holds the key that signed, once its fields are good.
fn holder(fields: &SasFields, keys: Keys<'_>, now: Timestamp) -> Result<Principal, Denied> {
    if fields.version.as_str() < WITH_RESOURCE {
        return Err(Denied::failed(format!("a user-delegation SAS has a version from {WITH_RESOURCE} on")));
    }
    for (name, value) in [
        ("si", &fields.identifier),
        ("saoid", &fields.authorized_agent),
        ("suoid", &fields.unauthorized_agent),
        ("skdutid", &fields.bound_tenant_id),
        ("sduoid", &fields.bound_object_id),
        ("sdd", &fields.directory_depth),
    ] {
        if !value.is_empty() {
            return Err(Denied::failed(format!("{name} is not offered with a user-delegation SAS")));
        }
    }
    let key = &fields.key;
    if key.service != "b" {
        return Err(Denied::failed(format!("sks={:?}: the key is not for blobs", key.service)));
    }
    if now < parse_time("skt", &key.start)? {
        return Err(Denied::failed(format!("the user-delegation key is not valid yet: skt={}", key.start)));
    }
    if now >= parse_time("ske", &key.expiry)? {
        return Err(Denied::failed(format!("the user-delegation key has expired: ske={}", key.expiry)));
    }
    let holder = keys.issuer.by_object_id(keys.account, &key.tenant_id, &key.object_id);
    holder.ok_or_else(|| Denied::failed("skoid and sktid name nobody who has a role on this account"))
}

/// Takes from a stored access policy what the SAS leaves to it. Each field is given once: by the one or by the other.
fn apply_policy(fields: &mut SasFields, acl: Option<&ContainerAcl>) -> Result<(), Denied> {
    if fields.identifier.is_empty() {
        return Ok(());
    }
    let policies = acl.map(|acl| acl.policies.as_slice()).unwrap_or_default();
    let policy = policies.iter().find(|policy| policy.id == fields.identifier);
    let AccessPolicy { id, start, expiry, permissions } =
        policy.ok_or_else(|| Denied::failed(format!("si={:?} names no policy of the container", fields.identifier)))?;
    for (name, given, stored) in [
        ("sp", &mut fields.permissions, permissions.clone()),
        ("st", &mut fields.start, start.map(time::iso)),
        ("se", &mut fields.expiry, expiry.map(time::iso)),
    ] {
        match stored {
            Some(_) if !given.is_empty() => {
                let detail = format!("{name} is given by the SAS and by its policy {id:?}");
                return Err(Denied::new(Code::InvalidQueryParameterValue, detail));
            }
            Some(stored) => *given = stored,
            None => {}
        }
    }
    Ok(())
}

/// `/blob/account/container[/blob]` as a SAS for this kind of resource signs it for what the request names.
fn addressed(fields: &SasFields, target: &Target) -> Result<String, Denied> {
    let kind = fields.resource.as_str();
    match (kind, &target.place) {
        ("c", Place::Container(_) | Place::Blob(_)) => {
            Ok(format!("/blob/{}", target.container().expect("the place is in a container")))
        }
        ("b", Place::Blob(blob)) => Ok(format!("/blob/{blob}")),
        ("bs", Place::Blob(blob)) if !fields.snapshot.is_empty() => Ok(format!("/blob/{blob}")),
        ("bs", Place::Blob(_)) => Err(Denied::new(
            Code::AuthorizationPermissionMismatch,
            "sr=bs reaches the snapshot that it was signed for, and the request names none",
        )),
        ("c" | "b" | "bs", _) => Err(Denied::new(
            Code::AuthorizationPermissionMismatch,
            format!("sr={kind} does not reach {:?}", target.scope()),
        )),
        ("d", _) => {
            Err(Denied::failed("sr=d: directories are of accounts with a hierarchical namespace, not of this one"))
        }
        ("bv", _) => Err(Denied::failed("sr=bv: this endpoint keeps no versions")),
        _ => Err(Denied::failed(format!("sr={kind:?} is neither c, b nor bs"))),
    }
}

fn verify_letters(name: &str, letters: &str, known: &str) -> Result<(), Denied> {
    match letters.chars().find(|letter| !known.contains(*letter)) {
        Some(unknown) => Err(Denied::failed(format!("{name}={letters:?}: {unknown:?} is unknown"))),
        None if letters.is_empty() => Err(Denied::failed(format!("{name} is missing"))),
        None => Ok(()),
    }
}

fn parse_time(name: &str, text: &str) -> Result<Timestamp, Denied> {
    time::parse_iso(text).ok_or_else(|| Denied::failed(format!("{name}={text:?} is not a time")))
}

fn verify_times(fields: &SasFields, now: Timestamp) -> Result<(), Denied> {
    if fields.expiry.is_empty() {
        return Err(Denied::failed("se is missing"));
    }
    if now >= parse_time("se", &fields.expiry)? {
        return Err(Denied::failed(format!("expired: se={}", fields.expiry)));
    }
    if !fields.start.is_empty() && now < parse_time("st", &fields.start)? {
        return Err(Denied::failed(format!("not valid yet: st={}", fields.start)));
    }
    Ok(())
}

fn verify_channel(fields: &SasFields, head: &Head) -> Result<(), Denied> {
    match (fields.protocol.as_str(), head.transport) {
        ("" | "https,http" | "http,https", _) | ("https", Transport::Tls) => {}
        ("https", Transport::Plain) => {
            return Err(Denied::new(Code::AuthorizationProtocolMismatch, "the SAS allows https only"));
        }
        (other, _) => return Err(Denied::failed(format!("spr={other:?} is neither https nor https,http"))),
    }
    if !fields.ip.is_empty() && !address_within(&fields.ip, head.peer)? {
        let detail = format!("the SAS is for address {:?}, the caller is {}", fields.ip, head.peer);
        return Err(Denied::new(Code::AuthorizationSourceIpMismatch, detail));
    }
    Ok(())
}

/// `sip`: one IPv4 address or an inclusive range `low-high`.
fn address_within(sip: &str, peer: IpAddr) -> Result<bool, Denied> {
    let (low, high) = sip.split_once('-').unwrap_or((sip, sip));
    let parse = |text: &str| {
        text.trim()
            .parse::<IpAddr>()
            .map_err(|_| Denied::failed(format!("sip={sip:?} is neither an address nor a range")))
    };
    let (low, high) = (parse(low)?, parse(high)?);
    let peer = peer.to_canonical();
    Ok(low.is_ipv4() == peer.is_ipv4() && low <= peer && peer <= high)
}

/// Before the version that signs it anybody could have added it.
fn encryption_scope(fields: &SasFields) -> Result<Option<String>, Denied> {
    let scope = Some(&fields.encryption_scope).filter(|scope| !scope.is_empty());
    if scope.is_some() && fields.version.as_str() < WITH_ENCRYPTION_SCOPE {
        return Err(Denied::failed(format!("ses belongs to a SAS of a version from {WITH_ENCRYPTION_SCOPE} on")));
    }
    Ok(scope.cloned())
}

fn overrides(fields: &SasFields) -> Vec<(&'static str, String)> {
    let all = [
        ("cache-control", &fields.cache_control),
        ("content-disposition", &fields.content_disposition),
        ("content-encoding", &fields.content_encoding),
        ("content-language", &fields.content_language),
        ("content-type", &fields.content_type),
    ];
    all.into_iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| (name, value.clone())).collect()
}
