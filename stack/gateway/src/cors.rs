//! Requests that a browser makes for a page of another origin: asked for beforehand by OPTIONS, and marked in the answers, by the rules
//! of the account. Pure.
//! Sources: "CORS support for Azure Storage", "Preflight Blob Request".

use crate::error::{Code, Error};
use crate::reply::Reply;
use crate::xml;
use greenroom_store::ServiceSettings;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

/// The section of an account's settings that holds the rules.
const SECTION: &str = "Cors";
/// Five rules with five elements each, and some air.
const LEAVES_MAX: usize = 32;
const METHODS: [&str; 8] = ["DELETE", "GET", "HEAD", "MERGE", "OPTIONS", "PATCH", "POST", "PUT"];

/// Whom a rule lets in, and to what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rule {
    origins: Vec<String>,
    methods: Vec<String>,
    max_age_s: String,
    /// Headers of answers that the page may see, and of requests that it may send; one that ends in `*` is a beginning.
    exposed: Vec<String>,
    allowed: Vec<String>,
}

/// The rules in an account's settings, in the order in which they are tried. Err: one of them could never do anything.
pub fn rules(settings: &ServiceSettings) -> Result<Vec<Rule>, Error> {
    let Some(section) = settings.get(SECTION).filter(|section| !section.is_empty()) else { return Ok(Vec::new()) };
    let mut rules: Vec<Rule> = Vec::new();
    for leaf in xml::leaves(format!("<{SECTION}>{section}</{SECTION}>").as_bytes(), LEAVES_MAX)? {
        let list = || leaf.text.split(',').map(|word| word.trim().to_owned()).filter(|word| !word.is_empty()).collect();
        match (leaf.path.strip_prefix("Cors/CorsRule/"), rules.last_mut()) {
            // Each rule is kept with this element first.
            (Some("AllowedOrigins"), _) => rules.push(Rule { origins: list(), ..Rule::default() }),
            (Some("AllowedMethods"), Some(rule)) => rule.methods = list(),
            (Some("MaxAgeInSeconds"), Some(rule)) => rule.max_age_s = leaf.text,
            (Some("ExposedHeaders"), Some(rule)) => rule.exposed = list(),
            (Some("AllowedHeaders"), Some(rule)) => rule.allowed = list(),
            (Some(_) | None, _) => return Err(Error::new(Code::InvalidXmlDocument, "A CorsRule has five elements.")),
        }
    }
    match rules.iter().find(|rule| !rule.makes_sense()) {
        Some(_) => Err(Error::new(Code::InvalidXmlNodeValue, "A CorsRule names origins, and methods of HTTP.")),
        None => Ok(rules),
    }
}

/// The answer to a browser that asks whether its page may send a request.
pub fn preflight(rules: &[Rule], headers: &HeaderMap) -> Result<Reply, Error> {
    let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let required =
        |name| text(&name).ok_or_else(|| Error::new(Code::InvalidHeaderValue, format!("{name} is required.")));
    let (origin, method) = (required(ORIGIN)?, required(ACCESS_CONTROL_REQUEST_METHOD)?);
    let asked = text(&ACCESS_CONTROL_REQUEST_HEADERS);
    let names = || asked.unwrap_or_default().split(',').map(str::trim).filter(|name| !name.is_empty());
    let fits = |rule: &&Rule| rule.admits(origin, method) && names().all(|name| fits_one(&rule.allowed, name));
    let rule = rules.iter().find(fits).ok_or(Code::CorsPreflightFailure)?;
    Ok(Reply::new(StatusCode::OK)
        .header(ACCESS_CONTROL_ALLOW_ORIGIN.as_str(), origin)
        .header(ACCESS_CONTROL_ALLOW_METHODS.as_str(), method)
        .header_if(ACCESS_CONTROL_ALLOW_HEADERS.as_str(), asked)
        .header(ACCESS_CONTROL_MAX_AGE.as_str(), &rule.max_age_s)
        .header(ACCESS_CONTROL_ALLOW_CREDENTIALS.as_str(), "true")
        .header(VARY.as_str(), "Origin"))
}

/// A request that came for a page of some origin, and the rules of the account that it is for.
#[derive(Debug)]
pub struct Crossing {
    pub origin: HeaderValue,
    pub method: Method,
    pub rules: Vec<Rule>,
}

impl Crossing {
    /// Tells the browser whether the page may see the answer.
    pub fn mark(&self, answer: &mut HeaderMap) {
        let origin = self.origin.to_str().unwrap_or_default();
        let Some(rule) = self.rules.iter().find(|rule| rule.admits(origin, self.method.as_str())) else {
            if !self.rules.is_empty() {
                answer.insert(VARY, HeaderValue::from_static("Origin"));
            }
            return;
        };
        let exposed: Vec<&str> =
            answer.keys().map(HeaderName::as_str).filter(|name| fits_one(&rule.exposed, name)).collect();
        let exposed = HeaderValue::try_from(exposed.join(",")).ok().filter(|exposed| !exposed.is_empty());
        if let Some(exposed) = exposed {
            answer.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
        }
        if rule.origins.iter().any(|origin| origin == "*") {
            answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        } else {
            answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, self.origin.clone());
            answer.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
            answer.insert(VARY, HeaderValue::from_static("Origin"));
        }
    }
}

impl Rule {
    fn makes_sense(&self) -> bool {
        let known = |method: &String| METHODS.contains(&method.as_str());
        !self.origins.is_empty() && !self.methods.is_empty() && self.methods.iter().all(known)
    }

    fn admits(&self, origin: &str, method: &str) -> bool {
        self.methods.iter().any(|allowed| allowed == method)
            && self.origins.iter().any(|allowed| is_of(origin, allowed))
    }
}

/// Whether an origin is the one that is allowed, or a subdomain where that is written `https://*.example.com`.
fn is_of(origin: &str, allowed: &str) -> bool {
    match allowed.split_once('*') {
        None => origin == allowed,
        Some((begin, end)) => {
            let within = origin.strip_prefix(begin).and_then(|rest| rest.strip_suffix(end));
            within.is_some_and(|within| allowed == "*" || !within.is_empty() && !within.contains('/'))
        }
    }
}

/// Whether a header is in a list of names and beginnings of names.
fn fits_one(list: &[String], name: &str) -> bool {
    list.iter().any(|known| match known.strip_suffix('*') {
        Some(begin) => name.get(..begin.len()).is_some_and(|found| found.eq_ignore_ascii_case(begin)),
        None => name.eq_ignore_ascii_case(known),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(rules: &[[&str; 5]]) -> ServiceSettings {
        let elements = ["AllowedOrigins", "AllowedMethods", "MaxAgeInSeconds", "ExposedHeaders", "AllowedHeaders"];
        let rule = |texts: &[&str; 5]| {
            let inner: String =
                elements.iter().zip(texts).map(|(tag, text)| format!("<{tag}>{text}</{tag}>")).collect();
            format!("<CorsRule>{inner}</CorsRule>")
        };
        ServiceSettings::from([(SECTION.to_owned(), rules.iter().map(rule).collect())])
    }

    fn two() -> Vec<Rule> {
        let narrow =
            ["http://a.example, https://*.b.example", "PUT,GET", "60", "x-ms-meta-*,etag", "x-ms-*,content-type"];
        let wide = ["*", "GET", "0", "", "*"];
        rules(&settings(&[narrow, wide])).expect("good rules")
    }

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn a_preflight_needs_a_rule_for_origin_method_and_headers() {
        let told = |origin, method, asked| {
            let asked = headers(&[
                ("origin", origin),
                ("access-control-request-method", method),
                ("access-control-request-headers", asked),
            ]);
            preflight(&two(), &asked)
                .map(|reply| reply.headers["access-control-max-age"].to_str().map(str::to_owned).ok())
        };
        let by = |age: &str| Ok(Some(age.to_owned()));
        let refused = || Err(Error::from(Code::CorsPreflightFailure));
        for (origin, method, asked, expected) in [
            ("http://a.example", "PUT", "x-ms-blob-type, Content-Type", by("60")),
            ("https://x.b.example", "PUT", "", by("60")),
            ("https://x.y.b.example", "PUT", "", by("60")),
            ("https://.b.example", "PUT", "", refused()),
            ("http://evil.example/.b.example", "PUT", "", refused()),
            ("http://A.example", "PUT", "", refused()),
            ("http://a.example", "PUT", "x-other", refused()),
            ("http://a.example", "GET", "x-other", by("0")),
            ("http://else.example", "GET", "", by("0")),
            ("http://else.example", "PUT", "", refused()),
            ("http://a.example", "DELETE", "", refused()),
            ("http://a.example", "get", "", refused()),
        ] {
            assert_eq!(told(origin, method, asked), expected, "{method} {asked} of {origin}");
        }
        for lacking in [&[("origin", "http://a.example")][..], &[("access-control-request-method", "PUT")], &[]] {
            assert_eq!(
                preflight(&two(), &headers(lacking)).map_err(|error| error.code).err(),
                Some(Code::InvalidHeaderValue)
            );
        }
    }

    #[test]
    fn an_answer_is_marked_by_the_first_rule_that_fits() {
        let marked = |origin: &'static str, method, rules| {
            let mut answer = headers(&[("etag", "1"), ("x-ms-meta-a", "2"), ("server", "x")]);
            Crossing { origin: HeaderValue::from_static(origin), method, rules }.mark(&mut answer);
            let told = |name: &str| answer.get(name).and_then(|value| value.to_str().ok()).unwrap_or("").to_owned();
            ["access-control-allow-origin", "access-control-allow-credentials", "access-control-expose-headers", "vary"]
                .map(told)
                .join("|")
        };
        assert_eq!(marked("http://a.example", Method::PUT, two()), "http://a.example|true|etag,x-ms-meta-a|Origin");
        assert_eq!(marked("http://else.example", Method::GET, two()), "*|||");
        assert_eq!(marked("http://else.example", Method::PUT, two()), "|||Origin");
        assert_eq!(marked("http://a.example", Method::PUT, Vec::new()), "|||");
    }

    #[test]
    fn a_rule_that_could_never_do_anything_is_refused() {
        for bad in
            [["", "GET", "0", "", ""], ["*", "", "0", "", ""], ["*", "FETCH", "0", "", ""], ["*", "get", "0", "", ""]]
        {
            assert_eq!(rules(&settings(&[bad])).map_err(|error| error.code), Err(Code::InvalidXmlNodeValue), "{bad:?}");
        }
        assert_eq!(rules(&ServiceSettings::new()), Ok(Vec::new()));
        assert_eq!(rules(&settings(&[])), Ok(Vec::new()));
    }
}
