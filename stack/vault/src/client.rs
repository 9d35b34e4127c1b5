//! A key in a vault, over Azure Key Vault's own REST API: <https://learn.microsoft.com/rest/api/keyvault/keys/operation-groups>.
//!
//! What may be said to whom: the vault sends a client to an authority, so where it sends it is verified before the secret goes
//! there (`challenge`), and a token is asked for the vault's own domain only.

mod answer;
mod challenge;
mod login;
#[cfg(test)]
mod tests;
mod trust;

use crate::names::{KeyVersion, Kid, NameError};
use answer::Answer;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use bytes::Bytes;
use challenge::Challenge;
use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, Method, StatusCode};
use login::{Login, Session};
use reqwest::redirect::Policy;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::Mutex;
use url::Url;
use zeroize::Zeroizing;

/// The version of the API that is spoken.
pub const API_VERSION: &str = "2025-07-01";
/// What the largest key, of 4,096 bits, takes in at once.
pub const PLAIN_BYTES_MAX: usize = 4096 / 8 - 2 * 32 - 2;
/// What the largest key makes of it.
const WRAPPED_BYTES_MAX: usize = 4096 / 8;

/// What a vault is reached with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `https://VAULT/keys/NAME`, or `https://VAULT/keys/NAME/VERSION` to stay with that version.
    pub key: Url,
    /// Where tokens come from, as `https://AUTHORITY/TENANT`. With it, the vault may name no other; without it, only one of
    /// Microsoft's own. A vault that is not one of Azure's needs it.
    pub authority: Option<Url>,
    /// The client's identifier, as its authority knows it.
    pub client_id: String,
    /// The client's secret, which goes to the authority only.
    pub secret: SecretString,
    /// Authorities in PEM that TLS certificates are trusted by, and no others; without it, the system's.
    pub ca: Option<PathBuf>,
    /// How long a whole call may take, with all that it has to ask for first.
    pub timeout: Duration,
}

/// Why a call came to nothing, by what there is to do next. `code` is the innermost that was said (as `KeyDisabled`), `message` is for people;
/// nothing secret is in either.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// The key may not be used: it is disabled, the client is not (or no longer) let in, or a firewall stands between. Someone decided that.
    #[error("the vault refuses: {code}: {message}")]
    Denied { code: String, message: String },
    /// There is no such key: it never was, or it is deleted, for good or not.
    #[error("the vault does not have the key: {code}: {message}")]
    Missing { code: String, message: String },
    /// Too much was asked for; `retry_after` is the vault's own word.
    #[error("the vault asks to wait")]
    Throttled { retry_after: Option<Duration> },
    /// Nothing that makes sense came back: the key may well be there.
    #[error("the vault cannot be reached: {0}")]
    Away(String),
    /// It will be refused again until what was set is set otherwise.
    #[error("the vault cannot be used as it is set up: {0}")]
    Bad(String),
}

/// What a key was wrapped with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Algorithm {
    /// RSAES-OAEP with SHA-256, for the label and for its mask.
    #[serde(rename = "RSA-OAEP-256")]
    RsaOaep256,
}

/// A key as a vault describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// With the version that was meant.
    pub kid: Kid,
    /// A disabled key neither wraps nor unwraps.
    pub enabled: bool,
    /// As `RSA` or `RSA-HSM`.
    pub key_type: String,
    /// What it may be used for, as `wrapKey`.
    pub operations: Vec<String>,
}

/// Bytes that only a key of a vault makes sense of. They are no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrapped {
    /// With the version that they were wrapped with.
    pub kid: Kid,
    /// How.
    pub algorithm: Algorithm,
    /// As many as the key's modulus has: 256 for a key of 2,048 bits.
    pub bytes: Vec<u8>,
}

/// A key in a vault. Calls may be made at once; they share a token, which is fetched by one of them.
#[derive(Debug)]
pub struct Vault {
    key: Kid,
    authority: Option<Url>,
    login: Login,
    timeout: Duration,
    http: reqwest::Client,
    session: Mutex<Option<Session>>,
}

#[derive(Serialize)]
struct Ask<'a> {
    alg: Algorithm,
    value: &'a str,
}

/// Borrowed from the answer, which is wiped.
#[derive(Deserialize)]
struct Outcome<'a> {
    kid: Kid,
    #[serde(borrow)]
    value: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Bundle {
    key: BundleKey,
    #[serde(default)]
    attributes: Attributes,
}

#[derive(Deserialize)]
struct BundleKey {
    kid: Kid,
    kty: String,
    #[serde(default)]
    key_ops: Vec<String>,
}

#[derive(Default, Deserialize)]
struct Attributes {
    enabled: Option<bool>,
}

impl Vault {
    /// Looks at the settings only: the vault is asked by the first call.
    pub fn open(settings: Settings) -> Result<Vault, VaultError> {
        let Settings { key, authority, client_id, secret, ca, timeout } = settings;
        // Not said back: what is no key's URL may hold a password.
        let key: Kid = key.as_str().parse().map_err(|error: NameError| VaultError::Bad(error.to_string()))?;
        if let Some(authority) = &authority {
            challenge::check_authority(authority).map_err(VaultError::Bad)?;
        }
        let mut http = reqwest::Client::builder();
        if trust::is_here(key.vault()) {
            http = http.no_proxy();
        }
        let http = http
            .tls_backend_preconfigured(trust::config(ca.as_deref())?)
            .https_only(true)
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(timeout)
            .build()
            .map_err(|error| VaultError::Bad(format!("no client can be made: {error}")))?;
        let login = Login { client_id, secret };
        Ok(Vault { key, authority, login, timeout, http, session: Mutex::new(None) })
    }

    /// The key as it was set.
    pub fn key(&self) -> &Kid {
        &self.key
    }

    /// The key as the vault has it now: of the version that was set, or else of the current one.
    pub async fn get(&self) -> Result<Key, VaultError> {
        self.in_time(self.find(&self.key)).await
    }

    /// Wraps up to [`PLAIN_BYTES_MAX`] bytes (smaller keys take fewer) with this key's version, or with the current one where `kid` names none.
    pub async fn wrap(&self, kid: &Kid, plain: &[u8]) -> Result<Wrapped, VaultError> {
        self.check_key(kid)?;
        if plain.is_empty() || plain.len() > PLAIN_BYTES_MAX {
            return Err(VaultError::Bad(format!("{} bytes cannot be wrapped at once", plain.len())));
        }
        self.in_time(async {
            // Pinned first: what is kept says which version unwraps it.
            let kid = if kid.version().is_some() { kid.clone() } else { self.find(kid).await?.kid };
            let algorithm = Algorithm::RsaOaep256;
            let bytes = self.turn("wrapkey", &kid, algorithm, plain, WRAPPED_BYTES_MAX).await?.to_vec();
            Ok(Wrapped { kid, algorithm, bytes })
        })
        .await
    }

    /// Undoes [`Vault::wrap`]. What was wrapped by another key than the one that was set is not asked for.
    pub async fn unwrap(&self, wrapped: &Wrapped) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let Wrapped { kid, algorithm, bytes } = wrapped;
        self.check_key(kid)?;
        if kid.version().is_none() || bytes.len() > WRAPPED_BYTES_MAX {
            return Err(VaultError::Bad(format!("nothing of {} bytes was wrapped by {kid}", bytes.len())));
        }
        self.in_time(self.turn("unwrapkey", kid, *algorithm, bytes, PLAIN_BYTES_MAX)).await
    }

    async fn in_time<T>(&self, call: impl Future<Output = Result<T, VaultError>>) -> Result<T, VaultError> {
        let late = |_| VaultError::Away(format!("no answer within {:?}", self.timeout));
        tokio::time::timeout(self.timeout, call).await.map_err(late)?
    }

    fn check_key(&self, kid: &Kid) -> Result<(), VaultError> {
        if kid.same_key(&self.key) { Ok(()) } else { Err(VaultError::Bad(format!("{kid} is not {}", self.key))) }
    }

    async fn find(&self, kid: &Kid) -> Result<Key, VaultError> {
        let answer = self.call(Method::GET, &self.path(kid, ""), None).await?;
        let Bundle { key: BundleKey { kid: found, kty, key_ops }, attributes } = answer.json()?;
        let version: Option<&KeyVersion> = found.version();
        if version.is_none() || !found.same_key(kid) || (kid.version().is_some() && version != kid.version()) {
            return Err(VaultError::Away(format!("it answered for {found} instead of {kid}")));
        }
        Ok(Key { kid: found, enabled: attributes.enabled.unwrap_or(true), key_type: kty, operations: key_ops })
    }

    async fn turn(
        &self,
        operation: &str,
        kid: &Kid,
        algorithm: Algorithm,
        value: &[u8],
        bytes_max: usize,
    ) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let value = Zeroizing::new(BASE64.encode(value));
        let ask = serde_json::to_vec(&Ask { alg: algorithm, value: &value }).expect("plain strings are JSON");
        // Wiped when the last request that sends it is done.
        let ask = Bytes::from_owner(Zeroizing::new(ask));
        let answer = self.call(Method::POST, &self.path(kid, operation), Some(ask)).await?;
        let Outcome { kid: by, value } = answer.json()?;
        if by != *kid {
            return Err(VaultError::Away(format!("{by} answered instead of {kid}")));
        }
        let bytes = BASE64.decode(value.as_bytes()).map(Zeroizing::new);
        let bytes = bytes.map_err(|_| VaultError::Away("its answer is not base64url".to_owned()))?;
        if bytes.is_empty() || bytes.len() > bytes_max {
            return Err(VaultError::Away(format!("it answered with {} bytes", bytes.len())));
        }
        Ok(bytes)
    }

    fn path(&self, kid: &Kid, operation: &str) -> String {
        let version = kid.version().map(KeyVersion::as_str).unwrap_or_default();
        let slash = if operation.is_empty() { "" } else { "/" };
        format!("{}keys/{}/{version}{slash}{operation}?api-version={API_VERSION}", kid.vault(), kid.name())
    }

    /// Asks with a token, and once more with a new one where that is not taken.
    async fn call(&self, method: Method, url: &str, body: Option<Bytes>) -> Result<Answer, VaultError> {
        let mut session = self.session(&method, url, None).await?;
        for fresh in [false, true] {
            let answer = self.send(&method, url, body.clone(), Some(&session)).await?;
            if answer.status != StatusCode::UNAUTHORIZED || fresh {
                return answer.judge();
            }
            session = self.session(&method, url, Some((&session, &answer.headers))).await?;
        }
        unreachable!("the second answer is returned")
    }

    /// The token that is shared, a new one where it runs out, where it is `refused`, or where there is none.
    async fn session(
        &self,
        method: &Method,
        url: &str,
        refused: Option<(&Session, &HeaderMap)>,
    ) -> Result<Session, VaultError> {
        let mut shared = self.session.lock().await;
        let challenge = match (refused, &*shared) {
            // Another call has fetched a new one meanwhile.
            (Some((refused, _)), Some(now)) if !now.same_token(refused) && now.is_good() => return Ok(now.clone()),
            (None, Some(now)) if now.is_good() => return Ok(now.clone()),
            (None, Some(now)) => now.challenge.clone(),
            (Some((_, headers)), _) => self.challenge(headers)?,
            (None, None) => self.discover(method, url).await?,
        };
        // Before the wait: a token that was refused serves nobody, whatever becomes of the next.
        *shared = None;
        let session = self.login.fetch(&self.http, challenge).await?;
        *shared = Some(session.clone());
        Ok(session)
    }

    /// Asks without a token and without a body, for the vault to say where tokens come from.
    async fn discover(&self, method: &Method, url: &str) -> Result<Challenge, VaultError> {
        let answer = self.send(method, url, None, None).await?;
        if answer.status == StatusCode::UNAUTHORIZED {
            return self.challenge(&answer.headers);
        }
        answer.judge()?;
        Err(VaultError::Away("it answered without asking who wants to know".to_owned()))
    }

    fn challenge(&self, headers: &HeaderMap) -> Result<Challenge, VaultError> {
        let headers = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
        Challenge::find(headers, self.key.vault(), self.authority.as_ref())
    }

    async fn send(
        &self,
        method: &Method,
        url: &str,
        body: Option<Bytes>,
        session: Option<&Session>,
    ) -> Result<Answer, VaultError> {
        let mut request = self.http.request(method.clone(), url).header("accept", "application/json");
        request = match body {
            Some(body) => request.header("content-type", "application/json").body(body),
            None if *method == Method::GET => request,
            None => request.header("content-length", "0"),
        };
        if let Some(session) = session {
            request = request.header("authorization", session.header());
        }
        let mut answer = Answer::read(request).await?;
        answer.masks = session.map(Session::secret).into_iter().collect();
        Ok(answer)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RsaOaep256 => "RSA-OAEP-256",
        })
    }
}
