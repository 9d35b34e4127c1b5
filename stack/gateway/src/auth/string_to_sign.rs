//! The strings that a client signs, rebuilt from what the server received.
//! Sources: "Authorize with Shared Key", "Create an account SAS", "Create a service SAS".

use crate::query::Query;
use http::{HeaderMap, header};

/// The string of `Authorization: SharedKey`. `account` stands once before the raw path; a path-style path holds it once more.
/// `content_length` is passed apart because clients disagree on how an empty body signs it.
pub fn shared_key(
    method: &str,
    headers: &HeaderMap,
    account: &str,
    raw_path: &str,
    query: &Query,
    content_length: &str,
) -> String {
    let of = |name: header::HeaderName| joined(headers, &name);
    let date = if headers.contains_key("x-ms-date") { String::new() } else { of(header::DATE) };
    let lines = [
        method.to_owned(),
        of(header::CONTENT_ENCODING),
        of(header::CONTENT_LANGUAGE),
        content_length.to_owned(),
        joined(headers, &header::HeaderName::from_static("content-md5")),
        of(header::CONTENT_TYPE),
        date,
        of(header::IF_MODIFIED_SINCE),
        of(header::IF_MATCH),
        of(header::IF_NONE_MATCH),
        of(header::IF_UNMODIFIED_SINCE),
        of(header::RANGE),
    ];
    format!(
        "{}\n{}/{account}{raw_path}{}",
        lines.join("\n"),
        canonicalized_headers(headers),
        canonicalized_query(query)
    )
}

/// The string of `Authorization: SharedKeyLite`.
pub fn shared_key_lite(method: &str, headers: &HeaderMap, account: &str, raw_path: &str, query: &Query) -> String {
    let of = |name: header::HeaderName| joined(headers, &name);
    let date = if headers.contains_key("x-ms-date") { String::new() } else { of(header::DATE) };
    let md5 = joined(headers, &header::HeaderName::from_static("content-md5"));
    let comp = query.get("comp").map(|comp| format!("?comp={comp}")).unwrap_or_default();
    let lines = [method.to_owned(), md5, of(header::CONTENT_TYPE), date];
    format!("{}\n{}/{account}{raw_path}{comp}", lines.join("\n"), canonicalized_headers(headers))
}

/// `x-ms-*` headers, lower-case, sorted, one a line.
fn canonicalized_headers(headers: &HeaderMap) -> String {
    let mut names: Vec<_> = headers.keys().filter(|name| name.as_str().starts_with("x-ms-")).collect();
    names.sort_unstable_by_key(|name| name.as_str());
    names.into_iter().map(|name| format!("{name}:{}\n", joined(headers, name))).collect()
}

/// A header's values: unfolded, trimmed, joined by commas. Bytes that are not UTF-8 are read as Latin-1, as HTTP has them.
fn joined(headers: &HeaderMap, name: &header::HeaderName) -> String {
    let values = headers.get_all(name).into_iter().map(|value| match std::str::from_utf8(value.as_bytes()) {
        Ok(text) => text.trim().to_owned(),
        Err(_) => value.as_bytes().iter().map(|&byte| char::from(byte)).collect::<String>().trim().to_owned(),
    });
    values.collect::<Vec<_>>().join(",")
}

/// Query pairs decoded, names in lower case and sorted, the values of one name sorted and joined by commas.
fn canonicalized_query(query: &Query) -> String {
    let mut pairs: Vec<(String, &str)> = query.pairs().map(|(name, value)| (name.to_lowercase(), value)).collect();
    pairs.sort_unstable();
    let mut text = String::new();
    let mut last: Option<String> = None;
    for (name, value) in pairs {
        if last.as_deref() == Some(&name) {
            text.extend([",", value]);
        } else {
            text.extend(["\n", &name, ":", value]);
            last = Some(name);
        }
    }
    text
}

/// The fields of a SAS that are signed, as text, decoded; absent ones are empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SasFields {
    pub permissions: String,
    pub start: String,
    pub expiry: String,
    pub identifier: String,
    pub ip: String,
    pub protocol: String,
    pub version: String,
    pub services: String,
    pub resource_types: String,
    pub resource: String,
    pub snapshot: String,
    pub encryption_scope: String,
    pub cache_control: String,
    pub content_disposition: String,
    pub content_encoding: String,
    pub content_language: String,
    pub content_type: String,
}

/// The version that added the encryption scope to both kinds of SAS.
const WITH_ENCRYPTION_SCOPE: &str = "2020-12-06";
/// The version that added resource and snapshot to a service SAS.
const WITH_RESOURCE: &str = "2018-11-09";
/// The first version of the account SAS, and of protocol and address in a service SAS.
pub const SAS_VERSION_MIN: &str = "2015-04-05";

/// The string of an account SAS. Versions are dates, so their order is that of their text.
pub fn account_sas(account: &str, sas: &SasFields) -> String {
    let mut lines = vec![
        account,
        &sas.permissions,
        &sas.services,
        &sas.resource_types,
        &sas.start,
        &sas.expiry,
        &sas.ip,
        &sas.protocol,
        &sas.version,
    ];
    if sas.version.as_str() >= WITH_ENCRYPTION_SCOPE {
        lines.push(&sas.encryption_scope);
    }
    lines.push("");
    lines.join("\n")
}

/// The string of a service SAS; `resource` is `/blob/account/container[/blob]`, decoded.
pub fn service_sas(resource: &str, sas: &SasFields) -> String {
    let mut lines: Vec<&str> = vec![
        &sas.permissions,
        &sas.start,
        &sas.expiry,
        resource,
        &sas.identifier,
        &sas.ip,
        &sas.protocol,
        &sas.version,
    ];
    if sas.version.as_str() >= WITH_RESOURCE {
        lines.extend([sas.resource.as_str(), &sas.snapshot]);
    }
    if sas.version.as_str() >= WITH_ENCRYPTION_SCOPE {
        lines.push(&sas.encryption_scope);
    }
    lines.extend([
        sas.cache_control.as_str(),
        &sas.content_disposition,
        &sas.content_encoding,
        &sas.content_language,
        &sas.content_type,
    ]);
    lines.join("\n")
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
            signed,
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
            ("Prefix=a%2Fb%20+c&COMP=list", "\ncomp:list\nprefix:a/b +c"),
            ("a=1&&b", "\n:\na:1\nb:"),
            ("A=2&a=1", "\na:1,2"),
        ] {
            assert_eq!(canonicalized_query(&query(raw)), canonical, "{raw}");
        }
    }

    #[test]
    fn a_date_header_signs_only_without_its_azure_twin() {
        let plain = headers(&[("date", "D")]);
        assert_eq!(shared_key("GET", &plain, "acct", "/", &query(""), ""), "GET\n\n\n\n\n\nD\n\n\n\n\n\n/acct/");
    }

    #[test]
    fn the_lite_string_keeps_comp_only() {
        let headers = headers(&[("x-ms-date", "D"), ("content-type", "t")]);
        let signed = shared_key_lite("GET", &headers, "acct", "/c", &query("restype=container&comp=list"));
        assert_eq!(signed, "GET\n\nt\n\nx-ms-date:D\n/acct/c?comp=list");
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
            assert_eq!(signed, format!("acct\nrl\nb\nco\nS\nE\nI\nhttps\n{version}\n{tail}"));
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
                signed,
                format!("rl\nS\nE\n/blob/acct/photos\n\nI\nhttps\n{version}\n{middle}\n\n\n\nct"),
                "{version}"
            );
        }
    }
}
