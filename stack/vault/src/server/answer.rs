//! A request, from its first byte to the last of its answer: what is read of it, who may ask, and what is written down of it.

use super::audit::{Audit, Entry};
use super::clients::{Client, Clients};
use super::folder::Folder;
use super::keys::Keys;
use super::login::{self, RESOURCE};
use super::ops::{self, Done, Input, Query};
use super::outage::Outage;
use super::refusal::Refusal;
use super::route::{Ask, Route, TENANT};
use super::tokens::Tokens;
use super::{clock, random};
use bytes::{Bytes, BytesMut};
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HOST, RETRY_AFTER, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Body, Incoming};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use url::{Host, Url};
use zeroize::Zeroizing;

/// A wrapped key of 4,096 bits has 700 bytes; tags of a key have some KiB.
const BODY_BYTES_MAX: usize = 64 * 1024;
const BODY_TIME_MAX: Duration = Duration::from_secs(10);

/// The connection ends without an answer.
#[derive(Debug, thiserror::Error)]
#[error("cut off on purpose")]
pub struct Cut;

#[derive(Debug)]
pub struct Server {
    folder: Folder,
    keys: Keys,
    clients: Clients,
    audit: Audit,
    tokens: Tokens,
    /// As the line says that is said when the server is ready.
    url: String,
    /// Places for what keeps a core busy.
    busy: Arc<Semaphore>,
}

type Answer = Response<Full<Bytes>>;

impl Server {
    pub fn new(folder: Folder, url: String) -> Server {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Server {
            keys: Keys::new(folder.clone()),
            clients: Clients::new(folder.clone()),
            audit: Audit::new(folder.clone()),
            tokens: Tokens::default(),
            busy: Arc::new(Semaphore::new(cores)),
            folder,
            url,
        }
    }

    pub async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Result<Answer, Cut> {
        let (parts, body) = request.into_parts();
        let outage = Outage::read(&self.folder).unwrap_or_else(|error| {
            tracing::error!(%error, "what is to go wrong cannot be read");
            Outage::Away
        });
        let mut answer = match outage {
            Outage::None => self.clone().take(parts, body).await.unwrap_or_else(|refusal| self.refuse(&refusal)),
            Outage::Away => self.refuse(&Refusal::Away),
            Outage::Throttle { retry_after_s } => self.refuse(&Refusal::Throttled { retry_after_s }),
            Outage::Cut => return Err(Cut),
        };
        answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Ok(id) = random::uuid().map(HeaderValue::try_from)
            && let Ok(id) = id
        {
            answer.headers_mut().insert("x-ms-request-id", id);
        }
        Ok(answer)
    }

    async fn take(self: Arc<Self>, parts: Parts, body: Incoming) -> Result<Answer, Refusal> {
        let route = Route::find(&parts.method, parts.uri.path());
        match route {
            Ok(Route::Discovery) => Ok(json(StatusCode::OK, login::discovery(&self.base(&parts.headers)).into())),
            Ok(Route::Token) => {
                let body = whole(body).await?;
                self.wait(move |server| server.sign_in(&body)).await
            }
            // Strangers are told nothing, not even that a path leads nowhere.
            Ok(Route::Keys(_)) | Err(_) => {
                let client = self.client(&parts.headers)?;
                let (Route::Keys(ask), query) = (route?, Query::parse(parts.uri.query().unwrap_or_default())?) else {
                    return Err(Refusal::NoPlace);
                };
                let (body, base) = (whole(body).await?, self.base(&parts.headers));
                self.wait(move |server| server.perform(&client, &ask, (&base, query, &body))).await
            }
        }
    }

    fn perform(
        &self,
        client: &Client,
        ask: &Ask,
        (base, query, body): (&str, Query, &[u8]),
    ) -> Result<Answer, Refusal> {
        let input = Input { base, query, body, now_s: clock::now_s() };
        let done = match client.has(ask.right()) {
            true => ops::perform(&self.keys, ask, &input),
            false => Err(Refusal::NoRight { client: client.name.clone(), right: ask.right().name() }),
        };
        let (key, version) = ask.key();
        let version = done.as_ref().ok().and_then(|done| done.version.as_ref()).or(version);
        self.audit.note(&Entry {
            who: &client.name,
            operation: ask.operation(),
            key: key.map(|key| key.as_str()),
            version: version.map(|version| version.as_str()),
            outcome: done.as_ref().map_or_else(Refusal::code, |_| "ok"),
        })?;
        let Done { status, body, .. } = done?;
        Ok(json(status, Bytes::from_owner(body)))
    }

    fn sign_in(&self, body: &[u8]) -> Result<Answer, Refusal> {
        let signed = login::sign_in(&self.clients, &self.tokens, body, clock::now_ms());
        let (who, outcome) = match &signed {
            Ok((client, _)) => (Some(&client.name), "ok"),
            Err(refused) => (refused.who.as_ref(), refused.error),
        };
        let who = who.map_or("-", String::as_str);
        self.audit.note(&Entry { who, operation: "signIn", key: None, version: None, outcome })?;
        Ok(match signed {
            Ok((_, body)) => json(StatusCode::OK, Bytes::from_owner(body)),
            Err(refused) => json(refused.status, refused.body().into()),
        })
    }

    /// Whoever's token it is, if the client is still there.
    fn client(&self, headers: &HeaderMap) -> Result<Client, Refusal> {
        let given =
            headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(|text| text.split_once(' '));
        let token = given.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token.trim());
        let id = token.and_then(|token| self.tokens.whose(token, clock::now_ms())).ok_or(Refusal::Stranger)?;
        let client = self.clients.find(&id).map_err(|fault| Refusal::Broken(fault.to_string()))?;
        client.ok_or(Refusal::Stranger)
    }

    /// On a thread that may wait, as many at once as there are cores.
    async fn wait<F>(self: Arc<Self>, work: F) -> Result<Answer, Refusal>
    where
        F: FnOnce(&Server) -> Result<Answer, Refusal> + Send + 'static,
    {
        let broken = || Refusal::Broken("it has panicked".to_owned());
        let place = self.busy.clone().acquire_owned().await.map_err(|_| broken())?;
        let done = tokio::task::spawn_blocking(move || {
            let _place = place;
            work(&self)
        });
        done.await.map_err(|_| broken())?
    }

    /// Where the vault is for whoever asks: keys are named as they were asked for, by names of this machine only.
    fn base(&self, headers: &HeaderMap) -> String {
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        host.and_then(own).unwrap_or_else(|| self.url.clone())
    }

    fn refuse(&self, refusal: &Refusal) -> Answer {
        if let Refusal::Broken(why) = refusal {
            tracing::error!(why, "a request came to nothing");
        }
        let body = serde_json::to_vec(&refusal.body()).expect("plain strings are JSON");
        let mut answer = json(refusal.status(), body.into());
        let headers = answer.headers_mut();
        match refusal {
            Refusal::Stranger => {
                let challenge = format!(r#"Bearer authorization="{}/{TENANT}", resource="{RESOURCE}""#, self.url);
                headers.insert(WWW_AUTHENTICATE, HeaderValue::try_from(challenge).expect("a URL of this machine"));
            }
            Refusal::Throttled { retry_after_s } => {
                headers.insert(RETRY_AFTER, HeaderValue::from(*retry_after_s));
            }
            // What is left of the request is not read.
            Refusal::TooLarge | Refusal::Slow => {
                headers.insert(CONNECTION, HeaderValue::from_static("close"));
            }
            _ => {}
        }
        answer
    }
}

fn own(host: &str) -> Option<String> {
    let url = Url::parse(&format!("https://{host}/")).ok()?;
    let loopback = match url.host()? {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    };
    let bare = url.username().is_empty() && url.password().is_none() && url.path() == "/" && url.query().is_none();
    (loopback && bare && url.fragment().is_none()).then(|| url.origin().ascii_serialization())
}

async fn whole(body: Incoming) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    if body.size_hint().lower() > BODY_BYTES_MAX as u64 {
        return Err(Refusal::TooLarge);
    }
    let read = Limited::new(body, BODY_BYTES_MAX).collect();
    let read = tokio::time::timeout(BODY_TIME_MAX, read).await.map_err(|_| Refusal::Slow)?;
    let bytes = read.map_err(|_| Refusal::TooLarge)?.to_bytes();
    // Wiped where nobody else has it: it may hold a key.
    let mut bytes = bytes.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&*shared));
    let kept = Zeroizing::new(bytes.to_vec());
    bytes.fill(0);
    Ok(kept)
}

fn json(status: StatusCode, body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    if status != StatusCode::NO_CONTENT {
        answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::own;

    #[test]
    fn keys_are_named_by_names_of_this_machine_only() {
        for (host, base) in [
            ("localhost:8443", Some("https://localhost:8443")),
            ("LOCALHOST", Some("https://localhost")),
            ("127.0.0.1:1", Some("https://127.0.0.1:1")),
            ("[::1]:8443", Some("https://[::1]:8443")),
            ("vault.example", None),
            ("localhost.evil.example", None),
            ("10.0.0.1:8443", None),
            ("x@localhost", None),
            ("localhost/x", None),
            ("localhost?x", None),
            ("localhost#x", None),
            ("", None),
        ] {
            assert_eq!(own(host).as_deref(), base, "{host}");
        }
    }
}
