//! Shared access signatures in the query: of an account, or of a container or a blob ("service SAS").
//! Every field is enforced; what is not understood denies.

use super::string_to_sign::{self, SAS_VERSION_MIN, SasFields};
use super::{Denied, matches, sign};
use crate::error::Code;
use crate::query::Query;
use crate::request::{Head, Transport};
use crate::target::{Place, Scope, Target};
use crate::time;
use greenroom_store::{AccountKey, Timestamp};
use std::net::IpAddr;

/// What a valid SAS allows. It says nothing yet of the operation: `Grant::permits` does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    kind: Kind,
    permissions: String,
    /// Response headers that a service SAS overrides: (header, value).
    pub overrides: Vec<(&'static str, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    /// `srt`, such as `sco`.
    Account { resource_types: String },
    /// `sr=c` or `sr=b`; the signature ties it to the container or blob that the request names.
    Service,
}

/// What an operation demands of a SAS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permit {
    /// Any one of these letters; empty where any valid SAS will do.
    pub any_of: &'static str,
    /// The letter of `srt` that an account SAS needs; any where absent.
    pub resource_type: Option<char>,
    pub by_service_sas: ByServiceSas,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByServiceSas {
    Allowed,
    /// Operations on the container itself and on the account need an account SAS or the key.
    Never,
}

impl Grant {
    pub fn permits(&self, permit: &Permit) -> Result<(), Denied> {
        match &self.kind {
            Kind::Account { resource_types } => {
                if let Some(needed) = permit.resource_type.filter(|needed| !resource_types.contains(*needed)) {
                    let detail = format!("the SAS is for resource types {resource_types:?} but {needed:?} is needed");
                    return Err(Denied::new(Code::AuthorizationResourceTypeMismatch, detail));
                }
            }
            Kind::Service if permit.by_service_sas == ByServiceSas::Never => {
                let detail = "a service SAS does not reach this operation; use an account SAS or the key";
                return Err(Denied::new(Code::AuthorizationPermissionMismatch, detail));
            }
            Kind::Service => {}
        }
        if !permit.any_of.is_empty() && !permit.any_of.chars().any(|letter| self.has(letter)) {
            let detail = format!("the SAS grants {:?} but one of {:?} is needed", self.permissions, permit.any_of);
            return Err(Denied::new(Code::AuthorizationPermissionMismatch, detail));
        }
        Ok(())
    }

    pub fn has(&self, letter: char) -> bool {
        self.permissions.contains(letter)
    }
}

/// Verifies the SAS of a request: signature first, then each field.
pub fn verify(head: &Head, key: &AccountKey, now: Timestamp) -> Result<Grant, Denied> {
    let (fields, signature) = read(&head.query)?;
    if fields.version.as_str() < SAS_VERSION_MIN || time::parse_iso(&fields.version).is_none() {
        return Err(Denied::failed(format!("sv={:?} is not a version from {SAS_VERSION_MIN} on", fields.version)));
    }
    let account_sas = !fields.services.is_empty() || !fields.resource_types.is_empty();
    let (kind, string) = match account_sas {
        true => {
            let kind = Kind::Account { resource_types: fields.resource_types.clone() };
            (kind, string_to_sign::account_sas(head.target.account.as_str(), &fields))
        }
        false => {
            let resource = service_resource(&fields.resource, &head.target)?;
            (Kind::Service, string_to_sign::service_sas(&resource, &fields))
        }
    };
    if !matches(&sign(key, &string), &signature) {
        return Err(Denied::failed(format!("sig does not match; the server signed {string:?}")));
    }
    if !fields.identifier.is_empty() {
        return Err(Denied::failed("si names a stored access policy and the container has none"));
    }
    verify_times(&fields, now)?;
    verify_channel(&fields, head)?;
    if account_sas && !fields.services.contains('b') {
        let detail = format!("the SAS is for services {:?}, not for blobs", fields.services);
        return Err(Denied::new(Code::AuthorizationServiceMismatch, detail));
    }
    let overrides = if account_sas { Vec::new() } else { overrides(&fields) };
    Ok(Grant { kind, permissions: fields.permissions, overrides })
}

/// Reads the SAS fields of a query. A field given twice is refused: which one was meant would be a guess.
fn read(query: &Query) -> Result<(SasFields, String), Denied> {
    let mut fields = SasFields::default();
    let mut signature = String::new();
    for (name, value) in query.pairs() {
        let slot = match name.to_ascii_lowercase().as_str() {
            "sp" => &mut fields.permissions,
            "st" => &mut fields.start,
            "se" => &mut fields.expiry,
            "si" => &mut fields.identifier,
            "sip" => &mut fields.ip,
            "spr" => &mut fields.protocol,
            "sv" => &mut fields.version,
            "ss" => &mut fields.services,
            "srt" => &mut fields.resource_types,
            "sr" => &mut fields.resource,
            "ses" => &mut fields.encryption_scope,
            "rscc" => &mut fields.cache_control,
            "rscd" => &mut fields.content_disposition,
            "rsce" => &mut fields.content_encoding,
            "rscl" => &mut fields.content_language,
            "rsct" => &mut fields.content_type,
            "sig" => &mut signature,
            // The marks of a user-delegation SAS: its key is not an account's.
            "skoid" | "sktid" | "skt" | "ske" | "sks" | "skv" | "saoid" | "suoid" | "scid" | "sdd" | "skdutid"
            | "sduoid" => {
                return Err(Denied::failed(format!(
                    "{name} belongs to a user-delegation or directory SAS, which is not offered"
                )));
            }
            _ => continue,
        };
        if !slot.is_empty() {
            return Err(Denied::failed(format!("{name} is given twice")));
        }
        value.clone_into(slot);
    }
    Ok((fields, signature))
}

/// `/blob/account/container[/blob]` as a service SAS of this kind signs it for what the request names.
fn service_resource(kind: &str, target: &Target) -> Result<String, Denied> {
    match (kind, &target.place) {
        ("c", Place::Container(_) | Place::Blob(_)) => {
            Ok(format!("/blob/{}", target.container().expect("the place is in a container")))
        }
        ("b", Place::Blob(blob)) => Ok(format!("/blob/{blob}")),
        ("c" | "b", _) => Err(Denied::new(
            Code::AuthorizationPermissionMismatch,
            format!("sr={kind} does not reach {:?}", scope(target)),
        )),
        _ => Err(Denied::failed(format!("sr={kind:?} is neither c nor b"))),
    }
}

fn scope(target: &Target) -> Scope {
    target.scope()
}

fn verify_times(fields: &SasFields, now: Timestamp) -> Result<(), Denied> {
    let parse = |name: &str, text: &str| {
        time::parse_iso(text).ok_or_else(|| Denied::failed(format!("{name}={text:?} is not a time")))
    };
    if fields.expiry.is_empty() {
        return Err(Denied::failed("se is missing"));
    }
    if now >= parse("se", &fields.expiry)? {
        return Err(Denied::failed(format!("expired: se={}", fields.expiry)));
    }
    if !fields.start.is_empty() && now < parse("st", &fields.start)? {
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
