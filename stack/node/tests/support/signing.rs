//! Signatures that clients make themselves, with keys that they hold.

use super::Stack;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use greenroom_gateway::auth::sas_fields::SasFields;
use greenroom_gateway::auth::{sign, string_to_sign};
use greenroom_gateway::time;
use greenroom_store::{AccountKey, Clock as _, SystemClock, Timestamp};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// The URL of something, with an account SAS that one of the account's keys has signed, and that may do anything.
pub fn signed(stack: &Stack, account: &str, path: &str, key: &str) -> String {
    format!("{}/{account}/{path}?{}", stack.ready.blob, account_sas(account, key, "rwdlac"))
}

/// An account SAS for everything in an account.
pub fn account_sas(account: &str, key: &str, permissions: &str) -> String {
    let fields = SasFields {
        permissions: permissions.to_owned(),
        services: "b".to_owned(),
        resource_types: "sco".to_owned(),
        expiry: soon(),
        version: "2022-11-02".to_owned(),
        ..SasFields::default()
    };
    let key = AccountKey::new(BASE64_STANDARD.decode(key).expect("Base64"));
    let sig = sign(&key, &string_to_sign::account_sas(account, &fields).to_string());
    query(&[
        ("sv", &fields.version),
        ("ss", &fields.services),
        ("srt", &fields.resource_types),
        ("sp", &fields.permissions),
        ("se", &fields.expiry),
        ("sig", &sig),
    ])
}

pub fn query(pairs: &[(&str, &str)]) -> String {
    let pairs = pairs.iter().map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)));
    pairs.collect::<Vec<_>>().join("&")
}

/// In an hour, as a SAS says it.
pub fn soon() -> String {
    time::iso_seconds(Timestamp(SystemClock.now().0 + 3_600 * 1_000_000))
}
