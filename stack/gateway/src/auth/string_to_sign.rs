//! The strings that a client signs, rebuilt from what the server received, part by part, so that a part which differs can be named.
//! Sources: "Authorize with Shared Key", "Create an account SAS", "Create a service SAS", "Create a user delegation SAS".

use super::sas_fields::SasFields;
use crate::query::Query;
use http::{HeaderMap, HeaderName, header};
use std::borrow::Cow;
use std::fmt;

/// A string to sign, as its parts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StringToSign {
    pub parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub name: Cow<'static, str>,
    pub value: String,
    /// What ends it, or stands before it: a line end, mostly.
    before: &'static str,
    after: &'static str,
}

impl StringToSign {
    fn line(&mut self, name: &'static str, value: impl Into<String>) {
        self.parts.push(Part { name: name.into(), value: value.into(), before: "", after: "\n" });
    }

    /// The string with part `at` said differently, or left away with its line.
    pub fn with(&self, at: usize, value: Option<&str>) -> String {
        let mut string = String::new();
        for (number, part) in self.parts.iter().enumerate() {
            match (number == at, value) {
                (false, _) => string.extend([part.before, &part.value, part.after]),
                (true, Some(value)) => string.extend([part.before, value, part.after]),
                (true, None) => {}
            }
        }
        string
    }

    /// Service SAS and user-delegation SAS end without a line end.
    fn unended(mut self) -> Self {
        if let Some(last) = self.parts.last_mut() {
            last.after = "";
        }
        self
    }
}

impl fmt::Display for StringToSign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts.iter().try_for_each(|part| write!(f, "{}{}{}", part.before, part.value, part.after))
    }
}

/// The string of `Authorization: SharedKey`. `account` stands once before the raw path; a path-style path holds it once more.
/// `content_length` is passed apart because clients disagree on how an empty body signs it.
pub fn shared_key(
    method: &str,
    headers: &HeaderMap,
    account: &str,
    raw_path: &str,
    query: &Query,
    content_length: &str,
) -> StringToSign {
    let mut string = StringToSign::default();
    string.line("VERB", method);
    string.line("Content-Encoding", joined(headers, &header::CONTENT_ENCODING));
    string.line("Content-Language", joined(headers, &header::CONTENT_LANGUAGE));
    string.line("Content-Length", content_length);
    string.line("Content-MD5", joined(headers, &CONTENT_MD5));
    string.line("Content-Type", joined(headers, &header::CONTENT_TYPE));
    string.line("Date", date(headers));
    string.line("If-Modified-Since", joined(headers, &header::IF_MODIFIED_SINCE));
    string.line("If-Match", joined(headers, &header::IF_MATCH));
    string.line("If-None-Match", joined(headers, &header::IF_NONE_MATCH));
    string.line("If-Unmodified-Since", joined(headers, &header::IF_UNMODIFIED_SINCE));
    string.line("Range", joined(headers, &header::RANGE));
    string.parts.extend(canonicalized_headers(headers));
    string.parts.push(resource(format!("/{account}{raw_path}")));
    string.parts.extend(canonicalized_query(query));
    string
}

/// The string of `Authorization: SharedKeyLite`.
pub fn shared_key_lite(
    method: &str,
    headers: &HeaderMap,
    account: &str,
    raw_path: &str,
    query: &Query,
) -> StringToSign {
    let mut string = StringToSign::default();
    string.line("VERB", method);
    string.line("Content-MD5", joined(headers, &CONTENT_MD5));
    string.line("Content-Type", joined(headers, &header::CONTENT_TYPE));
    string.line("Date", date(headers));
    string.parts.extend(canonicalized_headers(headers));
    string.parts.push(resource(format!("/{account}{raw_path}")));
    if let Some(comp) = query.get("comp") {
        string.parts.push(Part { name: "comp".into(), value: comp.to_owned(), before: "?comp=", after: "" });
    }
    string
}

const CONTENT_MD5: HeaderName = HeaderName::from_static("content-md5");
/// The name of the part that tells what is addressed.
pub const RESOURCE: &str = "canonicalized resource";

fn resource(value: String) -> Part {
    Part { name: RESOURCE.into(), value, before: "", after: "" }
}

/// `x-ms-date` takes the place of `Date`.
fn date(headers: &HeaderMap) -> String {
    if headers.contains_key("x-ms-date") { String::new() } else { joined(headers, &header::DATE) }
}

/// `x-ms-*` headers, lower-case, sorted, one a line.
fn canonicalized_headers(headers: &HeaderMap) -> impl Iterator<Item = Part> {
    let mut names: Vec<_> = headers.keys().filter(|name| name.as_str().starts_with("x-ms-")).collect();
    names.sort_unstable_by_key(|name| name.as_str());
    names.into_iter().map(|name| {
        let value = format!("{name}:{}", joined(headers, name));
        Part { name: name.to_string().into(), value, before: "", after: "\n" }
    })
}

/// A header's values: unfolded, trimmed, joined by commas. Bytes that are not UTF-8 are read as Latin-1, as HTTP has them.
pub fn joined(headers: &HeaderMap, name: &HeaderName) -> String {
    let values = headers.get_all(name).into_iter().map(|value| match std::str::from_utf8(value.as_bytes()) {
        Ok(text) => text.trim().to_owned(),
        Err(_) => value.as_bytes().iter().map(|&byte| char::from(byte)).collect::<String>().trim().to_owned(),
    });
    values.collect::<Vec<_>>().join(",")
}

/// Query pairs decoded, names in lower case and sorted, the values of one name sorted and joined by commas.
fn canonicalized_query(query: &Query) -> Vec<Part> {
    let mut pairs: Vec<(String, &str)> = query.pairs().map(|(name, value)| (name.to_lowercase(), value)).collect();
    pairs.sort_unstable();
    let mut parts: Vec<Part> = Vec::new();
    for (name, value) in pairs {
        match parts.last_mut().filter(|last| last.name == name) {
            Some(last) => last.value.extend([",", value]),
            None => {
                let value = format!("{name}:{value}");
                parts.push(Part { name: name.into(), value, before: "\n", after: "" });
            }
        }
    }
    parts
}

/// The version that added the encryption scope to every kind of SAS.
pub const WITH_ENCRYPTION_SCOPE: &str = "2020-12-06";
/// The version that added resource and snapshot to a service SAS, and the first of a user-delegation SAS.
pub const WITH_RESOURCE: &str = "2018-11-09";
/// The version that added agents and a correlation id to a user-delegation SAS.
const WITH_AGENTS: &str = "2020-02-10";
/// The version that added the user to whom a user-delegation SAS is bound.
const WITH_BOUND_USER: &str = "2025-07-05";
/// The version that added signed headers and query parameters to a user-delegation SAS.
const WITH_SIGNED_REQUEST: &str = "2026-04-06";
/// The first version of the account SAS, and of protocol and address in a service SAS.
pub const SAS_VERSION_MIN: &str = "2015-04-05";

/// The string of an account SAS. Versions are dates, so their order is that of their text.
pub fn account_sas(account: &str, sas: &SasFields) -> StringToSign {
    let mut string = StringToSign::default();
    string.line("account", account);
    string.line("sp", &sas.permissions);
    string.line("ss", &sas.services);
    string.line("srt", &sas.resource_types);
    string.line("st", &sas.start);
    string.line("se", &sas.expiry);
    string.line("sip", &sas.ip);
    string.line("spr", &sas.protocol);
    string.line("sv", &sas.version);
    if sas.version.as_str() >= WITH_ENCRYPTION_SCOPE {
        string.line("ses", &sas.encryption_scope);
    }
    string
}

/// The string of a service SAS; `addressed` is `/blob/account/container[/blob]`, decoded.
pub fn service_sas(addressed: &str, sas: &SasFields) -> StringToSign {
    let mut string = StringToSign::default();
    string.line("sp", &sas.permissions);
    string.line("st", &sas.start);
    string.line("se", &sas.expiry);
    string.line(RESOURCE, addressed);
    string.line("si", &sas.identifier);
    channel_and_resource(&mut string, sas);
    overrides(&mut string, sas);
    string.unended()
}

/// The string of a user-delegation SAS, signed with such a key.
pub fn delegation_sas(addressed: &str, sas: &SasFields) -> StringToSign {
    let key = &sas.key;
    let mut string = StringToSign::default();
    string.line("sp", &sas.permissions);
    string.line("st", &sas.start);
    string.line("se", &sas.expiry);
    string.line(RESOURCE, addressed);
    string.line("skoid", &key.object_id);
    string.line("sktid", &key.tenant_id);
    string.line("skt", &key.start);
    string.line("ske", &key.expiry);
    string.line("sks", &key.service);
    string.line("skv", &key.version);
    if sas.version.as_str() >= WITH_AGENTS {
        string.line("saoid", &sas.authorized_agent);
        string.line("suoid", &sas.unauthorized_agent);
        string.line("scid", &sas.correlation_id);
    }
    if sas.version.as_str() >= WITH_BOUND_USER {
        string.line("skdutid", &sas.bound_tenant_id);
        string.line("sduoid", &sas.bound_object_id);
    }
    channel_and_resource(&mut string, sas);
    if sas.version.as_str() >= WITH_SIGNED_REQUEST {
        string.line("srh", &sas.signed_headers);
        string.line("srq", &sas.signed_query);
    }
    overrides(&mut string, sas);
    string.unended()
}

fn channel_and_resource(string: &mut StringToSign, sas: &SasFields) {
    string.line("sip", &sas.ip);
    string.line("spr", &sas.protocol);
    string.line("sv", &sas.version);
    if sas.version.as_str() >= WITH_RESOURCE {
        string.line("sr", &sas.resource);
        string.line("snapshot", &sas.snapshot);
    }
    if sas.version.as_str() >= WITH_ENCRYPTION_SCOPE {
        string.line("ses", &sas.encryption_scope);
    }
}

fn overrides(string: &mut StringToSign, sas: &SasFields) {
    string.line("rscc", &sas.cache_control);
    string.line("rscd", &sas.content_disposition);
    string.line("rsce", &sas.content_encoding);
    string.line("rscl", &sas.content_language);
    string.line("rsct", &sas.content_type);
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(*name, HeaderValue::from_static(value));
        }
        map
    }

    fn query(raw: &str) -> Query {
        Query::parse(raw).expect("a good query")
    }

    #[test]
    fn a_put_signs_its_headers_in_azures_order() {
        let headers = headers(&[
            ("content-length", "5"),
            ("content-type", "text/plain"),
            ("content-md5", "XrY7u+Ae7tCTyyK7j1rNww=="),
            ("x-ms-version", "2021-12-02"),
            ("x-ms-date", "Fri, 26 Jun 2015 23:39:12 GMT"),
            ("x-ms-blob-type", "BlockBlob"),
            ("x-ms-meta-b", " two  words "),
            ("x-ms-meta-a", "1"),
            ("if-none-match", "*"),
            ("date", "Fri, 26 Jun 2015 23:39:12 GMT"),
        ]);
        let signed = shared_key("PUT", &headers, "acct", "/acct/c/a%20b", &query(""), "5");
        assert_eq!(
            signed.to_string(),
            "PUT\n\n\n5\nXrY7u+Ae7tCTyyK7j1rNww==\ntext/plain\n\n\n\n*\n\n\n\
             x-ms-blob-type:BlockBlob\nx-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\nx-ms-meta-a:1\nx-ms-meta-b:two  words\n\
             x-ms-version:2021-12-02\n/acct/acct/c/a%20b"
        );
    }

    #[test]
    fn the_query_is_decoded_lowered_sorted_and_joined() {
        for (raw, canonical) in [
            ("", ""),
            ("restype=container&comp=list", "\ncomp:list\nrestype:container"),
            ("include=snapshots&include=metadata&comp=list", "\ncomp:list\ninclude:metadata,snapshots"),
            ("Prefix=a%2Fb%20+c%2B&COMP=list", "\ncomp:list\nprefix:a/b  c+"),
            ("a=1&&b", "\n:\na:1\nb:"),
            ("A=2&a=1", "\na:1,2"),
        ] {
            let shown = StringToSign { parts: canonicalized_query(&query(raw)) }.to_string();
            assert_eq!(shown, canonical, "{raw}");
        }
    }

    #[test]
    fn a_date_header_signs_only_without_its_azure_twin() {
        let plain = headers(&[("date", "D")]);
        assert_eq!(
            shared_key("GET", &plain, "acct", "/", &query(""), "").to_string(),
            "GET\n\n\n\n\n\nD\n\n\n\n\n\n/acct/"
        );
    }

    #[test]
    fn the_lite_string_keeps_comp_only() {
        let headers = headers(&[("x-ms-date", "D"), ("content-type", "t")]);
        let signed = shared_key_lite("GET", &headers, "acct", "/c", &query("restype=container&comp=list"));
        assert_eq!(signed.to_string(), "GET\n\nt\n\nx-ms-date:D\n/acct/c?comp=list");
    }

    fn sas(version: &str) -> SasFields {
        SasFields {
            permissions: "rl".into(),
            start: "S".into(),
            expiry: "E".into(),
            ip: "I".into(),
            protocol: "https".into(),
            version: version.into(),
            services: "b".into(),
            resource_types: "co".into(),
            resource: "c".into(),
            encryption_scope: "scope".into(),
            content_type: "ct".into(),
            ..SasFields::default()
        }
    }

    #[test]
    fn an_account_sas_has_its_scope_since_2020_12_06() {
        for (version, tail) in
            [("2015-04-05", ""), ("2020-10-02", ""), ("2020-12-06", "scope\n"), ("2026-10-06", "scope\n")]
        {
            let signed = account_sas("acct", &sas(version));
            assert_eq!(signed.to_string(), format!("acct\nrl\nb\nco\nS\nE\nI\nhttps\n{version}\n{tail}"));
        }
    }

    #[test]
    fn a_service_sas_grows_with_its_version() {
        for (version, middle) in [
            ("2015-04-05", ""),
            ("2018-03-28", ""),
            ("2018-11-09", "c\n\n"),
            ("2020-10-02", "c\n\n"),
            ("2020-12-06", "c\n\nscope\n"),
            ("2025-07-05", "c\n\nscope\n"),
        ] {
            let signed = service_sas("/blob/acct/photos", &sas(version));
            assert_eq!(
                signed.to_string(),
                format!("rl\nS\nE\n/blob/acct/photos\n\nI\nhttps\n{version}\n{middle}\n\n\n\nct"),
                "{version}"
            );
        }
    }

    #[test]
    fn a_user_delegation_sas_grows_with_its_version() {
        for (version, agents, tail) in [
            ("2018-11-09", "", ""),
            ("2020-02-10", "\n\nC\n", ""),
            ("2020-12-06", "\n\nC\n", "scope\n"),
            ("2025-07-05", "\n\nC\n\n\n", "scope\n"),
            ("2026-04-06", "\n\nC\n\n\n", "scope\n\n\n"),
        ] {
            let mut fields = sas(version);
            fields.correlation_id = "C".into();
            fields.key.object_id = "O".into();
            fields.key.service = "b".into();
            let signed = delegation_sas("/blob/acct/photos", &fields).to_string();
            assert_eq!(
                signed,
                format!(
                    "rl\nS\nE\n/blob/acct/photos\nO\n\n\n\nb\n\n{agents}I\nhttps\n{version}\nc\n\n{tail}\n\n\n\nct"
                ),
                "{version}"
            );
        }
    }

    #[test]
    fn a_part_can_be_said_differently_or_left_away() {
        let string = account_sas("acct", &sas("2015-04-05"));
        assert_eq!(string.with(1, Some("r")), "acct\nr\nb\nco\nS\nE\nI\nhttps\n2015-04-05\n");
        assert_eq!(string.with(1, None), "acct\nb\nco\nS\nE\nI\nhttps\n2015-04-05\n");
    }
}
