//! Mints the SAS that the control API hands out: for a container, or for a whole account.

use greenroom_gateway::auth::{sign, string_to_sign};
use greenroom_gateway::time;
use greenroom_model::ContainerName;
use greenroom_store::{AccountRecord, Timestamp};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use string_to_sign::SasFields;

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
    #[error("expires_in_s must be 1 to {LIFE_S_MAX}")]
    Life,
}

/// A token without start, so that clocks that differ a little do not matter, and good for http too.
pub fn mint(
    account: &AccountRecord,
    container: Option<&ContainerName>,
    permissions: &str,
    expires_in_s: u64,
    now: Timestamp,
) -> Result<String, MintError> {
    if !(1..=LIFE_S_MAX).contains(&expires_in_s) {
        return Err(MintError::Life);
    }
    let expiry = Timestamp(now.0 + expires_in_s as i64 * 1_000_000);
    let fields = SasFields {
        expiry: time::iso_seconds(expiry),
        protocol: "https,http".to_owned(),
        version: VERSION.to_owned(),
        ..SasFields::default()
    };
    let (fields, string) = match container {
        Some(container) => {
            let permissions = ordered(permissions, SERVICE_ORDER)?;
            let fields = SasFields { permissions, resource: "c".to_owned(), ..fields };
            let resource = format!("/blob/{}/{container}", account.name);
            let string = string_to_sign::service_sas(&resource, &fields);
            (fields, string)
        }
        None => {
            let permissions = ordered(permissions, ACCOUNT_ORDER)?;
            let (services, resource_types) = ("b".to_owned(), "sco".to_owned());
            let fields = SasFields { permissions, services, resource_types, ..fields };
            let string = string_to_sign::account_sas(account.name.as_str(), &fields);
            (fields, string)
        }
    };
    let signature = sign(&account.key, &string);
    let pairs = [
        ("sv", &fields.version),
        ("ss", &fields.services),
        ("srt", &fields.resource_types),
        ("sr", &fields.resource),
        ("sp", &fields.permissions),
        ("se", &fields.expiry),
        ("spr", &fields.protocol),
        ("sig", &signature),
    ];
    let pairs = pairs.iter().filter(|(_, value)| !value.is_empty());
    Ok(pairs.map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, KEPT))).collect::<Vec<_>>().join("&"))
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
        AccountRecord {
            name: AccountName::new("acct").expect("a good name"),
            tenant: TenantName::new("gold").expect("a good name"),
            key: AccountKey::new([7; 64]),
        }
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
        let container = ContainerName::new("photos").expect("a good name");
        let now = Timestamp(784_111_777_123_456);
        let token = mint(&account(), Some(&container), "lr", 60, now).expect("a good request");
        assert!(
            token.starts_with("sv=2022-11-02&sr=c&sp=rl&se=1994-11-06T08%3A50%3A37Z&spr=https%2Chttp&sig="),
            "{token}"
        );
        let token = mint(&account(), None, "rl", 60, now).expect("a good request");
        assert!(token.starts_with("sv=2022-11-02&ss=b&srt=sco&sp=rl&se="), "{token}");
        assert_eq!(mint(&account(), None, "rl", 0, now), Err(MintError::Life));
    }
}
