//! The table of differences in docs/GATEWAY.md, against what was found.

use super::answer::{self, Answer, Body};
use std::collections::{BTreeMap, BTreeSet};

const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/GATEWAY.md");
const HEADING: &str = "## Differences from Azurite";
/// Instead of one aspect: the two answer with different things altogether.
const ALL: &str = "all of it";

/// One difference in one request.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Difference {
    pub request: String,
    pub what: String,
    pub here: String,
    pub there: String,
}

/// A row: in some requests the same difference, and why.
#[derive(Debug)]
pub struct Row {
    /// Names; one may end in `*`.
    requests: Vec<String>,
    what: String,
    here: String,
    there: String,
    why: String,
}

pub fn differences(ours: &BTreeMap<String, Answer>, theirs: &BTreeMap<String, Answer>) -> BTreeSet<Difference> {
    let mut found = BTreeSet::new();
    for (request, our) in ours {
        let their = &theirs[request];
        let mut add = |what: &str, here: &str, there: &str| {
            let [what, here, there] = [what, here, there].map(|cell| cell.replace('|', "¦").replace('\n', " "));
            found.insert(Difference { request: request.clone(), what, here, there });
        };
        println!("{request}: {} here, {} there", our.verdict, their.verdict);
        // Where one refuses what the other does, all else differs too.
        if our.verdict != their.verdict {
            add("answer", &our.verdict, &their.verdict);
            continue;
        }
        let names: BTreeSet<&String> = our.headers.keys().chain(their.headers.keys()).collect();
        for name in names {
            match (our.headers.get(name), their.headers.get(name)) {
                (Some(here), Some(there)) if here == there => {}
                (Some(here), Some(there)) => add(name, here, there),
                (here, there) => {
                    let word = |value: Option<_>| value.map_or("absent", |_: &String| "there");
                    add(name, word(here), word(there));
                }
            }
        }
        match (&our.body, &their.body) {
            (here, there) if here == there => {}
            (Body::Xml(here), Body::Xml(there)) => {
                for (element, (here, there)) in answer::apart(here, there) {
                    add(&format!("<{element}>"), &here, &there);
                }
            }
            (here, there) => add("body", &shown(here), &shown(there)),
        }
    }
    found
}

fn shown(body: &Body) -> String {
    match body {
        Body::Xml(_) => "a document".to_owned(),
        Body::Bytes(text) if text.is_empty() => "empty".to_owned(),
        Body::Bytes(text) => text.chars().take(40).collect(),
    }
}

pub fn listed() -> Vec<Row> {
    let text = std::fs::read_to_string(TABLE).expect("the document");
    let table = text.split(HEADING).nth(1).expect("the table is there");
    let table = table.split("\n## ").next().unwrap_or_default();
    let rows = table.lines().filter(|line| line.starts_with('|')).skip(2);
    rows.map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [requests, what, here, there, why] = cells[..] else { panic!("not five cells: {line}") };
        let requests = requests.split(", ").map(|name| name.trim_matches('`').to_owned()).collect();
        let [what, here, there, why] = [what, here, there, why].map(|cell| cell.replace('`', ""));
        Row { requests, what, here, there, why }
    })
    .collect()
}

impl Row {
    fn covers(&self, name: &str, found: &Difference) -> bool {
        let named = match name.strip_suffix('*') {
            Some(start) => found.request.starts_with(start),
            None => found.request == name,
        };
        let same = (&self.what, &self.here, &self.there) == (&found.what, &found.here, &found.there);
        named && (self.what == ALL || same)
    }
}

/// What the table lacks, as rows that wait for a reason; and what it has too much.
pub fn complaints(found: &BTreeSet<Difference>, listed: &[Row]) -> String {
    let mut complaints = String::new();
    let mut lacking: BTreeMap<(&str, &str, &str), Vec<&str>> = BTreeMap::new();
    for difference in found {
        let rows = listed.iter().filter(|row| row.requests.iter().any(|name| row.covers(name, difference)));
        if rows.count() == 0 {
            let Difference { request, what, here, there } = difference;
            lacking.entry((what, here, there)).or_default().push(request);
        }
    }
    for ((what, here, there), requests) in lacking {
        complaints += &format!("not listed: | {} | {what} | {here} | {there} | |\n", requests.join(", "));
    }
    for row in listed {
        if row.why.is_empty() {
            complaints += &format!("no reason: {row:?}\n");
        }
        for name in row.requests.iter().filter(|name| !found.iter().any(|found| row.covers(name, found))) {
            complaints += &format!("gone: {name}, {}: {} and {}\n", row.what, row.here, row.there);
        }
    }
    complaints
}
