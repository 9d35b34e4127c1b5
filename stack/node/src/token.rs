//! Secrets that outlive the process: the control API's bearer token and the issuer's secret, each in a file that only its
//! owner may read.

use crate::fault::Fault;
use greenroom_gateway::auth::issuer::Issuer;
use greenroom_model::TenantName;
use greenroom_model::control::TOKEN_FILE;
use greenroom_store::private;
use std::fs;
use std::path::Path;
use subtle::ConstantTimeEq as _;

const SECRET_BYTES: usize = 32;
/// The issuer's secret, in hexadecimal.
const ISSUER_FILE: &str = "issuer.secret";

#[derive(Clone)]
pub struct Token(String);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(redacted)")
    }
}

impl Token {
    /// The folder's token: the one that is there, so that whoever holds it outlives a restart, or else a new one.
    pub fn of(dir: &Path) -> Result<Token, Fault> {
        let secret = kept_or_new(dir, TOKEN_FILE)?;
        Ok(Token(to_hex(&secret)))
    }

    /// Compares in a time that does not depend on where the two differ.
    pub fn is(&self, claimed: &str) -> bool {
        self.0.as_bytes().ct_eq(claimed.as_bytes()).into()
    }

    /// A tenant's token: `TENANT.HEX`. It follows from the operator's and a number, so that nothing of it is kept.
    pub fn of_tenant(&self, tenant: &TenantName, number: u64) -> String {
        let key = blake3::derive_key("Greenroom control API, a tenant's token", self.0.as_bytes());
        let hash =
            blake3::Hasher::new_keyed(&key).update(&number.to_le_bytes()).update(tenant.as_str().as_bytes()).finalize();
        format!("{tenant}.{}", hash.to_hex())
    }

    /// Whether it is the tenant's token of that number.
    pub fn is_of_tenant(&self, claimed: &str, tenant: &TenantName, number: u64) -> bool {
        self.of_tenant(tenant, number).as_bytes().ct_eq(claimed.as_bytes()).into()
    }
}

/// The folder's issuer: tokens and user-delegation keys of an earlier run stay good. Removing the file revokes them all.
pub fn issuer(dir: &Path) -> Result<Issuer, Fault> {
    Ok(Issuer::new(kept_or_new(dir, ISSUER_FILE)?))
}

fn kept_or_new(dir: &Path, name: &str) -> Result<[u8; SECRET_BYTES], Fault> {
    let file = dir.join(name);
    let mut secret = [0; SECRET_BYTES];
    let kept = fs::read_to_string(&file).ok().and_then(|text| from_hex(text.trim(), &mut secret));
    if kept.is_none() {
        getrandom::fill(&mut secret)?;
    }
    private::replace(&file, format!("{}\n", to_hex(&secret)).as_bytes())
        .map_err(|source| Fault::Token { file, source })?;
    Ok(secret)
}

pub fn to_hex(secret: &[u8]) -> String {
    secret.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads digits into where they belong, so that no copy is left elsewhere; `None` where they are not as many, or none.
pub fn from_hex(text: &str, secret: &mut [u8]) -> Option<()> {
    if text.len() != 2 * secret.len() || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (at, byte) in secret.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(())
}
