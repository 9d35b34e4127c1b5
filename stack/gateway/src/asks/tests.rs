use super::*;
use crate::head::Transport;
use crate::query::Query;
use crate::route::{self, FromUrl, ROWS};
use crate::structured::FORMAT;
use crate::target::Scope;
use http::Method;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::PathBuf;

/// What a request with this header or query is told, where it is refused.
fn told(operation: &str, query: &str, headers: &[(&str, &str)]) -> Option<Code> {
    let row = ROWS.iter().find(|row| row.operation == operation).unwrap_or_else(|| panic!("{operation}"));
    let mut request = http::Request::builder().uri(format!("http://127.0.0.1/acct/photos/a?{query}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (parts, ()) = request.body(()).expect("a request").into_parts();
    let head = Head::parse(parts, IpAddr::from([127, 0, 0, 1]), Transport::Plain, "id").expect("a good head");
    fit(row, &head).err().map(|error| error.code)
}

#[test]
fn a_request_that_asks_for_what_is_not_done_is_refused() {
    let header = Some(Code::UnsupportedHeader);
    for (operation, name, value, expected) in [
        ("Put Blob", "x-ms-blob-type", "BlockBlob", None),
        ("Put Blob", "x-ms-legal-hold", "true", header),
        ("Put Blob", "x-ms-legal-hold", "false", None),
        ("Put Blob", "x-ms-immutability-policy-mode", "unlocked", header),
        ("Put Blob", "x-ms-immutability-policy-until-date", "Fri, 01 Jan 2100 00:00:00 GMT", header),
        ("Put Blob", "x-ms-encryption-key", "a2V5", None),
        ("Put Blob", "x-ms-encryption-scope", "scope", None),
        ("Put Blob", "x-ms-source-encryption-key", "a2V5", header),
        ("Put Block From URL", "x-ms-source-encryption-key", "a2V5", None),
        ("Get Blob", "x-ms-encryption-key", "a2V5", None),
        ("Get Blob", "x-ms-encryption-scope", "scope", header),
        ("Delete Blob", "x-ms-encryption-key", "a2V5", header),
        ("Set Blob Tier", "x-ms-encryption-key", "a2V5", header),
        ("Copy Blob, Copy Blob From URL", "x-ms-encryption-key", "a2V5", header),
        ("Copy Blob, Copy Blob From URL", "x-ms-encryption-scope", "scope", None),
        ("Create Container", "x-ms-default-encryption-scope", "scope", None),
        ("Put Blob", "x-ms-default-encryption-scope", "scope", header),
        ("Create Container", "x-ms-deny-encryption-scope-override", "true", None),
        ("Put Blob", "x-ms-something-new", "1", header),
        ("Put Blob", "X-Ms-Something-New", "1", header),
        ("Put Blob", "content-range", "bytes 0-1/2", header),
        ("Put Blob", "x-ms-version", "2099-01-01", None),
        ("Put Blob", "x-something", "1", None),
        ("Put Blob", "x-ms-range", "bytes=0-1", header),
        ("Put Block", "x-ms-meta-color", "blue", None),
        ("Put Block", "x-ms-copy-source", "http://a/b/c", header),
        ("Put Block", "if-match", "\"0x1\"", Some(Code::ConditionHeadersNotSupported)),
        ("List Blobs", "if-none-match", "*", Some(Code::ConditionHeadersNotSupported)),
        ("Get Blob", "x-ms-blob-type", "BlockBlob", None),
        ("Get Blob", "x-ms-range-get-content-md5", "False", None),
        ("Get Blob Properties", "x-ms-structured-body", FORMAT, header),
        ("Set Blob Metadata", "x-ms-if-tags", "\"a\"='1'", None),
        ("Set Container Metadata", "x-ms-if-tags", "\"a\"='1'", header),
    ] {
        assert_eq!(told(operation, "", &[(name, value)]), expected, "{operation} with {name}: {value}");
    }
    let parameter = Some(Code::UnsupportedQueryParameter);
    for (operation, query, expected) in [
        ("List Blobs", "prefix=a&Delimiter=/&startFrom=b&timeout=30&include=a&include=b", None),
        ("List Containers", "delimiter=/", parameter),
        ("Get Blob", "prefix=a", parameter),
        ("Get Blob", "nonsense=1", parameter),
        ("Get Blob", "nonsense", parameter),
        ("Get Blob", "a-name-that-is-longer-than-that-of-any-parameter=1", parameter),
        ("Get Blob", "_=1234&api-version=2020-01-01&&", None),
        ("Get Blob", "snapshot=T", None),
        ("Get Blob", "snapshot=T&snapshot=U", Some(Code::InvalidQueryParameterValue)),
        ("Put Block", "blockid=a&BlockID=b", Some(Code::InvalidQueryParameterValue)),
        ("Put Blob", "snapshot=T", parameter),
        ("Get Blob", "versionid=T", Some(Code::OperationNotSupported)),
        ("Delete Blob", "deletetype=permanent", parameter),
        ("Get Blob", "ses=scope&sig=x", None),
        ("Put Blob", "ses=scope&sig=x", None),
    ] {
        assert_eq!(told(operation, query, &[]), expected, "{operation} with {query}");
    }
}

#[test]
fn what_is_asked_twice_is_asked_differently() {
    let twice = |name| told("Put Blob", "", &[(name, "a"), (name, "b")]);
    for name in [
        "x-ms-lease-id",
        "if-match",
        "x-ms-blob-type",
        "x-ms-tags",
        "content-md5",
        "x-ms-date",
        "content-type",
        "authorization",
    ] {
        assert_eq!(twice(name), Some(Code::InvalidHeaderValue), "{name}");
    }
    for name in ["accept", "via", "x-ms-meta-color", "x-forwarded-for"] {
        assert_eq!(twice(name), None, "{name}");
    }
}

#[test]
fn the_tables_are_sorted_and_name_operations() {
    for table in [HEADERS, PARAMETERS] {
        assert!(table.is_sorted_by(|a, b| a.name < b.name), "sorted, each name once");
        for ask in table {
            let by = match ask.what {
                By(by) | Switch(by) | Condition(by) => by,
                Everywhere | Harmless | Never => &[],
            };
            for operation in by.iter().copied().flatten() {
                assert!(ROWS.iter().any(|row| row.operation == *operation), "{}: {operation}", ask.name);
            }
            assert!(!by.is_empty() || !ask.note.is_empty(), "{}: why?", ask.name);
            assert_eq!(ask.name, ask.name.to_ascii_lowercase());
        }
    }
    assert!(PARAMETERS.iter().all(|ask| ask.name.len() <= NAME_BYTES_MAX));
}

/// What the document says of a table.
fn rows(table: &[Ask]) -> String {
    let row = |ask: &Ask| {
        let (by, none) = match ask.what {
            By(by) | Switch(by) | Condition(by) => (by, "400"),
            Everywhere => (&[] as &[&[&str]], "obeyed"),
            Harmless => (&[] as &[&[&str]], "taken, and asks for nothing"),
            Never => (&[] as &[&[&str]], "400"),
        };
        let operations: Vec<&str> = by.iter().copied().flatten().copied().collect();
        let becomes = if operations.is_empty() { none.to_owned() } else { operations.join("; ") };
        let name = if ask.name.is_empty() { "(empty)".to_owned() } else { format!("`{}`", ask.name) };
        format!("| {name} | {becomes} | {} |\n", ask.note)
    };
    table.iter().map(row).collect()
}

#[test]
fn the_document_lists_every_header_and_parameter_with_what_becomes_of_it() {
    let document = include_str!("../../../../docs/GATEWAY.md");
    for (title, table) in
        [("| header | obeyed by | notes |", HEADERS), ("| parameter | obeyed by | notes |", PARAMETERS)]
    {
        let expected = format!("{title}\n| --- | --- | --- |\n{}\n", rows(table));
        assert!(document.contains(&expected), "docs/GATEWAY.md should have this table:\n{expected}");
    }
}

/// A request that the SDK for Python makes.
#[derive(Debug)]
struct Made {
    function: String,
    method: Method,
    scope: Scope,
    query: String,
    headers: BTreeSet<String>,
    parameters: BTreeSet<String>,
}

/// Reads the functions of the SDK's generated code that build a request.
fn made_by_the_sdk() -> Vec<Made> {
    let lib = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../.tools/python-clients/lib");
    let python = std::fs::read_dir(&lib).ok().and_then(|mut found| found.next()).and_then(Result::ok);
    let python = python.unwrap_or_else(|| panic!("no Python clients at {}: run `cargo xtask setup`", lib.display()));
    let folder = python.path().join("site-packages/azure/storage/blob/_generated/operations");
    let mut made = Vec::new();
    for (file, scope) in [
        ("service", Scope::Service),
        ("container", Scope::Container),
        ("blob", Scope::Blob),
        ("block_blob", Scope::Blob),
        ("page_blob", Scope::Blob),
        ("append_blob", Scope::Blob),
    ] {
        let path = folder.join(format!("_{file}_operations.py"));
        let code = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        for function in code.split("\ndef build_").skip(1) {
            let body = function.split("\nclass ").next().expect("a part");
            let name = body.split('(').next().expect("a name").trim_end_matches("_request");
            let quoted = |mark: &str| -> BTreeSet<String> {
                body.split(mark).skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_lowercase).collect()
            };
            let fixed = |parameter: &str| {
                let mark = format!("_params.pop(\"{parameter}\", \"");
                body.split(mark.as_str()).nth(1).and_then(|rest| rest.split('"').next()).map(str::to_owned)
            };
            let query = ["restype", "comp"].map(|name| fixed(name).map(|value| format!("{name}={value}&")));
            let method = body.split("method=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a method");
            made.push(Made {
                function: format!("{file}.{name}"),
                method: method.parse().expect("a method"),
                scope,
                query: query.into_iter().flatten().collect(),
                headers: quoted("_headers[\""),
                parameters: quoted("_params[\""),
            });
        }
    }
    made
}

/// What the SDK can send to an operation that refuses it, apart from what is refused by all: versions of blobs, which are not kept.
const REFUSED: &[(&str, &str)] = &[("service.filter_blobs", "include"), ("container.filter_blobs", "include")];

#[test]
fn whatever_the_sdk_for_python_can_send_is_obeyed_or_refused_by_name() {
    let made = made_by_the_sdk();
    assert!(made.len() > 60, "{} functions of the SDK were found", made.len());
    let mut names = BTreeSet::new();
    for Made { function, method, scope, query, headers, parameters } in &made {
        let copies = headers.contains("x-ms-copy-source");
        let from_url = match (copies, headers.contains("x-ms-blob-type")) {
            (true, true) => FromUrl::Typed,
            (true, false) => FromUrl::Yes,
            (false, _) => FromUrl::No,
        };
        let query = Query::parse(query).expect("a good query");
        let row = route::find(method, *scope, &query, from_url).unwrap_or_else(|error| panic!("{function}: {error}"));
        let known = headers.iter().filter(|name| name.starts_with("x-ms-") || header(name).is_some());
        let asks = known.map(|name| (name, header(if name == "x-ms-meta" { "x-ms-meta-a" } else { name })));
        for (name, ask) in asks.chain(parameters.iter().map(|name| (name, parameter(name)))) {
            let ask = ask.unwrap_or_else(|| panic!("{function} can send {name}, of which no table knows"));
            names.insert(ask.name);
            let obeyed = match ask.what {
                By(by) | Switch(by) | Condition(by) => {
                    by.is_empty() || by.iter().any(|operations| operations.contains(&row.operation))
                }
                Everywhere | Harmless | Never => true,
            };
            let refused =
                matches!(row.action, route::Action::Refuse(_)) || REFUSED.contains(&(function.as_str(), name));
            assert!(obeyed || refused, "{function} can send {name} to {}", row.operation);
        }
    }
    assert!(names.len() > 100, "{} names of the SDK were found", names.len());
}
