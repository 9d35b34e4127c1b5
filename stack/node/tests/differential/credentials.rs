//! What a request is signed with: the account's key, or a SAS that the test signs itself, so that a SAS may be one that no
//! server would mint. Sources: "Authorize with Shared Key", "Create an account SAS", "Create a service SAS".

use super::ACCOUNT;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use greenroom_gateway::time;
use greenroom_store::{Clock as _, SystemClock, Timestamp};
use hmac::{Hmac, KeyInit as _, Mac as _};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use reqwest::header::HeaderValue;
use sha2::Sha256;
use std::collections::BTreeMap;

/// The well-known key of Azure's emulators.
const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
const SAS_VERSION: &str = "2021-12-02";
const DAY_US: i64 = 24 * 60 * 60 * 1_000_000;

type Fields<'a> = BTreeMap<&'a str, String>;

pub struct Credentials {
    now: Timestamp,
}

impl Credentials {
    pub fn now() -> Credentials {
        Credentials { now: SystemClock.now() }
    }

    /// A SAS that may do anything.
    pub fn all(&self) -> String {
        self.account_sas(&[])
    }

    /// Signs a request as the trace asks.
    pub fn add(&self, name: &str, request: &mut reqwest::Request) {
        match name {
            "none" => {}
            "key" => self.sign(request, ACCOUNT, KEY, self.now),
            "key-wrong" => self.sign(request, ACCOUNT, &BASE64_STANDARD.encode("not the key"), self.now),
            "key-other-account" => self.sign(request, "somebodyelse", KEY, self.now),
            "key-old" => self.sign(request, ACCOUNT, KEY, Timestamp(self.now.0 - DAY_US)),
            "key-dateless" => authorize(request, &format!("SharedKey {ACCOUNT}:AAAA")),
            "key-lite" => self.sign_lite(request),
            sas => {
                let sas = self.sas(sas);
                let query = request.url().query().map(|query| format!("{query}&{sas}")).unwrap_or(sas);
                request.url_mut().set_query(Some(&query));
            }
        }
    }

    fn sas(&self, name: &str) -> String {
        let day = |days: i64| time::iso_seconds(Timestamp(self.now.0 + days * DAY_US));
        let account = |changes: &[(&'static str, &str)]| self.account_sas(changes);
        let service = |container: &str, blob: Option<&str>, changes: &[(&'static str, &str)]| {
            self.service_sas(container, blob, changes)
        };
        match name {
            "all" => self.all(),
            "read" => account(&[("sp", "r")]),
            "write" => account(&[("sp", "w")]),
            "create" => account(&[("sp", "c")]),
            "list" => account(&[("sp", "l")]),
            "expired" => account(&[("st", &day(-3)), ("se", &day(-1))]),
            "early" => account(&[("st", &day(1)), ("se", &day(2))]),
            "no-expiry" => account(&[("se", "")]),
            "queue" => account(&[("ss", "q")]),
            "service-only" => account(&[("srt", "s")]),
            "https" => account(&[("spr", "https")]),
            "elsewhere" => account(&[("sip", "192.0.2.1")]),
            "here" => account(&[("sip", "127.0.0.0-127.0.0.9")]),
            "bent" => self.all().replace("sig=", "sig=AA"),
            "changed" => account(&[("sp", "r")]).replace("sp=r", "sp=rw"),
            "container" => service("box", None, &[("sp", "rl")]),
            "blob" => service("box", Some("plain.txt"), &[("sp", "r")]),
            "policy" => service("box", None, &[("sp", ""), ("se", ""), ("si", "known")]),
            "policy-unknown" => service("box", None, &[("sp", ""), ("se", ""), ("si", "unknown")]),
            "overrides" => service("box", None, &[("sp", "r"), ("rsct", "text/x-other"), ("rscc", "no-store")]),
            other => panic!("no credential is called {other}"),
        }
    }

    fn account_sas(&self, changes: &[(&'static str, &str)]) -> String {
        let start = [("ss", "b"), ("srt", "sco"), ("sp", "rwdxylacuptf")];
        let fields = self.fields(&start, changes);
        let field = |name: &str| fields.get(name).cloned().unwrap_or_default();
        let order = ["sp", "ss", "srt", "st", "se", "sip", "spr", "sv", "ses"];
        let string = order.iter().fold(format!("{ACCOUNT}\n"), |string, name| string + &field(name) + "\n");
        query(&fields, &string)
    }

    fn service_sas(&self, container: &str, blob: Option<&str>, changes: &[(&'static str, &str)]) -> String {
        let start = [("sr", blob.map_or("c", |_| "b"))];
        let fields = self.fields(&start, changes);
        let field = |name: &str| fields.get(name).cloned().unwrap_or_default();
        let below = blob.map(|blob| format!("/{blob}")).unwrap_or_default();
        let resource = format!("/blob/{ACCOUNT}/{container}{below}");
        let [sp, st, se, si, sip, spr, sv, sr] = ["sp", "st", "se", "si", "sip", "spr", "sv", "sr"].map(field);
        let overrides = ["rscc", "rscd", "rsce", "rscl", "rsct"].map(field).join("\n");
        // The empty lines are a snapshot's time and an encryption scope.
        let string = format!("{sp}\n{st}\n{se}\n{resource}\n{si}\n{sip}\n{spr}\n{sv}\n{sr}\n\n\n{overrides}");
        query(&fields, &string)
    }

    /// A SAS's fields with what one case changes; an empty field is left out.
    fn fields<'a>(&self, start: &[(&'a str, &str)], changes: &[(&'a str, &str)]) -> Fields<'a> {
        let mut fields =
            Fields::from([("sv", SAS_VERSION.to_owned()), ("se", time::iso_seconds(Timestamp(self.now.0 + DAY_US)))]);
        fields.extend(start.iter().chain(changes).map(|(name, value)| (*name, (*value).to_owned())));
        fields.retain(|_, value| !value.is_empty());
        fields
    }

    fn sign(&self, request: &mut reqwest::Request, account: &str, key: &str, date: Timestamp) {
        date_it(request, date);
        let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let length = request.body().and_then(|body| body.as_bytes()).map_or(0, <[u8]>::len);
        let length = if length == 0 { String::new() } else { length.to_string() };
        let plain = ["content-md5", "content-type", "date", "if-modified-since", "if-match", "if-none-match"];
        let plain = [&plain[..], &["if-unmodified-since", "range"]].concat();
        let plain: String = plain.iter().map(|name| format!("{}\n", header(name))).collect();
        let (encoding, language) = (header("content-encoding"), header("content-language"));
        let string = format!(
            "{}\n{encoding}\n{language}\n{length}\n{plain}{}{}",
            request.method(),
            canonical_headers(request),
            canonical_resource(request)
        );
        authorize(request, &format!("SharedKey {account}:{}", hmac(key, &string)));
    }

    fn sign_lite(&self, request: &mut reqwest::Request) {
        date_it(request, self.now);
        let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let (md5, kind) = (header("content-md5"), header("content-type"));
        let (headers, path) = (canonical_headers(request), request.url().path());
        let string = format!("{}\n{md5}\n{kind}\n\n{headers}/{ACCOUNT}{path}", request.method());
        authorize(request, &format!("SharedKeyLite {ACCOUNT}:{}", hmac(KEY, &string)));
    }
}

fn date_it(request: &mut reqwest::Request, date: Timestamp) {
    let date = HeaderValue::try_from(time::http(date)).expect("a date is plain text");
    request.headers_mut().insert("x-ms-date", date);
}

fn authorize(request: &mut reqwest::Request, value: &str) {
    request.headers_mut().insert("authorization", HeaderValue::try_from(value).expect("plain text"));
}

fn canonical_headers(request: &reqwest::Request) -> String {
    let named = request.headers().iter().filter(|(name, _)| name.as_str().starts_with("x-ms-"));
    let sorted: BTreeMap<&str, &str> =
        named.map(|(name, value)| (name.as_str(), value.to_str().unwrap_or_default())).collect();
    sorted.into_iter().map(|(name, value)| format!("{name}:{value}\n")).collect()
}

/// Path-style: the account stands before the path, which begins with it.
fn canonical_resource(request: &reqwest::Request) -> String {
    let mut sorted: BTreeMap<String, String> = BTreeMap::new();
    for pair in request.url().query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = percent_decode_str(value).decode_utf8_lossy().into_owned();
        sorted.insert(name.to_ascii_lowercase(), value);
    }
    let query: String = sorted.into_iter().map(|(name, value)| format!("\n{name}:{value}")).collect();
    format!("/{ACCOUNT}{}{query}", request.url().path())
}

fn query(fields: &Fields<'_>, string: &str) -> String {
    let encode = |value: &str| utf8_percent_encode(value, NON_ALPHANUMERIC).to_string();
    let pairs: String = fields.iter().map(|(name, value)| format!("{name}={}&", encode(value))).collect();
    format!("{pairs}sig={}", encode(&hmac(KEY, string)))
}

fn hmac(key: &str, string: &str) -> String {
    let key = BASE64_STANDARD.decode(key).expect("Base64");
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("HMAC takes a key of any length");
    mac.update(string.as_bytes());
    BASE64_STANDARD.encode(mac.finalize().into_bytes())
}
