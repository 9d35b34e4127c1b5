//! The trace: which requests, in which order. The grammar stands at its head.

use reqwest::Method;
use std::collections::BTreeMap;

const TRACE: &str = include_str!("requests.trace");

#[derive(Debug, Clone)]
pub struct Request {
    pub name: String,
    pub method: Method,
    pub path: String,
    pub headers: Vec<(String, String)>,
    /// A part of the answer, and the name under which it is used later.
    pub captures: Vec<(String, String)>,
    pub credential: String,
    pub body: String,
}

impl Request {
    /// With what earlier answers gave.
    pub fn filled(&self, kept: &BTreeMap<String, String>) -> Request {
        let fill = |text: &str| {
            kept.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
        };
        let headers = self.headers.iter().map(|(name, value)| (name.clone(), fill(value))).collect();
        Request { path: fill(&self.path), headers, ..self.clone() }
    }
}

pub fn read() -> Vec<Request> {
    let mut requests: Vec<Request> = Vec::new();
    for line in TRACE.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let Some(detail) = line.strip_prefix("  ") else {
            requests.push(first(line).unwrap_or_else(|| panic!("not NAME: METHOD PATH: {line}")));
            continue;
        };
        let request = requests.last_mut().expect("a request comes before its details");
        if let Some(body) = detail.strip_prefix("> ") {
            request.body = body.replace("\\n", "\r\n");
        } else if let Some(credential) = detail.strip_prefix("? ") {
            request.credential = credential.to_owned();
        } else if let Some(capture) = detail.strip_prefix("= ") {
            let (what, name) = capture.split_once(" as ").expect("= PART as NAME");
            request.captures.push((what.to_owned(), name.to_owned()));
        } else {
            let (name, value) = detail.split_once(": ").expect("header: value");
            request.headers.push((name.to_owned(), value.to_owned()));
        }
    }
    requests
}

fn first(line: &str) -> Option<Request> {
    let (name, rest) = line.split_once(": ")?;
    let (method, path) = rest.split_once(' ')?;
    Some(Request {
        name: name.to_owned(),
        method: Method::from_bytes(method.as_bytes()).ok()?,
        path: path.to_owned(),
        headers: Vec::new(),
        captures: Vec::new(),
        credential: "all".to_owned(),
        body: String::new(),
    })
}
