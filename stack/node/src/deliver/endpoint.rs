//! A webhook: whether it may be reached, whether it agrees to get events, and a post to it.

use super::batch::Told;
use super::failure::{Failure, root};
use super::written;
use crate::reach;
use greenroom_gateway::source::Sources;
use greenroom_model::AccountName;
use greenroom_model::feed::Shape;
use greenroom_store::Timestamp;
use http::header::{CONTENT_TYPE, ORIGIN};
use http::{Method, StatusCode};
use reqwest::{Client, RequestBuilder, Response};
use serde::Deserialize;
use std::time::Duration;
use url::Url;

/// Azure's own posts are no longer. One event that is longer goes alone.
pub const BODY_BYTES_MAX: usize = 1 << 20;
/// From the connection to the answer. An endpoint that takes longer may have the events, and gets them again.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// Of an answer to a handshake; it is some sixty.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Azure's longest URL of an endpoint.
const URL_BYTES_MAX: usize = 2 * 1024;
/// Who we say that we are: all servers of this program, not one of them.
pub const SENDER: &str = "greenroom";
const MANNER: &str = "aeg-event-type";

/// The URL of an endpoint, or what is wrong with it, as a sentence. A host that is a name is judged when it is connected to.
pub fn check(text: &str, sources: &Sources) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("it is no URL ({error}), such as https://example.com/hook"))?;
    if text.len() > URL_BYTES_MAX {
        return Err(format!("it is longer than {URL_BYTES_MAX} bytes"));
    }
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("it begins with {}: give one that begins with http or https", url.scheme()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it has a user or a password in it: give it without, a secret may be in the query".to_owned());
    }
    reach::check(&url, sources)?;
    Ok(url)
}

/// Where one sink's events go.
#[derive(Debug)]
pub struct Endpoint {
    url: Url,
    shape: Shape,
    client: Client,
}

impl Endpoint {
    pub fn new(url: &str, shape: Shape, sources: &Sources) -> Result<Self, Failure> {
        // Again: an address in the URL is not looked up, and an operator may have allowed more when the sink was made.
        let url = check(url, sources).map_err(Failure::Url)?;
        let client = reach::client(&url, sources)
            .timeout(ANSWER_MAX)
            .pool_max_idle_per_host(1)
            .build()
            .map_err(|error| Failure::Url(root(&error)))?;
        Ok(Self { url, shape, client })
    }

    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Asks whether it wants an account's events: whoever gets them must have said so. `code` is what nobody can guess.
    /// Sources: CloudEvents, "HTTP 1.1 Web Hooks for Event Delivery"; Event Grid, "Endpoint validation with Event Grid events".
    pub async fn greet(&self, account: &AccountName, code: &str, now: Timestamp) -> Result<(), Failure> {
        match self.shape {
            Shape::CloudEvents => {
                let asks = self.client.request(Method::OPTIONS, self.url.clone());
                let answer = send(asks.header("webhook-request-origin", SENDER)).await?;
                let allowed = answer.headers().get("webhook-allowed-origin").and_then(|allowed| allowed.to_str().ok());
                let agrees = allowed.is_some_and(|allowed| allowed == "*" || allowed.eq_ignore_ascii_case(SENDER));
                if agrees { Ok(()) } else { Err(Failure::NoConsent(answer.status().as_u16())) }
            }
            Shape::EventGrid => {
                let body = written::validation(account, code, now);
                let answer = taken(send(self.message(body).header(MANNER, "SubscriptionValidation")).await?)?;
                let said = serde_json::from_slice::<Validated>(&beginning(answer).await?);
                let agrees = said.is_ok_and(|said| said.validation_response == code);
                if agrees { Ok(()) } else { Err(Failure::NoValidation) }
            }
        }
    }

    /// Ok: it has them all.
    pub async fn post(&self, told: Vec<Told<'_>>) -> Result<(), Failure> {
        let body = list(told);
        let message = match self.shape {
            // The origin that was agreed on.
            Shape::CloudEvents => self.message(body).header(ORIGIN, SENDER),
            Shape::EventGrid => self.message(body).header(MANNER, "Notification"),
        };
        taken(send(message).await?).map(drop)
    }

    fn message(&self, body: Vec<u8>) -> RequestBuilder {
        let media_type = match self.shape {
            Shape::CloudEvents => "application/cloudevents-batch+json; charset=utf-8",
            Shape::EventGrid => "application/json; charset=utf-8",
        };
        self.client.post(self.url.clone()).header(CONTENT_TYPE, media_type).body(body)
    }
}

/// A JSON array of them.
fn list(told: Vec<Told<'_>>) -> Vec<u8> {
    let mut list = vec![b'['];
    for told in told {
        list.extend_from_slice(&told.json);
        list.push(b',');
    }
    list.pop_if(|last| *last == b',');
    list.push(b']');
    list
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Validated {
    validation_response: String,
}

async fn send(request: RequestBuilder) -> Result<Response, Failure> {
    let answer = request.send().await.map_err(|error| broken(&error))?;
    if answer.status().is_redirection() { Err(Failure::Redirects(answer.status().as_u16())) } else { Ok(answer) }
}

fn taken(answer: Response) -> Result<Response, Failure> {
    let status: StatusCode = answer.status();
    if status.is_success() { Ok(answer) } else { Err(Failure::Refuses(status.as_u16())) }
}

/// What an answer says, as far as we read it.
async fn beginning(mut answer: Response) -> Result<Vec<u8>, Failure> {
    let mut read = Vec::new();
    while let Some(bytes) = answer.chunk().await.map_err(|error| broken(&error))? {
        let room = ANSWER_BYTES_MAX - read.len();
        read.extend_from_slice(&bytes[..bytes.len().min(room)]);
        if read.len() == ANSWER_BYTES_MAX {
            break;
        }
    }
    Ok(read)
}

fn broken(error: &reqwest::Error) -> Failure {
    match (error.is_timeout(), error.is_connect()) {
        (true, _) => Failure::Silent(ANSWER_MAX.as_secs()),
        (false, true) => Failure::Unreached(root(error)),
        (false, false) => Failure::Broke(root(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reach::tests::sources;

    #[test]
    fn a_url_is_checked_and_what_is_wrong_is_said() {
        let sources = sources(&["127.0.0.1:81", "::1:82", "localhost:83"]);
        for good in [
            "https://example.com/hook?code=1",
            "http://8.8.8.8",
            "http://127.0.0.1:81",
            "http://[::1]:82",
            "http://LOCALHOST:83",
        ] {
            assert!(check(good, &sources).is_ok(), "{good}");
        }
        let long = format!("https://example.com/{}", "x".repeat(URL_BYTES_MAX));
        for (bad, says) in [
            ("", "no URL"),
            ("example.com/hook", "no URL"),
            ("ftp://example.com", "http or https"),
            ("https://user@example.com", "a user or a password"),
            ("https://:word@example.com", "a user or a password"),
            ("http://127.0.0.1:82", "--copy-source-allow 127.0.0.1:82"),
            ("http://0x7f.1/", "--copy-source-allow 127.0.0.1:80"),
            ("http://169.254.169.254/latest", "not public"),
            ("https://[::ffff:10.0.0.1]/", "not public"),
            ("http://localhost", "--copy-source-allow localhost:80"),
            (&long, "longer than"),
        ] {
            let said = check(bad, &sources).expect_err(bad);
            assert!(said.contains(says), "{bad}: {said}");
        }
    }
}
