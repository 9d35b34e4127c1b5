//! What of an answer is compared: its status and code, all its headers, its body. What two servers must differ in, such as a
//! date or an id, is there or not.

use quick_xml::events::Event;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use std::collections::{BTreeMap, BTreeSet};

/// Said by the transport, not by the protocol.
const OF_THE_TRANSPORT: [&str; 6] =
    ["connection", "keep-alive", "date", "server", "transfer-encoding", "x-ms-error-code"];
/// Values that are each server's own.
const OWN: [&str; 15] = [
    "content-crc64",
    "etag",
    "last-modified",
    "www-authenticate",
    "x-ms-access-tier-change-time",
    "x-ms-copy-completion-time",
    "x-ms-copy-id",
    "x-ms-copy-source",
    "x-ms-creation-time",
    "x-ms-lease-id",
    "x-ms-lease-time",
    "x-ms-request-id",
    "x-ms-snapshot",
    "x-ms-version",
    "x-ms-content-crc64",
];
/// Elements whose text is each server's own.
const OWN_TEXT: [&str; 11] = [
    "CopyCompletionTime",
    "CopyId",
    "CopySource",
    "Creation-Time",
    "Etag",
    "Last-Modified",
    "Marker",
    "Message",
    "NextMarker",
    "Snapshot",
    "AccessTierChangeTime",
];

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// `201`, or `404 BlobNotFound`.
    pub verdict: String,
    pub headers: BTreeMap<String, String>,
    pub body: Body,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// The paths of a document's elements, with the text of those that are leaves; how often each is there.
    Xml(BTreeMap<String, usize>),
    /// Not a document.
    Bytes(String),
}

impl Answer {
    pub fn of(status: StatusCode, headers: &HeaderMap, body: &[u8], base: &str) -> Answer {
        let failed = !status.is_success();
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let verdict = format!("{} {}", status.as_u16(), text("x-ms-error-code")).trim().to_owned();
        let xml = text("content-type").contains("xml");
        let mut kept = BTreeMap::new();
        for (name, value) in headers {
            let (name, value) = (name.as_str(), value.to_str().unwrap_or_default());
            // The length of a document depends on dates and addresses, and its words are the server's own.
            let own_length = name == "content-length" && (xml || failed);
            if OF_THE_TRANSPORT.contains(&name) || own_length {
                continue;
            }
            let value = if OWN.contains(&name) { "there" } else { value };
            kept.insert(name.to_owned(), value.to_owned());
        }
        let body = if xml && !body.is_empty() {
            Body::Xml(elements(body, base))
        } else {
            Body::Bytes(String::from_utf8_lossy(body).into_owned())
        };
        Answer { verdict, headers: kept, body }
    }
}

/// A header, or `<Element>`'s text.
pub fn part(what: &str, headers: &HeaderMap, body: &[u8]) -> String {
    let Some(element) = what.strip_prefix('<') else {
        return headers.get(what).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    };
    let (text, close) = (String::from_utf8_lossy(body), format!("</{}", element));
    let after = text.split(what).nth(1).and_then(|rest| rest.split(&close).next());
    after.unwrap_or_default().to_owned()
}

fn elements(document: &[u8], base: &str) -> BTreeMap<String, usize> {
    let mut reader = quick_xml::Reader::from_reader(document);
    let (mut stack, mut found, mut text) = (Vec::<String>::new(), BTreeMap::new(), String::new());
    let mut note = |path: String| *found.entry(path).or_default() += 1;
    loop {
        match reader.read_event().expect("good XML") {
            Event::Start(start) => {
                stack.push(start.name().as_ref().to_owned());
                text.clear();
            }
            Event::Empty(empty) => {
                let name: String = empty.name().as_ref().to_owned();
                note([&stack[..], &[name]].concat().join("/"));
            }
            Event::Text(part) => text.push_str(&part.xml10_content()),
            Event::GeneralRef(entity) => text.push_str(&character(&entity)),
            Event::End(_) => {
                let own = stack.last().is_some_and(|name| OWN_TEXT.contains(&name.as_str()));
                let shown = match text.trim() {
                    "" => String::new(),
                    _ if own => "=…".to_owned(),
                    text => format!("={}", text.replace(base, "{base}")),
                };
                note(format!("{}{shown}", stack.join("/")));
                text.clear();
                stack.pop();
            }
            Event::Eof => break,
            _ => {}
        }
    }
    found
}

fn character(entity: &quick_xml::events::BytesRef<'_>) -> String {
    match &**entity {
        "lt" => "<".to_owned(),
        "gt" => ">".to_owned(),
        "amp" => "&".to_owned(),
        "quot" => "\"".to_owned(),
        "apos" => "'".to_owned(),
        other => format!("&{other};"),
    }
}

/// The elements in which two documents differ: name, and what each has of it, in words.
pub fn apart(here: &BTreeMap<String, usize>, there: &BTreeMap<String, usize>) -> BTreeMap<String, (String, String)> {
    let mut values: BTreeMap<&str, [BTreeSet<String>; 2]> = BTreeMap::new();
    for (side, (one, other)) in [(here, there), (there, here)].into_iter().enumerate() {
        for (path, count) in one.iter().filter(|(path, count)| other.get(*path) != Some(count)) {
            let (path, text) = path.split_once('=').map_or((path.as_str(), "there"), |(path, text)| (path, text));
            let name = path.rsplit('/').next().unwrap_or(path);
            let often = other.keys().any(|other| other.split('=').next() == Some(path)) && text == "there";
            let text = if often { format!("{count} times") } else { text.to_owned() };
            values.entry(name).or_default()[side].insert(text);
        }
    }
    let words = |values: BTreeSet<String>, other_is_absent: bool| match values.len() {
        0 => "absent".to_owned(),
        _ if other_is_absent => "there".to_owned(),
        _ => values.into_iter().collect::<Vec<_>>().join(", "),
    };
    let described = values.into_iter().map(|(name, [here, there])| {
        let (no_here, no_there) = (here.is_empty(), there.is_empty());
        (name.to_owned(), (words(here, no_there), words(there, no_here)))
    });
    described.collect()
}
