//! Answers, bounded and without what must not be shown, and what each tells to do next:
//! <https://learn.microsoft.com/azure/key-vault/general/rest-error-codes>.

use super::VaultError;
use http::header::RETRY_AFTER;
use http::{HeaderMap, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::error::Error;
use std::time::Duration;
use zeroize::Zeroizing;

/// A key's description has a few KiB.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// What is shown of a message.
const SHOWN_CHARS_MAX: usize = 400;
/// Nobody is told to come back tomorrow.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(60 * 60);

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    body: Zeroizing<Vec<u8>>,
    /// What the other side was told and might say again.
    pub masks: Vec<SecretString>,
}

#[derive(Default, Deserialize)]
struct Failure {
    #[serde(default)]
    error: Inner,
}

#[derive(Default, Deserialize)]
struct Inner {
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    innererror: Option<Box<Inner>>,
}

impl Answer {
    pub async fn read(request: reqwest::RequestBuilder) -> Result<Answer, VaultError> {
        let mut response = request.send().await.map_err(away)?;
        let (status, headers) = (response.status(), response.headers().clone());
        // Whole from the start: a buffer that grows leaves its bytes behind.
        let mut body = Zeroizing::new(Vec::with_capacity(BODY_BYTES_MAX));
        while let Some(part) = response.chunk().await.map_err(away)? {
            if body.len() + part.len() > BODY_BYTES_MAX {
                return Err(VaultError::Away(format!("an answer of more than {BODY_BYTES_MAX} bytes")));
            }
            body.extend_from_slice(&part);
        }
        Ok(Answer { status, headers, body, masks: Vec::new() })
    }

    /// What is not as agreed is not shown: it might hold a key.
    pub fn json<'a, T: Deserialize<'a>>(&'a self) -> Result<T, VaultError> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let at = (error.line(), error.column());
            VaultError::Away(format!("an answer that cannot be read, at line {} column {}", at.0, at.1))
        })
    }

    /// The answer, if it is a good one.
    pub fn judge(self) -> Result<Answer, VaultError> {
        self.check()?;
        Ok(self)
    }

    pub fn check(&self) -> Result<(), VaultError> {
        let status = self.status;
        if status == StatusCode::OK {
            return Ok(());
        }
        let (code, message) = self.failure();
        Err(match status.as_u16() {
            401 | 403 => VaultError::Denied { code, message },
            404 | 409 => VaultError::Missing { code, message },
            429 => VaultError::Throttled { retry_after: retry_after(&self.headers) },
            400 | 402 | 405..=407 | 410..=428 | 430..=499 => VaultError::Bad(format!("{status}: {code}: {message}")),
            _ => VaultError::Away(format!("{status}: {code}: {message}")),
        })
    }

    /// The code that says most, and the message.
    fn failure(&self) -> (String, String) {
        let Failure { error } = self.json().unwrap_or_default();
        let inner = error.innererror.as_ref().and_then(|inner| inner.code.as_deref());
        let code = inner.or(error.code.as_deref()).unwrap_or(self.status.as_str());
        (self.plain(code), self.plain(error.message.as_deref().unwrap_or("no reason given")))
    }

    /// What the other side says, on one line and without what it was told.
    pub fn plain(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for mask in self.masks.iter().map(ExposeSecret::expose_secret).filter(|mask| !mask.is_empty()) {
            text = text.replace(mask, "***");
        }
        let shown = |char: char| if char.is_control() { ' ' } else { char };
        text.chars().map(shown).take(SHOWN_CHARS_MAX).collect()
    }
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX))
}

/// Down to the cause, which is what tells a refused connection from a certificate.
fn away(error: reqwest::Error) -> VaultError {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    VaultError::Away(text.chars().take(SHOWN_CHARS_MAX).collect())
}
