//! What the vault does for a client that may ask for it. Runs on a thread that may wait.

use super::bundle::{Bundle, Create, Item, Page, Turn, Turned, Update};
use super::keys::{Keys, MakeKey};
use super::record::{Record, Use};
use super::refusal::Refusal;
use super::route::Ask;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use greenroom_vault::{KeyName, KeyVersion};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use url::form_urlencoded;
use zeroize::Zeroizing;

/// Azure's own, for what is said and for what is not.
const PAGE_MAX: usize = 25;
const YEAR_MIN: u32 = 2025;

/// What came with a request.
#[derive(Debug)]
pub struct Input<'a> {
    /// Where the vault is for whoever asks, as `https://localhost:8443`.
    pub base: &'a str,
    pub query: Query,
    pub body: &'a [u8],
    pub now_s: i64,
}

#[derive(Debug, Default)]
pub struct Query {
    api_version: String,
    page: Option<usize>,
    after: Option<String>,
}

/// What goes back, and which version it was about.
#[derive(Debug)]
pub struct Done {
    pub status: StatusCode,
    pub body: Zeroizing<Vec<u8>>,
    pub version: Option<KeyVersion>,
}

impl Query {
    pub fn parse(text: &str) -> Result<Query, Refusal> {
        let mut query = Query::default();
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            match &*name {
                "api-version" => query.api_version = value.into_owned(),
                "maxresults" => {
                    let page = value.parse().ok().filter(|page| (1..=PAGE_MAX).contains(page));
                    let bad = || Refusal::Bad(format!("maxresults is a number from 1 to {PAGE_MAX}."));
                    query.page = Some(page.ok_or_else(bad)?);
                }
                "$skiptoken" => query.after = Some(value.into_owned()),
                _ => {}
            }
        }
        if !known(&query.api_version) {
            return Err(Refusal::NoVersionOfApi(query.api_version.chars().take(32).collect()));
        }
        Ok(query)
    }
}

/// 7.0 and what came after, by number and then by date; previews too.
fn known(version: &str) -> bool {
    let plain = version.split_once("-preview").map_or(version, |(plain, _)| plain);
    let number = |text: &str, digits: usize| text.parse::<u32>().ok().filter(|_| text.len() == digits);
    if let Some(minor) = plain.strip_prefix("7.") {
        return number(minor, minor.len().clamp(1, 3)).is_some();
    }
    match *plain.split('-').collect::<Vec<_>>() {
        [year, month, day] => {
            let year = number(year, 4).is_some_and(|year| year >= YEAR_MIN);
            let month = number(month, 2).is_some_and(|month| (1..=12).contains(&month));
            year && month && number(day, 2).is_some_and(|day| (1..=31).contains(&day))
        }
        _ => false,
    }
}

pub fn perform(keys: &Keys, ask: &Ask, input: &Input<'_>) -> Result<Done, Refusal> {
    let now_s = input.now_s;
    match ask {
        Ask::List => list(&keys.all(now_s)?.0, input, "keys"),
        Ask::ListDeleted => list(&keys.all(now_s)?.1, input, "deletedkeys"),
        Ask::Versions(name) => versions(&keys.find(name, now_s)?, input),
        Ask::Create(name) => bundle(&create(keys, name, input)?, None, input),
        Ask::Get(name, version) => bundle(&keys.find(name, now_s)?, version.as_ref(), input),
        Ask::Update(name, version) => {
            let change = read::<Update>(input.body)?.change()?;
            bundle(&keys.update(name, version.as_ref(), change, now_s)?, version.as_ref(), input)
        }
        Ask::Rotate(name) => bundle(&keys.rotate(name, now_s)?, None, input),
        Ask::Delete(name) => bundle(&keys.delete(name, now_s)?, None, input),
        Ask::GetDeleted(name) => bundle(&keys.find_deleted(name, now_s)?, None, input),
        Ask::Recover(name) => bundle(&keys.recover(name, now_s)?, None, input),
        Ask::Purge(name) => {
            keys.purge(name, now_s)?;
            Ok(Done { status: StatusCode::NO_CONTENT, body: Zeroizing::default(), version: None })
        }
        Ask::Turn(what, name, version) => turn(&keys.find(name, now_s)?, *what, version.as_ref(), input),
    }
}

fn create(keys: &Keys, name: &KeyName, input: &Input<'_>) -> Result<Record, Refusal> {
    let given: Create = read(input.body)?;
    if given.kty != "RSA" {
        return Err(Refusal::Bad("This vault has keys of type RSA only.".to_owned()));
    }
    // Before the key is made, which takes a while.
    if keys.find_deleted(name, input.now_s).is_ok() {
        return Err(Refusal::Deleted(name.to_string()));
    }
    let bits = given.key_size.unwrap_or(2048);
    keys.create(name, MakeKey::new(bits, given.change()?, input.now_s)?, input.now_s)
}

fn turn(record: &Record, what: Use, version: Option<&KeyVersion>, input: &Input<'_>) -> Result<Done, Refusal> {
    let version = record.at(version)?;
    version.allows(what, input.now_s)?;
    let Turn { alg, value } = read(input.body)?;
    let bad = |_| Refusal::Bad("The value is not base64url.".to_owned());
    let value = BASE64.decode(value.trim_end_matches('=')).map(Zeroizing::new).map_err(bad)?;
    let value = match what {
        Use::WrapKey | Use::Encrypt if value.is_empty() => return Err(Refusal::Bad("The value is empty.".to_owned())),
        Use::WrapKey | Use::Encrypt => Zeroizing::new(version.pair.encrypt(alg, &value)?),
        Use::UnwrapKey | Use::Decrypt => version.pair.decrypt(alg, &value)?,
        Use::Sign | Use::Verify | Use::Import | Use::Export => return Err(Refusal::NoPlace),
    };
    let value = Zeroizing::new(BASE64.encode(&*value));
    let kid = format!("{}/keys/{}/{}", input.base, record.name, version.version);
    done(&Turned { kid, value: &value }, Some(version.version.clone()))
}

fn bundle(record: &Record, version: Option<&KeyVersion>, input: &Input<'_>) -> Result<Done, Refusal> {
    let version = record.at(version)?;
    done(&Bundle::new(input.base, record, version), Some(version.version.clone()))
}

/// By name, from behind the one that the last page ended with.
fn list(records: &[Record], input: &Input<'_>, place: &str) -> Result<Done, Refusal> {
    let order = |record: &Record| record.name.as_str().to_ascii_lowercase();
    let after = input.query.after.as_deref().unwrap_or_default();
    let mut rest = records.iter().filter(|record| order(record).as_str() > after);
    let page: Vec<_> = rest.by_ref().take(input.query.page.unwrap_or(PAGE_MAX)).collect();
    let last = page.last().filter(|_| rest.next().is_some()).map(|record| order(record));
    let value = page.into_iter().map(|record| Item::of_key(input.base, record)).collect::<Result<_, _>>()?;
    done(&Page { value, next_link: last.map(|last| next(input, place, &last)) }, None)
}

/// In the order in which they were made.
fn versions(record: &Record, input: &Input<'_>) -> Result<Done, Refusal> {
    let after = input.query.after.as_deref();
    let at = after.and_then(|after| record.versions.iter().position(|one| one.version.as_str() == after));
    let from = match (after, at) {
        (None, _) => 0,
        (Some(_), Some(at)) => at + 1,
        (Some(_), None) => return Err(Refusal::Bad("That is no page of this list.".to_owned())),
    };
    let mut rest = record.versions.iter().skip(from);
    let page: Vec<_> = rest.by_ref().take(input.query.page.unwrap_or(PAGE_MAX)).collect();
    let last = page.last().filter(|_| rest.next().is_some()).map(|one| one.version.as_str());
    let place = format!("keys/{}/versions", record.name);
    let next_link = last.map(|last| next(input, &place, last));
    let value = page.into_iter().map(|one| Item::of_version(input.base, record, one)).collect();
    done(&Page { value, next_link }, None)
}

fn next(input: &Input<'_>, place: &str, last: &str) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("api-version", &input.query.api_version).append_pair("$skiptoken", last);
    if let Some(page) = input.query.page {
        query.append_pair("maxresults", &page.to_string());
    }
    format!("{}/{place}?{}", input.base, query.finish())
}

/// What is wrong is said by place only: the body may hold a key.
fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| {
        Refusal::Bad(format!("The body is not as it should be, at line {} column {}.", error.line(), error.column()))
    })
}

fn done(body: &impl Serialize, version: Option<KeyVersion>) -> Result<Done, Refusal> {
    let body = serde_json::to_vec(body).map_err(|error| Refusal::Broken(error.to_string()))?;
    Ok(Done { status: StatusCode::OK, body: Zeroizing::new(body), version })
}

#[cfg(test)]
mod tests {
    use super::{Query, known};

    #[test]
    fn a_version_of_the_api_is_asked_for_and_known_from_7_on() {
        for version in ["7.0", "7.4", "7.6", "7.6-preview.2", "2025-07-01", "2026-01-01-preview"] {
            assert!(known(version), "{version}");
        }
        for version in ["", "6.9", "7", "7.", "7.x", "7.0000", "2016-10-01", "2025", "2025-13-01", "2025-7-1", "+7.0"] {
            assert!(!known(version), "{version}");
        }
        for page in ["0", "26", "-1", "x"] {
            assert!(Query::parse(&format!("api-version=7.4&maxresults={page}")).is_err(), "{page}");
        }
        assert!(Query::parse("maxresults=3").is_err());
    }
}
