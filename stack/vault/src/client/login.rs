//! A token for the client's own secret, by OAuth 2.0's client credentials:
//! <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow>.

use super::VaultError;
use super::answer::Answer;
use super::challenge::Challenge;
use bytes::Bytes;
use http::{HeaderValue, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer, de};
use std::time::Duration;
use tokio::time::Instant;
use url::form_urlencoded::Serializer;
use zeroize::Zeroizing;

/// A token lives an hour or a day; what is said beyond that is not believed.
const TOKEN_SECONDS_MAX: u64 = 24 * 60 * 60;
/// Before a token's end: a call that begins with it is not to end without it.
const MARGIN_MAX: Duration = Duration::from_secs(120);
const TOKEN_BYTES_MAX: usize = 16 * 1024;

/// Who asks.
#[derive(Debug)]
pub struct Login {
    pub client_id: String,
    pub secret: SecretString,
}

/// A token, and what was said to get it.
#[derive(Debug, Clone)]
pub struct Session {
    pub challenge: Challenge,
    token: SecretString,
    good_until: Instant,
}

#[derive(Deserialize)]
struct Token {
    token_type: String,
    access_token: Zeroizing<String>,
    #[serde(deserialize_with = "seconds")]
    expires_in: u64,
}

#[derive(Default, Deserialize)]
struct Refusal {
    #[serde(default)]
    error: String,
    #[serde(default)]
    error_description: String,
}

impl Login {
    /// Asks the authority that the challenge names.
    pub async fn fetch(&self, http: &reqwest::Client, challenge: Challenge) -> Result<Session, VaultError> {
        let url = format!("{}/oauth2/v2.0/token", challenge.authorization.as_str().trim_end_matches('/'));
        let form = self.form(&challenge.scope);
        let request = http.post(url).header("content-type", "application/x-www-form-urlencoded");
        let asked = Instant::now();
        let mut answer = Answer::read(request.header("accept", "application/json").body(form)).await?;
        answer.masks = vec![self.secret.clone()];
        let token = self.token(&answer)?;
        let lasts = Duration::from_secs(token.expires_in.min(TOKEN_SECONDS_MAX));
        let good_until = asked + lasts - MARGIN_MAX.min(lasts / 4);
        Ok(Session { challenge, token: SecretString::from(token.access_token.as_str()), good_until })
    }

    fn form(&self, scope: &str) -> Bytes {
        let mut form = Serializer::new(String::with_capacity(1024));
        form.append_pair("grant_type", "client_credentials").append_pair("client_id", &self.client_id);
        form.append_pair("client_secret", self.secret.expose_secret()).append_pair("scope", scope);
        Bytes::from_owner(Zeroizing::new(form.finish().into_bytes()))
    }

    fn token(&self, answer: &Answer) -> Result<Token, VaultError> {
        if answer.status == StatusCode::BAD_REQUEST || answer.status == StatusCode::UNAUTHORIZED {
            let Refusal { error, error_description } = answer.json().unwrap_or_default();
            let (code, message) = (answer.plain(&error), answer.plain(&error_description));
            let who = ["invalid_client", "unauthorized_client", "access_denied", "invalid_grant"];
            let denied = answer.status == StatusCode::UNAUTHORIZED || who.contains(&error.as_str());
            return Err(match denied {
                true => VaultError::Denied { code, message },
                false => VaultError::Bad(format!("no token for {}: {code}: {message}", self.client_id)),
            });
        }
        answer.check()?;
        let token: Token = answer.json()?;
        let text = token.access_token.as_str();
        let plain =
            !text.is_empty() && text.len() <= TOKEN_BYTES_MAX && text.bytes().all(|byte| byte.is_ascii_graphic());
        if !plain || !token.token_type.eq_ignore_ascii_case("bearer") {
            return Err(VaultError::Away("the authority gave no bearer's token".to_owned()));
        }
        Ok(token)
    }
}

impl Session {
    pub fn is_good(&self) -> bool {
        Instant::now() < self.good_until
    }

    pub fn same_token(&self, other: &Session) -> bool {
        self.token.expose_secret() == other.token.expose_secret()
    }

    pub fn secret(&self) -> SecretString {
        self.token.clone()
    }

    /// Marked, so that nothing on its way shows it.
    pub fn header(&self) -> HeaderValue {
        let text = Zeroizing::new(format!("Bearer {}", self.token.expose_secret()));
        let mut header = HeaderValue::from_str(&text).expect("a token is visible ASCII");
        header.set_sensitive(true);
        header
    }
}

/// A number; older authorities write it as text.
fn seconds<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Seconds {
        Number(u64),
        Text(String),
    }
    match Seconds::deserialize(from)? {
        Seconds::Number(seconds) => Ok(seconds),
        Seconds::Text(text) => text.parse().map_err(de::Error::custom),
    }
}
