//! Mints the SAS that the control API hands out: for a blob, a container, or a whole account.

use greenroom_gateway::auth::issuer::Issuer;
use greenroom_gateway::auth::sas_fields::SasFields;
use greenroom_gateway::auth::{sign, string_to_sign};
use greenroom_gateway::time;
use greenroom_model::control::{SasProtocol, SasRequest};
use greenroom_store::{AccountRecord, Timestamp};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// A version whose SAS every client of ours knows, and the newest form of the string to sign.
const VERSION: &str = "2022-11-02";
/// Azure's order of permission letters, in a service SAS and in an account SAS.
const SERVICE_ORDER: &str = "racwdxyltfmeopi";
const ACCOUNT_ORDER: &str = "rwdxylacuptfi";
/// A SAS is meant to be short-lived; a year is already more than a demo needs.
const LIFE_S_MAX: u64 = 366 * 24 * 3600;

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MintError {
    #[error("permission '{0}' is unknown; known are {SERVICE_ORDER}")]
    UnknownPermission(char),
    #[error("no permission is asked for")]
    NoPermission,
    #[error("expires_in_s must be 1 to {LIFE_S_MAX}, or 0 where a policy says when")]
    Life,
    #[error("a blob is in a container: name it too")]
    BlobWithoutContainer,
    #[error("a policy is a container's: name the container too")]
    PolicyWithoutContainer,
}

/// Signed by the issuer for the account as it is now. A token without start, so that clocks that differ a little do not matter, and good for http too unless told otherwise.
pub fn mint(
    issuer: &Issuer,
    account: &AccountRecord,
    request: &SasRequest,
    now: Timestamp,
) -> Result<String, MintError> {
    if request.blob.is_some() && request.container.is_none() {
        return Err(MintError::BlobWithoutContainer);
    }
    if request.policy.is_some() && request.container.is_none() {
        return Err(MintError::PolicyWithoutContainer);
    }
    let protocol = match request.protocol {
        Some(SasProtocol::Https) => "https",
        Some(SasProtocol::HttpsAndHttp) | None => "https,http",
    };
    let fields = SasFields {
        expiry: expiry(request, now)?,
        protocol: protocol.to_owned(),
        ip: request.ip.clone().unwrap_or_default(),
        identifier: request.policy.clone().unwrap_or_default(),
        version: VERSION.to_owned(),
        ..SasFields::default()
    };
    let (fields, string) = match &request.container {
        Some(container) => {
            let permissions = match request.policy {
                Some(_) if request.permissions.is_empty() => String::new(),
                _ => ordered(&request.permissions, SERVICE_ORDER)?,
            };
            let (resource, blob) = match &request.blob {
                Some(blob) => ("b", format!("/{blob}")),
                None => ("c", String::new()),
            };
            let fields = SasFields { permissions, resource: resource.to_owned(), ..fields };
            let string = string_to_sign::service_sas(&format!("/blob/{}/{container}{blob}", account.name), &fields);
            (fields, string)
        }
        None => {
            let permissions = ordered(&request.permissions, ACCOUNT_ORDER)?;
            let (services, resource_types) = ("b".to_owned(), "sco".to_owned());
            let fields = SasFields { permissions, services, resource_types, ..fields };
            let string = string_to_sign::account_sas(account.name.as_str(), &fields);
            (fields, string)
        }
    };
    Ok(query(&fields, &sign(&issuer.sas_key(account), &string.to_string())))
}

/// As the token says it; empty where a policy does.
pub fn expiry(request: &SasRequest, now: Timestamp) -> Result<String, MintError> {
    match (request.expires_in_s, &request.policy) {
        (0, Some(_)) => Ok(String::new()),
        (life_s @ 1..=LIFE_S_MAX, _) => Ok(time::iso_seconds(Timestamp(now.0 + life_s as i64 * 1_000_000))),
        _ => Err(MintError::Life),
    }
}

fn query(fields: &SasFields, signature: &str) -> String {
    let pairs = [
        ("sv", fields.version.as_str()),
        ("ss", &fields.services),
        ("srt", &fields.resource_types),
        ("sr", &fields.resource),
        ("si", &fields.identifier),
        ("sp", &fields.permissions),
        ("se", &fields.expiry),
        ("sip", &fields.ip),
        ("spr", &fields.protocol),
        ("sig", signature),
    ];
    let pairs = pairs.iter().filter(|(_, value)| !value.is_empty());
    pairs.map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, KEPT))).collect::<Vec<_>>().join("&")
}

const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Each letter once, in Azure's order.
fn ordered(permissions: &str, order: &str) -> Result<String, MintError> {
    if let Some(unknown) = permissions.chars().find(|letter| !order.contains(*letter)) {
        return Err(MintError::UnknownPermission(unknown));
    }
    let ordered: String = order.chars().filter(|letter| permissions.contains(*letter)).collect();
    if ordered.is_empty() { Err(MintError::NoPermission) } else { Ok(ordered) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenroom_model::{AccountName, TenantName};
    use greenroom_store::AccountKey;

    fn account() -> AccountRecord {
        let (name, tenant) = (AccountName::new("acct"), TenantName::new("gold"));
        AccountRecord::new(name.expect("a good name"), tenant.expect("a good name"), AccountKey::new([7; 64]))
    }

    #[test]
    fn letters_come_in_azures_order() {
        assert_eq!(ordered("ldwcar", SERVICE_ORDER).as_deref(), Ok("racwdl"));
        assert_eq!(ordered("acdlrw", ACCOUNT_ORDER).as_deref(), Ok("rwdlac"));
        assert_eq!(ordered("rr", SERVICE_ORDER).as_deref(), Ok("r"));
        assert_eq!(ordered("rz", SERVICE_ORDER), Err(MintError::UnknownPermission('z')));
        assert_eq!(ordered("", SERVICE_ORDER), Err(MintError::NoPermission));
    }

    #[test]
    fn a_token_says_what_it_is_for() {
        let (issuer, account) = (Issuer::new([7; 32]), account());
        let now = Timestamp(784_111_777_123_456);
        let whole = SasRequest::new(account.name.clone(), "lr", 60);
        let container = SasRequest { container: Some("photos".parse().expect("a good name")), ..whole.clone() };
        let blob = SasRequest {
            blob: Some("a b".parse().expect("a good name")),
            ip: Some("10.0.0.1".into()),
            protocol: Some(SasProtocol::Https),
            ..container.clone()
        };
        let policy =
            SasRequest { policy: Some("week".into()), permissions: "".into(), expires_in_s: 0, ..container.clone() };
        let until = "se=1994-11-06T08%3A50%3A37Z";
        for (request, start) in [
            (&whole, format!("sv=2022-11-02&ss=b&srt=sco&sp=rl&{until}&spr=https%2Chttp&sig=")),
            (&container, format!("sv=2022-11-02&sr=c&sp=rl&{until}&spr=https%2Chttp&sig=")),
            (&blob, format!("sv=2022-11-02&sr=b&sp=rl&{until}&sip=10.0.0.1&spr=https&sig=")),
            (&policy, "sv=2022-11-02&sr=c&si=week&spr=https%2Chttp&sig=".to_owned()),
        ] {
            let token = mint(&issuer, &account, request, now).expect("a good request");
            assert!(token.starts_with(&start), "{token}");
        }
        for (bad, expected) in [
            (SasRequest { expires_in_s: 0, ..whole.clone() }, MintError::Life),
            (SasRequest { container: None, ..blob }, MintError::BlobWithoutContainer),
            (SasRequest { container: None, ..policy }, MintError::PolicyWithoutContainer),
            (SasRequest { permissions: "".into(), ..whole }, MintError::NoPermission),
        ] {
            assert_eq!(mint(&issuer, &account, &bad, now), Err(expected));
        }
    }
}
