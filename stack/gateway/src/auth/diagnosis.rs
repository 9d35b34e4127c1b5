//! What the operator is told of a signature that does not match: the parts that the server signed, and, where changing one
//! part makes the signature match, which part the client signed differently. The caller is told none of it.

use super::string_to_sign::{RESOURCE, StringToSign};
use greenroom_model::control::SignedPart;
use percent_encoding::percent_decode_str;

/// A part longer than this is cut when it is shown.
const SHOWN_CHARS_MAX: usize = 256;
/// Parts tried and shown; a request with more `x-ms-` headers is not explained to its end.
const PARTS_MAX: usize = 64;
/// Headers whose value is a secret.
const SECRETS: [&str; 4] = [
    "x-ms-encryption-key",
    "x-ms-source-encryption-key",
    "x-ms-copy-source-authorization",
    "x-ms-file-request-intent-token",
];

/// Longer ones are not explained: each try hashes all of it.
const EXPLAINED_BYTES_MAX: usize = 16 << 10;

pub fn is_short(string: &StringToSign) -> bool {
    string.parts.iter().map(|part| part.value.len()).sum::<usize>() <= EXPLAINED_BYTES_MAX
}

/// Which part, said differently, makes the signature fit. `fits` compares in constant time.
pub fn differs(string: &StringToSign, fits: impl Fn(&str) -> bool) -> Option<String> {
    for (at, part) in string.parts.iter().enumerate().take(PARTS_MAX) {
        for (how, value) in alternatives(&part.name, &part.value) {
            if fits(&string.with(at, Some(&value))) {
                return Some(format!("{} was signed {how}", part.name));
            }
        }
        let optional = part.value.contains(':') || matches!(part.name.as_ref(), "snapshot" | "sr" | "ses" | "comp");
        if optional && fits(&string.with(at, None)) {
            return Some(format!("{} was not signed", part.name));
        }
    }
    None
}

/// How clients are known to write a part otherwise.
fn alternatives(name: &str, value: &str) -> Vec<(&'static str, String)> {
    let mut others = Vec::new();
    if !value.is_empty() {
        others.push(("as an empty value", String::new()));
    }
    match name {
        "Content-Length" if value.is_empty() => others.push(("as 0", "0".to_owned())),
        RESOURCE => others.extend(other_resources(value)),
        "sp" => {
            let mut letters: Vec<char> = value.chars().collect();
            letters.sort_unstable();
            others.push(("in another order", letters.into_iter().collect()));
        }
        "st" | "se" | "skt" | "ske" => others.extend(other_times(value)),
        "spr" if value.is_empty() => others.push(("as https,http", "https,http".to_owned())),
        "VERB" => others.extend(["GET", "HEAD", "PUT", "POST", "DELETE"].map(|verb| ("as another verb", verb.into()))),
        _ => {}
    }
    let decoded = percent_decode_str(value).decode_utf8_lossy();
    if decoded != value {
        others.push(("decoded", decoded.into_owned()));
    }
    let unspaced = value.replace(' ', "+");
    if unspaced != value {
        others.push(("with its spaces taken for plus signs", unspaced));
    }
    others.retain(|(_, other)| other != value);
    others
}

/// A path-style path names its account twice, and a SAS names its service first; both are easily forgotten.
fn other_resources(value: &str) -> Vec<(&'static str, String)> {
    let mut others = Vec::new();
    let mut names = value.splitn(4, '/').skip(1);
    if let (Some(first), Some(second)) = (names.next(), names.next()) {
        if first == second {
            others.push(("with the account once", value[first.len() + 1..].to_owned()));
        }
        others.push(("with the account twice", format!("/{first}{value}")));
    }
    if let Some(rest) = value.strip_prefix("/blob") {
        others.push(("without its service", rest.to_owned()));
        let container = rest.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
        others.push(("as its container", format!("/blob{container}")));
    }
    others.push(("with a slash at its end", format!("{value}/")));
    if let Some(rest) = value.strip_suffix('/') {
        others.push(("without a slash at its end", rest.to_owned()));
    }
    others
}

fn other_times(value: &str) -> Vec<(&'static str, String)> {
    let Some(at) = crate::time::parse_iso(value) else { return Vec::new() };
    let seconds = crate::time::iso_seconds(at);
    let minutes = format!("{}Z", &seconds[..seconds.len() - 4]);
    let day = seconds.chars().take(10).collect();
    [seconds, crate::time::iso(at), minutes, day].map(|text| ("in another form", text)).into()
}

/// The parts as an operator may see them.
pub fn shown(string: &StringToSign) -> Vec<SignedPart> {
    let parts = string.parts.iter().take(PARTS_MAX);
    parts.map(|part| SignedPart { name: part.name.to_string(), value: redacted(&part.name, &part.value) }).collect()
}

/// No signature of a copy source, no key or token that the client brought along.
fn redacted(name: &str, value: &str) -> String {
    if SECRETS.contains(&name) {
        return format!("{name}:redacted");
    }
    let mut text: String = value.chars().take(SHOWN_CHARS_MAX).collect();
    let mut from = 0;
    // Whatever the case and however encoded: `sig=` in a URL within a header's value.
    while let Some(found) = find_signature(&text[from..]) {
        let start = from + found;
        let length = text[start..].find('&').unwrap_or(text.len() - start);
        text.replace_range(start..start + length, "redacted");
        from = start;
    }
    text
}

fn find_signature(text: &str) -> Option<usize> {
    let lower = text.to_ascii_lowercase();
    let plain = lower.find("sig=").map(|at| at + 4);
    let encoded = lower.find("sig%3d").map(|at| at + 6);
    plain.into_iter().chain(encoded).min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::string_to_sign::{shared_key, shared_key_lite};
    use crate::query::Query;
    use http::{HeaderMap, HeaderValue};

    fn string() -> StringToSign {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("x-ms-date", "D"),
            ("x-ms-version", "V"),
            ("x-ms-copy-source", "http://h/c/b?sp=r&sig=SECRET%2B&se=x"),
            ("x-ms-encryption-key", "SECRET"),
            ("content-type", "text/plain"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        let query = Query::parse("comp=list&prefix=a%2520b").expect("a good query");
        shared_key("GET", &headers, "acct", "/acct/photos/a%20b", &query, "")
    }

    #[test]
    fn the_part_that_differs_is_named() {
        let string = string();
        let all = string.to_string();
        for (from, to, expected) in [
            ("/acct/acct/photos", "/acct/photos", "canonicalized resource was signed with the account once"),
            ("photos/a%20b", "photos/a b", "canonicalized resource was signed decoded"),
            ("prefix:a%20b", "prefix:a b", "prefix was signed decoded"),
            ("\nx-ms-version:V\n", "\n", "x-ms-version was not signed"),
            ("text/plain", "", "Content-Type was signed as an empty value"),
            ("\ncomp:list", "", "comp was not signed"),
            ("GET\n", "HEAD\n", "VERB was signed as another verb"),
            ("GET\n\n\n\n", "GET\n\n\n0\n", "Content-Length was signed as 0"),
        ] {
            let client = all.replacen(from, to, 1);
            assert_ne!(client, all);
            assert_eq!(differs(&string, |candidate| candidate == client).as_deref(), Some(expected));
        }
        assert_eq!(differs(&string, |_| false), None, "a wrong key fits nothing");
    }

    #[test]
    fn what_is_shown_holds_no_secret() {
        let shown = format!("{:?}", shown(&string()));
        assert!(!shown.contains("SECRET"), "{shown}");
        assert!(shown.contains("sig=redacted&se=x") && shown.contains("x-ms-encryption-key:redacted"), "{shown}");
        let mut headers = HeaderMap::new();
        headers.insert("x-ms-copy-source", HeaderValue::from_static("http://h/?u=http%3A%2F%2Fi%2F%3FSIG%3DSECRET"));
        let lite = shared_key_lite("PUT", &headers, "acct", "/", &Query::default());
        assert!(!format!("{:?}", super::shown(&lite)).contains("SECRET"));
    }
}
