//! A local issuer of OAuth tokens and of user-delegation keys, in the place of a cloud's directory. All that it gives out is
//! derived from one secret, so that it keeps no list and survives a restart; a new secret revokes everything at once, and a new generation
//! of an account all that was given out for it. It knows one principal for each role on each account.

use super::sas_fields::KeyFields;
use super::signature::matches;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD, Engine as _};
use greenroom_model::control::Role;
use greenroom_model::{AccountName, TenantName};
use greenroom_store::{AccountKey, AccountRecord, Timestamp};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use std::fmt;

/// What a token of ours is for.
pub const AUDIENCE: &str = "https://storage.azure.com";
/// Longer than any token is; a longer one is not even looked at.
const TOKEN_BYTES_MAX: usize = 4096;

/// Someone who holds a role on an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    pub account: AccountName,
    /// Of the account: those of an earlier one hold nothing any more.
    pub generation: u64,
    pub role: Role,
}

pub struct Issuer {
    secret: [u8; 32],
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Issuer(redacted)")
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    aud: String,
    iss: String,
    tid: String,
    oid: String,
    sub: String,
    account: AccountName,
    #[serde(default)]
    generation: u64,
    role: Role,
    iat: i64,
    nbf: i64,
    exp: i64,
}

impl Issuer {
    pub fn new(secret: [u8; 32]) -> Self {
        Self { secret }
    }

    /// The directory's id, as `tid` and `sktid` carry it.
    pub fn tenant_id(&self) -> String {
        uuid(&self.derive("tenant", &[]))
    }

    /// The principal's id, as `oid` and `skoid` carry it: the same in all generations.
    pub fn object_id(&self, principal: &Principal) -> String {
        uuid(&self.derive("object", &[principal.account.as_str(), principal.role.name()]))
    }

    /// What proves to the identity endpoint that its caller is this principal.
    pub fn identity_secret(&self, principal: &Principal) -> String {
        let words = [principal.account.as_str(), principal.role.name()];
        let secret = self.derive_of("identity", principal.generation, &words);
        secret.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// A bearer token: a JSON Web Token signed with HMAC-SHA256.
    pub fn token(&self, principal: &Principal, now: Timestamp, life_s: u64) -> String {
        let now_s = now.0.div_euclid(1_000_000);
        let (tid, oid) = (self.tenant_id(), self.object_id(principal));
        let claims = Claims {
            aud: AUDIENCE.to_owned(),
            iss: format!("urn:greenroom:{tid}"),
            sub: oid.clone(),
            tid,
            oid,
            account: principal.account.clone(),
            generation: principal.generation,
            role: principal.role,
            iat: now_s,
            nbf: now_s,
            exp: now_s.saturating_add_unsigned(life_s),
        };
        let claims = serde_json::to_vec(&claims).expect("claims are plain data");
        let signed = format!("{}.{}", BASE64_URL_SAFE_NO_PAD.encode(HEADER), BASE64_URL_SAFE_NO_PAD.encode(claims));
        format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(self.derive("token", &[&signed])))
    }

    /// Who holds this token, or a sentence on what is wrong with it. Whether their generation is the account's is not known here. One algorithm is known, so the token's header has no say.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Principal, &'static str> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err("the bearer token is too long to be one of ours");
        }
        let (signed, signature) = token.rsplit_once('.').ok_or("the bearer token is not a JSON Web Token")?;
        let ours = BASE64_URL_SAFE_NO_PAD.encode(self.derive("token", &[signed]));
        if !matches(&ours, signature) {
            return Err("the bearer token was not signed by this stack's issuer");
        }
        let (_, claims) = signed.split_once('.').ok_or("the bearer token is not a JSON Web Token")?;
        let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).map_err(|_| "the bearer token is not a JSON Web Token")?;
        let claims: Claims = serde_json::from_slice(&claims).map_err(|_| "the bearer token's claims are not ours")?;
        let now_s = now.0.div_euclid(1_000_000);
        if claims.aud != AUDIENCE {
            return Err("the bearer token is for another audience");
        }
        if now_s >= claims.exp {
            return Err("the bearer token has expired");
        }
        if now_s < claims.nbf {
            return Err("the bearer token is not valid yet");
        }
        Ok(Principal { account: claims.account, generation: claims.generation, role: claims.role })
    }

    /// The principal of an account that has this id.
    pub fn by_object_id(&self, account: &AccountRecord, tenant_id: &str, object_id: &str) -> Option<Principal> {
        if tenant_id != self.tenant_id() {
            return None;
        }
        principals(account).find(|principal| self.object_id(principal) == object_id)
    }

    /// The principal that this secret of the identity endpoint belongs to.
    pub fn by_identity_secret<'a>(
        &self,
        accounts: impl IntoIterator<Item = &'a AccountRecord>,
        secret: &str,
    ) -> Option<Principal> {
        accounts.into_iter().flat_map(principals).find(|principal| matches(&self.identity_secret(principal), secret))
    }

    /// The value of a user-delegation key: the same for the same fields, and derived from them.
    pub fn delegation_key(&self, account: &AccountRecord, key: &KeyFields) -> AccountKey {
        let KeyFields { object_id, tenant_id, start, expiry, service, version } = key;
        let words = [account.name.as_str(), object_id, tenant_id, start, expiry, service, version];
        AccountKey::new(self.derive_of("delegation key", account.generation, &words))
    }

    /// What the SAS are signed with that this server gives out, so that they end with the account's generation: those that a holder of the
    /// account's own keys has signed end with these.
    pub fn sas_key(&self, account: &AccountRecord) -> AccountKey {
        AccountKey::new(self.derive_of("SAS", account.generation, &[account.name.as_str()]))
    }

    /// An account of that name whose keys nobody has.
    pub fn nobodys(&self, name: &AccountName) -> AccountRecord {
        let key = |number: &str| AccountKey::new(self.derive("nobody's key", &[name.as_str(), number]));
        let tenant = TenantName::new("nobody").expect("a good name");
        let second_key = Some(key("2"));
        // Of a generation that no token is of.
        AccountRecord { second_key, generation: u64::MAX, ..AccountRecord::new(name.clone(), tenant, key("1")) }
    }

    /// What was derived before there were generations stays good in the first one.
    fn derive_of(&self, purpose: &str, generation: u64, words: &[&str]) -> [u8; 32] {
        let generation = (generation > 0).then(|| generation.to_string());
        let words: Vec<&str> = words.iter().copied().chain(generation.as_deref()).collect();
        self.derive(purpose, &words)
    }

    /// Every word ends in a byte that no word holds, so that no two lists of words are one.
    fn derive(&self, purpose: &str, words: &[&str]) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.secret).expect("HMAC takes a key of any length");
        for word in std::iter::once(&purpose).chain(words) {
            mac.update(&(word.len() as u64).to_le_bytes());
            mac.update(word.as_bytes());
        }
        mac.finalize().into_bytes().into()
    }
}

const HEADER: &[u8] = br#"{"alg":"HS256","typ":"JWT"}"#;

fn principals(account: &AccountRecord) -> impl Iterator<Item = Principal> {
    Role::ALL.into_iter().map(|role| Principal { account: account.name.clone(), generation: account.generation, role })
}

/// A key as `Get User Delegation Key` answers it.
pub fn base64_key(key: &AccountKey) -> String {
    BASE64_STANDARD.encode(key.as_bytes())
}

/// An id in the form of a random UUID (version 4), made of derived bytes.
fn uuid(bytes: &[u8; 32]) -> String {
    let mut bytes: [u8; 16] = bytes[..16].try_into().expect("a hash is longer");
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn principal(role: Role) -> Principal {
        Principal { account: AccountName::new("acct").expect("a good name"), generation: 0, role }
    }

    fn record(account: &str, generation: u64) -> AccountRecord {
        let (name, tenant) = (AccountName::new(account), TenantName::new("gold"));
        let (name, tenant) = (name.expect("a good name"), tenant.expect("a good name"));
        AccountRecord { generation, ..AccountRecord::new(name, tenant, AccountKey::new([9; 64])) }
    }

    #[test]
    fn a_token_proves_its_principal_until_it_expires() {
        let issuer = Issuer::new([7; 32]);
        let at = |seconds: i64| Timestamp(seconds * 1_000_000);
        for role in Role::ALL {
            let token = issuer.token(&principal(role), at(1000), 60);
            assert_eq!(issuer.verify(&token, at(1000)), Ok(principal(role)));
            assert_eq!(issuer.verify(&token, at(1059)), Ok(principal(role)));
            assert!(issuer.verify(&token, at(1060)).is_err());
            assert!(issuer.verify(&token, at(999)).is_err());
            assert!(Issuer::new([8; 32]).verify(&token, at(1000)).is_err(), "another issuer's");
        }
    }

    #[test]
    fn a_bent_token_proves_nothing() {
        let issuer = Issuer::new([7; 32]);
        let token = issuer.token(&principal(Role::Reader), Timestamp(0), 60);
        for at in 0..token.len() {
            let mut bent = token.clone().into_bytes();
            bent[at] = if bent[at] == b'A' { b'B' } else { b'A' };
            let bent = String::from_utf8(bent).expect("still ASCII");
            assert!(issuer.verify(&bent, Timestamp(0)).is_err(), "byte {at}");
        }
        for none in ["", ".", "..", "a.b", "a.b.c", &"x".repeat(5000)] {
            assert!(issuer.verify(none, Timestamp(0)).is_err(), "{none:.20}");
        }
    }

    #[test]
    fn ids_and_secrets_lead_back_to_their_principal_only() {
        let issuer = Issuer::new([7; 32]);
        let owner = principal(Role::Owner);
        let (tid, oid) = (issuer.tenant_id(), issuer.object_id(&owner));
        assert_eq!(oid.len(), 36);
        let (account, other) = (record("acct", 0), record("other", 0));
        assert_eq!(issuer.by_object_id(&account, &tid, &oid), Some(owner.clone()));
        assert_eq!(issuer.by_object_id(&account, "other", &oid), None);
        assert_eq!(issuer.by_object_id(&other, &tid, &oid), None);
        let secret = issuer.identity_secret(&owner);
        assert_eq!(issuer.by_identity_secret([&other, &account], &secret), Some(owner));
        assert_eq!(issuer.by_identity_secret([&other], &secret), None);
    }

    #[test]
    fn a_new_generation_has_secrets_of_its_own_and_the_same_ids() {
        let issuer = Issuer::new([7; 32]);
        let accounts: Vec<_> = (0..12).map(|generation| record("acct", generation)).collect();
        let fields = KeyFields { object_id: "oid".to_owned(), ..KeyFields::default() };
        let mut secrets = std::collections::BTreeSet::new();
        for account in &accounts {
            let owner = Principal { generation: account.generation, ..principal(Role::Owner) };
            assert_eq!(issuer.object_id(&owner), issuer.object_id(&principal(Role::Owner)));
            assert!(secrets.insert(issuer.identity_secret(&owner)));
            assert!(secrets.insert(base64_key(&issuer.sas_key(account))));
            assert!(secrets.insert(base64_key(&issuer.delegation_key(account, &fields))));
            let token = issuer.token(&owner, Timestamp(0), 60);
            assert_eq!(issuer.verify(&token, Timestamp(0)), Ok(owner));
        }
        assert_eq!(secrets.len(), 3 * accounts.len());
    }
}
