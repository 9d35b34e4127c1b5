//! Signs an account SAS with an account's key, as a client does that holds one.
//! Source: "Create an account SAS", version 2020-12-06 and later.

use crate::scrub::Secrets;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use greenroom_model::AccountName;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::time::Duration;

const VERSION: &str = "2022-11-02";

/// The query, without a leading question mark, which `secrets` knows from then on. `permissions` are in Azure's order.
pub fn sign(
    account: &AccountName,
    key: &str,
    permissions: &str,
    lasts: Duration,
    secrets: &Secrets,
) -> Result<String, String> {
    secrets.know(key);
    let until = i64::try_from(crate::clock::wall_unix_ms() / 1000 + lasts.as_secs()).unwrap_or(i64::MAX);
    let until = jiff::Timestamp::from_second(until).map_err(|error| error.to_string())?;
    let query = signed_until(account, key, permissions, &until.to_string())?;
    secrets.know_sas(&query);
    Ok(query)
}

fn signed_until(account: &AccountName, key: &str, permissions: &str, until: &str) -> Result<String, String> {
    // Account, permissions, services, resource types, start, expiry, addresses, protocol, version, encryption scope.
    let text = format!("{account}\n{permissions}\nb\nsco\n\n{until}\n\nhttps,http\n{VERSION}\n\n");
    let key = STANDARD.decode(key).map_err(|_| format!("the key of {account} is not base64"))?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("HMAC takes keys of any length");
    mac.update(text.as_bytes());
    let signature = STANDARD.encode(mac.finalize().into_bytes());
    let signature = signature.replace('%', "%25").replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    let until = until.replace(':', "%3A");
    Ok(format!("sv={VERSION}&ss=b&srt=sco&sp={permissions}&se={until}&spr=https%2Chttp&sig={signature}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_signed_is_shown_nowhere() {
        let (account, secrets) = (AccountName::new("gold").expect("a name"), Secrets::default());
        let key = STANDARD.encode("a key that nobody may read");
        let query = sign(&account, &key, "rw", Duration::from_secs(60), &secrets).expect("a key");
        let signature = query.rsplit_once("sig=").expect("signed").1.replace("%2B", "+").replace("%2F", "/");
        assert_eq!(secrets.scrub(&format!("{key} {}", signature.replace("%3D", "="))), "••• •••");
    }

    #[test]
    fn a_signature_follows_from_the_key() {
        let account = AccountName::new("gold").expect("a name");
        let sign =
            |key: &str| signed_until(&account, &STANDARD.encode(key), "rw", "2030-01-01T00:00:00Z").expect("a key");
        assert_eq!(sign("one"), sign("one"));
        assert_ne!(sign("one"), sign("two"));
        assert!(sign("one").starts_with("sv=2022-11-02&ss=b&srt=sco&sp=rw&se=2030-01-01T00%3A00%3A00Z&"));
        assert!(signed_until(&account, "?", "rw", "").is_err());
    }
}
